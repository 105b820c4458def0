"""Every object in an object store, read once.

Objects, not patches: a patch walk never shows merge resolutions, stashes, dangling
commits, staged blobs, tag messages or files marked binary. Large packs are cut into
families of objects and read here (``families``, ``packed``); of all others git lists ids
and sizes, and gives them in long streams (``listing``, ``streamed``).

Boundary: content and names only; what a hit's commit and path are is ``trace``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from boltz_keyscan.errors import GitError
from boltz_keyscan.model.finding import Detector, Gap, Located, Shard, ShardResult, Source, Tally
from boltz_keyscan.sanitize import harmless
from boltz_keyscan.sources.git.attribution.commit_search import CommitSearch
from boltz_keyscan.sources.git.attribution.locate import Tracer, targets
from boltz_keyscan.sources.git.objects import listing
from boltz_keyscan.sources.git.objects.listing import (
    Names,
    Pending,
    drop_cached,
    flagged_objects,
    list_objects,
    new_packs,
    read_names,
    split_missing,
)
from boltz_keyscan.sources.git.objects.reader import missing_object_gap
from boltz_keyscan.sources.git.objects.scan_cache import Attribution, Cache, Memory
from boltz_keyscan.sources.git.objects.shard import ObjectShard
from boltz_keyscan.sources.git.objects.stream import release
from boltz_keyscan.sources.git.packs.check import check_packs
from boltz_keyscan.sources.git.repo import index
from boltz_keyscan.sources.git.repo.missing_objects import MissingShard
from boltz_keyscan.sources.git.repo.object_store import PreparedRepository, prepare_repository
from boltz_keyscan.sources.git.repo.repository import References, Repository, references
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.shards import NamesShard, ResultShard

_OURS = re.compile(r"\S*/boltz-keyscan-\S+?/(?=pack/|[0-9a-f]{2}/)")
"""The folder of links through which git may have seen the store."""

_OPAQUE = "references are kept as reftable, which is not read: all commits count as history"


@dataclass(slots=True)
class HistorySource:
    """The object store, the references and the index of one repository."""

    repository: Repository
    prefix: bytes
    """What stands before its paths in reports; empty or ending in a slash."""
    where: str
    """How gaps name it."""
    allowed: bytes
    """Alternates are followed below this folder only."""
    cache: Cache | None = None
    prepared: PreparedRepository | None = None
    """It made ready for git, when somebody else has done that."""
    carried: bool = False
    """Its files can be committed in another repository, so what nothing reaches spreads with them."""
    _references: References | None = field(default=None, init=False)
    _names: Names | None = field(default=None, init=False)
    """What the store held when listing began."""
    _memory: Memory = field(default_factory=Memory, init=False)

    def shards(self) -> Iterator[Shard | Source]:
        """Names first, then the objects."""
        opened = self.opened()
        yield ResultShard(ShardResult(gaps=opened.gaps))
        if opened.view is None:
            return
        self._references = references(self.repository)
        broken = tuple(
            Gap(self.where, "reference-unreadable", f"{name.decode('utf-8', 'backslashreplace')}: {why}")
            for name, why in self._references.broken
        )
        if self._references.opaque:
            yield ResultShard(
                ShardResult(gaps=(Gap(self.where, "references-unread", _OPAQUE, by_design=True),))
            )
        yield ResultShard(ShardResult(gaps=broken, tally=Tally(refs=len(self._references.tips))))
        tips = ((self.prefix + b".git/" + name, name.split(b"/")) for name, _ in self._references.tips)
        yield NamesShard(self.where, "ref", tuple((path, part) for path, parts in tips for part in parts))
        if self.cache is not None:
            self._memory = self.cache.load(self.repository.objects)
        sizes = new_packs(opened.view, self._memory).values()
        if any(size >= listing.MIN_DIRECT_PACK_BYTES for size in sizes):
            # Now, so that workers that are copies of this process have it too.
            import boltz_keyscan.sources.git.packs.reader  # noqa: F401, PLC0415 - small histories do without
        # Workers take as long to start as it takes to look into the packs and to list.
        yield ResultShard(ShardResult(), weight=sum(sizes))
        checked = check_packs(opened.view, self.where, self._memory.packs)
        if checked.repaired:
            self.cache, self._memory = None, Memory()
        yield ResultShard(ShardResult(gaps=checked.gaps))
        self.prepared = replace(opened, view=checked.view)
        yield MissingShard(checked.view, self.where, self._references, opened.partial)
        self._names = read_names(checked.view)
        taken: set[str] = set()
        if not checked.repaired:
            yield from self._packs(checked.view, taken)
        yield from self._objects(checked.view, self._names, taken)
        yield from self._index(checked.view)

    def opened(self) -> PreparedRepository:
        """The repository made ready for git, once; without a view when it cannot be."""
        if self.prepared is None:
            try:
                git.executable()
                self.prepared = prepare_repository(self.repository, self.allowed, self.where)
            except GitError as error:
                gap = Gap(self.where, "git-unusable", f"history not read: {error.message}; {error.hint}")
                self.prepared = PreparedRepository(None, (gap,), partial=False)
            except OSError as error:
                gap = Gap(self.where, "object-store", f"history not read: {error.strerror}")
                self.prepared = PreparedRepository(None, (gap,), partial=False)
        return self.prepared

    def _packs(self, view: git.RepoView, taken: set[str]) -> Iterator[Shard]:
        """The packs that are read without git; their names are put into ``taken``."""
        for stem, size in new_packs(view, self._memory).items():
            if size >= listing.MIN_DIRECT_PACK_BYTES:
                from boltz_keyscan.sources.git.packs.reader import shards  # noqa: PLC0415 - as above

                if parts := shards(view, self.where, stem):
                    taken.add(os.fsdecode(os.path.basename(stem)))
                while parts:
                    yield parts.pop()

    def _objects(self, view: git.RepoView, held: Names, taken: AbstractSet[str]) -> Iterator[Shard]:
        """Everything an earlier scan has not seen, and what it found something in; less what was taken.

        Args:
            view: of the stores.
            held: what they hold.
            taken: names of packs that are read without git.
        """
        pending = Pending()
        gaps: list[Gap] = []
        count = held.count_cached(self._memory)
        cached = 0
        # At once: whoever watches is to know what need not be waited for.
        yield ResultShard(ShardResult(tally=Tally(cached=count)))
        try:
            for lines, weight in pending.add(self._again(view, gaps)):
                yield ObjectShard(view, self.where, lines, weight)
            rest = replace(self._memory, packs=self._memory.packs | taken)
            count += held.count_cached(rest) - held.count_cached(self._memory)
            for told in list_objects(view, held, rest) if held.max_new_objects(rest) or not taken else ():
                whole, gone = split_missing(told)
                gaps += (
                    missing_object_gap(self.where, line.split()[0].decode("ascii", "replace"))
                    for line in gone
                )
                new = drop_cached(whole, self._memory)
                count += whole.count(b"\n")
                cached += whole.count(b"\n") - new.count(b"\n")
                for lines, weight in pending.add(new):
                    yield ObjectShard(view, self.where, lines, weight)
        except GitError as error:
            if not gaps:
                detail = f"git could not list all objects: {_line(error)}"
                gaps.append(Gap(self.where, "object-store", detail))
        for lines, weight in pending.flush():
            yield ObjectShard(view, self.where, lines, weight)
        release()
        yield ResultShard(ShardResult(tally=Tally(cached=cached)))
        if not gaps and count == 0 and self._references is not None and self._references.tips:
            gaps.append(Gap(self.where, "no-objects", "it has references but no object that git can read"))
        if gaps:
            yield ResultShard(ShardResult(gaps=tuple(gaps)))

    def _again(self, view: git.RepoView, gaps: list[Gap]) -> bytes:
        """What something was found in before."""
        try:
            return flagged_objects(view, self._memory)
        except GitError as error:
            told = f"git could not say where something was found before: {_line(error)}"
            gaps.append(Gap(self.where, "object-store", told))
            return b""

    def _index(self, view: git.RepoView) -> Iterator[Shard]:
        """The path names staged but not committed yet: no tree holds them."""
        head = self._references.head if self._references is not None else None
        for path in filter(None, (view.index, *view.others)):
            try:
                entries = index.list_changes(replace(view, index=path), head)
            except GitError as error:
                detail = f"git cannot read the index: {_line(error)}"
                yield ResultShard(ShardResult(gaps=(Gap(self.where, "index-unreadable", detail),)))
                continue
            yield NamesShard(
                self.where, "index", tuple((self.prefix + entry.path, entry.path) for entry in entries)
            )

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Commit, path and exposure of each hit; and what is worth knowing at the next scan."""
        opened = self.opened()
        if opened.view is None or self._references is None or self._names is None:
            return Located()
        count = gathered.tally.commits + gathered.tally.cached
        unchanged = (self._memory.packs, self._memory.loose, self._memory.tips) == (
            frozenset(self._names.packs),
            self._names.loose,
            _oids(self._references),
        )
        ancestry = CommitSearch(opened.view, self._references, count, self._memory, unchanged)
        lacking = opened.partial or opened.view.shallow is not None
        located, told = Tracer(ancestry, self.prefix, self.where, lacking, carried=self.carried).trace(
            gathered.hits, detector
        )
        gaps = (*gathered.gaps, *located.gaps)
        if self.cache is not None and all(gap.by_design or gap.oid for gap in gaps):
            self._keep(self.cache, gathered, told, detector)
        return located

    def _keep(
        self, cache: Cache, gathered: ShardResult, told: Attribution | None, detector: Detector
    ) -> None:
        """Only after a scan without gaps: a name in the cache says that all under it was seen."""
        if self._names is None or self._references is None:
            return
        # Objects that were looked for under some names only are traced anew each time, and so is
        # one at a path that may itself hold a key, plain or in disguise.
        traced = {oid for oid, names in targets(gathered.hits).items() if names is None}
        if told is None:
            told, traced = Attribution(), set()
        for places in (told.reachable, told.unreachable):
            traced -= {oid for oid, path in places if detector.redact(path) != _shown(path)}
        fresh = Memory(
            packs=frozenset(self._names.packs),
            loose=self._names.loose,
            suspects=frozenset(
                oid
                for oid in (
                    *(hit.origin.oid for hit in gathered.hits),
                    # What of it was missed is to be told each time.
                    *(gap.oid for gap in gathered.gaps),
                )
                if oid is not None
            ),
            tips=_oids(self._references),
            traced=frozenset(traced),
            attribution=told.only(traced),
        )
        if fresh != self._memory:
            cache.save(self.repository.objects, fresh)


def _line(error: GitError) -> str:
    return _OURS.sub("objects/", error.message.splitlines()[0])


def _shown(path: bytes) -> str:
    """A path as redaction shows one in which there is nothing to hide."""
    return harmless(path.decode("utf-8", "backslashreplace"))


def _oids(refs: References) -> frozenset[str]:
    return frozenset(oid for _, oid in refs.tips)
