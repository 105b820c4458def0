"""Work through worker processes, each on a line of its own.

A worker that dies, or takes too long, is known for certain, and so is the work it was at: that is
tried once more, alone, and is then lost and becomes a gap. Everything else goes on.

Boundary: processes and deadlines; what a shard does is its own, and what its loss means the caller's.
"""

from __future__ import annotations

import math
import select
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import Detector, Shard, ShardResult
from boltz_keyscan.sources.blob import scan_shard
from boltz_keyscan.workers.process import Process, can_copy, signals_blocked

_AHEAD = 2
"""Shards a worker has been given: enough that it does not wait for the next, and no more, because a
small one may take a second and none that waits behind it can go to another worker."""

_START_S = 60.0
"""Seconds in which a worker has to report for work."""

_MAX_FAILED_STARTS = 3
"""Workers that end before they report, one after the other, until no more are started."""

_DIED = "the worker process that read it died twice, perhaps for its memory"


@dataclass(frozen=True, slots=True)
class Job:
    """A shard, and what to do when it does not come back."""

    number: int
    """Given back with the result."""
    shard: Shard
    lost: Callable[[str, str], ShardResult]
    """Makes the result out of a gap's reason and detail."""
    seconds: float | None = None
    """Time it may take. Without a limit, an exception in it is a bug and is raised."""
    inline: bool = False
    """So little that it is done in this process."""


Results = Generator[tuple[int, ShardResult], None, None]


@dataclass(slots=True)
class _Worker:
    process: Process
    since: float
    ready: bool = False
    given: deque[Job] = field(default_factory=deque)
    """What it has not answered, oldest first."""

    @property
    def until(self) -> float:
        """When its time is up."""
        if not self.ready:
            return self.since + _START_S
        seconds = self.given[0].seconds if self.given else None
        return math.inf if seconds is None else self.since + seconds

    def give(self, job: Job) -> None:
        if not self.given and self.ready:
            self.since = time.monotonic()
        self.given.append(job)
        self.process.send(job.shard)


def run(jobs: Iterator[Job], detector: Detector, count: int) -> Results:
    """Return results as they come, each with the number of its job.

    Args:
        jobs: taken one by one, as workers get free.
        detector: what to look with.
        count: how many workers to start.

    Raises:
        KeyscanError: workers do not start.
    """
    pool = _Pool(jobs, detector, count)
    try:
        yield from pool.results()
        pool.close()
    finally:
        pool.end()


class _Pool:
    def __init__(self, jobs: Iterator[Job], detector: Detector, count: int) -> None:
        self._jobs = jobs
        self._detector = detector
        self._count = count
        self._workers: list[_Worker] = []
        self._returned: deque[Job] = deque()
        self._suspects: deque[Job] = deque()
        self._retried: Job | None = None
        self._failed_starts = 0

    def results(self) -> Results:
        copy = can_copy()
        if copy:
            # Made ready once, for all that are copies.
            self._detector.candidate_offsets(b"", 0)
        for _ in range(self._count):
            self._start(copy=copy)
        while True:
            yield from self._hand_out()
            if not any(worker.given for worker in self._workers):
                if not self._suspects:
                    return
                self._retry()
            yield from self._hear()

    def close(self) -> None:
        """Let all workers end by themselves."""
        for worker in self._workers:
            worker.process.close()

    def end(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.process.end()

    def _start(self, *, copy: bool) -> None:
        with signals_blocked():
            siblings = [worker.process for worker in self._workers]
            process = Process(self._detector, copy=copy, siblings=siblings)
            self._workers.append(_Worker(process, time.monotonic()))

    def _hand_out(self) -> Results:
        """Give every worker something, and more to each only when all have; do what is not worth sending."""
        while len(self._workers) < self._count and (job := self._next()) is not None:
            self._returned.appendleft(job)
            # In place of one that died. A new one: by now other things may be open.
            self._start(copy=False)
        for most in range(1, _AHEAD + 1):
            for worker in self._workers:
                while len(worker.given) < most and (job := self._next()) is not None:
                    if job.inline:
                        yield job.number, scan_shard(job.shard, self._detector)
                    else:
                        worker.give(job)

    def _next(self) -> Job | None:
        return self._returned.popleft() if self._returned else next(self._jobs, None)

    def _retry(self) -> None:
        """Try one that took its worker along once more, when nothing else is being done."""
        self._retried = self._suspects.popleft()
        if not self._workers:
            self._start(copy=False)
        self._workers[0].give(self._retried)

    def _hear(self) -> Results:
        """Wait until a worker answers, ends, takes something, or has used up its time."""
        polling = select.poll()
        for worker in self._workers:
            polling.register(worker.process.reading, select.POLLIN)
            if (unsent := worker.process.unsent) is not None:
                polling.register(unsent, select.POLLOUT)
        left = min(worker.until for worker in self._workers) - time.monotonic()
        heard = {each for each, _ in polling.poll(None if left == math.inf else max(left, 0) * 1000)}
        now = time.monotonic()
        for worker in tuple(self._workers):
            if worker.process.unsent in heard:
                worker.process.flush()
            if worker.process.reading in heard:
                yield from self._answer(worker)
            elif now >= worker.until:
                yield from self._late(worker)

    def _answer(self, worker: _Worker) -> Results:
        try:
            answer = worker.process.receive()
        except (OSError, EOFError):
            yield from self._gone(worker)
            return
        worker.since = time.monotonic()
        match answer:
            case None:
                worker.ready = True
                self._failed_starts = 0
            case ShardResult():
                yield worker.given.popleft().number, answer
            case Exception() if worker.given[0].seconds is None:
                raise answer
            case _:
                # It may be in no state to go on.
                yield from self._gone(worker)

    def _gone(self, worker: _Worker) -> Results:
        """Handle a worker that died: its work is tried once more when all other work is done."""
        job = self._dismiss(worker)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts == _MAX_FAILED_STARTS:
                raise KeyscanError(
                    "worker processes end as soon as they are started",
                    "Look at the limits on memory and on processes, and whether this Python still runs.",
                )
            if job is not None:
                self._returned.appendleft(job)
        elif job is not None and job is not self._retried:
            self._suspects.append(job)
        elif job is not None:
            yield job.number, job.lost("worker-died", _DIED)

    def _late(self, worker: _Worker) -> Results:
        if not worker.ready:
            yield from self._gone(worker)
        elif (job := self._dismiss(worker)) is not None:
            yield job.number, job.lost("timed-out", f"given up after {job.seconds:g} seconds")

    def _dismiss(self, worker: _Worker) -> Job | None:
        """End a worker, and return what it was at. What it had not begun goes to others."""
        worker.process.end()
        self._workers.remove(worker)
        job = worker.given.popleft() if worker.given else None
        self._returned.extendleft(reversed(worker.given))
        return job
