"""Objects and keys that the other side of a range has already.

``rev-list --objects B ^A`` lists more than B adds: also objects that A's history has, but not
the last commits that both share. So the few objects with hits are searched in everything
that A reaches, and the keys of the rest in the older versions of their files.

"Has" means reachable from the excluded commits, never merely stored. ``file_versions`` does
the same for a commit that is being made.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Generator, Iterator, Mapping
from collections.abc import Set as AbstractSet

from boltz_keyscan.errors import GitError
from boltz_keyscan.model.finding import Detector
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.git.attribution.locate import KeyPlace
from boltz_keyscan.sources.git.blob_keys import BlobKeys
from boltz_keyscan.sources.git.repo.revisions import RevisionRange
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import list_commits, object_info, parsing_git_output

_TIMEOUT_S = 120.0
"""Timeout of one walk over the history of the other side; after it, a key counts as new."""

_MAX_PATHS = 1000
_MAX_VERSIONS = 10_000
"""Files that are searched on the other side, and versions of files that are read."""

_BREAKS = re.compile(rb"[\r\n]")
_SPECIAL = re.compile(rb"[*?\[\\]")

_RAW = ("--raw", "-r", "-m", "-z", "--no-renames", "--no-abbrev")

Change = tuple[int, str, str, bytes]
"""Number of a pair of commit and parent, old object, new object, path."""


@dataclass(frozen=True, slots=True)
class Move:
    """A key that a commit takes from a file it deletes into another file."""

    fingerprint: str
    source: bytes
    oid: str
    """The object that was deleted."""
    target: bytes


@dataclass(slots=True)
class OtherSide:
    """The history that a range leaves out."""

    view: git.RepoView
    """The repository with the objects of the range."""
    before: git.RepoView
    """The repository without the objects of the range, if they are stored apart."""
    scope: RevisionRange
    """The range, by object ids; what it excludes are the tips of the other side, objects of any type."""
    detector: Detector
    """Finds keys in older versions."""
    problems: list[str] = field(default_factory=list, init=False)
    """Reasons why not everything the other side has is known."""

    def find_reachable(self, oids: AbstractSet[str]) -> frozenset[str]:
        """Return the objects that the other side has."""
        if not oids or not self.scope.exclude:
            return frozenset()
        answers, problem = object_info(self.before, sorted(oids))
        self.problems += filter(None, [problem])
        wanted = {words[0] for words in answers if len(words) == 3}
        if not wanted:
            return frozenset()
        found: set[bytes] = set()
        options = ("rev-list", "--objects", "--no-object-names", "--in-commit-order", "--missing=allow-any")
        with (
            git.spool_lines(git.input_lines(self.scope.exclude)) as stdin,
            git.GitProcess(self.before, *options, "--stdin", stdin=stdin, seconds=_TIMEOUT_S) as child,
        ):
            rest = b""
            while found != wanted and (chunk := child.output.read(1 << 20)):
                *lines, rest = (rest + chunk).split(b"\n")
                found |= wanted.intersection(lines)
            if found != wanted and (problem := child.wait()):
                self.problems.append(problem)
        return frozenset(oid.decode() for oid in found)

    def find_old(self, wanted: Mapping[str, frozenset[KeyPlace]]) -> frozenset[KeyPlace]:
        """Return the places at which the range did not add a key.

        Either a version of the file that the other side has had the key, or a commit of the
        range moved the key there from such a file.

        Args:
            wanted: places by the object that has the key there.
        """
        places = {place for group in wanted.values() for place in group}
        commits = self._commits() if places else []
        if not commits:
            return frozenset()
        with BlobKeys(self.view, self.detector) as keys:
            old = self._find_in_versions(places, commits, keys)
            left = places - old
            moves = self._moves(wanted, left, keys) if left else []
            sources = {(move.fingerprint, move.source) for move in moves}
            old |= self._find_in_versions(sources - places, commits, keys)
        old_oids = self.find_reachable({move.oid for move in moves})
        for move in moves:
            if move.oid in old_oids or (move.fingerprint, move.source) in old:
                old.add((move.fingerprint, move.target))
        return frozenset(old & places)

    def _commits(self) -> list[str]:
        commits, problem = list_commits(self.view, [oid + "^{}" for oid in self.scope.exclude])
        self.problems += filter(None, [problem])
        return sorted(set(commits))

    def _find_in_versions(
        self, places: AbstractSet[KeyPlace], commits: list[str], keys: BlobKeys
    ) -> set[KeyPlace]:
        """Return the places of which some version, in the history of these commits, had the key."""
        paths = sorted({path for _, path in places if path})[:_MAX_PATHS]
        left: dict[bytes, set[str]] = {path: set() for path in paths}
        for fingerprint, path in places:
            if path in left:
                left[path].add(fingerprint)
        named = {path: frozenset(left[path]) & keys.in_name(path) for path in left}
        found: set[KeyPlace] = set()
        versions = 0
        lines = [*git.input_lines(commits), b"--\n", *map(_pathspec, paths)]
        with contextlib.closing(self._changes("--full-history", lines=lines)) as changes:
            for _, old, new, path in changes if any(left.values()) else ():
                for parent in _parents(path):
                    if parent in left and named[parent]:
                        found |= {(fingerprint, parent) for fingerprint in named[parent]}
                        left[parent] -= named[parent]
                for oid in filter(_is_object, (old, new)):
                    if left.get(path):
                        versions += 1
                        here = left[path] & keys.fingerprints(oid)
                        found |= {(fingerprint, path) for fingerprint in here}
                        left[path] -= here
                if versions > _MAX_VERSIONS or not any(left.values()):
                    break
        return found

    def _moves(
        self, wanted: Mapping[str, frozenset[KeyPlace]], left: AbstractSet[KeyPlace], keys: BlobKeys
    ) -> list[Move]:
        """Return the keys that a commit moves from a file it deletes, in the order of commits."""
        moves: list[Move] = []
        lines = git.input_lines(self.scope.include, self.scope.exclude)
        versions = 0
        listed = self._changes("--topo-order", "--reverse", lines=lines)
        # The changes of each commit against each of its parents.
        for _, group in itertools.groupby(listed, key=lambda change: change[0]):
            changes = list(group)
            added = {
                place for _, _, new, path in changes for place in wanted.get(new, ()) if place[1] == path
            } & left
            deleted = [(path, old) for _, old, new, path in changes if not _is_object(new)]
            for path, oid in deleted if added else ():
                versions += 1
                if versions > _MAX_VERSIONS:
                    return moves
                had = keys.fingerprints(oid) | keys.in_name(path)
                moves += (Move(key, path, oid, target) for key, target in added if key in had)
        return moves

    def _changes(self, *options: str, lines: list[bytes]) -> Generator[Change, None, None]:
        """Yield each change that git prints; a failure goes to ``problems``."""
        pair = 0
        arguments = ("--no-literal-pathspecs", "log", *_RAW, *options, "--format=%H", "--root", "--stdin")
        fields = git.fields(self.view, *arguments, lines=lines, seconds=_TIMEOUT_S)
        try:
            for entry in fields:
                text = entry.lstrip(b"\n")
                if text.startswith(b":"):
                    with parsing_git_output():
                        _, _, old, new, _ = text.decode("ascii", "replace").split(" ")
                    yield pair, old, new, next(fields, b"")
                elif text:
                    # A merge is printed again for each of its parents.
                    pair += 1
        except GitError as error:
            self.problems.append(error.message)


def _pathspec(path: bytes) -> bytes:
    """Return the line that limits git to a path, and with a line break in it perhaps to a few more."""
    if not _BREAKS.search(path):
        return b":(literal)" + path + b"\n"
    # git reads paths by line, so a wildcard has to match a line break.
    return b":(glob)" + _BREAKS.sub(b"?", _SPECIAL.sub(rb"\\\g<0>", path)) + b"\n"


def _is_object(oid: str) -> bool:
    """Return True if an id names an object, which zeros do not."""
    return bool(oid.strip("0"))


def _parents(path: bytes) -> Iterator[bytes]:
    """Yield a path and the folders that lead to it."""
    while path:
        yield path
        path = path.rpartition(b"/")[0]
