"""Presence of a key: since when, until when, and if it is still there, as far as the scan proved it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from boltz_keyscan.advice import PAST
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.policy import choose_exposed
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.wording import NO_MOMENT, count, moment


@dataclass(frozen=True, slots=True)
class Presence:
    """Presence of a key in files and history; None is for what is unknown."""

    first_seen: str | None
    """Author date of the first commit that added it, ISO 8601 with offset."""
    last_seen: str | None
    """Author date of the commit that took it away; None also for a key that is still there."""
    still_present: bool | None
    """True if a reference, the index or a file has it now."""
    days: int | None
    """Days between the two dates as they are written."""
    commits: int = 0
    """Commits that were the first to add a version of a file with it; 0 if they are not known."""
    branch: str = ""
    """The remote branch that has all of them, such as ``origin/main``; empty if none is known."""


def presence(finding: Finding) -> Presence:
    """Return the presence of a key, from its exposed locations, or from all if none is exposed."""
    places = choose_exposed(finding.locations)
    still_present = _still_present(places)
    versions = [where for where in places if where.blob is not None or where.commit is not None]
    added = [where.author_date for where in versions if where.commit is not None]
    if not added or not all(where.traced for where in versions):
        return Presence(None, None, still_present, None)
    removed = [where.removed_date for where in versions]
    first = _extreme(added)
    last = _extreme(removed, latest=True) if still_present is False else None
    commits = {where.commit for where in versions if where.commit is not None}
    branches = {where.remote for where in versions if where.commit is not None}
    branch = branches.pop() if len(branches) == 1 else ""
    return Presence(first, last, still_present, _days(first, last), len(commits), branch)


def describe_end(known: Presence, date: Callable[[str], str], *, with_branch: bool = True) -> str:
    """Return the stay of a key that is gone; empty if it is not known to be.

    For example "in origin/main from 3 May to 9 June, 37 days, added by 12 commits", or, of one commit, "on
    3 May".

    Args:
        known: its presence.
        date: writes a date of it.
        with_branch: name the branch, if one is known.
    """
    if known.still_present is not False or known.first_seen is None or known.last_seen is None:
        return ""
    branch = f"in {known.branch} " if known.branch and with_branch else ""
    commits = f", added by {count(known.commits, 'commit')}" if known.commits > 1 else ""
    if known.days == 0:
        return f"{branch}on {date(known.first_seen)}{commits}"
    days = "" if known.days is None else f", {count(known.days, 'day')}"
    return f"{branch}from {date(known.first_seen)} to {date(known.last_seen)}{days}{commits}"


def _still_present(places: list[Location]) -> bool | None:
    if any(where.exposure not in PAST or where.present for where in places):
        return True
    return False if all(where.traced and where.present is False for where in places) else None


def _extreme(dates: Iterable[str | None], *, latest: bool = False) -> str | None:
    """Return the first or the last of some dates, None if one is unknown or malformed."""
    ordered = sorted(dates, key=lambda date: (moment(date), date or ""))
    if not ordered or moment(ordered[-1]) is NO_MOMENT:
        return None
    return ordered[-1] if latest else ordered[0]


def _days(first: str | None, last: str | None) -> int | None:
    """Return the days from one date to a later one, None if it is not later."""
    if first is None or last is None or moment(last) < moment(first):
        return None
    # By the calendar days as written, which the reader sees; time zones can differ by more than a day.
    return max(0, (moment(last).date() - moment(first).date()).days)
