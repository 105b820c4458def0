"""Locations of hits in history: paths, first commits and exposure."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from boltz_keyscan.model.enums import Exposure, Part, Shape
from boltz_keyscan.model.finding import Detector, Gap, Hit, Located, Location, Match
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.blob import locate_hit
from boltz_keyscan.sources.git.attribution.commit_search import CommitSearch, SearchResult
from boltz_keyscan.sources.git.attribution.history_walk import Walks, Wanted
from boltz_keyscan.sources.git.attribution.push_search import UNKNOWN, CommitFacts, PushSearch
from boltz_keyscan.sources.git.objects.scan_cache import Attribution, FirstCommit
from boltz_keyscan.sources.git.repo.reflogs import NO_TRACES, Traces
from boltz_keyscan.sources.git.repo.repository import References
from boltz_keyscan.system.paths import join

_MAX_LOCATIONS = 100_000
"""Locations of one repository: enough to find and remove a key."""

_MAX_PATHS_PER_OBJECT = 1000
_MAX_PATHS = 10_000
"""Paths named of one object, and of all, if there are too many to name each."""


KeyPlace: TypeAlias = tuple[str, bytes]
"""Fingerprint of a key, and the path of a file that has it, in its content or its name."""

FindOld: TypeAlias = Callable[[Mapping[str, frozenset[KeyPlace]], Detector], frozenset[KeyPlace]]
"""Search for the places at which a range did not add a key, given by the objects that have the keys."""


_DAMAGE = "corrupt-object"
"""Reason of a gap of one object that leaves the history incomplete."""


@dataclass(frozen=True, slots=True)
class _Stay:
    """The end of the presence of an object at a path."""

    removed: tuple[str, str] | None = None
    """Commit that took it away, and its author date."""
    present: bool | None = None
    traced: bool = False
    """True if the whole history was searched."""


@dataclass(frozen=True, slots=True)
class _HitContext:
    """Paths, commits and exposure of the objects with hits."""

    paths: dict[str, list[bytes]]
    search: SearchResult
    commits: dict[str, FirstCommit]
    tags: frozenset[str]
    """Reachable annotated tags; all with a hit, if references are unknown."""
    default_exposure: Exposure
    """Exposure of objects that seem unreachable: ``history`` if the search was incomplete."""
    old: frozenset[KeyPlace] = frozenset()
    """Places that had the key before the range that was scanned."""
    facts: Mapping[str, CommitFacts] = field(default_factory=dict)
    """Facts on the commits, by their ids."""
    copies: Mapping[str, CommitFacts] = field(default_factory=dict)
    """Facts on objects that a remote branch has from another commit."""
    whole: bool = False
    """True if the whole history was searched."""

    def exposures(self, place: tuple[str, bytes]) -> tuple[Exposure, ...]:
        """Return the exposures of an object at a path, the widest first.

        What the index has and a commit too is both: to take it out of the index is not enough.
        """
        search = self.search
        if place in search.in_head:
            return (Exposure.TRACKED,)
        first = search.introduced.get(place)
        in_commit = (first is not None and first.reachable) or place in search.named
        # The index of another worktree has all files of the commit that is checked out there.
        in_index = place in search.in_index or (place in search.in_other_indexes and not in_commit)
        found: tuple[Exposure, ...] = (Exposure.STAGED,) if in_index else ()
        found += (Exposure.HISTORY,) if in_commit else ()
        return found or (self.default_exposure,)

    def stay(self, place: tuple[str, bytes], exposure: Exposure) -> _Stay:
        """Return when an object left a path, or that it is still there, as far as that is proved."""
        search, current = self.search, self.search.current
        in_branch = place in search.in_head or place in current.in_branches
        traced = self.whole and place[0] not in search.truncated
        known = traced and current.is_known
        present = (
            in_branch or exposure is Exposure.STAGED or place in current.elsewhere or place in search.named
        )
        last = search.last.get(place)
        removed = (
            (last.commit, last.author_date) if known and not in_branch and last and last.removed else None
        )
        return _Stay(removed, True if present else False if known else None, traced)

    def paths_of(self, hit: Hit) -> list[bytes]:
        """Return the paths of a blob, or of a tree entry whose name was the hit."""
        paths = self.paths.get(_target(hit) or "", [])
        if hit.origin.part is Part.NAME and not hit.origin.members:
            name = hit.origin.path
            return [path for path in paths if path == name or path.endswith(b"/" + name)]
        return paths


@dataclass(frozen=True, slots=True)
class Tracer:
    """Tracer of the hits of one repository."""

    commit_search: CommitSearch
    prefix: bytes
    """Prefix of its paths in reports; empty or ending in a slash."""
    where: str
    """Name of the repository in gaps."""
    lacking: bool
    """True for a shallow or partial clone, in which the search is incomplete."""
    find_old: FindOld | None = None
    """The search on the other side of a range; None for a whole history."""
    carried: bool = False
    """True if its files are part of another repository, so that unreachable objects spread too."""
    clone: References | None = None
    """The references of the clone, which show if a commit was pushed; None if they show nothing."""
    traces: Traces = NO_TRACES
    """Traces of earlier pushes in the clone, and its stashes."""
    worktree: bytes | None = None
    """The worktree in which git checked out each file of HEAD; None if there is none."""

    def trace(
        self, hits: Sequence[Hit], detector: Detector, gaps: Iterable[Gap] = ()
    ) -> tuple[Located, Attribution | None]:
        """Return a location for each hit and each of its paths, and the attribution for the cache.

        Args:
            hits: hits in objects.
            detector: detector.
            gaps: gaps, of which those of single objects get the paths of their objects.
        """
        gaps = tuple(gaps)
        unread = {gap.oid for gap in gaps if gap.oid is not None}
        known = replace(self._search(hits, unread), whole=self._is_whole(gaps))
        if self.find_old is not None:
            known = replace(known, old=self.find_old(_places(hits, known), detector))
        known = self._with_facts(known)
        most = max(1, _MAX_LOCATIONS // max(1, len(hits)))
        pairs = []
        cut = set(known.search.truncated)
        for hit in hits:
            locations = list(itertools.islice(self._locations(hit, known, detector), most + 1))
            if len(locations) > most:
                cut.add(_target(hit) or "")
                locations = [(match, replace(where, traced=False)) for match, where in locations[:most]]
            pairs += locations
        new_gaps = {self._gap(problem) for problem in self.commit_search.problems}
        if cut:
            which = f"{min(cut)} has" if len(cut) == 1 else f"{len(cut)} objects have"
            detail = f"{which} more paths than are listed here"
            new_gaps.add(Gap(self.where, "many-paths", detail, by_design=True))
        # With a path unknown, an object could be accepted at one path and lie at another.
        unread = set() if self.commit_search.problems else unread - known.search.truncated
        paths = {
            oid: tuple(detector.redact(self.prefix + path) for path in known.paths.get(oid, ()))
            for oid in unread
        }
        return Located(tuple(pairs), tuple(new_gaps), paths=paths), known.search.attribution

    def _is_whole(self, gaps: Iterable[Gap]) -> bool:
        """Return True if no part of the history was left out of the search."""
        refs = self.commit_search.refs
        return (
            not self.lacking
            and self.find_old is None
            and not refs.opaque
            and not refs.broken
            and not self.commit_search.problems
            and all(gap.by_design or (gap.oid is not None and gap.reason != _DAMAGE) for gap in gaps)
        )

    def _search(self, hits: Sequence[Hit], unread: AbstractSet[str]) -> _HitContext:
        max_paths = max(1, min(_MAX_PATHS_PER_OBJECT, _MAX_PATHS // max(1, len(hits) + len(unread))))
        hit = targets(hits)
        found = self.commit_search.search({**dict.fromkeys(unread), **hit}, max_paths, unread - hit.keys())
        commits = {hit.origin.oid for hit in hits if hit.origin.kind == "commit" and hit.origin.oid}
        dates = self.commit_search.commit_dates(commits)
        spreads = self.carried or bool(self.commit_search.problems)
        default = Exposure.HISTORY if spreads else Exposure.UNREACHABLE
        tags = self.commit_search.tags({hit.origin.oid or "" for hit in hits if hit.origin.kind == "tag"})
        known = _HitContext({}, found, dates, tags, default)
        for oid, path in {
            *found.introduced,
            *found.in_head,
            *found.in_index,
            *found.in_other_indexes,
            *found.named,
        }:
            known.paths.setdefault(oid, []).append(path)
        # The widest exposure first, as the list may be cut.
        for oid, paths in known.paths.items():
            paths.sort(key=lambda path: (known.exposures((oid, path))[0].rank, path))
        return known

    def _with_facts(self, known: _HitContext) -> _HitContext:
        """Return the context with the push status of its commits."""
        search = PushSearch(self.commit_search.view, self.clone, self.traces)
        first = [*known.search.introduced.items()]
        commits = (*(commit for _, commit in first), *known.commits.values())
        facts = search.describe({commit.commit for commit in commits})
        unpushed: dict[str, FirstCommit] = {}
        for (oid, _), commit in first:
            if facts.get(commit.commit, UNKNOWN).pushed is False and (
                oid not in unpushed or commit.time < unpushed[oid].time
            ):
                unpushed[oid] = commit
        walks = Walks(self.commit_search.view, self.commit_search.commits)
        return replace(known, facts=facts, copies=search.find_copies(unpushed, walks))

    def _locations(
        self, hit: Hit, known: _HitContext, detector: Detector
    ) -> Iterator[tuple[Match, Location]]:
        path = hit.origin.path
        match hit.origin.kind:
            case "commit" | "tag":
                yield self._of_object(hit, known, detector)
            case "ref":
                yield locate_hit(hit, path, Exposure.HISTORY, detector, present=True)
            case "index":
                yield locate_hit(hit, path, Exposure.STAGED, detector)
            case _:
                yield from self._by_path(hit, known, detector)

    def _by_path(self, hit: Hit, known: _HitContext, detector: Detector) -> Iterator[tuple[Match, Location]]:
        """Yield one location for each path of a blob, or of a tree entry whose name was the hit."""
        oid = _target(hit) or ""
        paths = known.paths_of(hit)
        for path in paths:
            first = known.search.introduced.get((oid, path))
            old = (hit.match.fingerprint, path) in known.old
            facts = known.copies.get(oid) or (known.facts.get(first.commit, UNKNOWN) if first else UNKNOWN)
            where = path or object_path(hit)
            for exposure in known.exposures((oid, path)):
                stay = known.stay((oid, path), exposure)
                gone = exposure is Exposure.TRACKED and self._is_gone(path)
                yield self._locate(
                    hit, where, exposure, detector, first, facts=facts, stay=stay, old=old, gone=gone
                )
        if not paths:
            exposure = known.default_exposure
            stay = known.stay((oid, b""), exposure)
            yield self._locate(hit, object_path(hit), exposure, detector, None, facts=UNKNOWN, stay=stay)

    def _is_gone(self, path: bytes) -> bool:
        """Return True if a file of HEAD is deleted from the worktree."""
        return self.worktree is not None and not os.path.lexists(join(self.worktree, path))

    def _of_object(self, hit: Hit, known: _HitContext, detector: Detector) -> tuple[Match, Location]:
        """Return the location of a hit in a commit or tag object, with a path made of kind and id."""
        oid = hit.origin.oid or ""
        first = known.commits.get(oid)
        reachable = first.reachable if first is not None else oid in known.tags
        exposure = Exposure.HISTORY if reachable else known.default_exposure
        facts = known.facts.get(oid, UNKNOWN)
        # A message does not leave a history again.
        present = True if reachable else False if known.whole else None
        stay = _Stay(present=present, traced=known.whole)
        return self._locate(hit, object_path(hit), exposure, detector, first, facts=facts, stay=stay)

    def _locate(
        self,
        hit: Hit,
        path: bytes,
        exposure: Exposure,
        detector: Detector,
        first: FirstCommit | None,
        *,
        facts: CommitFacts,
        stay: _Stay,
        old: bool = False,
        gone: bool = False,
    ) -> tuple[Match, Location]:
        commit, date = (first.commit, first.author_date) if first else (None, None)
        path = self.prefix + path
        return locate_hit(
            hit,
            path,
            exposure,
            detector,
            commit=commit,
            author_date=date,
            old=old,
            pushed=facts.pushed,
            remote=facts.remote,
            subject=facts.subject,
            removed=stay.removed,
            present=stay.present,
            traced=stay.traced,
            stash=facts.stash,
            gone=gone,
        )

    def _gap(self, problem: str) -> Gap:
        """Return the gap for an incomplete search: all objects were read, but some paths are unknown."""
        first, *_ = problem.splitlines()
        detail = f"some commits and paths of what was found are unknown: {first}"
        return Gap(self.where, "untraced", detail, by_design=self.lacking)


def targets(hits: Sequence[Hit]) -> Wanted:
    """Return the objects to search for, and the names under which they count."""
    wanted: dict[str, frozenset[bytes] | None] = {}
    for hit in hits:
        if (oid := _target(hit)) is not None:
            in_name = hit.origin.part is Part.NAME and not hit.origin.members
            names = frozenset({hit.origin.path}) if in_name else None
            others = wanted.get(oid, frozenset())
            wanted[oid] = None if names is None or others is None else names | others
    return wanted


def _places(hits: Sequence[Hit], known: _HitContext) -> dict[str, frozenset[KeyPlace]]:
    """Return the places of the keys that are no placeholders, by the object that has them."""
    wanted: dict[str, frozenset[KeyPlace]] = {}
    for hit in hits:
        target = _target(hit)
        if target is not None and hit.match.shape is not Shape.PLACEHOLDER:
            places = frozenset((hit.match.fingerprint, path) for path in known.paths_of(hit))
            wanted[target] = wanted.get(target, frozenset()) | places
    return wanted


def object_path(hit: Hit) -> bytes:
    """Return kind and id of an object, instead of a path."""
    return f".git/{hit.origin.kind}/{hit.origin.oid}".encode()


def _target(hit: Hit) -> str | None:
    """Return the object to search for: the blob, or the object of a tree entry."""
    if hit.origin.kind == "blob":
        return hit.origin.oid
    return hit.origin.child if hit.origin.kind == "tree" else None
