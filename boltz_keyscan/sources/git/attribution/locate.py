"""Where a hit in history came from and how far it has spread.

Boundary: turns hits and what ``ancestry`` learnt into locations; work is done only for hits.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from boltz_keyscan.model.enums import Exposure, Part, Shape
from boltz_keyscan.model.finding import Detector, Gap, Hit, Located, Location, Match
from boltz_keyscan.sources.blob import display_members
from boltz_keyscan.sources.git.attribution.commit_search import CommitSearch, SearchResult
from boltz_keyscan.sources.git.attribution.log import Wanted
from boltz_keyscan.sources.git.objects.scan_cache import Attribution, FirstCommit

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.other_side import OtherSide, Place

_MOST_LOCATIONS = 100_000
"""Locations of one repository: a key at more paths has all it needs to be found and removed."""

_MOST_PATHS = 1000
_MOST_PLACES = 10_000
"""Paths named of one object, and of all, where paths are too many to look at each."""


@dataclass(frozen=True, slots=True)
class _Known:
    """All that was learnt about the wanted objects."""

    paths: dict[str, list[bytes]]
    learnt: SearchResult
    commits: dict[str, FirstCommit]
    tags: frozenset[str]
    """Annotated tags that references lead to; all that were hit, when references are unknown."""
    lost: Exposure
    """Of what nothing seems to reach: when git could not be asked to the end, it may be reached."""
    old: frozenset[Place] = frozenset()
    """Places that had the key before the range that was scanned."""

    def exposure(self, place: tuple[str, bytes]) -> Exposure:
        """How far an object at a path has spread."""
        if place in self.learnt.in_head:
            return Exposure.TRACKED
        if place in self.learnt.in_index:
            return Exposure.STAGED
        first = self.learnt.introduced.get(place)
        if (first is not None and first.reachable) or place in self.learnt.named:
            return Exposure.HISTORY
        return self.lost

    def of(self, hit: Hit) -> list[bytes]:
        """Return the paths of a blob, or of a tree entry whose name was the hit."""
        paths = self.paths.get(_target(hit) or "", [])
        if hit.origin.part is Part.NAME and not hit.origin.members:
            name = hit.origin.path
            return [path for path in paths if path == name or path.endswith(b"/" + name)]
        return paths


@dataclass(frozen=True, slots=True)
class Tracer:
    """Traces the hits of one repository."""

    ancestry: CommitSearch
    prefix: bytes
    """What stands before its paths in reports; empty or ending in a slash."""
    where: str
    """How gaps name it."""
    lacking: bool
    """It is a shallow or partial clone: not everything can be known."""
    other: OtherSide | None = None
    """What the other side of a range has; None for a whole history."""
    carried: bool = False
    """What nothing reaches is not lost: the files of the repository are part of another one."""

    def trace(self, hits: Sequence[Hit], detector: Detector) -> tuple[Located, Attribution | None]:
        """A location for each hit and each path it stands at; and what the next scan may take over."""
        known = self._learn(hits)
        if self.other is not None:
            known = replace(known, old=self._old(hits, known, self.other, detector))
        most = max(1, _MOST_LOCATIONS // max(1, len(hits)))
        pairs = []
        cut = set(known.learnt.crowded)
        for hit in hits:
            placed = list(itertools.islice(self._locations(hit, known, detector), most + 1))
            pairs += placed[:most]
            if len(placed) > most:
                cut.add(_target(hit) or "")
        gaps = {self._gap(problem) for problem in self.ancestry.problems}
        if cut:
            which = f"{min(cut)} stands" if len(cut) == 1 else f"{len(cut)} objects stand"
            detail = f"{which} at more paths than are named here"
            gaps.add(Gap(self.where, "many-paths", detail, by_design=True))
        return Located(tuple(pairs), tuple(gaps)), known.learnt.told

    def _learn(self, hits: Sequence[Hit]) -> _Known:
        share = max(1, min(_MOST_PATHS, _MOST_PLACES // max(1, len(hits))))
        learnt = self.ancestry.learn(targets(hits), share)
        commits = {hit.origin.oid for hit in hits if hit.origin.kind == "commit" and hit.origin.oid}
        facts = self.ancestry.facts(commits)
        spreads = self.carried or bool(self.ancestry.problems)
        lost = Exposure.HISTORY if spreads else Exposure.UNREACHABLE
        tags = self.ancestry.tags({hit.origin.oid or "" for hit in hits if hit.origin.kind == "tag"})
        known = _Known({}, learnt, facts, tags, lost)
        for oid, path in {*learnt.introduced, *learnt.in_head, *learnt.in_index, *learnt.named}:
            known.paths.setdefault(oid, []).append(path)
        # The widest first: where there is no room for all, those count.
        ranks = list(Exposure)
        for oid, paths in known.paths.items():
            paths.sort(key=lambda path: (ranks.index(known.exposure((oid, path))), path))
        return known

    def _old(
        self, hits: Sequence[Hit], known: _Known, other: OtherSide, detector: Detector
    ) -> frozenset[Place]:
        """Return the places at which the range did not add a key."""
        wanted: dict[str, set[Place]] = {}
        for hit in hits:
            target = _target(hit)
            if target is not None and hit.match.shape is not Shape.PLACEHOLDER:
                places = ((hit.match.fingerprint, path) for path in known.of(hit))
                wanted.setdefault(target, set()).update(places)
        return other.old({oid: frozenset(places) for oid, places in wanted.items()}, detector)

    def _locations(self, hit: Hit, known: _Known, detector: Detector) -> Iterator[tuple[Match, Location]]:
        match hit.origin.kind:
            case "commit" | "tag":
                yield hit.match, self._named(hit, known, detector)
            case "ref":
                yield hit.match, Location.of(hit.match, detector.redact(hit.origin.path), Exposure.HISTORY)
            case "index":
                yield hit.match, Location.of(hit.match, detector.redact(hit.origin.path), Exposure.STAGED)
            case _:
                yield from self._placed(hit, known, detector)

    def _placed(self, hit: Hit, known: _Known, detector: Detector) -> Iterator[tuple[Match, Location]]:
        """One location for each path of a blob, or of a tree entry whose name was the hit."""
        oid = _target(hit) or ""
        paths = known.of(hit)
        for path in paths:
            first = known.learnt.introduced.get((oid, path))
            exposure = known.exposure((oid, path))
            location = self._location(hit, path or _nowhere(hit), exposure, detector, first)
            yield hit.match, replace(location, old=(hit.match.fingerprint, path) in known.old)
        if not paths:
            yield hit.match, self._location(hit, _nowhere(hit), known.lost, detector, None)

    def _named(self, hit: Hit, known: _Known, detector: Detector) -> Location:
        """A commit or tag object: it has no path, so it gets one that says what it is."""
        oid = hit.origin.oid or ""
        path = f".git/{hit.origin.kind}/{oid}".encode()
        first = known.commits.get(oid)
        reached = first.reachable if first is not None else oid in known.tags
        exposure = Exposure.HISTORY if reached else known.lost
        return self._location(hit, path, exposure, detector, first)

    def _location(
        self, hit: Hit, path: bytes, exposure: Exposure, detector: Detector, first: FirstCommit | None
    ) -> Location:
        return Location.of(
            hit.match,
            detector.redact(self.prefix + path),
            exposure,
            commit=first.commit if first else None,
            blob=hit.origin.oid,
            author_date=first.author_date if first else None,
            members=display_members(hit.origin, detector),
        )

    def _gap(self, problem: str) -> Gap:
        """Everything was read, but not everything could be explained."""
        first, *_ = problem.splitlines()
        detail = f"some commits and paths of what was found are unknown: {first}"
        return Gap(self.where, "untraced", detail, by_design=self.lacking)


def targets(hits: Sequence[Hit]) -> Wanted:
    """The objects whose places are looked for, and the names under which they count."""
    wanted: dict[str, frozenset[bytes] | None] = {}
    for hit in hits:
        if (oid := _target(hit)) is not None:
            named = hit.origin.part is Part.NAME and not hit.origin.members
            names = frozenset({hit.origin.path}) if named else None
            known = wanted.get(oid, frozenset())
            wanted[oid] = None if names is None or known is None else names | known
    return wanted


def _nowhere(hit: Hit) -> bytes:
    """What is said instead of a path."""
    return f".git/{hit.origin.kind}/{hit.origin.oid}".encode()


def _target(hit: Hit) -> str | None:
    """The object whose place is looked for: the blob, or what a tree entry names."""
    if hit.origin.kind == "blob":
        return hit.origin.oid
    return hit.origin.child if hit.origin.kind == "tree" else None
