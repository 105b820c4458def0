"""Which worker opens an archive: the one that keeps its content, until the end."""

from __future__ import annotations

from boltz_keyscan.model.finding import Origin
from boltz_keyscan.sources.archives.shard import ContainerShard, InBuffer
from boltz_keyscan.workers.archive_queue import ArchiveQueue, Batch


def container(name: bytes) -> ContainerShard:
    return ContainerShard(InBuffer(name), len(name), ((Origin(name), name.decode()),))


def names(batch: Batch | None) -> list[bytes]:
    shards = batch.shards if batch is not None else ()
    return [shard.order[0] for shard in shards]


def queue() -> ArchiveQueue:
    filled = ArchiveQueue()
    filled.add(0, map(container, (b"c", b"a")), worker=1)
    filled.add(0, map(container, (b"b", b"d")), worker=2)
    filled.add(0, map(container, (b"e",)))
    return filled


def test_a_worker_opens_what_it_found_and_then_what_any_may_open() -> None:
    filled = queue()
    assert names(filled.next_batch(2)) == [b"b", b"d"]
    assert names(filled.next_batch(2)) == [b"e"]
    assert names(filled.next_batch(2)) == []
    assert names(filled.next_batch(1)) == [b"c", b"a"]


def test_at_the_end_any_worker_opens_what_is_left_in_the_order_of_the_budget() -> None:
    filled = queue()
    filled.sort()
    assert names(filled.next_batch()) == [b"a", b"b", b"c", b"d", b"e"]
