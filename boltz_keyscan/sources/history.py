"""Every object in an object store, read once, in pack order.

Objects, not patches: a patch walk never shows merge resolutions, stashes, dangling
commits, staged blobs, tag messages or files marked binary. git lists ids and sizes,
the list is cut by bytes into shards, and each shard is one long stream out of
``git cat-file``. The listing has the form of its headers, so the stream holds for each
object exactly its line of the listing, its bytes and a LF, and the offset of a hit gives
its object by arithmetic; no Python runs per object. Objects with a hit are read again,
one by one, for the exact pass.

Boundary: content and names only; what a hit's commit and path are is ``trace``.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from boltz_keyscan.errors import GitError
from boltz_keyscan.model import Detector, Gap, Hit, Located, Shard, ShardResult, Source, Tally
from boltz_keyscan.sources import _git, index
from boltz_keyscan.sources.blob import CHUNK, Window
from boltz_keyscan.sources.bulk import bulk, release
from boltz_keyscan.sources.known import Entries, Known
from boltz_keyscan.sources.objects import CORRUPT, ObjectReader
from boltz_keyscan.sources.repository import References, Repository, references
from boltz_keyscan.sources.store import Opened, prepare
from boltz_keyscan.sources.trace import Tracer

SHARD_BYTES = 64 << 20
"""Bytes of objects in a shard: seconds of work, so that cores end together."""

SHARD_OBJECTS = 50_000
"""Objects in a shard: bounds the listing a worker holds."""

_LIST_FORMAT = "--batch-check=%(objectname) %(objecttype) %(objectsize)"


@dataclass(frozen=True, slots=True)
class ObjectShard:
    """A run of objects in pack order."""

    view: _git.View
    where: str
    listing: bytes
    """Lines of ``id type size``."""
    weight: int
    """Bytes of the objects."""

    def scan(self, detector: Detector) -> ShardResult:
        """Read the run as one stream; object by object where that stream is not whole."""
        words = self.listing.split()
        oids, sizes = words[0::3], list(map(int, words[2::3]))
        size = len(self.listing) + sum(sizes) + len(oids)
        offsets = bulk(self.view).sniff(oids, size, Window(detector.overlap), detector)
        if offsets is None:
            release()
            suspects: Iterable[int] = range(len(oids))
        else:
            suspects = self._holding(offsets, sizes) if offsets else ()
        hits: list[Hit] = []
        gaps: list[Gap] = []
        if suspects:
            with ObjectReader(self.view, self.where) as reader:
                for number in suspects:
                    oid, kind = oids[number].decode(), words[3 * number + 1].decode()
                    found, missed = reader.examine(oid, kind, sizes[number], detector)
                    hits += found
                    gaps += missed
        lost = len({gap.where for gap in gaps if gap.reason == "corrupt-object"})
        tally = Tally(blobs=len(oids) - lost, bytes=sum(sizes), commits=self.listing.count(b" commit "))
        return ShardResult(tuple(hits), tuple(gaps), tally)

    def _holding(self, offsets: Sequence[int], sizes: Sequence[int]) -> list[int]:
        """The numbers of the objects that stand at these offsets of the stream."""
        lines = self.listing.splitlines(keepends=True)
        ends = list(
            itertools.accumulate(len(line) + size + 1 for line, size in zip(lines, sizes, strict=True))
        )
        return sorted({bisect.bisect_right(ends, offset) for offset in offsets})


@dataclass(slots=True)
class _Pending:
    """Lines of a listing that wait until they make a shard."""

    lines: list[bytes] = field(default_factory=list)
    weight: int = 0

    def add(self, lines: list[bytes]) -> Iterator[tuple[bytes, int]]:
        """Take more lines; the shards they complete, with their weights."""
        ends = list(itertools.accumulate(int(line.rpartition(b" ")[2]) for line in lines))
        start, passed = 0, 0
        while start < len(lines):
            stop = bisect.bisect_left(ends, passed + SHARD_BYTES - self.weight, start) + 1
            stop = min(stop, start + SHARD_OBJECTS - len(self.lines))
            self.lines += lines[start:stop]
            taken = ends[min(stop, len(lines)) - 1]
            self.weight += taken - passed
            start, passed = stop, taken
            if self.weight >= SHARD_BYTES or len(self.lines) >= SHARD_OBJECTS:
                yield from self.rest()

    def rest(self) -> Iterator[tuple[bytes, int]]:
        """What is waiting, as a shard, if anything is."""
        if self.lines:
            yield b"\n".join((*self.lines, b"")), self.weight
            self.lines, self.weight = [], 0


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
    _opened: Opened | None = field(default=None, init=False)
    _references: References | None = field(default=None, init=False)
    _commits: list[bytes] = field(default_factory=list, init=False)
    """Ids of all commits in the store, in binary: 20 bytes each where hex would take 97."""

    def shards(self) -> Iterator[Shard | Source]:
        """Names first, then the objects as git lists them."""
        opened = self.opened()
        yield Known(ShardResult(gaps=opened.gaps))
        if opened.view is None:
            return
        self._references = references(self.repository)
        broken = tuple(
            Gap(self.where, "reference-unreadable", f"{name.decode('utf-8', 'backslashreplace')}: {why}")
            for name, why in self._references.broken
        )
        yield Known(ShardResult(gaps=broken, tally=Tally(refs=len(self._references.tips))))
        tips = ((self.prefix + b".git/" + name, name.split(b"/")) for name, _ in self._references.tips)
        yield Entries(self.where, "ref", tuple((path, part) for path, parts in tips for part in parts))
        yield from self._objects(opened.view)
        yield Known(self._missing(opened.view, self._references, partial=opened.partial))
        yield from self._index(opened.view)

    def opened(self) -> Opened:
        """The repository made ready for git, once; without a view when it cannot be."""
        if self._opened is None:
            try:
                _git.executable()
                self._opened = prepare(self.repository, self.allowed, self.where)
            except GitError as error:
                gap = Gap(self.where, "git-unusable", f"history not read: {error.message}; {error.hint}")
                self._opened = Opened(None, (gap,), partial=False)
            except OSError as error:
                gap = Gap(self.where, "object-store", f"history not read: {error.strerror}")
                self._opened = Opened(None, (gap,), partial=False)
        return self._opened

    def _objects(self, view: _git.View) -> Iterator[Shard]:
        count = 0
        rest = b""
        pending = _Pending()
        broken: list[Gap] = []
        arguments = ("cat-file", "--batch-all-objects", "--unordered", _LIST_FORMAT)
        with _git.Child(view, *arguments) as child:
            while chunk := child.output.read(CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                if any(line.endswith(b" missing") for line in lines):
                    broken += [self._corrupt(line) for line in lines if line.endswith(b" missing")]
                    lines = [line for line in lines if not line.endswith(b" missing")]
                count += len(lines)
                self._note_commits(lines)
                for listing, weight in pending.add(lines):
                    yield ObjectShard(view, self.where, listing, weight)
            told = child.finish()
        for listing, weight in pending.rest():
            yield ObjectShard(view, self.where, listing, weight)
        release()
        gaps = broken
        if told and not broken:
            gaps.append(
                Gap(self.where, "object-store", f"git could not list all objects: {told.splitlines()[0]}")
            )
        elif count == 0 and self._references is not None and self._references.tips:
            gaps.append(Gap(self.where, "no-objects", "it has references but no object that git can read"))
        if gaps:
            yield Known(ShardResult(gaps=tuple(gaps)))

    def _missing(self, view: _git.View, refs: References, *, partial: bool) -> ShardResult:
        """References that lead nowhere; and, in a partial clone, how many objects were left out."""
        # ORIG_HEAD and its like may outlive what they name.
        tips = [(name, oid) for name, oid in refs.tips if name == b"HEAD" or b"refs/" in name]
        lines = [oid.encode() + b"\n" for _, oid in tips]
        answer, _ = _git.run(view, "cat-file", "--batch-check", lines=lines)
        gone = {line.split()[0].decode() for line in answer.splitlines() if line.endswith(b" missing")}
        gaps = [
            Gap(
                self.where,
                "reference-broken",
                f"{name.decode('utf-8', 'backslashreplace')}: git cannot read {oid}",
            )
            for name, oid in tips
            if oid in gone
        ]
        if not partial:
            return ShardResult(gaps=tuple(gaps))
        starts = [line for line in lines if line.strip().decode() not in gone]
        if refs.opaque:
            starts += [oid.hex().encode() + b"\n" for oid in self._commit_ids(view.id_bytes)]
        answer, told = _git.run(
            view, "rev-list", "--objects", "--missing=print", "--quiet", "--stdin", lines=starts
        )
        missing = answer.count(b"?")
        if told:
            detail = f"what was left out when it was cloned could not be counted: {told.splitlines()[0]}"
            gaps.append(Gap(self.where, "partial-clone", detail))
        elif missing:
            detail = f"objects left out when it was cloned: {missing}; a clone without --filter has them"
            gaps.append(Gap(self.where, "partial-clone", detail, by_design=True))
        return ShardResult(gaps=tuple(gaps), tally=Tally(objects_missing=missing))

    def _corrupt(self, line: bytes) -> Gap:
        """The gap for an object of which git could not even tell the size."""
        oid = line.split()[0].decode("ascii", "replace")
        return Gap(f"{self.where}: object {oid}", "corrupt-object", CORRUPT)

    def _commit_ids(self, size: int) -> Iterator[bytes]:
        for run in self._commits:
            yield from (run[at : at + size] for at in range(0, len(run), size))

    def _note_commits(self, lines: list[bytes]) -> None:
        oids = b"".join(line.partition(b" ")[0] for line in lines if b" commit " in line)
        self._commits.append(bytes.fromhex(oids.decode("ascii")))

    def _index(self, view: _git.View) -> Iterator[Shard]:
        """The path names staged but not committed yet: no tree holds them."""
        if view.index is None:
            return
        try:
            head = self._references.head if self._references is not None else None
            names = tuple((self.prefix + entry.path, entry.path) for entry in index.changed(view, head))
        except GitError as error:
            detail = f"git cannot read the index: {error.message.splitlines()[0]}"
            yield Known(ShardResult(gaps=(Gap(self.where, "index-unreadable", detail),)))
            return
        yield Entries(self.where, "index", names)

    def locate(self, hits: Sequence[Hit], detector: Detector) -> Located:
        """Commit, path and exposure of each hit."""
        opened = self.opened()
        if opened.view is None or self._references is None:
            return Located()
        tracer = Tracer(opened.view, self._references, self._commits, self.prefix, self.where, opened.partial)
        return tracer.trace(hits, detector)
