"""Shards of a store's objects, each scanned as one stream out of ``git cat-file``.

A listing of ids and sizes has the form of git's headers, so the stream holds for each
object exactly its line of the listing, its bytes and a LF, and the offset of a hit gives
its object by arithmetic; no Python runs per object. Objects with a hit are read again,
one by one, for the exact pass.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence

from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, Shard, ShardResult, Tally
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.objects.listing import SHARD_BYTES
from boltz_keyscan.sources.git.objects.reader import ObjectReader
from boltz_keyscan.sources.git.objects.stream import open_stream, release
from boltz_keyscan.sources.git.run import command as git

_MAX_STREAM_BYTES = SHARD_BYTES + (32 << 20)
"""Bytes of objects and listing that are read as one stream; a huge object can make a shard larger."""


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
        size = len(self.listing) + sum(sizes) + len(oids)
        suspects: Sequence[int] = range(len(oids))
        containers: set[int] = set()
        if size <= _MAX_STREAM_BYTES:
            stream = open_stream(self.view)
            offsets = stream.candidate_offsets(oids, size, detector)
            if offsets is None:
                release()
            else:
                suspects = self._objects_at(offsets, sizes) if offsets else ()
                headers = list(map(len, self.listing.splitlines(keepends=True)))
                containers = set(stream.containers(headers, sizes, [kind == b"blob" for kind in words[1::3]]))
        hits: list[Hit] = []
        gaps: list[Gap] = []
        if suspects:
            with ObjectReader(self.view, self.where) as reader:
                for done, number in enumerate(suspects):
                    if reader.timeout_error:
                        detail = f"objects not read: {len(suspects) - done}; {reader.timeout_error}"
                        gaps.append(Gap(self.where, "timed-out", detail))
                        break
                    oid, kind = oids[number].decode(), words[3 * number + 1].decode()
                    new_hits, new_gaps = reader.scan(oid, kind, sizes[number], detector)
                    hits += new_hits
                    gaps += new_gaps
                    if reader.container and kind == "blob":
                        # A database whose bytes show all rows is opened only to name the row of a key.
                        containers.add(number)
        more = tuple(
            container_shard(self.view, self.where, oids[number].decode(), sizes[number], hits)
            for number in sorted(containers)
        )
        corrupt = len({gap.where for gap in gaps if gap.reason == "corrupt-object"})
        tally = Tally(blobs=len(oids) - corrupt, bytes=sum(sizes), commits=self.listing.count(b" commit "))
        return ShardResult(tuple(hits), tuple(gaps), tally, more=more)

    def _objects_at(self, offsets: Sequence[int], sizes: Sequence[int]) -> list[int]:
        """Return the numbers of the objects at these offsets of the stream."""
        lines = self.listing.splitlines(keepends=True)
        ends = list(
            itertools.accumulate(len(line) + size + 1 for line, size in zip(lines, sizes, strict=True))
        )
        return sorted({bisect.bisect_right(ends, offset) for offset in offsets})


def container_shard(
    view: git.RepoView, where: str, oid: str, size: int, hits: Sequence[Hit], *, content: bytes | None = None
) -> Shard:
    """Return the shard that opens a blob as a container.

    Args:
        view: view of the store.
        where: name of the store in gaps.
        oid: object id.
        size: bytes of the blob.
        hits: hits in its own bytes.
        content: its bytes, which the shard takes along if they are few.
    """
    from boltz_keyscan.sources.archives.shard import MAX_CARRIED_BYTES, ContainerShard  # noqa: PLC0415 - many histories have none
    from boltz_keyscan.sources.git.objects.container import InStore  # noqa: PLC0415 - as above

    origin = Origin(b"", oid=oid, kind="blob")
    seen = tuple((hit.match.offset, hit.match.fingerprint) for hit in hits if hit.origin == origin)
    carried = content if size <= MAX_CARRIED_BYTES else None
    return ContainerShard(
        InStore(view, oid), size, ((origin, f"{where}: blob {oid}"),), seen, content=carried
    )
