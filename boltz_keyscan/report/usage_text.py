"""Usage since a leak as text and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TextIO

from boltz_keyscan.model.usage import Job, KeyUse, Period, Series, Usage
from boltz_keyscan.report.json_encode import TOOL, dumps
from boltz_keyscan.report.json_report import members
from boltz_keyscan.report.wording import count, leak_mark, write_lines
from boltz_keyscan.sanitize import harmless

SCHEMA_VERSION = "1"

MAX_BARS = 60
"""Limit of bars in a row; units are added up above it."""

MAX_ROWS = 20
"""Limit of keys and jobs in the text."""

PER_WORKSPACE = (
    "The API counts usage by workspace, not by key, so it does not show which key caused it. Usage of a "
    "workspace is that of all its keys, of admin keys, and of people who sign in. Compare it with the jobs "
    "that you started yourselves; what remains may be of the leaked key."
)
"""Limits of these numbers, and what follows from them."""

_WIDTH = 100
_BLOCKS = "".join(chr(0x2581 + height) for height in range(8))
_PLAIN = ":-=+*%#@"
"""Bars for an encoding without blocks."""


def text(usage: Usage, stream: TextIO) -> None:
    """Write what differs, the usage with bars, the keys and the jobs."""
    write_lines(_lines(usage, _heights(stream)), stream)


def _lines(usage: Usage, heights: str) -> Iterator[str]:
    yield title(usage)
    yield ""
    yield "What differs"
    for anomaly in usage.anomalies:
        yield f"  {place(usage, anomaly.workspace_id, anomaly.application)}: {anomaly.detail}"
    if not usage.anomalies:
        yield f"  {no_anomalies(usage)}"
    yield ""
    yield f"Billed usage, in the unit of the API; a bar is {_bar_width(usage.period)}, and | is the leak"
    for series in usage.series:
        before, since = bars(series, usage.period)
        yield f"  {place(usage, series.workspace_id, series.application)}: {totals(series, usage.period)}"
        yield f"    {_drawn(before, since, heights)}"
    if not usage.series:
        yield "  none"
    yield ""
    yield "Keys used since then that have access"
    yield from _capped([f"  {key_line(each)}" for each in usage.keys] or ["  none is listed"], "keys")
    yield ""
    yield f"Jobs since then: {len(usage.jobs):,}"
    yield from _capped([f"  {'  '.join(job_cells(each))}" for each in usage.jobs], "jobs")
    yield from _wrapped(f"Not listed by the API: jobs of {', '.join(usage.unlisted)}.")
    yield ""
    yield from _wrapped(PER_WORKSPACE)
    for trouble in usage.trouble:
        yield from _wrapped(f"NOT COMPLETE: {trouble}")
    yield verdict(usage)


def title(usage: Usage) -> str:
    """Return the time, the unit and the workspaces of a report in one line."""
    where = f" of {', '.join(usage.workspace_ids)}" if usage.workspace_ids else ""
    whose = f" ({usage.organisation})" if usage.organisation else ""
    days = count((usage.period.since - usage.period.start).days, "day")
    return (
        f"Usage{where} since {minute(usage.period.since)}, by {usage.period.unit}, and {days} before{whose}"
    )


def no_anomalies(usage: Usage) -> str:
    """Return the sentence for usage without anomalies."""
    if usage.trouble:
        return "Nothing in what the API returned, which is not all."
    return "Nothing: no first use, no jump. A key can be misused within the usual amount."


def verdict(usage: Usage) -> str:
    """Return the result in one sentence."""
    word = "COMPLETE" if usage.complete else "INCOMPLETE"
    billed = sum(series.since for series in usage.series)
    found = count(len(usage.anomalies), "anomaly")
    jobs = count(len(usage.jobs), "job")
    return f"{word}: {billed:,} billed since the leak, {jobs}, {found} (exit {int(usage.exit_code)})."


def place(usage: Usage, workspace_id: str | None, application: str | None) -> str:
    """Return a workspace, its name, and an application."""
    name = usage.names.get(workspace_id or "")
    words = [workspace_id or "no workspace", f"{name!r}" if name else "", application or ""]
    return " ".join(word for word in words if word)


def totals(series: Series, period: Period) -> str:
    """Return the usage before and since the leak, in all and by day."""
    before = f"{series.before / (period.since - period.start).days:,.0f} a day"
    hours = (period.end - period.since).total_seconds() / 3600
    since = f" ({series.since * 24 / hours:,.0f} a day)" if hours > 24 else ""
    return f"{series.before:,} before ({before}), {series.since:,} since{since}"


def key_line(use: KeyUse) -> str:
    """Return a key that was used, in one line."""
    where = f" of {use.workspace_id}" if use.workspace_id else ", works in all workspaces"
    name = f" {use.name!r}" if use.name else ""
    return (
        f"{use.id}{name}: {use.kind} key{where}, last used {minute(use.last_used_at)}{leak_mark(use.leaked)}"
    )


def job_cells(job: Job) -> tuple[str, ...]:
    """Return time, application, workspace, mode, status and id of a job."""
    mode = "live" if job.live else "test"
    return minute(job.created_at), job.application, job.workspace_id, mode, job.status, job.id


def minute(when: datetime) -> str:
    """Return a time to the minute, such as ``2026-05-03 10:00 UTC``."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def bars(series: Series, period: Period) -> tuple[list[int], list[int]]:
    """Return the heights of the bars before and since the leak: quantities, added up above ``MAX_BARS``."""
    width = _bar_units(period)
    first = period.columns_before
    starts = range(first % width - width if first % width else 0, first, width)
    before = [sum(series.quantities[max(start, 0) : start + width]) for start in starts]
    starts = range(first, len(series.quantities), width)
    return before, [sum(series.quantities[start : start + width]) for start in starts]


