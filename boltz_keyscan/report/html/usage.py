"""HTML page of the usage since a leak: what differs, bars by workspace and application, keys and jobs."""

from __future__ import annotations

from functools import partial
from typing import TextIO

from boltz_keyscan.model.usage import Period, Series, Usage
from boltz_keyscan.report import usage_text
from boltz_keyscan.report.html.rendering import heading, write_page
from boltz_keyscan.report.wording import count

MAX_SERIES = 100
"""Rows of bars; further ones are counted. So are keys, jobs and anomalies over ``MAX_LINES``."""

MAX_LINES = 500

_HEIGHT = 40
"""Height of a row of bars, in pixels."""


Bar = tuple[float, float, float, float, bool]
"""Begin and width in percent of the width, top and height in pixels, and True for a time since the leak."""


def html(usage: Usage, stream: TextIO) -> None:
    """Write the page."""
    write_page(
        "usage.html",
        stream,
        title=usage_text.verdict(usage),
        verdict=[heading(usage_text.verdict(usage))],
        color=("yellow" if usage.anomalies else "green") if usage.complete else "red",
        subject="boltz-keyscan keys usage",
        taken_at=usage_text.minute(usage.taken_at),
        text=usage_text,
        usage=usage,
        draw=partial(_draw, usage.period),
        height=_HEIGHT,
        max_lines=MAX_LINES,
        max_series=MAX_SERIES,
        trouble_title=count(len(usage.trouble), "part"),
    )


def _draw(period: Period, series: Series) -> tuple[list[Bar], float]:
    """Return the bars of a row, and the place of the leak in percent of the width."""
    before, since = usage_text.bars(series, period)
    values = [*before, *since]
    step, most = 100 / len(values), max(values)
    drawn = []
    for number, value in enumerate(values):
        if value:
            height = max(round(value / most * _HEIGHT, 1), 1)
            x, width = round(number * step, 3), round(step * 0.8, 3)
            drawn.append((x, width, round(_HEIGHT - height, 1), height, number >= len(before)))
    return drawn, round(len(before) * step, 3)
