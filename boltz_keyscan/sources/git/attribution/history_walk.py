"""Walks over a history by ``git log``: the commits that change paths of wanted objects.

Trees can be nested so that a dozen of them make 10^10 paths. Every walk has a timeout.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Self

from boltz_keyscan.module_search import carry_guard
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.git.attribution.last_changes import LastChanges
from boltz_keyscan.sources.git.objects.scan_cache import FirstCommit, Place
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import parsing_git_output

Wanted = Mapping[str, frozenset[bytes] | None]
"""For each object id, the names of the entries that count; None for any name."""

Change = tuple[FirstCommit, str, bytes]
"""A commit, and an object that it puts at a path or takes away from there."""

MAX_ARGUMENTS = 4000
"""Object ids passed as arguments, 300 kB; with more of them, all changes are read and filtered here."""

MAX_PLACES = 10_000
"""Places that one search records; beyond it, each object keeps only a few."""

_MAX_CHANGES = 500_000
"""Places that one walk may find, and changes of merges, before the search is given up."""

_MAX_MERGES = 1000
"""Merges that are compared with all their parents to find those that took an object away."""

_LEAST_SECONDS = 10.0
_SECONDS_PER_COMMIT = 0.001
"""Timeout of a walk: twelve times what git's own repository needs."""

_DELTA_BASES = "core.deltaBaseCacheLimit=256m"
"""A walk over 200,000 commits takes a tenth less than with git's own 96 MiB."""

_FORMAT = "--format=%H,%ct,%aI"
_OPTIONS = ("--stdin", "--raw", "-r", "-t", "-z", "--no-renames", "--no-abbrev", "--root", _FORMAT)


@dataclass(slots=True)
class PlaceLimit:
    """Limit on the places that one search records: ``MAX_PLACES``, and a few of each further object."""

    max_paths_per_object: int
    truncated: set[str]
    """Receives the objects with more places than are recorded."""
    _total: int = field(default=0, init=False)
    _counts: Counter[str] = field(default_factory=Counter, init=False)

    def admits(self, oid: str) -> bool:
        """Return True to record one more place of an object."""
        if self._total >= MAX_PLACES and self._counts[oid] >= self.max_paths_per_object:
            self.truncated.add(oid)
            return False
        self._total += 1
        self._counts[oid] += 1
        return True