def _bar_units(period: Period) -> int:
    return -(-period.columns // MAX_BARS)


def _bar_width(period: Period) -> str:
    units = _bar_units(period)
    return f"one {period.unit}" if units == 1 else f"{units} {period.unit}s"


def _drawn(before: Sequence[int], since: Sequence[int], heights: str) -> str:
    most = max([*before, *since])

    def drawn(values: Sequence[int]) -> str:
        return "".join(heights[-(-value * len(heights) // most) - 1] if value else "." for value in values)

    return f"{drawn(before)}|{drawn(since)}"


def _heights(stream: TextIO) -> str:
    """Return the characters of bars that the encoding of a stream has, lowest first."""
    try:
        _BLOCKS.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return _PLAIN
    return _BLOCKS


def _capped(lines: Sequence[str], noun: str) -> Iterator[str]:
    yield from lines[:MAX_ROWS]
    if len(lines) > MAX_ROWS:
        yield f"  +{len(lines) - MAX_ROWS:,} more {noun}; --format json has all"


def _wrapped(words: str) -> Iterator[str]:
    yield from textwrap.wrap(harmless(words), _WIDTH)


def to_json(usage: Usage, stream: TextIO) -> None:
    """Write the usage as JSON (``usage-v1.schema.json``); its member names are stable."""
    period = usage.period
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": TOOL,
        "organisation": usage.organisation,
        "taken_at": _stamp(usage.taken_at),
        "since": _stamp(period.since),
        "compared_since": _stamp(period.start),
        "unit": period.unit.value,
        "workspaces": [
            {"id": name, "name": usage.names.get(name)} for name in usage.workspace_ids or sorted(usage.names)
        ],
        "whole_organisation": not usage.workspace_ids,
        "complete": usage.complete,
        "trouble": usage.trouble,
        "exit_code": int(usage.exit_code),
        "per_key": False,
        "anomalies": [members(each, "kind workspace_id application detail") for each in usage.anomalies],
        "keys": [
            members(each, "id name kind workspace_id leaked") | {"last_used_at": _stamp(each.last_used_at)}
            for each in usage.keys
        ],
        "usage": [
            members(each, "workspace_id application before since") | {"buckets": list(_buckets(each, period))}
            for each in usage.series
        ],
        "jobs": [
            members(each, "id application workspace_id status live") | {"created_at": _stamp(each.created_at)}
            for each in usage.jobs
        ],
        "jobs_not_listed": usage.unlisted,
    }
    stream.write(dumps(document) + "\n")


def _buckets(series: Series, period: Period) -> Iterator[dict[str, object]]:
    for number, quantity in enumerate(series.quantities):
        if quantity:
            yield {"start": _stamp(period.start + number * period.unit.length), "quantity": quantity}


def _stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
