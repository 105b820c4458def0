"""Where a hit in history came from and how far it has spread.

Boundary: turns hits and what ``ancestry`` learnt into locations; work is done only for hits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from boltz_keyscan.model import Detector, Exposure, Gap, Hit, Located, Location, Match, Part
from boltz_keyscan.sources.ancestry import Ancestry, Places
from boltz_keyscan.sources.cache import Introduction


@dataclass(frozen=True, slots=True)
class _Known:
    """All that was learnt about the wanted objects."""

    paths: dict[str, set[bytes]]
    introduced: Places
    in_head: set[tuple[str, bytes]]
    in_index: set[tuple[str, bytes]]
    commits: dict[str, Introduction]

    def exposure(self, place: tuple[str, bytes]) -> Exposure:
        """How far an object at a path has spread."""
        if place in self.in_head:
            return Exposure.TRACKED
        if place in self.in_index:
            return Exposure.STAGED
        first = self.introduced.get(place)
        return Exposure.HISTORY if first is not None and first.reachable else Exposure.UNREACHABLE


@dataclass(frozen=True, slots=True)
class Tracer:
    """Traces the hits of one repository."""

    ancestry: Ancestry
    prefix: bytes
    """What stands before its paths in reports; empty or ending in a slash."""
    where: str
    """How gaps name it."""
    lacking: bool
    """It is a shallow or partial clone: not everything can be known."""

    def trace(self, hits: Sequence[Hit], detector: Detector) -> tuple[Located, Places]:
        """A location for each hit and each path it stands at; and the commits that were learnt."""
        known = self._learn(hits)
        pairs = [pair for hit in hits for pair in self._locations(hit, known, detector)]
        gaps = {self._gap(problem) for problem in self.ancestry.problems}
        return Located(tuple(pairs), tuple(gaps)), known.introduced

    def _learn(self, hits: Sequence[Hit]) -> _Known:
        wanted = targets(hits)
        introduced = self.ancestry.introductions(wanted)
        in_head = self.ancestry.head_paths(wanted)
        in_index = self.ancestry.index_paths(wanted)
        paths: dict[str, set[bytes]] = {}
        for oid, path in (*introduced, *in_head, *in_index):
            paths.setdefault(oid, set()).add(path)
        commits = {hit.origin.oid for hit in hits if hit.origin.kind == "commit" and hit.origin.oid}
        return _Known(paths, introduced, in_head, in_index, self.ancestry.facts(commits))

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
        paths = sorted(known.paths.get(oid, ()))
        if hit.origin.part is Part.NAME:
            name = hit.origin.path
            paths = [path for path in paths if path == name or path.endswith(b"/" + name)]
        for path in paths:
            first = known.introduced.get((oid, path))
            yield hit.match, self._location(hit, path, known.exposure((oid, path)), detector, first)
        if not paths:
            path = f".git/{hit.origin.kind}/{hit.origin.oid}".encode()
            yield hit.match, self._location(hit, path, Exposure.UNREACHABLE, detector, None)

    def _named(self, hit: Hit, known: _Known, detector: Detector) -> Location:
        """A commit or tag object: it has no path, so it gets one that says what it is."""
        oid = hit.origin.oid or ""
        path = f".git/{hit.origin.kind}/{oid}".encode()
        first = known.commits.get(oid)
        reached = first.reachable if first is not None else oid in {tip for _, tip in self.ancestry.refs.tips}
        exposure = Exposure.HISTORY if reached else Exposure.UNREACHABLE
        return self._location(hit, path, exposure, detector, first)

    def _location(
        self, hit: Hit, path: bytes, exposure: Exposure, detector: Detector, first: Introduction | None
    ) -> Location:
        return Location.of(
            hit.match,
            detector.redact(self.prefix + path),
            exposure,
            commit=first.commit if first else None,
            blob=hit.origin.oid,
            author_date=first.author_date if first else None,
        )

    def _gap(self, problem: str) -> Gap:
        """Everything was read, but not everything could be explained."""
        first, *_ = problem.splitlines()
        detail = f"some commits and paths of what was found are unknown: {first}"
        return Gap(self.where, "untraced", detail, by_design=self.lacking)


def targets(hits: Sequence[Hit]) -> set[str]:
    """The objects whose places are looked for."""
    return {oid for hit in hits if (oid := _target(hit)) is not None}


def _target(hit: Hit) -> str | None:
    """The object whose place is looked for: the blob, or what a tree entry names."""
    if hit.origin.kind == "blob":
        return hit.origin.oid
    return hit.origin.child if hit.origin.kind == "tree" else None
