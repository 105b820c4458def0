"""The last change of each object at each path: its removal, or something that leaves that open.

A commit takes an object away from a path if a parent has it there, and the commit has there what no
parent has. So a merge that only takes over the removal of one side is none.
"""

from __future__ import annotations

from collections.abc import Mapping

from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.git.objects.scan_cache import FirstCommit, LastChange, Place


@dataclass(slots=True)
class LastChanges:
    """Collector of the changes of one walk."""

    known: Mapping[Place, LastChange] = field(default_factory=dict)
    """Changes by the commits that the walk leaves out because an earlier scan walked them."""
    first: Mapping[Place, int] = field(default_factory=dict)
    """Times of the first commits among those."""
    found: dict[Place, LastChange] = field(default_factory=dict, init=False)
    stale: set[str] = field(default_factory=set, init=False)
    """Objects with a change that is not newer than a known one: only one walk over all gives their order."""

    def record(self, change: tuple[FirstCommit, str, bytes], *, removed: bool) -> None:
        """Record a change of a commit that is no merge; they arrive newest first."""
        commit, oid, path = change
        self._compare(commit, (oid, path))
        last = self.found.get((oid, path))
        if last is None or commit.time > last.time:
            # By a wrong clock, an older change can have a later time.
            self._set(change, removed=removed and last is None)

    def record_merge(self, change: tuple[FirstCommit, str, bytes], *, removed: bool) -> None:
        """Record a change of a merge, from a walk of its own: its time gives its place among the others."""
        commit, oid, path = change
        self._compare(commit, (oid, path))
        last = self.last((oid, path))
        if last is None or commit.time >= last.time:
            same_time = last is not None and commit.time == last.time and commit.commit != last.commit
            self._set(change, removed=removed and not same_time)

    def lacks(self, change: tuple[FirstCommit, str, bytes]) -> bool:
        """Return True if no removal is recorded that a merge could have taken over."""
        commit, oid, path = change
        last = self.last((oid, path))
        return last is None or (not last.removed and commit.time >= last.time)

    def last(self, place: Place) -> LastChange | None:
        """Return the last change so far."""
        return self.found.get(place) or self.known.get(place)

    def _set(self, change: tuple[FirstCommit, str, bytes], *, removed: bool) -> None:
        commit, oid, path = change
        self.found[oid, path] = LastChange(commit.time, commit.commit, commit.author_date, removed)

    def _compare(self, commit: FirstCommit, place: Place) -> None:
        if place in self.known and commit.time <= self.known[place].time:
            self.stale.add(place[0])
