"""Where a hit in history came from and how far it has spread.

Work is done only for hits, and in a handful of git walks whatever their number: one
``git log`` restricted to the wanted objects over everything references reach, one over
merges and one over what no reference reaches, each only for what is still unexplained.

Boundary: ids in, locations out; the hits themselves are ``history``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from boltz_keyscan.errors import GitError
from boltz_keyscan.model import Detector, Exposure, Gap, Hit, Located, Location, Match, Part
from boltz_keyscan.sources import _git
from boltz_keyscan.sources.repository import References

_MOST_ARGUMENTS = 500
"""Object ids given to git on the command line; beyond, git tells all changes and we choose."""

_SECONDS = 900
_FORMAT = "--format=%H %aI"


@dataclass(frozen=True, slots=True)
class Introduction:
    """The first commit in which an object stood at a path."""

    commit: str
    author_date: str
    reachable: bool


@dataclass(slots=True)
class Tracer:
    """Traces the hits of one repository."""

    view: _git.View
    refs: References
    commits: Sequence[bytes]
    """The ids of all commits in the store, in binary, any number to an item."""
    prefix: bytes
    where: str
    partial: bool
    _gaps: list[Gap] = field(default_factory=list, init=False)

    def trace(self, hits: Sequence[Hit], detector: Detector) -> Located:
        """A location for each hit and each path it stands at."""
        wanted = {oid for hit in hits if (oid := _target(hit)) is not None}
        introduced = self._introductions(wanted) if wanted else {}
        in_head = self._head_paths(wanted)
        in_index = self._index_paths(wanted)
        known: dict[str, set[bytes]] = {}
        for oid, path in (*introduced, *in_head, *in_index):
            known.setdefault(oid, set()).add(path)
        loose = self._commit_facts({hit.origin.oid for hit in hits if hit.origin.kind == "commit" and hit.origin.oid})
        pairs: list[tuple[Match, Location]] = []
        for hit in hits:
            match hit.origin.kind:
                case "commit" | "tag":
                    pairs.append((hit.match, self._named(hit, loose, detector)))
                case "ref":
                    pairs.append((hit.match, _location(hit.match, hit.origin.path, Exposure.HISTORY, detector)))
                case "index":
                    staged = Exposure.STAGED
                    pairs.append((hit.match, _location(hit.match, hit.origin.path, staged, detector)))
                case _:
                    pairs += self._placed(hit, known, introduced, in_head, in_index, detector)
        return Located(tuple(pairs), tuple(self._gaps))

    def _placed(
        self,
        hit: Hit,
        known: dict[str, set[bytes]],
        introduced: dict[tuple[str, bytes], Introduction],
        in_head: set[tuple[str, bytes]],
        in_index: set[tuple[str, bytes]],
        detector: Detector,
    ) -> Iterator[tuple[Match, Location]]:
        """One location for each path of a blob, or of a tree entry whose name is the hit."""
        oid = _target(hit)
        paths = sorted(known.get(oid or "", ()))
        if hit.origin.part is Part.NAME:
            name = hit.origin.path
            paths = [path for path in paths if path == name or path.endswith(b"/" + name)]
        for path in paths:
            key = (oid or "", path)
            first = introduced.get(key)
            if key in in_head:
                exposure = Exposure.TRACKED
            elif key in in_index:
                exposure = Exposure.STAGED
            elif first is not None and first.reachable:
                exposure = Exposure.HISTORY
            else:
                exposure = Exposure.UNREACHABLE
            yield hit.match, _location(hit.match, self.prefix + path, exposure, detector, hit.origin.oid, first)
        if not paths:
            path = self.prefix + f".git/{hit.origin.kind}/{hit.origin.oid}".encode()
            yield hit.match, _location(hit.match, path, Exposure.UNREACHABLE, detector, hit.origin.oid)

    def _named(self, hit: Hit, loose: dict[str, Introduction], detector: Detector) -> Location:
        """A commit or tag object: it has no path, so it gets one that says what it is."""
        oid = hit.origin.oid or ""
        path = self.prefix + f".git/{hit.origin.kind}/{oid}".encode()
        if hit.origin.kind == "commit":
            first = loose.get(oid)
            exposure = Exposure.HISTORY if first is not None and first.reachable else Exposure.UNREACHABLE
            return _location(hit.match, path, exposure, detector, oid, first)
        exposure = Exposure.HISTORY if oid in {tip for _, tip in self.refs.tips} else Exposure.UNREACHABLE
        return _location(hit.match, path, exposure, detector, oid)

    # -- what git is asked -------------------------------------------------------------

    def _tips(self) -> list[bytes]:
        """References that lead somewhere, as input lines. With unreadable references: all commits."""
        if self.refs.opaque:
            return self._all_commits()
        oids = sorted({oid for _, oid in self.refs.tips})
        lines = [oid.encode() + b"\n" for oid in oids]
        answer, _ = _git.run(self.view, "cat-file", "--batch-check", lines=lines)
        have = [line.split() for line in answer.splitlines()]
        return [words[0] + b"\n" for words in have if len(words) == 3 and words[1] in (b"commit", b"tag")]

    def _all_commits(self) -> list[bytes]:
        size = self.view.id_bytes
        return [
            run[at : at + size].hex().encode() + b"\n" for run in self.commits for at in range(0, len(run), size)
        ]

    def _introductions(self, wanted: set[str]) -> dict[tuple[str, bytes], Introduction]:
        found: dict[tuple[str, bytes], Introduction] = {}
        tips = self._tips()
        if tips:
            self._walk(wanted, tips, found, "--no-merges", reachable=True)
            # A key born in the resolution of a merge differs from every parent.
            left = wanted - {oid for oid, _ in found}
            if left:
                self._walk(left, tips, found, "--merges", "-c", reachable=True)
        left = wanted - {oid for oid, _ in found}
        everything = self._all_commits()
        if left and everything and not self.refs.opaque:
            self._walk(left, [*everything, *_without(tips)], found, "-m", reachable=False)
        return found

    def _walk(
        self,
        wanted: set[str],
        lines: list[bytes],
        found: dict[tuple[str, bytes], Introduction],
        *extra: str,
        reachable: bool,
    ) -> None:
        """Newest first, so that the last one kept for an object and path is the first commit."""
        chosen = [f"--find-object={oid}" for oid in sorted(wanted)] if len(wanted) <= _MOST_ARGUMENTS else []
        options = ("--stdin", "--date-order", "--raw", "-r", "-t", "-z", "--no-renames", "--no-abbrev", "--root")
        commit, date = "", ""
        try:
            fields = _git.fields(self.view, "log", *options, _FORMAT, *extra, *chosen, lines=lines, seconds=_SECONDS)
            for field_ in fields:
                text = field_.lstrip(b"\n")
                if text.startswith(b":"):
                    path = next(fields, b"")
                    oid, gone = _result(text)
                    if oid in wanted and not gone:
                        found[oid, path] = Introduction(commit, date, reachable)
                elif text:
                    commit, _, date = text.decode("ascii", "replace").partition(" ")
        except GitError as error:
            self._untraced(error)

    def _head_paths(self, wanted: set[str]) -> set[tuple[str, bytes]]:
        if self.refs.head is None or not wanted:
            return set()
        arguments = ("ls-tree", "-r", "-t", "-z", "--full-tree", self.refs.head)
        return self._paths(wanted, re.compile(rb"\d+ \w+ ([0-9a-f]+)\t(.*)", re.DOTALL), arguments)

    def _index_paths(self, wanted: set[str]) -> set[tuple[str, bytes]]:
        if self.view.index is None or not wanted:
            return set()
        arguments = ("ls-files", "-s", "-z")
        return self._paths(wanted, re.compile(rb"\d+ ([0-9a-f]+) \d\t(.*)", re.DOTALL), arguments)

    def _paths(
        self, wanted: set[str], form: re.Pattern[bytes], arguments: tuple[str, ...]
    ) -> set[tuple[str, bytes]]:
        found = set()
        try:
            for entry in _git.fields(self.view, *arguments, seconds=_SECONDS):
                parts = form.fullmatch(entry)
                if parts is not None and (oid := parts[1].decode()) in wanted:
                    found.add((oid, parts[2]))
        except GitError as error:
            self._untraced(error)
        return found

    def _commit_facts(self, oids: set[str]) -> dict[str, Introduction]:
        """Author date and reachability of commits that are themselves hits."""
        if not oids:
            return {}
        lines = [oid.encode() + b"\n" for oid in sorted(oids)]
        dated, told = _git.run(self.view, "log", "--no-walk=unsorted", "--stdin", "-z", _FORMAT, lines=lines)
        lost, told_too = _git.run(self.view, "rev-list", "--stdin", lines=[*lines, *_without(self._tips())])
        if told or told_too:
            self._untraced(GitError(told or told_too))
        unreached = set(lost.decode("ascii").split())
        facts = {}
        for entry in dated.split(b"\0"):
            oid, _, date = entry.decode("ascii", "replace").strip().partition(" ")
            if oid:
                facts[oid] = Introduction(oid, date, oid not in unreached)
        return facts

    def _untraced(self, error: GitError) -> None:
        """Everything was read, but not everything could be explained."""
        detail = f"some commits and paths of what was found are unknown: {error.message.splitlines()[0]}"
        by_design = self.partial or self.view.shallow is not None
        gap = Gap(self.where, "untraced", detail, by_design)
        if gap not in self._gaps:
            self._gaps.append(gap)


def _without(tips: list[bytes]) -> list[bytes]:
    """The input lines that exclude what tips reach (``--not`` on stdin came with git 2.42)."""
    return [b"^" + tip for tip in tips]


def _target(hit: Hit) -> str | None:
    """The object whose place is looked for: the blob, or what a tree entry names."""
    if hit.origin.kind == "blob":
        return hit.origin.oid
    return hit.origin.child if hit.origin.kind == "tree" else None


def _result(raw: bytes) -> tuple[str, bool]:
    """Object id after the change, and whether it was deleted (git-diff, "raw output format").

    ``:mode mode id id status`` with one colon, mode and id more for each parent of a merge.
    """
    parents = len(raw) - len(raw.lstrip(b":"))
    words = raw[parents:].split(b" ")
    return words[2 * parents + 1].decode("ascii", "replace"), words[parents] == b"000000"


def _location(
    match: Match,
    path: bytes,
    exposure: Exposure,
    detector: Detector,
    blob: str | None = None,
    first: Introduction | None = None,
) -> Location:
    return Location.of(
        match,
        detector.redact(path),
        exposure,
        commit=first.commit if first else None,
        blob=blob,
        author_date=first.author_date if first else None,
    )
