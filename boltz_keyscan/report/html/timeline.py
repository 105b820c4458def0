"""Timeline of the keys: when each was committed and when it left, as coordinates for an SVG.

Horizontal positions are percentages, so that text keeps its size at any width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from boltz_keyscan.model.finding import Finding
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.html.lifetime import Event, Lifetime
from boltz_keyscan.report.wording import MONTHS, format_day, moment

MAX_ROWS = 12
"""Rows that are shown; the others are folded."""

MAX_FOLDED = 288
"""Rows that are folded; further keys are counted."""

MAX_TIMED = MAX_ROWS + MAX_FOLDED
"""Keys on a timeline."""

MAX_MARKS = 40
"""Limit of commits marked in a row: the first ones and the last one."""

_MAX_TICKS = 6
_EDGE = 4
"""Percent at the left edge in which a label would be cut."""

_DAY_S = 86_400

GIT_BEGAN = datetime(2005, 4, 7, tzinfo=UTC)
"""The first commit of git. An earlier date is of a clock that was wrong: it does not stretch the axis."""

_STEPS = (
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 7, 14)),
)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)


Tick = tuple[float, str, bool]
"""A line of the axis: position, label, and True to leave its label out on a narrow page."""

Bar = tuple[float, float, bool]
"""A stretch of time in which a key was there: position, width, and True if it is still there."""

Mark = tuple[float, bool, str]
"""A commit: position, True if it took the key away, and title."""


@dataclass(frozen=True, slots=True)
class Row:
    """A key on the timeline."""

    key: Finding
    name: str
    life: Lifetime
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The axis and its rows."""

    now: float
    """The position of the scan."""
    now_label: str
    ticks: tuple[Tick, ...]
    shown: tuple[Row, ...]
    folded: tuple[Row, ...]
    left: int
    """Keys without a row."""
    outside: bool
    """True if a date is outside the axis: a clock was wrong."""


@dataclass(frozen=True, slots=True)
class _Axis:
    start: datetime
    end: datetime

    def x(self, when: datetime) -> float:
        """Return the position of a time, in percent; a time outside is at the edge."""
        share = (when - self.start) / (self.end - self.start)
        return round(min(max(share, 0.0), 1.0) * 100, 2)


def make_timeline(
    keys: Sequence[tuple[Finding, Lifetime]], names: dict[str, str], started_at: str, total: int
) -> Timeline:
    """Return the timeline of keys, in their order.

    Args:
        keys: the first keys, at most ``MAX_TIMED``.
        names: the short form of each fingerprint.
        started_at: time of the scan.
        total: number of all keys.
    """
    now = moment(started_at)
    axis = _axis([event.when for _, life in keys for event in life.events], now)
    rows = tuple(_row(finding, names[finding.fingerprint], life, axis, now) for finding, life in keys)
    # Two more rows are no reason for a fold.
    shown = len(rows) if len(rows) <= MAX_ROWS + 2 else MAX_ROWS
    return Timeline(
        axis.x(now),
        f"scan, {format_day(now)}",
        tuple(_ticks(axis, axis.x(now))),
        rows[:shown],
        rows[shown:],
        total - len(rows),
        any(not axis.start <= event.when <= axis.end for _, life in keys for event in life.events),
    )


def _axis(times: Iterable[datetime], now: datetime) -> _Axis:
    """Return an axis for all times that are plausible, with a margin on both sides."""
    plausible = [when for when in times if GIT_BEGAN <= when <= now + timedelta(days=1)]
    first, last = min([*plausible, now]), max([*plausible, now])
    span = max(last - first, timedelta(days=2))
    return _Axis(last - span - span * 0.03, last + span * 0.02)


def _row(finding: Finding, name: str, life: Lifetime, axis: _Axis, now: datetime) -> Row:
    bars = []
    for each in life.stretches:
        left, right = axis.x(each.start), axis.x(each.end or now)
        bars.append((left, round(max(right - left, 0.4), 2), each.end is None))
    return Row(finding, name, life, tuple(bars), tuple(_marks(life.events, axis)))


def _marks(events: Sequence[Event], axis: _Axis) -> Iterator[Mark]:
    """Yield a mark for each position that has events; a title counts those it hides."""
    places: dict[tuple[float, bool], list[Event]] = {}
    for event in events:
        places.setdefault((round(axis.x(event.when) * 2) / 2, event.removal), []).append(event)
    ordered = sorted(places.items())
    for (_, removal), found in ordered[: MAX_MARKS - 1] + ordered[MAX_MARKS - 1 :][-1:]:
        first = found[0]
        more = f", and {len(found) - 1:,} more" if len(found) > 1 else ""
        yield axis.x(first.when), removal, f"{format_day(first.when)}: {first.text}{more}"


def _ticks(axis: _Axis, now: float) -> Iterator[Tick]:
    free = 0.0
    for when, label in _tick_times(axis):
        x = axis.x(when)
        # The label of the scan is at the right end, and takes a third of a narrow page.
        if _EDGE < x < now - 16:
            minor = not max(2 * _EDGE, free) < x < now - 42
            free = free if minor else x + 25
            yield x, label, minor


def _tick_times(axis: _Axis) -> list[tuple[datetime, str]]:
    span = axis.end - axis.start
    for step in _STEPS:
        if span / step <= _MAX_TICKS:
            return list(_regular_ticks(axis, step))
    for months in _MONTH_STEPS:
        if span / timedelta(days=30.4 * months) <= _MAX_TICKS:
            return list(_month_ticks(axis, months))
    return list(_month_ticks(axis, max(12, span // timedelta(days=365 * _MAX_TICKS) * 12 + 12)))


def _regular_ticks(axis: _Axis, step: timedelta) -> Iterator[tuple[datetime, str]]:
    seconds = int(step.total_seconds())
    when = datetime.fromtimestamp(axis.start.timestamp() // seconds * seconds, UTC)
    while (when := when + step) < axis.end:
        yield (
            when,
            f"{when.hour}:00" if seconds < _DAY_S and when.hour else f"{when.day} {MONTHS[when.month - 1]}",
        )


def _month_ticks(axis: _Axis, months: int) -> Iterator[tuple[datetime, str]]:
    number = (axis.start.year * 12 + axis.start.month - 1) // months * months
    while True:
        number += months
        year, month = divmod(number, 12)
        when = datetime(year, month + 1, 1, tzinfo=UTC)
        if when >= axis.end:
            return
        yield when, f"{year}" if months >= 12 else f"{MONTHS[month]} {year}"
