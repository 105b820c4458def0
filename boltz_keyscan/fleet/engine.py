"""Engines: the distribution of repositories over workers.

An engine takes units as workers become free and yields outcomes as they arrive. A worker that dies costs a
retry, and after that a gap; never a repository.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Protocol

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet.outcome import Outcome
from boltz_keyscan.fleet.unit import Unit, scan_unit
from boltz_keyscan.model.finding import Detector, Gap, ShardResult
from boltz_keyscan.records import dataclass
from boltz_keyscan.workers.pool import Job, Pool

UNITS_PER_WORKER = 4
"""Units that an executor has at a time, for each worker: so many that no worker waits, and few in memory."""


_REPEAT = "Repeat the command when it runs again: what was recorded is kept."


class Engine(Protocol):
    """Distribution of units over workers."""

    def outcomes(self, units: Iterator[Unit]) -> Iterator[Outcome]:
        """Yield the outcome of each unit, in any order."""


@dataclass(frozen=True, slots=True)
class UnitShard:
    """A unit as a job of the worker pool; ``more`` of its result has the outcome."""

    unit: Unit
    weight: int = 1

    def scan(self, detector: Detector) -> ShardResult:  # noqa: ARG002 - the protocol's form
        """Scan the repository."""
        return ShardResult(more=(OutcomeShard(scan_unit(self.unit)),))

    def lost(self, reason: str, detail: str) -> ShardResult:
        """Return the result of a repository whose worker died twice."""
        return ShardResult(more=(OutcomeShard(_lost(self.unit, reason, detail)),))


@dataclass(frozen=True, slots=True)
class OutcomeShard:
    """An outcome in the result of a job."""

    outcome: Outcome
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:  # noqa: ARG002 - the protocol's form
        """Return nothing: all is done."""
        return ShardResult()


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """The worker processes of this machine."""

    jobs: int

    def outcomes(self, units: Iterator[Unit]) -> Iterator[Outcome]:
        """Yield the outcome of each unit."""
        with Pool(KeyDetector.of(rules.load())) as pool:
            pool.start(self.jobs)
            shards = (UnitShard(unit) for unit in units)
            for _, result in pool.results(Job(0, shard, shard.lost) for shard in shards):
                for shard in result.more:
                    if isinstance(shard, OutcomeShard):
                        yield shard.outcome


@dataclass(frozen=True, slots=True)
class ExecutorEngine:
    """Any executor of ``concurrent.futures``: on a cluster, that of Dask."""

    executor: futures.Executor
    count_workers: Callable[[], int]
    """Number of workers at the moment."""
    scan: Callable[[Unit], Outcome] = scan_unit
    """The function that workers run."""

    def outcomes(self, units: Iterator[Unit]) -> Iterator[Outcome]:
        """Yield the outcome of each unit.

        One whose future fails is tried again after all others, alone, as it may only have been beside the
        unit that ended its worker. Failed again, its outcome is the reason.

        Raises:
            KeyscanError: the executor takes no more units, or has ended.
        """
        running: dict[futures.Future[Outcome], Unit] = {}
        suspects: deque[Unit] = deque()
        while True:
            room = UNITS_PER_WORKER * max(1, self.count_workers()) - len(running)
            for unit in itertools.islice(units, max(0, room)):
                running[self._submit(unit)] = unit
            is_retry = not running
            if is_retry:
                if not suspects:
                    return
                unit = suspects.popleft()
                running[self._submit(unit)] = unit
            done, _ = futures.wait(running, return_when=futures.FIRST_COMPLETED)
            for future in done:
                unit = running.pop(future)
                outcome = _outcome(future)
                if isinstance(outcome, Outcome):
                    yield outcome
                elif is_retry and future.cancelled():
                    # Not by this unit: an executor that has ended cancels all.
                    raise KeyscanError("the cluster has ended", _REPEAT)
                elif is_retry:
                    yield _lost(unit, "worker-died", f"its scan failed on two workers: {outcome}")
                else:
                    suspects.append(unit)

    def _submit(self, unit: Unit) -> futures.Future[Outcome]:
        try:
            return self.executor.submit(self.scan, unit)
        except Exception as error:  # an executor may raise anything
            raise KeyscanError(f"the cluster takes no more work: {type(error).__name__}", _REPEAT) from error


def _outcome(future: futures.Future[Outcome]) -> Outcome | str:
    """Return the outcome of a future; of one that failed the kind of the error."""
    try:
        outcome = future.result()
    except Exception as error:  # noqa: BLE001 - an executor may raise anything
        return type(error).__name__
    return outcome if isinstance(outcome, Outcome) else "no outcome"


def _lost(unit: Unit, reason: str, detail: str) -> Outcome:
    return Outcome.failure(unit.repository.id, Gap(unit.repository.name, reason, detail))
