"""Lifetime of a key in history: the commits that brought it and took it away, as stretches of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from boltz_keyscan.advice import PAST
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.policy import choose_exposed
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.locations import format_commit
from boltz_keyscan.report.presence import Presence, describe_end, presence
from boltz_keyscan.report.wording import format_day, moment, parse_time


@dataclass(frozen=True, slots=True)
class Event:
    """A commit that brought a key or took it away."""

    when: datetime
    removal: bool
    text: str
    """The commit, with the first line of its message."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which a key was there without a break."""

    start: datetime
    end: datetime | None
    """None if it is still there."""
    removed_by: str = ""
    """The commit that took it away, in full hex."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The time in which a key was there, as far as the scan proved it."""

    events: tuple[Event, ...]
    """In order of time."""
    stretches: tuple[Stretch, ...]
    """In order of time; none for a version whose end is not known."""
    present: bool | None
    """True if the key is there now, False if it is gone, None if that is not known."""
    first: datetime | None
    """The time of the first commit that is known."""
    last: datetime | None
    """The time at which it left; None if it is still there or that is not known."""
    story: str
    """The lifetime in a few words."""
    brief: str
    """The same for a narrow page."""


def lifetime(finding: Finding) -> Lifetime:
    """Return the lifetime of a key, from its exposed locations, or from all if none is exposed."""
    known = presence(finding)
    found = choose_exposed(finding.locations)
    stretches = tuple(_stretches(found))
    events = sorted(
        {*_additions(found), *_removals(stretches)},
        key=lambda event: (event.when, event.removal, event.text),
    )
    first = events[0].when if events else None
    return Lifetime(
        tuple(events),
        stretches,
        known.still_present,
        first,
        parse_time(known.last_seen),
        _describe(known, first),
        _describe_briefly(known, first),
    )


def _additions(found: Iterable[Location]) -> Iterator[Event]:
    for each in found:
        when = parse_time(each.author_date)
        if each.commit is not None and when is not None:
            yield Event(when, removal=False, text=format_commit(each))


def _removals(stretches: Iterable[Stretch]) -> Iterator[Event]:
    for stretch in stretches:
        if stretch.end is not None:
            yield Event(stretch.end, removal=True, text=f"{stretch.removed_by[:7]} took it away")


def _stretches(found: Sequence[Location]) -> Iterator[Stretch]:
    """Yield the union of the times of all versions: a commit that replaced one by another ends nothing."""
    versions = sorted(_versions(found), key=lambda each: each.start)
    held: Stretch | None = None
    for each in versions:
        if held is None:
            held = each
        elif held.end is not None and each.start > held.end:
            yield held
            held = each
        elif held.end is not None and (each.end is None or each.end > held.end):
            held = Stretch(held.start, each.end, each.removed_by)
    if held is not None:
        yield held


def _versions(found: Iterable[Location]) -> Iterator[Stretch]:
    """Yield the time of each version whose begin and end are known."""
    for each in found:
        start, end = parse_time(each.author_date), parse_time(each.removed_date)
        if each.commit is None or start is None:
            continue
        if each.exposure not in PAST or each.present:
            yield Stretch(start, None)
        elif each.removed_commit is not None and end is not None:
            yield Stretch(start, max(start, end), each.removed_commit)


def _describe(known: Presence, first: datetime | None) -> str:
    if first is None:
        return "there now, in no commit" if known.still_present else "not known"
    # The situation names the branch, on the card and in the verdict.
    if stay := describe_end(known, lambda date: format_day(moment(date)), with_branch=False):
        return stay
    since = "since" if known.first_seen else "at the latest since"
    if known.still_present:
        return f"{since} {format_day(first)}, still there"
    end = "gone" if known.still_present is False else "its end is not known"
    return f"committed on {format_day(first)}, {end}"


def _describe_briefly(known: Presence, first: datetime | None) -> str:
    if first is None:
        return "in no commit" if known.still_present else "not known"
    if known.still_present is False and known.first_seen and known.last_seen:
        return f"{format_day(moment(known.first_seen))} \N{EN DASH} {format_day(moment(known.last_seen))}"
    if known.still_present:
        return f"since {format_day(first)}" + ("" if known.first_seen else " at the latest")
    return f"{format_day(first)}, end not known"
