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
from boltz_keyscan.sources.blob import locate_hit, object_path
from boltz_keyscan.sources.git.attribution.commit_search import CommitSearch, SearchResult
from boltz_keyscan.sources.git.attribution.history_walk import Wanted
from boltz_keyscan.sources.git.attribution.push_search import UNKNOWN, CommitFacts, PushSearch
from boltz_keyscan.sources.git.objects.scan_cache import Attribution, FirstCommit, LastChange
from boltz_keyscan.sources.git.repo.missing_objects import is_about_content
from boltz_keyscan.sources.git.repo.references import References
from boltz_keyscan.sources.git.repo.repository import Repository
from boltz_keyscan.system.paths import join

_MAX_LOCATIONS = 100_000
"""Locations of one repository: enough to find and remove a key."""

_MAX_PATHS_PER_OBJECT = 1000
_MAX_PATHS = 10_000
"""Paths named of one object, and of all, if there are too many to name each."""


KeyPlace: TypeAlias = tuple[str, bytes]
"""Fingerprint of a key, and the path of a file that has it, in its content or its name."""

FindOld: TypeAlias = Callable[[Mapping[str, frozenset[KeyPlace]]], frozenset[KeyPlace]]
"""Search for the places at which a range did not add a key, given by the objects that have the keys."""