class _BackgroundWalk:
    """A walk over merges in a thread of its own. Use as a context manager, which waits for its end.

    Without ``concurrent.futures``, which takes longer to import than such a walk.
    """

    def __init__(self, walk: Callable[[], tuple[list[Change], list[Change]]]) -> None:
        self._walk = walk
        self._found: tuple[list[Change], list[Change]] = ([], [])
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=carry_guard(self._run), daemon=True)

    def _run(self) -> None:
        try:
            self._found = self._walk()
        except BaseException as error:  # noqa: BLE001 - raised again by ``result``
            self._error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def result(self) -> tuple[list[Change], list[Change]]:
        """Wait for the end and return additions and removals, or raise the error of the walk."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found


@dataclass(frozen=True, slots=True)
class Walks:
    """Walks over one repository."""

    view: git.RepoView
    commits: int
    """Number of commits, for the timeout of a walk."""

    @property
    def seconds(self) -> float:
        """Timeout of one walk; beyond it, paths explode."""
        return _LEAST_SECONDS + _SECONDS_PER_COMMIT * self.commits

    def find_introductions(
        self, wanted: Wanted, lines: list[bytes], last: LastChanges, since: int = 0
    ) -> Iterator[Change]:
        """Yield the changes that put an object at a path where no parent has it, newest first.

        Commits with one parent or none, then merges. Both walks run in parallel and take as
        long as the longer one, which is what ``git log --find-object`` takes.

        Args:
            wanted: object ids, and the names that count.
            lines: commits to begin from, and to leave out.
            last: receives the last change of each place.
            since: committer time at which a walk ends, in seconds since 1970; 0 for no end.

        Raises:
            GitError: after the last change, if git failed.
            StoppedError: git exceeded the timeout.
        """
        cancellation = git.Cancellation()
        end = (f"--max-age={since}",) if since else ()
        with (
            _BackgroundWalk(lambda: self._merge_changes(wanted, lines, cancellation, *end)) as merge_walk,
            contextlib.ExitStack() as unfinished,
        ):
            # Its end is waited for: after Ctrl-C for minutes, if the walk went on.
            unfinished.callback(cancellation.cancel)
            first = dict(last.first)
            for change, removed in self._changes(wanted, lines, "--no-merges", *end):
                last.record(change, removed=removed)
                if not removed:
                    commit, oid, path = change
                    first[oid, path] = min(commit.time, first.get((oid, path), commit.time))
                    _check_limit(len(first))
                    yield change
            additions, removals = merge_walk.result()
            unfinished.pop_all()
        for change in additions:
            last.record_merge(change, removed=False)
        lines = git.input_lines(_choose_merges(additions, removals, first, last))
        for change, removed in self._changes(wanted, lines, "--no-walk=unsorted", "-c"):
            last.record_merge(change, removed=removed)
            if not removed:
                yield change

    def _merge_changes(
        self, wanted: Wanted, lines: list[bytes], cancellation: git.Cancellation, *end: str
    ) -> tuple[list[Change], list[Change]]:
        """Return the additions and the removals of merges against their first parents.

        Comparison with all parents at once (``-c``) costs half as much again, and in most
        of these the object merely came from another parent, or was removed there.
        """
        additions: list[Change] = []
        removals: list[Change] = []
        options = ("--merges", "--diff-merges=first-parent", *end)
        for change, removed in self._changes(wanted, lines, *options, cancellation=cancellation):
            if not removed:
                additions.append(change)
                _check_limit(len(additions))
            elif len(removals) < _MAX_CHANGES:
                removals.append(change)
        return additions, removals

    def find_changes(self, wanted: Wanted, lines: list[bytes]) -> Iterator[Change]:
        """Yield the additions of commits against each parent; errors as ``find_introductions``."""
        return (change for change, removed in self._changes(wanted, lines, "-m") if not removed)

    def _changes(
        self,
        wanted: Wanted,
        lines: list[bytes],
        *extra: str,
        cancellation: git.Cancellation | None = None,
    ) -> Iterator[tuple[Change, bool]]:
        """Yield the changes of the wanted objects, newest commit first, with True for a removal."""
        if not wanted or not lines:
            return
        chosen = [f"--find-object={oid}" for oid in sorted(wanted)] if len(wanted) <= MAX_ARGUMENTS else []
        arguments = ("-c", _DELTA_BASES, "log", *_OPTIONS, *extra, *chosen)
        commit = FirstCommit(0, "", "", reachable=True)
        fields = git.fields(
            self.view, *arguments, lines=lines, seconds=self.seconds, cancellation=cancellation
        )
        for entry in fields:
            text = entry.lstrip(b"\n")
            if text.startswith(b":"):
                path = next(fields, b"")
                with parsing_git_output():
                    olds, oid = _sides(text)
                # A change of mode only is no introduction.
                if oid in wanted and oid not in olds and is_wanted(wanted, oid, path):
                    yield (commit, oid, path), False
                for old in olds:
                    if old in wanted and old != oid and is_wanted(wanted, old, path):
                        yield (commit, old, path), True
            elif text:
                with parsing_git_output():
                    commit = parse_commit(text.decode("ascii", "replace").split(","))


def _choose_merges(
    additions: Iterable[Change], removals: Iterable[Change], first: Mapping[Place, int], last: LastChanges
) -> Iterable[str]:
    """Return the merges that may have added or removed an object themselves, by their ids.

    Args:
        additions: changes of merges against their first parents.
        removals: likewise; only the oldest are followed.
        first: times of the first commits that are no merges.
        last: the last changes so far.
    """
    # If a merge only took it from another parent, an earlier commit introduced it.
    chosen = {
        commit.commit: None
        for commit, oid, path in additions
        if (oid, path) not in first or commit.time < first[oid, path]
    }
    # Likewise for a removal, if the last change of a commit is one.
    unexplained = sorted({(commit.time, commit.commit) for commit, *_ in filter(last.lacks, removals)})
    return chosen | dict.fromkeys(oid for _, oid in unexplained[:_MAX_MERGES])


def is_wanted(wanted: Wanted, oid: str, path: bytes) -> bool:
    """Return True if a wanted object counts under this path."""
    names = wanted[oid]
    return names is None or path.rpartition(b"/")[2] in names


def parse_commit(words: list[str]) -> FirstCommit:
    """Parse id, committer time and author date; a broken commit may lack the latter two."""
    oid, time, date = words[:3]
    return FirstCommit(int(time) if time.isdecimal() else 0, oid, date, reachable=True)


def _check_limit(count: int) -> None:
    if count > _MAX_CHANGES:
        raise git.StoppedError(f"what was found is at more than {_MAX_CHANGES} places")


def _sides(raw: bytes) -> tuple[list[str], str]:
    """Return the object ids before and after a change (git-diff, "raw output format").

    ``:mode mode id id status`` with one colon, mode and id more for each parent of a merge.
    An id of zeros means no object.
    """
    parents = len(raw) - len(raw.lstrip(b":"))
    words = raw[parents:].decode("ascii", "replace").split(" ")
    return words[parents + 1 : 2 * parents + 1], words[2 * parents + 1]
