"""Shards through worker processes, when there are enough of them.

Boundary: which work goes to workers; the workers are ``workers``, what a shard does is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TypeAlias

from boltz_keyscan.model.finding import Detector, Gap, Shard, ShardResult
from boltz_keyscan.workers import pool
from boltz_keyscan.workers.process import can_copy

Work: TypeAlias = tuple[int, Shard]

COPIED = 8 << 20
"""Bytes from which on starting workers pays, when they are copies of this process."""

SPAWNED = 48 << 20
"""The same when they are not."""


def pays(weight: int) -> bool:
    """Return whether so many bytes are worth processes of their own."""
    return weight > (COPIED if can_copy() else SPAWNED)


def spread(work: Iterable[Work], detector: Detector, jobs: int) -> pool.Results:
    """Return results as they come, each with the number its shard was given."""
    return pool.run(_jobs(work), detector, jobs)


def _jobs(work: Iterable[Work]) -> Iterator[pool.Job]:
    for number, shard in work:
        yield pool.Job(number, shard, partial(_lost, shard), inline=not shard.weight)


def _lost(shard: Shard, reason: str, detail: str) -> ShardResult:
    return ShardResult(gaps=(Gap(getattr(shard, "where", "part of the scan"), reason, detail),))
