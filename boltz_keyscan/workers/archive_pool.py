"""Containers, each in a process that it may kill or hang without harm to anything else.

Boundary: the order of containers and the budget of a run; the workers are ``workers``, and what is
done in them is the shard's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

from boltz_keyscan.model.finding import Detector, Shard, ShardResult
from boltz_keyscan.sources.archives.limits import RUN_LIMITS, BudgetExceededError, Limits, Meter
from boltz_keyscan.workers import pool


class Isolated(Protocol):
    """A shard that may take its process with it."""

    @property
    def seconds(self) -> float:
        """How long it may take."""

    @property
    def weight(self) -> int:
        """Bytes, roughly."""

    @property
    def order(self) -> tuple[bytes, str]:
        """What it is sorted by among those of its source."""

    def lost(self, reason: str, detail: str) -> ShardResult:
        """What is said when it did."""


def within(
    work: Iterable[tuple[int, Shard]], detector: Detector, jobs: int, limits: Limits = RUN_LIMITS
) -> pool.Results:
    """Results, each with the number of its source, until what all may cost together is used up.

    They are counted in the order of the work, not as they come: which containers are left
    out then does not depend on the number of processes.
    """
    shards = sorted(cast("list[tuple[int, Isolated]]", work), key=lambda each: (each[0], each[1].order))
    meter = Meter(limits, sum(shard.weight for _, shard in shards))
    early: dict[int, ShardResult] = {}
    done = 0
    try:
        with contextlib.closing(apart([shard for _, shard in shards], detector, jobs)) as results:
            for turn, result in results:
                early[turn] = result
                while done in early:
                    members, output = early[done].unpacked
                    yield shards[done][0], early.pop(done)
                    done += 1
                    meter.add_members(members)
                    meter.add_output(output)
    except BudgetExceededError as spent:
        for number, shard in shards[done:]:
            detail = "not opened: the containers before it took all that a run may spend on them"
            yield number, shard.lost(spent.reason, detail)


def apart(shards: Sequence[Isolated], detector: Detector, jobs: int) -> pool.Results:
    """Return results as they come, each with its shard's place in the sequence."""
    work = (
        pool.Job(place, cast("Shard", shard), shard.lost, shard.seconds) for place, shard in enumerate(shards)
    )
    return pool.run(work, detector, min(jobs, len(shards)))
