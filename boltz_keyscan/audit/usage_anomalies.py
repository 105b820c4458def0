"""Usage since a leak that differs from the usage before it.

Compared are numbers of the same workspace and application. Hours of the night are those of this machine's
time zone. To add a comparison, add a function to ``_COMPARISONS``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo

from boltz_keyscan.model.usage import Anomaly, Bucket, Period, Series, Unit

JUMP = 3
"""Factor by which usage must exceed that before the leak."""

NIGHT = (22, 6)
"""The hours in which the night begins and ends."""

_DAY = timedelta(days=1)


def make_series(buckets: Iterable[Bucket], period: Period) -> tuple[Series, ...]:
    """Return the usage by workspace and application, in units of a period."""
    quantities: dict[tuple[str | None, str | None], list[int]] = {}
    for bucket in buckets:
        row = quantities.setdefault((bucket.workspace_id, bucket.application), [0] * period.columns)
        row[period.column(bucket.start)] += bucket.quantity
    first = period.columns_before
    ordered = sorted(quantities.items(), key=lambda item: (item[0][0] or "", item[0][1] or ""))
    return tuple(
        Series(*place, tuple(row), sum(row[:first]), sum(row[first:])) for place, row in ordered if any(row)
    )


def find_anomalies(
    series: Sequence[Series], period: Period, zone: tzinfo | None = None
) -> tuple[Anomaly, ...]:
    """Return what differs, by workspace.

    Args:
        series: the usage.
        period: its time.
        zone: time zone of the nights; None for that of this machine.
    """
    workspaces: dict[str | None, list[Series]] = defaultdict(list)
    for each in series:
        workspaces[each.workspace_id].append(each)
    return tuple(
        anomaly
        for _, rows in sorted(workspaces.items(), key=lambda item: item[0] or "")
        for compare in _COMPARISONS
        for anomaly in compare(rows, period, zone)
    )


def _first_uses(rows: Sequence[Series], period: Period, _: tzinfo | None) -> Iterator[Anomaly]:
    days = f"{(period.since - period.start) // _DAY:,} days before"
    workspace = rows[0].workspace_id
    if not any(row.before for row in rows):
        total = sum(row.since for row in rows)
        yield Anomaly("first-use", workspace, None, f"{total:,} since the leak, and nothing in the {days}")
        return
    for row in rows:
        if row.since and not row.before:
            detail = f"first used since the leak: {row.since:,}, and nothing in the {days}"
            yield Anomaly("first-use", workspace, row.application, detail)


def _jumps(rows: Sequence[Series], period: Period, _: tzinfo | None) -> Iterator[Anomaly]:
    for row in rows:
        days = _by_day(row, period)
        first = (period.since - period.start) // _DAY
        before, since = days[:first], days[first:]
        if not row.before or not row.since:
            continue
        most = max(since)
        if most > JUMP * max(before):
            day = period.since + since.index(most) * _DAY
            detail = f"{most:,} on {day:%Y-%m-%d}, {_factor(most, max(before))} the busiest day before"
            yield Anomaly("jump", row.workspace_id, row.application, f"{detail} ({max(before):,})")
        elif row.since * len(before) > JUMP * row.before * len(since):
            now, then = round(row.since / len(since)), round(row.before / len(before))
            factor = _factor(row.since * len(before), row.before * len(since))
            detail = f"{now:,} a day since the leak, {factor} the {then:,} a day before"
            yield Anomaly("jump", row.workspace_id, row.application, detail)


def _nights(rows: Sequence[Series], period: Period, zone: tzinfo | None) -> Iterator[Anomaly]:
    """Compare the hours of the night; buckets of a day do not show them."""
    if period.unit is not Unit.HOUR or not any(row.before for row in rows):
        return
    totals = [sum(column) for column in zip(*(row.quantities for row in rows), strict=True)]
    night = [_is_night(period.start + number * period.unit.length, zone) for number in range(len(totals))]
    first = period.columns_before
    before = sum(total for total, dark in zip(totals[:first], night[:first], strict=True) if dark)
    since = sum(total for total, dark in zip(totals[first:], night[first:], strict=True) if dark)
    hours_before, hours_since = sum(night[:first]), sum(night[first:])
    hours = f"at night ({NIGHT[0]}:00 to {NIGHT[1]:02}:00, {zone_name(period.since, zone)})"
    if since and not before:
        detail = f"{since:,} {hours}, and nothing at night before"
        yield Anomaly("night", rows[0].workspace_id, None, detail)
    elif since * hours_before > JUMP * before * hours_since:
        factor = _factor(since * hours_before, before * hours_since)
        detail = f"{since:,} {hours}, by the hour {factor} as much as before"
        yield Anomaly("night", rows[0].workspace_id, None, detail)


_COMPARISONS: tuple[Callable[[Sequence[Series], Period, tzinfo | None], Iterator[Anomaly]], ...] = (
    _first_uses,
    _jumps,
    _nights,
)


def zone_name(when: datetime, zone: tzinfo | None = None) -> str:
    """Return a time zone as its offset at a time, such as ``UTC+02:00``; None for that of this machine."""
    return f"UTC{when.astimezone(zone).isoformat()[-6:]}"


def _is_night(when: datetime, zone: tzinfo | None) -> bool:
    hour = when.astimezone(zone).hour
    return hour >= NIGHT[0] or hour < NIGHT[1]


def _by_day(row: Series, period: Period) -> list[int]:
    """Return the quantity of each day, counted from the leak in both directions."""
    width = _DAY // period.unit.length
    first = period.columns_before
    starts = [*range(first % width, first, width), *range(first, len(row.quantities), width)]
    return [sum(row.quantities[start : start + width]) for start in starts]


def _factor(more: int, less: int) -> str:
    return f"{more / less:,.1f} times"
