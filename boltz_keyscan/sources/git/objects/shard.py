"""Shards of a store's objects, each scanned as one stream out of ``git cat-file``.

A listing of ids and sizes has the form of git's headers, so the stream holds for each
object exactly its line of the listing, its bytes and a LF, and the offset of a hit gives
its object by arithmetic; no Python runs per object. Objects with a hit are taken out of the
stream for the exact pass; large ones are read again, one by one.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence

from boltz_keyscan.errors import GitError
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, Shard, ShardResult, Tally
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources import signatures
from boltz_keyscan.sources.git.objects.listing import SHARD_OBJECTS
from boltz_keyscan.sources.git.objects.reader import ObjectReader, hash_mismatch_gap, scan_object
from boltz_keyscan.sources.git.objects.stream import ObjectStream, open_stream, release
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import UNEXPECTED_OUTPUT, parsing_git_output

SHARD_BYTES = 64 << 20
"""Bytes of objects in a shard: a tenth of a second of work, so that all cores finish together."""

_MAX_STREAM_BYTES = SHARD_BYTES + (32 << 20)
"""Bytes of objects and listing that are read as one stream; a huge object can make a shard larger."""

_MAX_TAKEN_BYTES = 8 << 20
"""Bytes of the largest object that is taken out of the stream: a copy of it is in memory."""


@dataclass(frozen=True, slots=True)
class ObjectShard:
    """Consecutive objects in pack order."""

    view: git.RepoView
    where: str
    listing: bytes
    """Lines of ``id type size``."""
    weight: int
    """Bytes of the objects."""

    def scan(self, detector: Detector) -> ShardResult:
        """Scan the objects as one stream, or one by one if the stream is incomplete."""
        words = self.listing.split()
        if len(words) != 3 * self.listing.count(b"\n") or not all(map(bytes.isdigit, words[2::3])):
            detail = "git's list of objects has an unexpected form"
            return ShardResult(gaps=(Gap(self.where, "object-store", detail),))
        oids, sizes = words[0::3], list(map(int, words[2::3]))
        suspects, containers, taken = self._search(words, sizes, detector)
        hits: list[Hit] = []
        gaps: list[Gap] = []
        # git starts with the first object that is read again.
        with ObjectReader(self.view, self.where) as reader:
            for done, number in enumerate(suspects):
                if reader.timeout_error:
                    detail = f"objects not read: {len(suspects) - done}; {reader.timeout_error}"
                    gaps.append(Gap(self.where, "timed-out", detail))
                    break
                oid, kind = oids[number].decode(), words[3 * number + 1].decode()
                if (content := taken.content(number, _MAX_TAKEN_BYTES)) is not None:
                    new_hits, new_gaps = scan_object(oid, kind, content, detector, self.where)
                    new_gaps += hash_mismatch_gap(oid, kind, content, self.where)
                    is_container = signatures.is_container_head(content[: signatures.HEAD])
                else:
                    new_hits, new_gaps = reader.scan(oid, kind, sizes[number], detector)
                    is_container = reader.container
                hits += new_hits
                gaps += new_gaps
                if is_container and kind == "blob":
                    # A database whose bytes show all rows is opened only to name the row of a key.
                    containers.add(number)
        more = self._containers(
            [(number, oids[number].decode()) for number in sorted(containers)], taken, hits
        )
        corrupt = len({gap.where for gap in gaps if gap.reason == "corrupt-object"})
        tally = Tally(blobs=len(oids) - corrupt, bytes=sum(sizes), commits=self.listing.count(b" commit "))
        return ShardResult(tuple(hits), tuple(gaps), tally, more=more)

    def _search(
        self, words: Sequence[bytes], sizes: Sequence[int], detector: Detector
    ) -> tuple[Sequence[int], set[int], _Taken]:
        """Search the objects as one stream.

        Returns:
            The numbers of the objects with candidates, or of all if the stream is incomplete; those of
            containers; the objects of the stream.
        """
        size = len(self.listing) + sum(sizes) + len(sizes)
        if size <= _MAX_STREAM_BYTES:
            stream = open_stream(self.view)
            offsets = stream.candidate_offsets(words[0::3], size, detector)
            if offsets is not None:
                headers = list(map(len, self.listing.splitlines(keepends=True)))
                starts = signatures.list_blob_starts(headers, sizes)
                suspects = _objects_at(offsets, starts, sizes) if offsets else []
                blobs = [kind == b"blob" for kind in words[1::3]]
                containers = set(stream.containers(starts, sizes, blobs))
                return suspects, containers, _Taken(stream, starts, sizes)
            release()
        return range(len(sizes)), set(), _Taken(None, (), sizes)

    def _containers(
        self, found: Sequence[tuple[int, str]], taken: _Taken, hits: Sequence[Hit]
    ) -> tuple[Shard, ...]:
        """Return the shards of containers, given by number and id; small ones take their content along."""
        if not found:
            return ()
        from boltz_keyscan.sources.archives.shard import MAX_CARRIED_BYTES  # noqa: PLC0415 - as below

        return tuple(
            container_shard(
                self.view,
                self.where,
                oid,
                taken.sizes[number],
                hits,
                content=taken.content(number, MAX_CARRIED_BYTES),
            )
            for number, oid in found
        )


def _objects_at(offsets: Sequence[int], starts: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """Return the numbers of the objects at these offsets of a stream, each with its header and a LF."""
    ends = [start + size + 1 for start, size in zip(starts, sizes, strict=True)]
    return sorted({bisect.bisect_right(ends, offset) for offset in offsets})


@dataclass(slots=True)
class Pending:
    """Lines of a listing, collected until they make a shard."""

    view: git.RepoView
    where: str
    lines: list[bytes] = field(default_factory=list, init=False)
    weight: int = field(default=0, init=False)

    def add(self, text: bytes) -> Iterator[ObjectShard]:
        """Add lines and yield the shards they complete.

        Raises:
            GitError: the text is no listing.
        """
        lines = text.splitlines(keepends=True)
        with parsing_git_output():
            ends = list(itertools.accumulate(map(int, text.split()[2::3])))
        if len(ends) != len(lines):
            raise GitError(UNEXPECTED_OUTPUT)
        start, passed = 0, 0
        while start < len(lines):
            stop = bisect.bisect_left(ends, passed + SHARD_BYTES - self.weight, start) + 1
            stop = min(stop, start + SHARD_OBJECTS - len(self.lines))
            self.lines += lines[start:stop]
            end = ends[min(stop, len(lines)) - 1]
            self.weight += end - passed
            start, passed = stop, end
            if self.weight >= SHARD_BYTES or len(self.lines) >= SHARD_OBJECTS:
                yield from self.flush()

    def flush(self) -> Iterator[ObjectShard]:
        """Yield the collected lines as a shard, if there are any."""
        if self.lines:
            yield ObjectShard(self.view, self.where, b"".join(self.lines), self.weight)
            self.lines, self.weight = [], 0


@dataclass(frozen=True, slots=True)
class _Taken:
    """The objects of the last stream."""

    stream: ObjectStream | None
    """None if there was no whole stream."""
    starts: Sequence[int]
    sizes: Sequence[int]

    def content(self, number: int, most: int) -> bytes | None:
        """Return the bytes of an object; None if it has more than ``most``, or was not in a stream."""
        if self.stream is None or self.sizes[number] > most:
            return None
        return self.stream.content(self.starts[number], self.sizes[number])


def container_shard(
    view: git.RepoView, where: str, oid: str, size: int, hits: Sequence[Hit], *, content: bytes | None
) -> Shard:
    """Return the shard that opens a blob as a container.

    Args:
        view: view of the store.
        where: name of the store in gaps.
        oid: object id.
        size: bytes of the blob.
        hits: hits in its own bytes.
        content: its bytes, which this process keeps until it is opened, if they are few.
    """
    from boltz_keyscan.sources.archives.shard import ContainerShard, found_content  # noqa: PLC0415 - many histories have none
    from boltz_keyscan.sources.git.objects.container import InStore  # noqa: PLC0415 - as above

    origin = Origin(b"", oid=oid, kind="blob")
    seen = tuple(hit.match for hit in hits if hit.origin == origin)
    place = InStore(view, oid)
    if content is not None:
        found_content.put(place, content)
    return ContainerShard(place, size, ((origin, f"{where}: blob {oid}"),), seen)
