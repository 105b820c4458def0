"""Archives of a run: queue, batches and budget.

Each is opened in a worker process, so a crash or a hang is contained. The budget is applied in an order
that does not depend on the number of processes or on the time at which an archive was opened.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import cast

from boltz_keyscan.model.finding import Detector, Shard, ShardResult
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.archives.limits import RUN_LIMITS, BudgetExceededError, Limits, Meter
from boltz_keyscan.sources.archives.shard import ContainerShard, scan_all
from boltz_keyscan.sources.shards import ResultShard
from boltz_keyscan.workers.pool import Job

MAX_HELD_BYTES = 64 << 20
"""Content that waits in this process for a worker; git reads the rest again."""

ANY = 0
"""Number of no worker: any may open an archive."""

_BATCH_ARCHIVES = 32
_BATCH_BYTES = 1 << 20
"""Size of a batch. Archives that follow each other share one up to it."""

_BATCH_SECONDS = 30.0
"""Time limit of a batch, which takes milliseconds; an archive alone has its own limit."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Small archives in one message to a worker."""

    indexes: tuple[int, ...]
    """Positions of its shards in the queue."""
    shards: tuple[ContainerShard, ...]
    weight: int

    @property
    def job(self) -> Job:
        """The job of a worker."""
        longest = max(shard.seconds for shard in self.shards)
        seconds = longest if len(self.shards) == 1 else min(longest, _BATCH_SECONDS)
        return Job(0, self, self.lost, seconds)

    def scan(self, detector: Detector) -> ShardResult:
        """Scan each archive; ``more`` has the results."""
        return ShardResult(more=tuple(map(ResultShard, scan_all(self.shards, detector))))

    def lost(self, reason: str, detail: str) -> ShardResult:
        """Return the result of an archive whose worker failed; none for several, which are opened alone."""
        if len(self.shards) > 1:
            return ShardResult()
        return ShardResult(more=(ResultShard(self.shards[0].lost(reason, detail)),))


@dataclass(slots=True)
class ArchiveQueue:
    """Archives of a run, and the results of those that were opened."""

    limits: Limits = RUN_LIMITS
    work: list[tuple[int, ContainerShard]] = field(default_factory=list)
    """Archives in the order in which they were found, with the number of their source."""
    _pending: dict[int, deque[int]] = field(default_factory=dict)
    """Archives not sent to a worker, by the number of the worker that keeps their content."""
    _alone: deque[int] = field(default_factory=deque)
    """Archives of a batch that failed."""
    _results: dict[int, ShardResult] = field(default_factory=dict)
    _held: int = 0
    _early_members: int = 0
    _early_output: int = 0
    _is_sorted: bool = False

    def add(self, number: int, shards: Iterable[Shard], worker: int = ANY) -> None:
        """Add archives of a source; they keep their content while there is room.

        Args:
            number: number of the source.
            shards: the archives.
            worker: the worker that found them, which keeps their content.
        """
        for shard in cast("Iterable[ContainerShard]", shards):
            kept = shard.with_content() if worker == ANY else shard
            if self._held + kept.carried > MAX_HELD_BYTES:
                kept = shard.without_content()
            self._held += kept.carried
            self._pending.setdefault(worker, deque()).append(len(self.work))
            self.work.append((number, kept))

    def sort(self) -> None:
        """Sort the archives that were not opened: from here on they are opened in the order of the budget."""
        pending = itertools.chain.from_iterable(self._pending.values())
        self._pending = {ANY: deque(sorted(pending, key=self._order))}
        self._is_sorted = True

    def next_batch(self, worker: int = ANY) -> Batch | None:
        """Return the next archives for a worker; None for none or, before ``sort``, because of the budget."""
        if not self._is_sorted and (
            self._early_members > self.limits.members or self._early_output > self.limits.slack
        ):
            return None
        if self._alone:
            index = self._alone.popleft()
            shard = self.work[index][1]
            return Batch((index,), (shard,), shard.weight)
        chosen: list[int] = []
        weight = 0
        pending = self._pending.get(worker) or self._pending.get(ANY) or deque()
        while pending and len(chosen) < _BATCH_ARCHIVES:
            size = self.work[pending[0]][1].weight
            if chosen and weight + size > _BATCH_BYTES:
                break
            weight += size
            chosen.append(pending.popleft())
        shards = tuple(self.work[index][1] for index in chosen)
        return Batch(tuple(chosen), shards, weight) if chosen else None

    def record(self, batch: Batch, result: ShardResult) -> None:
        """Record the result of a batch; the archives of one that failed are opened alone."""
        if not result.more:
            self._alone += batch.indexes
        for index, opened in zip(batch.indexes, result.more, strict=False):
            number, shard = self.work[index]
            self._held -= shard.carried
            self.work[index] = number, shard.without_content()
            found = cast("ResultShard", opened).result
            self._early_members += found.unpacked[0]
            self._early_output += found.unpacked[1]
            self._results[index] = found

    def within_budget(self, arrivals: Iterator[object]) -> Iterator[tuple[int, ShardResult]]:
        """Yield results with the number of their source until the run's budget is spent.

        Args:
            arrivals: opens the archives that are left; after each item some are recorded.
        """
        order = sorted(range(len(self.work)), key=self._order)
        meter = Meter(self.limits, sum(shard.weight for _, shard in self.work))
        done = 0
        try:
            while done < len(order):
                while done < len(order) and order[done] in self._results:
                    result = self._results.pop(order[done])
                    yield self.work[order[done]][0], result
                    done += 1
                    meter.add_members(result.unpacked[0])
                    meter.add_output(result.unpacked[1])
                if done < len(order):
                    next(arrivals)
        except BudgetExceededError as error:
            for index in order[done:]:
                number, shard = self.work[index]
                detail = "not opened: the containers before it used up the budget of this run"
                yield number, shard.lost(error.reason, detail)

    def _order(self, index: int) -> tuple[int, tuple[bytes, str], int]:
        number, shard = self.work[index]
        return number, shard.order, index
