"""Shards through worker processes.

Boundary: the ``concurrent.futures`` seam and nothing else; what a shard does is its own.
Another executor (a cluster's) needs only ``submit``.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from boltz_keyscan.model import Detector, Gap, Shard, ShardResult
from boltz_keyscan.sources.blob import attempt

_AHEAD = 2
"""Shards waiting for each worker: enough to keep it busy, few enough to keep memory flat."""


def spread(
    work: Iterable[tuple[int, Shard]], detector: Detector, jobs: int
) -> Iterator[tuple[int, ShardResult]]:
    """Results as they come, each with the number its shard was given.

    A worker that dies (killed for its memory, say) costs the shards under way, which
    become gaps; the rest goes on in new workers.
    """
    work = iter(work)
    while True:
        # Spawned, not forked: the same everywhere, and no thread or lock is copied half-held.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(jobs, mp_context=context)
        running: dict[Future[ShardResult], int] = {}
        try:
            yield from _feed(pool, work, running, detector, jobs)
        except BrokenProcessPool:
            lost = len(running)
            detail = f"it was killed, perhaps for its memory; {lost} pieces of work were lost; try --jobs 1"
            gap = Gap("a worker process", "worker-died", detail)
            yield next(iter(running.values()), 0), ShardResult(gaps=(gap,))
        else:
            return
        finally:
            if running:
                for process in multiprocessing.active_children():
                    process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


def _feed(
    pool: ProcessPoolExecutor,
    work: Iterator[tuple[int, Shard]],
    running: dict[Future[ShardResult], int],
    detector: Detector,
    jobs: int,
) -> Iterator[tuple[int, ShardResult]]:
    while True:
        # One at a time: what a broken pool does not take must count as lost.
        while len(running) < jobs * (1 + _AHEAD) and (given := next(work, None)) is not None:
            number, shard = given
            if not shard.weight:
                yield number, attempt(shard, detector)
                continue
            running[_submit(pool, shard, detector)] = number
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            result = future.result()
            yield running.pop(future), result


def _submit(pool: ProcessPoolExecutor, shard: Shard, detector: Detector) -> Future[ShardResult]:
    """Hand a shard over; to a pool that has broken meanwhile, as one more lost."""
    try:
        with _deaf():
            return pool.submit(attempt, shard, detector)
    except BrokenProcessPool as error:
        lost: Future[ShardResult] = Future()
        lost.set_exception(error)
        return lost


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C is the parent's to answer, and it ends the workers: those started here do not hear it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
