"""Source of every object in an object store, each read once.

Objects, not patches: a patch walk never shows merge resolutions, stashes, dangling
commits, staged blobs, tag messages or files marked binary. Large packs are cut into delta
trees and read without git (``packs``); all other objects are listed by git and read in long
streams (``objects``).
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from collections.abc import Set as AbstractSet

from boltz_keyscan import fsutil
from boltz_keyscan.errors import GitError
from boltz_keyscan.model.finding import Detector, Gap, Located, Shard, ShardResult, Tally
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.git.objects import listing
from boltz_keyscan.sources.git.objects.flags import flag_objects, is_unredacted, take_damaged
from boltz_keyscan.sources.git.objects.listing import (
    Names,
    drop_cached,
    flagged_objects,
    list_new,
    new_packs,
    read_names,
    split_missing,
)
from boltz_keyscan.sources.git.objects.reader import missing_object_gap
from boltz_keyscan.sources.git.objects.scan_cache import Attribution, Cache, Memory
from boltz_keyscan.sources.git.objects.shard import Pending
from boltz_keyscan.sources.git.objects.stream import release
from boltz_keyscan.sources.git.packs.check import check_packs
from boltz_keyscan.sources.git.packs.earlier_reach import find_reach
from boltz_keyscan.sources.git.packs.shared_objects import SharedObjects
from boltz_keyscan.sources.git.repo import index
from boltz_keyscan.sources.git.repo.missing_objects import MissingShard, Reach, is_about_content
from boltz_keyscan.sources.git.repo.object_store import PreparedRepository, prepare_repository
from boltz_keyscan.sources.git.repo.references import References, read_references
from boltz_keyscan.sources.git.repo.reflogs import add_older_stashes
from boltz_keyscan.sources.git.repo.repository import Repository
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import first_line
from boltz_keyscan.sources.shards import NamesShard, ResultShard, gap_shard

_OPAQUE = "references are kept as reftable, unread: all commits count as history, the index as staged"


@dataclass(frozen=True, slots=True)
class HistorySource:
    """The object store, the references and the index of one repository."""

    repository: Repository
    prefix: bytes
    """Prefix of its paths in reports; empty or ending in a slash."""
    where: str
    """Name of the repository in gaps."""
    allowed: bytes
    """Alternates are followed below this folder only."""
    cache: Cache | SharedObjects | None = None
    prepared: PreparedRepository | None = None
    """The prepared repository, if the caller has it already."""
    carried: bool = False
    """True if its files can be committed in another repository, so that unreachable objects spread too."""

    def open(self) -> HistoryReader:
        """Return a reader for one run."""
        return HistoryReader(self, self.cache, self.prepared)


@dataclass(slots=True)
class HistoryReader:
    """A reader of one history."""

    source: HistorySource
    cache: Cache | SharedObjects | None
    """None if the cache is not used, or is of no use in this run."""
    prepared: PreparedRepository | None
    _references: References | None = field(default=None, init=False)
    _names: Names = field(default_factory=lambda: Names({}, frozenset()), init=False)
    """Names in the store when listing began."""
    _memory: Memory = field(default_factory=Memory, init=False)
    _reach: Reach | None = field(default=None, init=False)
    """Objects that references reached in an earlier scan, if they are all still there."""

    def work(self) -> Iterator[Shard]:
        """Yield shards of names first, then of objects."""
        opened = self.prepare()
        yield gap_shard(*opened.gaps)
        if opened.view is None:
            return
        self._references = read_references(self.source.repository)
        yield from self._reference_names(self._references)
        self._references = add_older_stashes(self.source.repository, self._references)
        if self.cache is not None:
            self._memory = self.cache.load(self.source.repository.objects)
        yield self._forecast(opened.view)
        checked = check_packs(opened.view, self.source.where, self._memory.packs)
        if checked.repaired:
            self.cache, self._memory = None, Memory()
        yield gap_shard(*checked.gaps)
        self.prepared = replace(opened, view=checked.view)
        try:
            self._names = read_names(checked.view.stores)
        except OSError as error:
            yield gap_shard(self._make_gap("object-store", f"history not read: {error.strerror}"))
            return
        self._reach = find_reach(checked.view, self._names, self._memory, partial=opened.partial)
        yield MissingShard(
            checked.view,
            self.source.where,
            self._references,
            opened.partial,
            is_small=self._names.is_small,
            # In a pack that is not read, some objects are lost.
            is_complete=opened.is_complete and not checked.gaps,
            is_clone=self._names.is_clone(self._memory),
            known=self._reach,
        )
        direct_packs = set[str]() if checked.repaired else (yield from self._packs(checked.view))
        yield from self._objects(checked.view, self._references, direct_packs)
        yield from self._index(checked.view, self._references.head)

    def prepare(self) -> PreparedRepository:
        """Prepare the repository, once, and return it; without a view if git cannot read it."""
        if self.prepared is None:
            try:
                git.executable()
                self.prepared = prepare_repository(
                    self.source.repository, self.source.allowed, self.source.where
                )
            except GitError as error:
                gap = self._make_gap("git-unusable", f"history not read: {error.message}; {error.hint}")
                self.prepared = PreparedRepository(None, (gap,), partial=False)
            except OSError as error:
                gap = self._make_gap("object-store", f"history not read: {error.strerror}")
                self.prepared = PreparedRepository(None, (gap,), partial=False)
        return self.prepared

    def _make_gap(self, reason: str, detail: str, *, by_design: bool = False) -> Gap:
        return Gap(self.source.where, reason, detail, by_design=by_design)

    def _reference_names(self, refs: References) -> Iterator[Shard]:
        """Yield a shard of the names of references, and gaps for those that are not read."""
        if refs.opaque:
            yield gap_shard(self._make_gap("references-unread", _OPAQUE, by_design=True))
        broken = (
            self._make_gap("reference-unreadable", f"{name.decode('utf-8', 'backslashreplace')}: {why}")
            for name, why in refs.broken
        )
        yield ResultShard(ShardResult(gaps=tuple(broken), tally=Tally(refs=len(refs.tips))))
        names = tuple(name for name, _ in refs.tips)
        yield NamesShard(self.source.where, "ref", names, self.source.prefix + b".git/")

    def _forecast(self, view: git.RepoView) -> Shard:
        """Return the weight of the new packs: workers start while packs are checked and listed."""
        sizes = new_packs(view, self._memory).values()
        if any(size >= listing.MIN_DIRECT_PACK_BYTES for size in sizes):
            # Imported before workers are forked, so that they have it too.
            import boltz_keyscan.sources.git.packs.reader  # noqa: F401, PLC0415 - small histories do without
        return ResultShard(ShardResult(), weight=sum(sizes))

    def _is_unchanged(self, refs: References) -> bool:
        """Return True if store and references are as the last scan left them."""
        now = frozenset(self._names.packs), self._names.loose, _oids(refs)
        return (self._memory.packs, self._memory.loose, self._memory.tips) == now

    def _packs(self, view: git.RepoView) -> Generator[Shard, None, set[str]]:
        """Yield shards of the packs that are read without git, and return their names."""
        direct_packs: set[str] = set()
        for stem, size in new_packs(view, self._memory).items():
            name = fsutil.decode(os.path.basename(stem))
            # A pack most of whose objects may be known is listed, and only the others are read.
            is_new = 2 * len(self._memory.loose) <= self._names.packs.get(name, 0)
            if size >= listing.MIN_DIRECT_PACK_BYTES and is_new:
                from boltz_keyscan.sources.git.packs.reader import shards  # noqa: PLC0415 - as above

                if parts := shards(view, self.source.where, stem):
                    direct_packs.add(name)
                while parts:
                    yield parts.pop()
        return direct_packs

    def _objects(
        self, view: git.RepoView, refs: References, direct_packs: AbstractSet[str]
    ) -> Iterator[Shard]:
        """Yield shards of the objects that are new, or in which an earlier scan found something.

        Args:
            view: view of the stores.
            refs: the references.
            direct_packs: packs that are read without git, which are left out.
        """
        pending, names = Pending(view, self.source.where), self._names
        count = names.count_cached(self._memory)
        cached = 0
        flagged, gaps = self._list_flagged(view)
        damaged, again = take_damaged(flagged, self._memory.damages, self.source.where)
        # Before the rest, for the progress display.
        yield ResultShard(ShardResult(gaps=damaged, tally=Tally(cached=count)))
        try:
            yield from pending.add(again)
            rest = replace(self._memory, packs=self._memory.packs | direct_packs)
            count += names.count_cached(rest) - names.count_cached(self._memory)
            known, chunks = list_new(view, names, rest)
            count, cached = count + known, cached + known
            for chunk in chunks:
                present, missing = split_missing(chunk)
                gaps += (missing_object_gap(self.source.where, oid) for oid in missing)
                new = drop_cached(present, self._memory)
                count += present.count(b"\n")
                cached += present.count(b"\n") - new.count(b"\n")
                yield from pending.add(new)
        except GitError as error:
            if not gaps:
                detail = f"git could not list all objects: {first_line(error)}"
                gaps.append(self._make_gap("object-store", detail))
        yield from pending.flush()
        release()
        yield ResultShard(ShardResult(tally=Tally(cached=cached)))
        if not gaps and count == 0 and refs.tips:
            gaps.append(self._make_gap("no-objects", "it has references but no object that git can read"))
        yield gap_shard(*gaps)

    def _list_flagged(self, view: git.RepoView) -> tuple[bytes, list[Gap]]:
        """Return a listing of the objects in which an earlier scan found something, or a gap."""
        try:
            return flagged_objects(view, self._memory), []
        except GitError as error:
            what = "the objects in which an earlier scan found something"
            return b"", [self._make_gap("object-store", f"git could not list {what}: {first_line(error)}")]

    def _index(self, view: git.RepoView, head: str | None) -> Iterator[Shard]:
        """Yield shards of path names that are staged but in no tree yet."""
        for path in filter(None, (view.index, *view.other_indexes)):
            try:
                entries = index.compare(replace(view, index=path), head).changes
            except GitError as error:
                detail = f"git cannot read the index: {first_line(error)}"
                yield gap_shard(self._make_gap("index-unreadable", detail))
                continue
            paths = tuple(entry.path for entry in entries)
            yield NamesShard(self.source.where, "index", paths, self.source.prefix)

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Return commit, path and exposure of each hit, and write the cache."""
        opened = self.prepare()
        if opened.view is None or self._references is None:
            return Located()
        located, attribution, traced = Located(), Attribution(), frozenset[str]()
        if gathered.hits or any(gap.oid for gap in gathered.gaps):
            located, attribution, traced = self._trace(gathered, detector, opened.view, self._references)
        gaps = (*gathered.gaps, *located.gaps)
        if all(gap.by_design or is_about_content(gap) for gap in gaps):
            self._save(gathered, detector, attribution, traced)
        return located

    def _trace(
        self, gathered: ShardResult, detector: Detector, view: git.RepoView, refs: References
    ) -> tuple[Located, Attribution, frozenset[str]]:
        """Trace what was found: locations, and the attribution and its objects for the cache."""
        from boltz_keyscan.sources.git.attribution.commit_search import CommitSearch  # noqa: PLC0415 - clean histories need none
        from boltz_keyscan.sources.git.attribution.locate import Tracer, find_targets  # noqa: PLC0415 - as above

        count = gathered.tally.commits + gathered.tally.cached
        unchanged, intact = self._is_unchanged(refs), self._reach is not None
        is_incomplete = self.prepare().partial or view.shallow is not None
        memory = self._memory
        if not (unchanged or intact) and (is_incomplete or memory.missing is not None):
            # Trees and commits that were fetched since can be older than those found then.
            memory = replace(memory, traced=frozenset(), attribution=Attribution())
        search = CommitSearch(view, refs, count, memory, unchanged, intact, index=self.prepare().index)
        repository = self.source.repository
        located, attribution = Tracer(
            search,
            detector,
            repository,
            refs,
            self.source.prefix,
            self.source.where,
            is_incomplete,
            carried=self.source.carried,
            worktree=repository.full_worktree if view.index is not None else None,
        ).trace(gathered.hits, gathered.gaps)
        if attribution is None or view.shallow is not None or search.problems:
            return located, Attribution(), frozenset()
        # Not cached: objects that were searched under some names only, and objects at a path that
        # may itself hold a key, plain or encoded.
        wanted = {**dict.fromkeys(gap.oid for gap in gathered.gaps if gap.oid), **find_targets(gathered.hits)}
        traced = {oid for oid, names in wanted.items() if names is None} - search.not_walked
        for places in (attribution.reachable, attribution.unreachable):
            traced -= {oid for oid, path in places if not is_unredacted(path, detector)}
        return located, attribution, frozenset(traced)

    def _save(
        self,
        gathered: ShardResult,
        detector: Detector,
        attribution: Attribution,
        traced: frozenset[str],
    ) -> None:
        """Write the cache; only after a scan without gaps, as it means that everything was scanned."""
        opened = self.prepare()
        if self.cache is None or self._references is None or opened.view is None:
            return
        suspects, damages = flag_objects(gathered, self.source.where, self._memory.damages, detector)
        fresh = Memory(
            packs=frozenset(self._names.packs),
            loose=self._names.loose,
            suspects=suspects,
            damages=damages,
            # The boundary of a shallow clone can move, and with it what references reach.
            tips=_oids(self._references) if opened.view.shallow is None else frozenset(),
            traced=traced,
            attribution=attribution.only(traced),
            missing=gathered.tally.objects_missing if opened.partial else None,
            left_out=gathered.left_out,
            reached=None if gathered.tally.stores_uncounted else gathered.tally.commits_reached,
        )
        if fresh != self._memory:
            self.cache.save(self.source.repository.objects, fresh)


def _oids(refs: References) -> frozenset[str]:
    return frozenset(oid for _, oid in refs.tips)
