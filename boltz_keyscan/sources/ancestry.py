"""Asking git where wanted objects stand and which commits brought them there.

A handful of walks whatever the number of objects: one over everything references reach,
one over merges and one over what no reference reaches, each only for what is still
unexplained. What an earlier scan learnt is taken over, and only the commits that came
since are walked.

Boundary: ids in, commits and paths out; what that says of a hit is ``trace``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sized
from dataclasses import dataclass, field

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources import _git
from boltz_keyscan.sources.cache import Introduction, Memory
from boltz_keyscan.sources.repository import References

Places = dict[tuple[str, bytes], Introduction]

_MOST_ARGUMENTS = 500
"""Object ids given to git on the command line; beyond, git tells all changes and we choose."""

_MOST_PATHS = 10_000
"""Paths of wanted objects that are kept; nested trees can be made to have 10^10."""

_LEAST_SECONDS = 10.0
_SECONDS_EACH = 0.0005
"""Time a walk may take, for each commit: fifty times what large repositories need."""

_FORMAT = "--format=%H %ct %aI"
_TREE = re.compile(rb"\d+ \w+ ([0-9a-f]+)\t(.*)", re.DOTALL)
_INDEX = re.compile(rb"\d+ ([0-9a-f]+) \d\t(.*)", re.DOTALL)


@dataclass(slots=True)
class Ancestry:
    """The walks over one repository."""

    view: _git.View
    refs: References
    commits: int
    """How many there are, for the time a walk may take."""
    memory: Memory
    unchanged: bool = False
    """Store and references are as they were when ``memory`` was made."""
    exclude: frozenset[str] = frozenset()
    """What these reach is none of ours."""
    problems: list[str] = field(default_factory=list, init=False)
    """What could not be learnt, in git's words."""
    _everything: list[bytes] | None = field(default=None, init=False)

    def introductions(self, wanted: set[str]) -> Places:
        """The first commit of each wanted object at each path."""
        if not wanted:
            return {}
        recalled = wanted & self.memory.traced
        if self.unchanged and recalled == wanted:
            return {place: first for place, first in self.memory.introduced.items() if place[0] in wanted}
        tips = self._tips()
        found = self._since(recalled, tips) if recalled and self._grown(tips) else None
        if found is None:
            recalled, found = set(), {}
        rest = wanted - recalled
        self._walk(rest, tips, found, "--no-merges", reachable=True)
        # A key born in the resolution of a merge differs from every parent.
        self._walk(rest - _found(found), tips, found, "--merges", "-c", reachable=True)
        left = wanted - _found(found)
        if left and not self.refs.opaque and not self.exclude and (everything := self._all_commits()):
            self._walk(left, [*everything, *_without(tips)], found, "-m", reachable=False)
        return found

    def _since(self, recalled: set[str], tips: list[bytes]) -> Places:
        """What walks over everything would find of objects that were traced before.

        Exactly that: a walk over all is the walk then and a walk over what came since, and
        merges count only for objects that no other commit brought in.
        """
        since = [*tips, *_without(_lines(self.memory.tips))]
        new: Places = {}
        known = {
            place: first
            for place, first in self.memory.introduced.items()
            if place[0] in recalled and first.reachable
        }
        self._walk(recalled, since, new, "--no-merges", reachable=True)
        plain = _found(new) | {oid for (oid, _), first in known.items() if not first.merge}
        self._walk(recalled - plain, since, new, "--merges", "-c", reachable=True)
        for place, first in known.items():
            stands = not first.merge or place[0] not in plain
            if stands and (place not in new or first.time <= new[place].time):
                new[place] = first
        return new

    def _grown(self, tips: list[bytes]) -> bool:
        """Whether everything references reached at the last scan is still reached."""
        if not self.memory.tips:
            return False
        lost, told = _git.run(
            self.view, "rev-list", "--stdin", "-n", "1", lines=[*_lines(self.memory.tips), *_without(tips)]
        )
        return not lost and not told

    def head_paths(self, wanted: set[str]) -> set[tuple[str, bytes]]:
        """Wanted objects in the commit HEAD names, with their paths."""
        if self.refs.head is None or not wanted:
            return set()
        return self._paths(wanted, _TREE, "ls-tree", "-r", "-t", "-z", "--full-tree", self.refs.head)

    def index_paths(self, wanted: set[str]) -> set[tuple[str, bytes]]:
        """Wanted objects in the index, with their paths."""
        if self.view.index is None or not wanted:
            return set()
        return self._paths(wanted, _INDEX, "ls-files", "-s", "-z")

    def facts(self, oids: set[str]) -> dict[str, Introduction]:
        """Dates and reachability of commits that are themselves wanted."""
        if not oids:
            return {}
        lines = _lines(oids)
        dated, told = _git.run(self.view, "log", "--no-walk=unsorted", "--stdin", "-z", _FORMAT, lines=lines)
        lost, told_too = _git.run(self.view, "rev-list", "--stdin", lines=[*lines, *_without(self._tips())])
        if told or told_too:
            self.problems.append(told or told_too)
        unreached = set(lost.decode("ascii").split())
        found = {}
        for entry in dated.split(b"\0"):
            words = entry.decode("ascii", "replace").split()
            if words:
                oid, time, date = words
                found[oid] = Introduction(int(time), oid, date, oid not in unreached)
        return found

    def _tips(self) -> list[bytes]:
        """References that lead to commits, as input lines. With unreadable references: all commits."""
        if self.refs.opaque:
            return self._all_commits()
        lines = _lines({oid for _, oid in self.refs.tips})
        answer, _ = _git.run(self.view, "cat-file", "--batch-check", lines=lines)
        have = [line.split() for line in answer.splitlines()]
        tips = [words[0] + b"\n" for words in have if len(words) == 3 and words[1] in (b"commit", b"tag")]
        return [*tips, *_without(_lines(self.exclude))]

    def _all_commits(self) -> list[bytes]:
        """Every commit in the store; listed only when something is still unexplained."""
        if self._everything is None:
            form = "--batch-check=%(objectname) %(objecttype)"
            answer, _ = _git.run(self.view, "cat-file", "--batch-all-objects", "--unordered", form)
            ends = b" commit"
            self._everything = [
                line.removesuffix(ends) + b"\n" for line in answer.split(b"\n") if line.endswith(ends)
            ]
        return self._everything

    def _walk(
        self, wanted: set[str], lines: list[bytes], found: Places, *extra: str, reachable: bool
    ) -> None:
        """Keep, for each wanted object and path, the earliest commit that put it there."""
        if not wanted or not lines:
            return
        chosen = [f"--find-object={oid}" for oid in sorted(wanted)] if len(wanted) <= _MOST_ARGUMENTS else []
        options = ("--stdin", "--raw", "-r", "-t", "-z", "--no-renames", "--no-abbrev", "--root", _FORMAT)
        time, commit, date = 0, "", ""
        try:
            fields = self._fields("log", *options, *extra, *chosen, lines=lines)
            for entry in fields:
                text = entry.lstrip(b"\n")
                if text.startswith(b":"):
                    path = next(fields, b"")
                    oid, gone = _result(text)
                    if oid in wanted and not gone:
                        first = Introduction(time, commit, date, reachable, merge="--merges" in extra)
                        place = (oid, path)
                        # Of two in one second the later told is the older: git tells parents last.
                        if place not in found or first.time <= found[place].time:
                            found[place] = first
                        _bound(found)
                elif text:
                    commit, seconds, date = text.decode("ascii", "replace").split()
                    time = int(seconds)
        except GitError as error:
            self.problems.append(error.message)

    def _paths(self, wanted: set[str], form: re.Pattern[bytes], *arguments: str) -> set[tuple[str, bytes]]:
        found = set()
        try:
            for entry in self._fields(*arguments):
                parts = form.fullmatch(entry)
                if parts is not None and (oid := parts[1].decode()) in wanted:
                    found.add((oid, parts[2]))
                    _bound(found)
        except GitError as error:
            self.problems.append(error.message)
        return found

    def _fields(self, *arguments: str, lines: list[bytes] | None = None) -> Iterator[bytes]:
        seconds = _LEAST_SECONDS + _SECONDS_EACH * self.commits
        return _git.fields(self.view, *arguments, lines=lines, seconds=seconds)


def _bound(found: Sized) -> None:
    if len(found) > _MOST_PATHS:
        raise GitError(f"what was found stands at more than {_MOST_PATHS} paths")


def _found(places: Places) -> set[str]:
    return {oid for oid, _ in places}


def _lines(oids: set[str] | frozenset[str]) -> list[bytes]:
    return [oid.encode() + b"\n" for oid in sorted(oids)]


def _without(lines: list[bytes]) -> list[bytes]:
    """The input lines that exclude what these reach (``--not`` on stdin came with git 2.42)."""
    return [b"^" + line.removeprefix(b"^") for line in lines]


def _result(raw: bytes) -> tuple[str, bool]:
    """Object id after the change, and whether it was deleted (git-diff, "raw output format").

    ``:mode mode id id status`` with one colon, mode and id more for each parent of a merge.
    """
    parents = len(raw) - len(raw.lstrip(b":"))
    words = raw[parents:].split(b" ")
    return words[2 * parents + 1].decode("ascii", "replace"), words[parents] == b"000000"
