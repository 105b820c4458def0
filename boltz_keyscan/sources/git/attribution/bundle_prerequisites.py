"""Paths of objects in a history with missing parts, found by reading its trees here.

git's walks end at the first parent or tree that is not there, and an incremental bundle
lacks both. But a tree that holds something new is itself new, up to the root: all that
leads to a wanted object is there.

Only for such bundles; repositories use ``commit_search`` and ``locate``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from boltz_keyscan.errors import GitError
from boltz_keyscan.model.enums import Exposure, Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Located, Location, Match
from boltz_keyscan.sources.blob import display_members
from boltz_keyscan.sources.git.objects.listing import Names, list_objects
from boltz_keyscan.sources.git.objects.reader import ObjectReader, tree_entries
from boltz_keyscan.sources.git.objects.scan_cache import Memory
from boltz_keyscan.sources.git.run import command as git

_TREE = re.compile(rb"tree ([0-9a-f]+)\n")
_WHEN = re.compile(rb"^(author|committer) .*> (\d{1,15}) ([+-]\d{4})$", re.MULTILINE)
_LARGEST = 16 << 20
"""Bytes of a commit or a tree that is read."""

_MOST_READ = 500_000
"""Trees that are read, each once for every level of folders: about a minute."""

_MOST_PATHS = 10_000
"""Paths of one object; nested trees can be made to have 10^10."""


@dataclass(frozen=True, slots=True)
class _Commit:
    time: int
    """Committer time, seconds since 1970."""
    oid: str
    author_date: str | None


@dataclass(slots=True)
class Lineage:
    """Commits and trees that lead to the objects with a hit."""

    hits: tuple[Hit, ...]
    commits: dict[str, _Commit] = field(default_factory=dict)
    roots: dict[str, _Commit] = field(default_factory=dict)
    """The first commit with each root tree."""
    holders: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    """Trees that hold an object, with its name there."""
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, view: git.RepoView, hits: Sequence[Hit]) -> Lineage:
        """Read all commits, and all trees until nothing more leads upwards."""
        lineage = cls(tuple(hits))
        commits, trees = lineage._listed(view)
        with ObjectReader(view, "") as reader:
            for oid in commits:
                lineage._take(oid, _read(reader, oid))
            sought = {target for hit in hits if (target := _target(hit)) is not None}
            left = _MOST_READ
            while sought:
                left -= len(trees)
                if left < 0:
                    lineage.problems.append("it has too many folders to look for all paths")
                    break
                sought = lineage._climb(reader, trees, sought, view.id_bytes) - lineage.holders.keys()
        return lineage

    def _listed(self, view: git.RepoView) -> tuple[list[str], list[str]]:
        """The ids of commits and trees that are not too large to be read."""
        found: dict[bytes, list[str]] = {b"commit": [], b"tree": []}
        try:
            for lines in list_objects(view, Names({}, frozenset()), Memory()):
                for line in lines.splitlines():
                    oid, kind, size = (*line.split(), b"0")[:3]
                    if kind in found and int(size) <= _LARGEST:
                        found[kind].append(oid.decode())
        except GitError as error:
            self.problems.append(error.message.splitlines()[0])
        return found[b"commit"], found[b"tree"]

    def _take(self, oid: str, text: bytes) -> None:
        tree = _TREE.match(text)
        head = text.partition(b"\n\n")[0]
        whens = {who: (int(seconds), zone) for who, seconds, zone in _WHEN.findall(head)}
        written = whens.get(b"author")
        commit = _Commit(whens.get(b"committer", (0, b""))[0], oid, _date(*written) if written else None)
        self.commits[oid] = commit
        if tree is not None:
            root = tree[1].decode()
            if root not in self.roots or (commit.time, oid) < (self.roots[root].time, self.roots[root].oid):
                self.roots[root] = commit

    def _climb(self, reader: ObjectReader, trees: list[str], sought: set[str], id_bytes: int) -> set[str]:
        """Note who holds the objects sought; the holders."""
        found: dict[str, list[tuple[str, bytes]]] = {oid: [] for oid in sought}
        holders = set()
        for tree in trees:
            for name, child in tree_entries(_read(reader, tree), id_bytes):
                if child in found:
                    found[child].append((tree, name))
                    holders.add(tree)
        self.holders.update(found)
        return holders

    def locate(self, detector: Detector, where: str) -> Located:
        """A location for each hit and path; exposure is that of the file, and not known here."""
        pairs = [pair for hit in self.hits for pair in self._locations(hit, detector)]
        details = sorted(
            {f"some commits and paths of what was found are unknown: {p}" for p in self.problems}
        )
        return Located(tuple(pairs), tuple(Gap(where, "untraced", detail) for detail in details))

    def _locations(self, hit: Hit, detector: Detector) -> Iterator[tuple[Match, Location]]:
        oid = _target(hit)
        places: dict[bytes, _Commit | None] = {}
        for path, commit in self._paths(oid) if oid is not None else ():
            entry = hit.origin.part is Part.NAME and not hit.origin.members
            if entry and path.rpartition(b"/")[2] != hit.origin.path:
                continue
            first = places.get(path)
            if first is None or commit.time < first.time:
                places[path] = commit
        if not places:
            own = hit.origin.oid
            named = hit.origin.path if own is None else f".git/{hit.origin.kind}/{own}".encode()
            places[named] = self.commits.get(own or "")
        for path, first in sorted(places.items(), key=lambda place: place[0]):
            yield (
                hit.match,
                Location.from_match(
                    hit.match,
                    detector.redact(path),
                    Exposure.FILE,
                    commit=first.oid if first else None,
                    blob=hit.origin.oid,
                    author_date=first.author_date if first else None,
                    members=display_members(hit.origin, detector),
                ),
            )

    def _paths(self, oid: str) -> Iterator[tuple[bytes, _Commit]]:
        """Every path of an object below a root, with the root's commit."""
        pending = [(oid, b"")]
        steps = 0
        while pending:
            child, below = pending.pop()
            for tree, name in self.holders.get(child, ()):
                path = name + b"/" + below if below else name
                if tree in self.roots:
                    yield path, self.roots[tree]
                pending.append((tree, path))
                steps += 1
                if steps > _MOST_PATHS:
                    self.problems.append(f"something stands at more than {_MOST_PATHS} paths")
                    return


def _read(reader: ObjectReader, oid: str) -> bytes:
    """Return an object's content; empty if git cannot read it, which is reported elsewhere."""
    try:
        return reader.read(oid)
    except (GitError, OSError):
        return b""


def _target(hit: Hit) -> str | None:
    """The object whose place is looked for: the blob, or what a tree entry names."""
    return hit.origin.oid if hit.origin.kind == "blob" else hit.origin.child


def _date(seconds: int, zone: bytes) -> str | None:
    """ISO 8601 with offset, as git's ``%aI``; None when there is no such day."""
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    offset = timedelta(minutes=-minutes if zone.startswith(b"-") else minutes)
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone(timezone(offset)).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
