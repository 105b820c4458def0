"""git's own walks over a history: the commits that put wanted objects somewhere.

Boundary: runs ``git log`` and reads what it prints. Which walks are needed is ``ancestry``;
trees that git would take for ever to walk are ``nested``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from boltz_keyscan.module_search import carry_guard
from boltz_keyscan.sources.git.objects.scan_cache import FirstCommit, Places
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import parsing_git_output

Wanted = Mapping[str, frozenset[bytes] | None]
"""Object ids, and for each the names of the entries that count; None for any name."""

Change = tuple[FirstCommit, str, bytes]
"""A commit, and an object that came to stand at a path with it."""

Place = tuple[str, bytes]

MOST_ARGUMENTS = 4000
"""Object ids given to git on the command line, 300 kB of it; beyond, git tells all changes and we choose."""

MOST_PATHS = 10_000
"""Places that are kept of what a walk tells."""

_MOST_SUSPECTS = 500_000

_LEAST_SECONDS = 3.0
_SECONDS_EACH = 0.0003
"""Time a walk may take, for each commit: four times what git's own repository needs."""

_DELTA_BASES = "core.deltaBaseCacheLimit=256m"
"""A walk over 200,000 commits takes a tenth less than with git's own 96 MiB."""

_FORMAT = "--format=%H,%ct,%aI"
_OPTIONS = ("--stdin", "--raw", "-r", "-t", "-z", "--no-renames", "--no-abbrev", "--root", _FORMAT)


@dataclass(frozen=True, slots=True)
class Walks:
    """Walks over one repository."""

    view: git.RepoView
    commits: int
    """How many there are, for the time a walk may take."""

    @property
    def seconds(self) -> float:
        """The time one walk may take: more, and paths explode."""
        return _LEAST_SECONDS + _SECONDS_EACH * self.commits

    def births(self, wanted: Wanted, lines: list[bytes]) -> Iterator[Change]:
        """Objects that come to stand somewhere in a commit and in none of its parents, newest first.

        Commits with one parent or none, then merges. Both walks go on at the same time: they
        take as long as the longer one, which is what ``git log --find-object`` takes.

        Raises:
            GitError: after the last change, when git complained.
            StoppedError: it took too long.
        """
        with ThreadPoolExecutor(1) as beside:
            merging = beside.submit(carry_guard(self._suspects), wanted, lines)
            first: dict[Place, int] = {}
            for change in self._changes(wanted, lines, "--no-merges"):
                commit, oid, path = change
                first[oid, path] = min(commit.time, first.get((oid, path), commit.time))
                yield change
            suspects = merging.result()
        # What a merge only took from another parent, some commit before it brought there.
        chosen = {
            commit.commit: None
            for commit, oid, path in suspects
            if (oid, path) not in first or commit.time < first[oid, path]
        }
        if chosen:
            yield from self._changes(
                wanted, [oid.encode() + b"\n" for oid in chosen], "--no-walk=unsorted", "-c"
            )

    def _suspects(self, wanted: Wanted, lines: list[bytes]) -> list[Change]:
        """What merges have that their first parents have not.

        Comparing with all parents at once, as ``-c`` does, costs half as much again, and in
        most of these the object merely came from another parent.
        """
        found: list[Change] = []
        for change in self._changes(wanted, lines, "--merges", "--diff-merges=first-parent"):
            found.append(change)
            if len(found) > _MOST_SUSPECTS:
                raise git.StoppedError(f"merges brought it more than {_MOST_SUSPECTS} times")
        return found

    def unreached(self, wanted: Wanted, lines: list[bytes]) -> Iterator[Change]:
        """What commits have that one of their parents has not; errors as ``births``."""
        return self._changes(wanted, lines, "-m")

    def _changes(self, wanted: Wanted, lines: list[bytes], *extra: str) -> Iterator[Change]:
        """Every commit, newest first, with what it changed of the wanted objects."""
        if not wanted or not lines:
            return
        chosen = [f"--find-object={oid}" for oid in sorted(wanted)] if len(wanted) <= MOST_ARGUMENTS else []
        arguments = ("-c", _DELTA_BASES, "log", *_OPTIONS, *extra, *chosen)
        commit = FirstCommit(0, "", "", reachable=True)
        fields = git.fields(self.view, *arguments, lines=lines, seconds=self.seconds)
        for entry in fields:
            text = entry.lstrip(b"\n")
            if text.startswith(b":"):
                path = next(fields, b"")
                with parsing_git_output():
                    olds, oid = _sides(text)
                # One that only got another mode stood there before.
                if oid in wanted and oid not in olds and counts(wanted, oid, path):
                    yield commit, oid, path
            elif text:
                with parsing_git_output():
                    commit = introduction(text.decode("ascii", "replace").split(","))


def counts(wanted: Wanted, oid: str, path: bytes) -> bool:
    """Whether a wanted object under this path is one that was meant."""
    names = wanted[oid]
    return names is None or path.rpartition(b"/")[2] in names


def introduction(words: list[str]) -> FirstCommit:
    """A commit from its id, committer time and author date; a broken commit may lack the latter two."""
    oid, time, date = words[:3]
    return FirstCommit(int(time) if time.isdecimal() else 0, oid, date, reachable=True)


def keep(found: Places, commit: FirstCommit, oid: str, path: bytes) -> None:
    """Keep the earliest commit of a place, newest told first.

    Raises:
        StoppedError: these are more places than anybody has use for.
    """
    place = (oid, path)
    # Of two in one second the later told is the older: git tells parents last.
    if place not in found or commit.time <= found[place].time:
        found[place] = commit
    bounded(found)


def bounded(found: Places | set[tuple[str, bytes]]) -> None:
    """Raise StoppedError when these are more places than anybody has use for."""
    if len(found) > MOST_PATHS:
        raise git.StoppedError(f"what was found stands at more than {MOST_PATHS} paths")


def _sides(raw: bytes) -> tuple[list[str], str]:
    """Object ids before and after a change (git-diff, "raw output format").

    ``:mode mode id id status`` with one colon, mode and id more for each parent of a merge.
    An id of zeros stands for nothing.
    """
    parents = len(raw) - len(raw.lstrip(b":"))
    words = raw[parents:].decode("ascii", "replace").split(" ")
    return words[parents + 1 : 2 * parents + 1], words[2 * parents + 1]
