"""Workers of one run, for the shards of sources and for the archives found in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Self, TypeAlias

from boltz_keyscan.model.finding import Detector, Gap, Shard, ShardResult
from boltz_keyscan.records import replace
from boltz_keyscan.sources.archives.limits import RUN_LIMITS, Limits
from boltz_keyscan.workers.archive_queue import ArchiveQueue, Batch
from boltz_keyscan.workers.pool import Job, Pool, Results
from boltz_keyscan.workers.process import can_copy

Numbered: TypeAlias = tuple[int, ShardResult]

MIN_BYTES_SPAWNED = 48 << 20
"""Bytes from which workers are faster, when they are new processes."""


def is_worthwhile(weight: int) -> bool:
    """Return True if workers are faster for so many bytes."""
    return can_copy() or weight > MIN_BYTES_SPAWNED


class ScanPool:
    """Workers of one run. Use as a context manager: they end with it.

    Archives are opened as they are found, beside the shards: by all workers once there are any, and before
    that by one. What is left is opened at the end.

    Args:
        detector: detector of the workers.
        jobs: number of processes.
        limits: budget of all archives.
    """

    def __init__(self, detector: Detector, jobs: int, limits: Limits = RUN_LIMITS) -> None:
        self._pool = Pool(detector)
        self._jobs = jobs
        self._queue = ArchiveQueue(limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.__exit__(*error)

    @property
    def archives(self) -> int:
        """Number of archives found so far."""
        return len(self._queue.work)

    def scan(self, work: Iterable[tuple[int, Shard]]) -> Iterator[Numbered]:
        """Yield the results of shards as they arrive, each with the number of its source."""
        self._pool.start(self._jobs)
        for job, result in self._pool.results(map(_job, work)):
            if not self._record(job, result):
                self._queue.add(job.number, result.more, job.worker)
                yield job.number, replace(result, more=())
                self._feed()

    def add(self, number: int, archives: Iterable[Shard]) -> None:
        """Add archives of a source, and go on with those that were added."""
        self._queue.add(number, archives)
        # A new Python takes longer than most archives, and all its time if there is one processor.
        if not self._pool.is_started and self._jobs > 1 and can_copy():
            self._pool.start(1)
        self._feed()

    def advance(self) -> None:
        """Record the archives that were opened meanwhile, and send more to the workers."""
        if self._pool.is_started:
            for job, result in self._pool.ready():
                self._record(job, result)

    def open_archives(self) -> Iterator[Numbered]:
        """Yield the results of all archives within the budget, each with the number of its source."""
        self._queue.sort()
        batches = list(iter(self._queue.next_batch, None))
        self._pool.start(min(self._jobs, len(batches)))
        yield from self._queue.within_budget(
            self._arrivals(self._pool.results(batch.job for batch in batches))
        )

    def _arrivals(self, results: Results) -> Iterator[None]:
        for job, result in results:
            self._record(job, result)
            yield

    def _record(self, job: Job, result: ShardResult) -> bool:
        """Record the result of a batch of archives; return False for another shard."""
        if not isinstance(job.shard, Batch):
            return False
        self._queue.record(job.shard, result)
        self._feed()
        return True

    def _feed(self) -> None:
        """Send archives to the workers while one of them has nothing to do after its current job."""
        for worker in self._pool.free_workers:
            if batch := self._queue.next_batch(worker):
                self._pool.assign(batch.job, worker)


def _job(numbered: tuple[int, Shard]) -> Job:
    number, shard = numbered
    return Job(number, shard, partial(_lost, shard), inline=not shard.weight)


def _lost(shard: Shard, reason: str, detail: str) -> ShardResult:
    return ShardResult(gaps=(Gap(getattr(shard, "where", "part of the scan"), reason, detail),))