@dataclass(frozen=True, slots=True)
class _Presence:
    """The presence of an object at a path, and its end."""

    removed: LastChange | None = None
    """The change that took it away."""
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

    def presence(self, place: tuple[str, bytes], exposure: Exposure) -> _Presence:
        """Return when an object left a path, or that it is still there, as far as that is proved."""
        search, current = self.search, self.search.current
        in_branch = place in search.in_head or place in current.in_branches
        traced = self.whole and place[0] not in search.truncated
        known = traced and current.is_known
        present = (
            in_branch or exposure is Exposure.STAGED or place in current.elsewhere or place in search.named
        )
        last = search.last.get(place)
        removed = last if known and not in_branch and last and last.removed else None
        return _Presence(removed, True if present else False if known else None, traced)

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
    detector: Detector
    repository: Repository
    references: References
    """Its references, which show if a commit was pushed; those of the search may be of a range."""
    prefix: bytes
    """Prefix of its paths in reports; empty or ending in a slash."""
    where: str
    """Name of the repository in gaps."""
    is_incomplete: bool
    """True for a shallow or partial clone, in which the search is incomplete."""
    find_old: FindOld | None = None
    """The search on the other side of a range; None for a whole history."""
    carried: bool = False
    """True if its files are part of another repository, so that unreachable objects spread too."""
    worktree: bytes | None = None
    """The worktree in which git checked out each file of HEAD; None if there is none."""

    def trace(self, hits: Sequence[Hit], gaps: Iterable[Gap]) -> tuple[Located, Attribution | None]:
        """Return a location for each hit and each of its paths, and the attribution for the cache.

        Args:
            hits: hits in objects.
            gaps: gaps, of which those of single objects get the paths of their objects.
        """
        gaps = tuple(gaps)
        unread = {gap.oid for gap in gaps if gap.oid is not None}
        known = replace(self._search(hits, unread), whole=self._is_whole(gaps))
        if self.find_old is not None:
            known = replace(known, old=self.find_old(_places(hits, known)))
        known = self._with_facts(known) if hits else known
        most = max(1, _MAX_LOCATIONS // max(1, len(hits)))
        pairs: list[tuple[Match, Location]] = []
        cut = set(known.search.truncated)
        for hit in hits:
            locations = list(itertools.islice(self._locations(hit, known), most + 1))
            if len(locations) > most:
                cut.add(_target(hit) or "")
                locations = [replace(location, traced=False) for location in locations[:most]]
            pairs += ((hit.match, location) for location in locations)
        new_gaps = {self._gap(problem) for problem in self.commit_search.problems}
        if cut:
            which = f"{min(cut)} has" if len(cut) == 1 else f"{len(cut)} objects have"
            detail = f"{which} more paths than are listed here"
            new_gaps.add(Gap(self.where, "many-paths", detail, by_design=True))
        # With a path unknown, an object could be accepted at one path and lie at another.
        unread = set() if self.commit_search.problems else unread - known.search.truncated
        paths = {
            oid: tuple(self.detector.redact(self.prefix + path) for path in known.paths.get(oid, ()))
            for oid in unread
        }
        return Located(tuple(pairs), tuple(new_gaps), paths=paths), known.search.attribution

    def _is_whole(self, gaps: Iterable[Gap]) -> bool:
        """Return True if no part of the history was left out of the search."""
        refs = self.commit_search.refs
        return (
            not self.is_incomplete
            and self.find_old is None
            and not refs.opaque
            and not refs.broken
            and not self.commit_search.problems
            and all(gap.by_design or is_about_content(gap) for gap in gaps)
        )

    def _search(self, hits: Sequence[Hit], unread: AbstractSet[str]) -> _HitContext:
        max_paths = max(1, min(_MAX_PATHS_PER_OBJECT, _MAX_PATHS // max(1, len(hits) + len(unread))))
        hit = find_targets(hits)
        found = self.commit_search.search({**dict.fromkeys(unread), **hit}, max_paths, unread - hit.keys())
        commits = {hit.origin.oid for hit in hits if hit.origin.kind == "commit" and hit.origin.oid}
        dates = self.commit_search.read_dates(commits)
        spreads = self.carried or bool(self.commit_search.problems)
        default = Exposure.HISTORY if spreads else Exposure.UNREACHABLE
        tags = self.commit_search.find_tags(
            {hit.origin.oid or "" for hit in hits if hit.origin.kind == "tag"}
        )
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
        search = PushSearch.of(self.repository, self.commit_search.view, self.references)
        first = [*known.search.introduced.items()]
        commits = (*(commit for _, commit in first), *known.commits.values())
        facts = search.describe({commit.commit for commit in commits})
        unpushed: dict[str, FirstCommit] = {}
        for (oid, _), commit in first:
            if facts.get(commit.commit, UNKNOWN).pushed is False and (
                oid not in unpushed or commit.time < unpushed[oid].time
            ):
                unpushed[oid] = commit
        copies = search.find_copies(unpushed, self.commit_search.walks)
        return replace(known, facts=facts, copies=copies)

    def _locations(self, hit: Hit, known: _HitContext) -> Iterator[Location]:
        path = hit.origin.path
        match hit.origin.kind:
            case "commit" | "tag":
                yield self._of_object(hit, known)
            case "ref":
                yield replace(locate_hit(hit, path, Exposure.HISTORY, self.detector), present=True)
            case "index":
                yield locate_hit(hit, path, Exposure.STAGED, self.detector)
            case _:
                yield from self._by_path(hit, known)

    def _by_path(self, hit: Hit, known: _HitContext) -> Iterator[Location]:
        """Yield one location for each path of a blob, or of a tree entry whose name was the hit."""
        oid = _target(hit) or ""
        paths = known.paths_of(hit)
        for path in paths:
            first = known.search.introduced.get((oid, path))
            facts = known.copies.get(oid) or (known.facts.get(first.commit, UNKNOWN) if first else UNKNOWN)
            for exposure in known.exposures((oid, path)):
                presence = known.presence((oid, path), exposure)
                yield replace(
                    self._locate(hit, path or object_path(hit), exposure, presence, first=first, facts=facts),
                    old=(hit.match.fingerprint, path) in known.old,
                    gone=exposure is Exposure.TRACKED and self._is_gone(path),
                )
        if not paths:
            exposure = known.default_exposure
            yield self._locate(hit, object_path(hit), exposure, known.presence((oid, b""), exposure))

    def _is_gone(self, path: bytes) -> bool:
        """Return True if a file of HEAD is deleted from the worktree."""
        return self.worktree is not None and not os.path.lexists(join(self.worktree, path))

    def _of_object(self, hit: Hit, known: _HitContext) -> Location:
        """Return the location of a hit in a commit or tag object, with a path made of kind and id."""
        oid = hit.origin.oid or ""
        first = known.commits.get(oid)
        reachable = first.reachable if first is not None else oid in known.tags
        exposure = Exposure.HISTORY if reachable else known.default_exposure
        # A message does not leave a history again.
        present = True if reachable else False if known.whole else None
        presence = _Presence(present=present, traced=known.whole)
        facts = known.facts.get(oid, UNKNOWN)
        return self._locate(hit, object_path(hit), exposure, presence, first=first, facts=facts)

    def _locate(
        self,
        hit: Hit,
        path: bytes,
        exposure: Exposure,
        presence: _Presence,
        *,
        first: FirstCommit | None = None,
        facts: CommitFacts = UNKNOWN,
    ) -> Location:
        """Return the location of a hit with what is known of its first commit, and of its presence."""
        return replace(
            locate_hit(hit, self.prefix + path, exposure, self.detector),
            commit=first.commit if first else None,
            author_date=first.author_date if first else None,
            pushed=facts.pushed,
            remote=self.detector.redact(facts.remote),
            subject=self.detector.redact(facts.subject),
            stash=facts.stash,
            removed_commit=presence.removed.commit if presence.removed else None,
            removed_date=presence.removed.author_date if presence.removed else None,
            present=presence.present,
            traced=presence.traced,
        )

    def _gap(self, problem: str) -> Gap:
        """Return the gap for an incomplete search: all objects were read, but some paths are unknown."""
        first, *_ = problem.splitlines()
        detail = f"some commits and paths of what was found are unknown: {first}"
        return Gap(self.where, "untraced", detail, by_design=self.is_incomplete)


def find_targets(hits: Sequence[Hit]) -> Wanted:
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


def _target(hit: Hit) -> str | None:
    """Return the object to search for: the blob, or the object of a tree entry."""
    if hit.origin.kind == "blob":
        return hit.origin.oid
    return hit.origin.child if hit.origin.kind == "tree" else None
