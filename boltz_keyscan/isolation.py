"""Containers, each in a process that it may kill or hang without harm to anything else.

Beside ``executor``, whose pool dies as a whole when one process of it does. Here each
worker is on a line of its own: what it was at when it died, or when its time was up, is
known for certain, becomes a gap, and everything else goes on.

Boundary: processes, deadlines and the budget of a run; what is done in them is the shard's.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess, SpawnProcess
from typing import Protocol, TypeAlias, cast

from boltz_keyscan.executor import Context, alike, follow, starting
from boltz_keyscan.model import Detector, Shard, ShardResult
from boltz_keyscan.sources.blob import attempt
from boltz_keyscan.sources.containers.limits import TOGETHER, Limits, Meter, Spent

_AHEAD = 2
"""Shards a worker has been given: enough that it does not wait for the next, and no more, because a
small one may take a second and none that waits behind it can go to another worker."""

_START = 60.0
"""Seconds in which a worker has to report for work."""


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


@dataclass(slots=True)
class _Task:
    number: int
    shard: Isolated
    tried: bool = False


Told: TypeAlias = Generator[tuple[int, ShardResult], None, None]


@dataclass(slots=True)
class _Worker:
    """A process, the line to it, and what it was given and has not answered, oldest first."""

    process: SpawnProcess | ForkProcess
    line: Connection
    since: float
    ready: bool = False
    given: deque[_Task] = field(default_factory=deque)

    @property
    def until(self) -> float:
        """When its time is up."""
        if not self.ready:
            return self.since + _START
        return self.since + self.given[0].shard.seconds

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.line.close()


def within(
    work: Iterable[tuple[int, Shard]], detector: Detector, jobs: int, limits: Limits = TOGETHER
) -> Told:
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
                    meter.member(members)
                    meter.output(output)
    except Spent as spent:
        for number, shard in shards[done:]:
            detail = "not opened: the containers before it took all that a run may spend on them"
            yield number, shard.lost(spent.reason, detail)


def apart(shards: Sequence[Isolated], detector: Detector, jobs: int) -> Told:
    """Results as they come, each with its shard's place in the sequence."""
    waiting = deque(map(_Task, range(len(shards)), shards))
    workers: list[_Worker] = []
    # Copies that start together have the lines to those before them; as all end with this process (follow),
    # that keeps nobody waiting. Those that replace a dead one are new: by then other things may be open.
    context = alike()
    try:
        while waiting or any(worker.given for worker in workers):
            while waiting and len(workers) < jobs and len(workers) < len(waiting) + _busy(workers):
                workers.append(_start(detector, context))
            context = multiprocessing.get_context("spawn")
            _hand_out(waiting, workers)
            busy = [worker for worker in workers if worker.given]
            soonest = min(worker.until for worker in busy)
            heard = wait([worker.line for worker in busy], max(soonest - time.monotonic(), 0))
            for worker in busy:
                if worker.line in heard:
                    yield from _hear(worker, waiting, workers)
                elif time.monotonic() >= worker.until:
                    yield from _late(worker, waiting, workers)
    finally:
        for worker in workers:
            worker.end()


def _busy(workers: Sequence[_Worker]) -> int:
    return sum(bool(worker.given) for worker in workers)


def _hand_out(waiting: deque[_Task], workers: list[_Worker]) -> None:
    """Give every worker something, and more to each only when all have."""
    for most in range(1, _AHEAD + 1):
        for worker in workers:
            if waiting and len(worker.given) < most:
                task = waiting.popleft()
                if not worker.given:
                    worker.since = time.monotonic()
                worker.given.append(task)
                try:
                    worker.line.send(task.shard)
                except OSError:
                    # It is gone; that is heard next.
                    return


def _hear(worker: _Worker, waiting: deque[_Task], workers: list[_Worker]) -> Told:
    """One answer of a worker, or that there will be none."""
    try:
        answer: ShardResult | None = worker.line.recv()
    except (OSError, EOFError):
        yield from _gone(worker, waiting, workers)
        return
    worker.since = time.monotonic()
    if answer is None:
        worker.ready = True
        return
    yield worker.given.popleft().number, answer


def _gone(worker: _Worker, waiting: deque[_Task], workers: list[_Worker]) -> Told:
    """A worker that died: what it was at is tried once more, last."""
    task = _dismissed(worker, waiting, workers)
    if not task.tried:
        task.tried = True
        waiting.append(task)
        return
    detail = "the worker process that read it died twice, perhaps for its memory"
    yield task.number, task.shard.lost("worker-died", detail)


def _late(worker: _Worker, waiting: deque[_Task], workers: list[_Worker]) -> Told:
    task = _dismissed(worker, waiting, workers)
    detail = f"given up after {task.shard.seconds:g} seconds"
    yield task.number, task.shard.lost("timed-out", detail)


def _dismissed(worker: _Worker, waiting: deque[_Task], workers: list[_Worker]) -> _Task:
    """End a worker; what it was at. What it had not begun goes to others."""
    worker.end()
    workers.remove(worker)
    task = worker.given.popleft()
    waiting.extendleft(reversed(worker.given))
    return task


def _start(detector: Detector, context: Context) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, detector), daemon=True)
    with starting(context):
        process.start()
    theirs.close()
    return _Worker(process, ours, time.monotonic())


def _serve(line: Connection, detector: Detector) -> None:
    """What a worker does: one shard after the other, until nobody is there to tell."""
    follow()
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        # What is in memory here may be a key, and does not belong on a disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    line.send(None)
    while True:
        try:
            shard: Shard = line.recv()
        except EOFError:
            return
        line.send(attempt(shard, detector))
