"""Shards through worker processes.

Boundary: the ``concurrent.futures`` seam and nothing else; what a shard does is its own.
Another executor (a cluster's) needs only ``submit``.
"""

from __future__ import annotations

import itertools
import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from boltz_keyscan.model import Detector, Gap, Shard, ShardResult

_AHEAD = 2
"""Shards waiting for each worker: enough to keep it busy, few enough to keep memory flat."""


def spread(work: Iterable[tuple[int, Shard]], detector: Detector, jobs: int) -> Iterator[tuple[int, ShardResult]]:
    """Results as they come, each with the number its shard was given.

    A worker that dies (killed for its memory, say) costs the shards under way, which
    become gaps; the rest goes on in new workers.
    """
    work = iter(work)
    while True:
        # Spawned, not forked: the same everywhere, and no thread or lock is copied half-held.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_quiet)
        running: dict[Future[ShardResult], int] = {}
        try:
            yield from _feed(pool, work, running, detector, jobs)
        except BrokenProcessPool:
            gap = Gap("a worker process", "worker-died", f"{len(running)} pieces of work were lost with it")
            yield next(iter(running.values()), 0), ShardResult(gaps=(gap,))
        else:
            return
        finally:
            for process in multiprocessing.active_children():
                if running:
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
        for number, shard in itertools.islice(work, jobs * (1 + _AHEAD) - len(running)):
            running[pool.submit(shard.scan, detector)] = number
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            result = future.result()
            yield running.pop(future), result


def _quiet() -> None:
    """Ctrl-C is the parent's to answer; it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
