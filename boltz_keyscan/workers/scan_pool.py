"""Pool for the shards of sources, used when there is enough work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TypeAlias

from boltz_keyscan.model.finding import Detector, Gap, Shard, ShardResult
from boltz_keyscan.workers import pool
from boltz_keyscan.workers.process import can_copy

Work: TypeAlias = tuple[int, Shard]

MIN_BYTES_COPIED = 8 << 20
"""Bytes from which workers are faster, when they are forks of this process."""

MIN_BYTES_SPAWNED = 48 << 20
"""Bytes from which workers are faster, when they are new processes."""


def is_worthwhile(weight: int) -> bool:
    """Return True if workers are faster for so many bytes."""
    return weight > (MIN_BYTES_COPIED if can_copy() else MIN_BYTES_SPAWNED)


def run_in_pool(work: Iterable[Work], detector: Detector, jobs: int) -> pool.Results:
    """Yield results as they arrive, each with the number of its source."""
    return pool.run(_jobs(work), detector, jobs)


def _jobs(work: Iterable[Work]) -> Iterator[pool.Job]:
    for number, shard in work:
        yield pool.Job(number, shard, partial(_lost, shard), inline=not shard.weight)


def _lost(shard: Shard, reason: str, detail: str) -> ShardResult:
    return ShardResult(gaps=(Gap(getattr(shard, "where", "part of the scan"), reason, detail),))
