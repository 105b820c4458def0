"""Pool for archives: each is opened in a worker process, so a crash or a hang is contained.

It also applies the budget of a run, in an order that does not depend on the number of processes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from boltz_keyscan.model.finding import Detector, Shard, ShardResult
from boltz_keyscan.sources.archives.limits import RUN_LIMITS, BudgetExceededError, Limits, Meter
from boltz_keyscan.sources.archives.shard import ContainerShard, scan_all
from boltz_keyscan.sources.shards import ResultShard
from boltz_keyscan.workers import pool

MAX_HELD_BYTES = 64 << 20
"""Content that waits in this process for a worker; git reads the rest again."""

_BATCH_ARCHIVES = 32
_BATCH_BYTES = 1 << 20
"""Size of a batch. Archives that follow each other share one up to it."""

_BATCH_SECONDS = 30.0
"""Time limit of a batch, which takes milliseconds; an archive alone has its own limit."""


class Isolated(Protocol):
    """A shard that may crash or hang its process."""

    @property
    def seconds(self) -> float:
        """Time limit in seconds."""

    @property
    def weight(self) -> int:
        """Approximate size in bytes."""

    @property
    def order(self) -> tuple[bytes, str]:
        """Sort key among the shards of a source."""

    def lost(self, reason: str, detail: str) -> ShardResult:
        """Return the result to report when the process ended without one."""


@dataclass(slots=True)
class ArchiveQueue:
    """Archives to open after everything else."""

    work: list[tuple[int, Shard]] = field(default_factory=list)
    _held: int = 0

    def add(self, number: int, shards: Iterable[Shard]) -> None:
        """Add archives of a source; they keep their content while there is room."""
        for shard in shards:
            match shard:
                case ContainerShard(carried=carried) if carried:
                    self._held += carried
                    kept = shard if self._held <= MAX_HELD_BYTES else shard.without_content()
                    self.work.append((number, kept))
                case _:
                    self.work.append((number, shard))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Small archives in one message to a worker."""

    first: int
    """Index of its first shard."""
    shards: tuple[Isolated, ...]

    @property
    def seconds(self) -> float:
        """Time limit in seconds."""
        longest = max(shard.seconds for shard in self.shards)
        return longest if len(self.shards) == 1 else min(longest, _BATCH_SECONDS)

    @property
    def weight(self) -> int:
        """Size in bytes."""
        return sum(shard.weight for shard in self.shards)

    def scan(self, detector: Detector) -> ShardResult:
        """Scan each archive; ``more`` has the results."""
        shards = cast("tuple[Shard, ...]", self.shards)
        return ShardResult(more=tuple(map(ResultShard, scan_all(shards, detector))))

    def lost(self, reason: str, detail: str) -> ShardResult:
        """Return the result of an archive whose worker failed; none for several, which are opened alone."""
        if len(self.shards) > 1:
            return ShardResult()
        return ShardResult(more=(ResultShard(self.shards[0].lost(reason, detail)),))


def run_within_budget(
    work: Iterable[tuple[int, Shard]], detector: Detector, jobs: int, limits: Limits = RUN_LIMITS
) -> pool.Results:
    """Yield results with the number of their source until the run's budget is spent.

    The budget is charged in the order of the work, not of arrival, so the number of processes does not
    change which archives are left out.
    """
    shards = sorted(cast("list[tuple[int, Isolated]]", work), key=lambda item: (item[0], item[1].order))
    meter = Meter(limits, sum(shard.weight for _, shard in shards))
    arrived: dict[int, ShardResult] = {}
    done = 0
    try:
        with contextlib.closing(run_isolated([shard for _, shard in shards], detector, jobs)) as results:
            for position, result in results:
                arrived[position] = result
                while done in arrived:
                    members, output = arrived[done].unpacked
                    yield shards[done][0], arrived.pop(done)
                    done += 1
                    meter.add_members(members)
                    meter.add_output(output)
    except BudgetExceededError as error:
        for number, shard in shards[done:]:
            detail = "not opened: the containers before it used up the budget of this run"
            yield number, shard.lost(error.reason, detail)


def run_isolated(shards: Sequence[Isolated], detector: Detector, jobs: int) -> pool.Results:
    """Yield results as they arrive, each with the index of its shard."""
    batches = list(_batches(shards))
    while batches:
        work = (
            pool.Job(index, cast("Shard", batch), batch.lost, batch.seconds)
            for index, batch in enumerate(batches)
        )
        failed: list[_Batch] = []
        for index, result in pool.run(work, detector, min(jobs, len(batches))):
            batch = batches[index]
            if not result.more:
                failed += (_Batch(batch.first + at, (shard,)) for at, shard in enumerate(batch.shards))
            for number, shard in enumerate(result.more, batch.first):
                yield number, shard.scan(detector)
        batches = failed


def _batches(shards: Sequence[Isolated]) -> Iterator[_Batch]:
    """Yield the shards in batches, in their order."""
    first, size = 0, 0
    for index, shard in enumerate(shards):
        if index - first == _BATCH_ARCHIVES or size + shard.weight > _BATCH_BYTES:
            if index > first:
                yield _Batch(first, tuple(shards[first:index]))
            first, size = index, 0
        size += shard.weight
    if shards:
        yield _Batch(first, tuple(shards[first:]))
