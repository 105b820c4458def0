"""Lifetime of a key in history: the commits that brought it and took it away, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from boltz_keyscan.advice import PAST
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.locations import format_commit
from boltz_keyscan.report.wording import format_day, parse_time


@dataclass(frozen=True, slots=True)
class Event:
    """A commit that brought a key or took it away."""

    when: datetime
    removal: bool
    text: str
    """The commit, with the first line of its message."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The time in which a key was there."""

    events: tuple[Event, ...]
    """In order of time."""
    stretches: tuple[tuple[datetime, datetime | None], ...]
    """Begin and end of each stretch; None as the end if the key is still there, or if that is not known."""
    present: bool | None
    """True if the key is there now, False if it is gone, None if that is not known."""
    first: datetime | None
    last: datetime | None
    """The time at which it left; None if it is still there or that is not known."""
    sentence: str
    """The lifetime in one sentence; empty if there is nothing to say."""
    story: str
    """The same in a few words."""


def lifetime(finding: Finding) -> Lifetime:
    """Return the lifetime of a key, as far as it is known."""
    events = sorted(
        set(_events(finding.locations)), key=lambda event: (event.when, event.removal, event.text)
    )
    present = any(each.exposure not in PAST for each in finding.locations)
    times = [event.when for event in events]
    stretches = ((times[0], None if present else times[-1]),) if times else ()
    return Lifetime(
        tuple(events),
        stretches,
        present or None,
        times[0] if times else None,
        None,
        "",
        _describe(times, present=present),
    )


def _events(locations: Iterable[Location]) -> Iterator[Event]:
    for each in locations:
        when = parse_time(each.author_date)
        if each.commit is not None and when is not None:
            yield Event(when, removal=False, text=format_commit(each))


def _describe(times: list[datetime], *, present: bool) -> str:
    if not times:
        return "there now, in no commit" if present else "not known"
    return f"since {format_day(times[0])}" + (", still there" if present else ", gone")
