"""Every object in an object store, read once, in pack order.

Objects, not patches: a patch walk never shows merge resolutions, stashes, dangling
commits, staged blobs, tag messages or files marked binary. git lists ids and sizes,
the list is cut by bytes into shards, and each shard is one long stream out of
``git cat-file --batch``. The listing is fed back as the header format, so the stream
holds for each object exactly its line of the listing, its bytes and a LF, and the
offset of a hit gives its object by arithmetic; no Python runs per object. Objects with
a hit are read again, one by one, for the exact pass.

Boundary: content and names only; what a hit's commit and path are is ``trace``.
"""

from __future__ import annotations

import bisect
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from boltz_keyscan.errors import GitError
from boltz_keyscan.model import Detector, Gap, Hit, Located, Shard, Source, ShardResult, Tally
from boltz_keyscan.sources import _git, index
from boltz_keyscan.sources.blob import CHUNK, Window
from boltz_keyscan.sources.known import Entries, Known
from boltz_keyscan.sources.objects import CORRUPT, ObjectReader
from boltz_keyscan.sources.repository import Opened, References, Repository, prepare, references
from boltz_keyscan.sources.trace import Tracer

SHARD_BYTES = 64 << 20
"""Bytes of objects in a shard: seconds of work, so that cores end together."""

SHARD_OBJECTS = 50_000
"""Objects in a shard: bounds the listing a worker holds."""

_LIST_FORMAT = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
_ECHO_FORMAT = "--batch=%(objectname) %(rest)"


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
        lines = self.listing.splitlines(keepends=True)
        sizes = [int(line.rsplit(b" ", 1)[1]) for line in lines]
        starts = [0, *itertools.accumulate(len(line) + size + 1 for line, size in zip(lines, sizes, strict=True))]
        with (
            _git.spooled([self.listing]) as stdin,
            _git.Child(self.view, "cat-file", _ECHO_FORMAT, "--buffer", stdin=stdin) as child,
        ):
            total, offsets = Window(detector.overlap).sniff(child.output, detector)
            told = child.finish()
        whole = total == starts[-1] and not told
        suspects = sorted({bisect.bisect_right(starts, at) - 1 for at in offsets}) if whole else range(len(lines))
        hits: list[Hit] = []
        gaps: list[Gap] = []
        if suspects:
            with ObjectReader(self.view, self.where) as reader:
                for number in suspects:
                    oid, kind, size = lines[number].split()
                    found, missed = reader.examine(oid.decode(), kind.decode(), int(size), detector)
                    hits += found
                    gaps += missed
        commits = sum(b" commit " in line for line in lines)
        lost = len({gap.where for gap in gaps if gap.reason == "corrupt-object"})
        tally = Tally(blobs=len(lines) - lost, bytes=sum(sizes), commits=commits)
        return ShardResult(tuple(hits), tuple(gaps), tally)


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
    _commits: IO[bytes] | None = field(default=None, init=False)

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
        names = tuple((self.prefix + b".git/" + name, name) for name, _ in self._references.tips)
        yield Entries(self.where, "ref", names)
        self._commits = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the source
        yield from self._objects(opened.view)
        yield from self._index(opened.view)

    def opened(self) -> Opened:
        """The repository made ready for git, once; without a view when it cannot be."""
        if self._opened is None:
            try:
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
        pending: list[bytes] = []
        weight = 0
        broken: list[Gap] = []
        arguments = ("cat-file", "--batch-all-objects", "--unordered", _LIST_FORMAT)
        with _git.Child(view, *arguments) as child:
            while chunk := child.output.read(CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    size = line.rsplit(b" ", 1)[1]
                    if not size.isdigit():
                        broken.append(self._corrupt(line))
                        continue
                    pending.append(line)
                    weight += int(size)
                    if weight >= SHARD_BYTES or len(pending) >= SHARD_OBJECTS:
                        count += len(pending)
                        yield self._shard(view, pending, weight)
                        pending, weight = [], 0
            told = child.finish()
        if pending:
            count += len(pending)
            yield self._shard(view, pending, weight)
        gaps = broken
        if told and not broken:
            gaps.append(Gap(self.where, "object-store", f"git could not list all objects: {told.splitlines()[0]}"))
        elif count == 0 and self._references is not None and self._references.tips:
            gaps.append(Gap(self.where, "no-objects", "it has references but no object that git can read"))
        if gaps:
            yield Known(ShardResult(gaps=tuple(gaps)))

    def _corrupt(self, line: bytes) -> Gap:
        """The gap for an object of which git could not even tell the size."""
        oid = line.split()[0].decode("ascii", "replace")
        return Gap(f"{self.where}: object {oid}", "corrupt-object", CORRUPT)

    def _shard(self, view: _git.View, lines: list[bytes], weight: int) -> ObjectShard:
        if self._commits is not None:
            self._commits.writelines(line[: line.index(b" ") + 1] for line in lines if b" commit " in line)
        return ObjectShard(view, self.where, b"\n".join(lines) + b"\n", weight)

    def _index(self, view: _git.View) -> Iterator[Shard]:
        """The path names staged but not committed yet: no tree holds them."""
        if view.index is None:
            return
        try:
            head = self._references.head if self._references is not None else None
            names = tuple((self.prefix + name, name) for name, _ in index.changed(view, head))
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
