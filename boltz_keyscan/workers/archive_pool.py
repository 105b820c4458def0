"""Pool for archives: each is opened in a worker process, so a crash or a hang is contained.

It also applies the budget of a run, in an order that does not depend on the number of processes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

from boltz_keyscan.model.finding import Detector, Shard, ShardResult
from boltz_keyscan.sources.archives.limits import RUN_LIMITS, BudgetExceededError, Limits, Meter
from boltz_keyscan.workers import pool


class Isolated(Protocol):
    """A shard that may crash or hang its process."""

    @property
    def seconds(self) -> float:
        """Return the time limit in seconds."""

    @property
    def weight(self) -> int:
        """Return the approximate size in bytes."""

    @property
    def order(self) -> tuple[bytes, str]:
        """Return the sort key among the shards of a source."""

    def lost(self, reason: str, detail: str) -> ShardResult:
        """Return the result to report when the process ended without one."""


def run_within_budget(
    work: Iterable[tuple[int, Shard]], detector: Detector, jobs: int, limits: Limits = RUN_LIMITS
) -> pool.Results:
    """Yield results with the number of their source, until the budget of the run is spent.

    They are counted in the order of the work, not of arrival, so that the archives that are left out
    do not depend on the number of processes.
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
            detail = "not opened: the containers before it took all that a run may spend on them"
            yield number, shard.lost(error.reason, detail)


def run_isolated(shards: Sequence[Isolated], detector: Detector, jobs: int) -> pool.Results:
    """Yield results as they arrive, each with the index of its shard."""
    work = (
        pool.Job(index, cast("Shard", shard), shard.lost, shard.seconds) for index, shard in enumerate(shards)
    )
    return pool.run(work, detector, min(jobs, len(shards)))
