"""HTML page of the usage since a leak: what differs, bars by workspace and application, keys and jobs."""

from __future__ import annotations

from typing import TextIO

from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.usage import Series, Usage
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.html.rendering import heading, write_page
from boltz_keyscan.report.usage_text import (
    PER_WORKSPACE,
    bars,
    job_cells,
    key_line,
    minute,
    no_anomalies,
    place,
    title,
    totals,
    verdict,
)
from boltz_keyscan.report.wording import count

MAX_SERIES = 100
"""Rows of bars; further ones are counted. So are keys, jobs and anomalies over ``MAX_LINES``."""

MAX_LINES = 500

_HEIGHT = 40
"""Height of a row of bars, in pixels."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, in percent of the width and in pixels."""

    x: float
    width: float
    y: float
    height: float
    since: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Usage of an application in a workspace."""

    place: str
    totals: str
    bars: tuple[Bar, ...]
    leak: float
    """Place of the leak, in percent of the width."""


def html(usage: Usage, stream: TextIO) -> None:
    """Write the page."""
    clean = usage.exit_code == ExitCode.CLEAN
    write_page(
        "usage.html",
        stream,
        title=verdict(usage),
        verdict=[heading(verdict(usage))],
        color=("yellow" if usage.anomalies else "green") if clean else "red",
        subject="boltz-keyscan keys usage",
        taken_at=minute(usage.taken_at),
        lead=title(usage),
        trouble=usage.trouble,
        trouble_title=count(len(usage.trouble), "part"),
        anomalies=[
            (place(usage, each.workspace_id, each.application), each.detail)
            for each in usage.anomalies[:MAX_LINES]
        ],
        anomalies_left=len(usage.anomalies) - MAX_LINES,
        nothing=no_anomalies(usage),
        per_workspace=PER_WORKSPACE,
        rows=[_row(usage, each) for each in usage.series[:MAX_SERIES]],
        rows_left=len(usage.series) - MAX_SERIES,
        height=_HEIGHT,
        keys=[key_line(each) for each in usage.keys[:MAX_LINES]],
        keys_left=len(usage.keys) - MAX_LINES,
        jobs=[job_cells(each) for each in usage.jobs[:MAX_LINES]],
        jobs_left=len(usage.jobs) - MAX_LINES,
        unlisted=", ".join(usage.unlisted),
    )


def _row(usage: Usage, series: Series) -> Row:
    before, since = bars(series, usage.period)
    values = [*before, *since]
    step, most = 100 / len(values), max(values)
    drawn = []
    for number, value in enumerate(values):
        height = max(round(value / most * _HEIGHT, 1), 1) if value else 0
        if height:
            late = number >= len(before)
            x, width = round(number * step, 3), round(step * 0.8, 3)
            drawn.append(Bar(x, width, round(_HEIGHT - height, 1), height, late))
    label = place(usage, series.workspace_id, series.application)
    return Row(label, totals(series, usage.period), tuple(drawn), round(len(before) * step, 3))
