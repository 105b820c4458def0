"""Pool of worker processes, each with its own pipes.

If a worker dies, its shard is retried once, alone. If the retry fails, or a shard exceeds its time limit,
the shard becomes a gap; the other shards are still scanned.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Self

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import Detector, Shard, ShardResult
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.blob import scan_shard
from boltz_keyscan.system.pipes import wait_any
from boltz_keyscan.system.processes import block_signals
from boltz_keyscan.workers.process import Process, can_copy

_MAX_ASSIGNED = 2
"""Shards assigned to a worker at a time: two, so that it does not wait for the next. Not more, because an
assigned shard cannot go to another worker while a slow one blocks it."""

_START_TIMEOUT_S = 60.0
"""Seconds until a new worker must report that it is ready."""

_MAX_FAILED_STARTS = 3
"""Workers in a row that may end before they are ready."""

_DIED = "the worker process that read it died twice, perhaps because it ran out of memory"


@dataclass(frozen=True, slots=True)
class Job:
    """A shard to scan in a worker."""

    number: int
    """Number that is returned with the result."""
    shard: Shard
    lost: Callable[[str, str], ShardResult]
    """Function from the reason and detail of a gap to the result of a shard without one."""
    seconds: float | None = None
    """Time limit. Without one, an exception in the shard is a bug and is raised."""
    inline: bool = False
    """Small enough to be scanned in this process."""
    worker: int = 0
    """Number of the worker that scanned it; 0 for none."""


Results = Generator[tuple[Job, ShardResult], None, None]


@dataclass(slots=True)
class _Worker:
    number: int
    process: Process
    since: float
    ready: bool = False
    assigned: deque[Job] = field(default_factory=deque)
    """Jobs without a result yet, oldest first."""

    @property
    def deadline(self) -> float:
        """Time at which the worker is killed."""
        if not self.ready:
            return self.since + _START_TIMEOUT_S
        seconds = self.assigned[0].seconds if self.assigned else None
        return math.inf if seconds is None else self.since + seconds

    def assign(self, job: Job) -> None:
        if not self.assigned and self.ready:
            self.since = time.monotonic()
        self.assigned.append(job)
        self.process.send(job.shard)


class Pool:
    """Worker processes of one run, which end with the context.

    Args:
        detector: detector of the workers.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._jobs: Iterator[Job] = iter(())
        self._count = 0
        self._workers: list[_Worker] = []
        self._waiting: deque[Job] = deque()
        self._suspects: deque[Job] = deque()
        self._retried: Job | None = None
        self._failed_starts = 0
        self._started = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: object = None, *_: object) -> None:
        if error is None:
            # Idle workers exit when their pipes close.
            for worker in self._workers:
                worker.process.close()
        for worker in self._workers:
            worker.process.kill()

    @property
    def is_started(self) -> bool:
        """True once workers were started."""
        return self._count > 0

    @property
    def free_workers(self) -> list[int]:
        """Numbers of the workers that have nothing to do after their current jobs, idle ones twice.

        0 is the number of any worker that is to replace one that died.
        """
        return [0] * (self._count - len(self._workers)) + [
            worker.number
            for limit in range(1, _MAX_ASSIGNED + 1)
            for worker in self._workers
            if len(worker.assigned) < limit
        ]

    def start(self, count: int) -> None:
        """Start workers until there are so many.

        Raises:
            KeyscanError: workers do not start.
        """
        if count > self._count:
            copy = can_copy()
            if copy:
                # Compile the engine once, for all copies.
                self._detector.candidate_offsets(b"", 0)
            for _ in range(self._count, count):
                self._start(copy=copy)
            self._count = count

    def assign(self, job: Job, number: int) -> None:
        """Assign a job to a worker, before those of ``results``."""
        for worker in self._workers:
            if worker.number == number:
                worker.assign(job)
                return
        self._waiting.append(job)

    def ready(self) -> Results:
        """Yield the results that have arrived, without waiting; errors as ``results``."""
        yield from self._assign()
        if any(worker.assigned for worker in self._workers):
            yield from self._wait_for_events(wait=False)
            yield from self._assign()

    def results(self, jobs: Iterator[Job]) -> Results:
        """Yield results as they arrive, until all jobs are done, also those added meanwhile.

        Args:
            jobs: jobs, taken one by one as workers become free.

        Raises:
            KeyscanError: workers do not start.
        """
        self._jobs = jobs
        while True:
            yield from self._assign()
            if not any(worker.assigned for worker in self._workers):
                if not self._suspects:
                    return
                self._retry()
            yield from self._wait_for_events()

    def _start(self, *, copy: bool) -> None:
        with block_signals():
            siblings = [worker.process for worker in self._workers]
            process = Process(self._detector, copy=copy, siblings=siblings)
            self._started += 1
            self._workers.append(_Worker(self._started, process, time.monotonic()))

    def _assign(self) -> Results:
        """Assign jobs to workers evenly, and scan the smallest ones in this process."""
        while len(self._workers) < self._count and (job := self._next()) is not None:
            self._waiting.appendleft(job)
            # Replace a worker that died. Not by a fork: this process may have opened files since.
            self._start(copy=False)
        for limit in range(1, _MAX_ASSIGNED + 1):
            for worker in self._workers:
                while len(worker.assigned) < limit and (job := self._next()) is not None:
                    if job.inline:
                        yield job, scan_shard(job.shard, self._detector)
                    else:
                        worker.assign(job)

    def _next(self) -> Job | None:
        return self._waiting.popleft() if self._waiting else next(self._jobs, None)

    def _retry(self) -> None:
        """Retry a job whose worker died, alone."""
        self._retried = self._suspects.popleft()
        if not self._workers:
            self._start(copy=False)
        self._workers[0].assign(self._retried)

    def _wait_for_events(self, *, wait: bool = True) -> Results:
        """Wait until a worker answers, dies, can receive more, or runs out of time; or only look."""
        running = [worker.process for worker in self._workers]
        readers = [process.reader for process in running]
        writers = [process.writer for process in running if process.writer.is_behind]
        left = min(worker.deadline for worker in self._workers) - time.monotonic() if wait else 0
        ready = wait_any(readers, writers, None if left == math.inf else max(left, 0))
        now = time.monotonic()
        for worker in tuple(self._workers):
            if id(worker.process.writer) in ready:
                worker.process.writer.flush()
                # What was not sent was not begun.
                worker.since = now
            if id(worker.process.reader) in ready:
                yield from self._on_message(worker)
            elif now >= worker.deadline:
                yield from self._on_timeout(worker)

    def _on_message(self, worker: _Worker) -> Results:
        try:
            answer = worker.process.receive()
        except (OSError, EOFError):
            yield from self._on_death(worker)
            return
        worker.since = time.monotonic()
        match answer:
            case None:
                worker.ready = True
                self._failed_starts = 0
            case ShardResult():
                yield replace(worker.assigned.popleft(), worker=worker.number), answer
            case Exception() if worker.assigned[0].seconds is None:
                raise answer
            case _:
                # After an unexpected exception the worker may be in an undefined state.
                yield from self._on_death(worker)

    def _on_death(self, worker: _Worker) -> Results:
        """Replace a worker that died; its job is retried after all others."""
        job = self._stop_worker(worker)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts == _MAX_FAILED_STARTS:
                raise KeyscanError(
                    "worker processes exit immediately after they start",
                    "Check the limits on memory and processes, and that this Python still runs.",
                )
            if job is not None:
                self._waiting.appendleft(job)
        elif job is not None and job is not self._retried:
            self._suspects.append(job)
        elif job is not None:
            yield job, job.lost("worker-died", _DIED)

    def _on_timeout(self, worker: _Worker) -> Results:
        if not worker.ready:
            yield from self._on_death(worker)
        elif (job := self._stop_worker(worker)) is not None:
            yield job, job.lost("timed-out", f"given up after {job.seconds:g} seconds")

    def _stop_worker(self, worker: _Worker) -> Job | None:
        """Kill a worker and return its current job; jobs it had not begun go to other workers."""
        worker.process.kill()
        self._workers.remove(worker)
        job = worker.assigned.popleft() if worker.assigned else None
        self._waiting.extendleft(reversed(worker.assigned))
        return job
