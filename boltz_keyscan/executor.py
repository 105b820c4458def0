"""Shards through worker processes.

Boundary: the ``concurrent.futures`` seam and nothing else; what a shard does is its own.
Another executor (a cluster's) needs only ``submit``.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker, spawn
from multiprocessing.process import BaseProcess
from typing import Any, TypeAlias

from boltz_keyscan.model import Detector, Gap, Shard, ShardResult
from boltz_keyscan.sources.blob import attempt

Work: TypeAlias = tuple[int, Shard]

_AHEAD = 2
"""Shards waiting for each worker: enough to keep it busy, few enough to keep memory flat."""


_STARTS = threading.Lock()
"""One worker is started at a time: two threads may be scanning."""


def spread(work: Iterable[Work], detector: Detector, jobs: int) -> Iterator[tuple[int, ShardResult]]:
    """Results as they come, each with the number its shard was given.

    A worker that dies (killed for its memory, say) takes the whole pool with it. What was
    under way is then tried again, one shard at a time, so that only the shard that kills
    its worker is lost and becomes a gap.
    """
    work = iter(work)
    suspects: deque[Work] = deque()
    while True:
        careful = bool(suspects)
        # Spawned, not forked: no thread or lock is copied half-held.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(1 if careful else jobs, mp_context=context, initializer=follow)
        running: dict[Future[ShardResult], Work] = {}
        try:
            if careful:
                yield from _feed(pool, _drained(suspects), running, detector, 1)
            else:
                _warm(pool, detector, jobs)
                yield from _feed(pool, work, running, detector, jobs * (1 + _AHEAD))
                return
        except BrokenProcessPool:
            if careful:
                yield from _lost(running.values())
            else:
                suspects.extend(running.values())
        finally:
            if running:
                # Its own: whoever calls us as a library may have children too.
                for process in tuple((pool._processes or {}).values()):  # noqa: SLF001 - no other way before 3.14
                    process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


def _drained(suspects: deque[Work]) -> Iterator[Work]:
    while suspects:
        yield suspects.popleft()


def _lost(work: Iterable[Work]) -> Iterator[tuple[int, ShardResult]]:
    for number, shard in work:
        where = getattr(shard, "where", "part of the scan")
        detail = "the worker process that read it died twice, perhaps for its memory"
        yield number, ShardResult(gaps=(Gap(where, "worker-died", detail),))


def _feed(
    pool: ProcessPoolExecutor,
    work: Iterator[Work],
    running: dict[Future[ShardResult], Work],
    detector: Detector,
    most: int,
) -> Iterator[tuple[int, ShardResult]]:
    """Results of work, of which at most so many pieces are in the pool; ``running`` tells which."""
    while True:
        while len(running) < most and (given := next(work, None)) is not None:
            number, shard = given
            if shard.weight:
                running[_submit(pool, shard, detector)] = given
            else:
                yield number, attempt(shard, detector)
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            result = future.result()
            number, _ = running.pop(future)
            yield number, result


def _warm(pool: ProcessPoolExecutor, detector: Detector, jobs: int) -> None:
    """Start the workers and the engine in them, while the first shards are being listed."""
    # A pool that breaks here breaks again at the first shard, where that is told.
    with starting(), contextlib.suppress(BrokenProcessPool):
        for _ in range(jobs):
            pool.submit(detector.sniff, b"", 0)


def _submit(pool: ProcessPoolExecutor, shard: Shard, detector: Detector) -> Future[ShardResult]:
    """Hand a shard over; to a pool that has broken meanwhile, as one more lost."""
    try:
        with starting():
            return pool.submit(attempt, shard, detector)
    except BrokenProcessPool as error:
        lost: Future[ShardResult] = Future()
        lost.set_exception(error)
        return lost


def follow() -> None:
    """End this worker with its parent, even one that was killed: nobody else would tell it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    # As terminate() would have, had the parent lived to call it.
    signal.raise_signal(signal.SIGTERM)


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Around every start of a worker: what it is not to hear, and not to run.

    Ctrl-C is the parent's to answer, and it ends the workers: those started here do not
    hear it. Nor do they load the program that called us again: it would parse no command
    line, that saves a third of their start, and a script that calls us outside of a guard
    is not run a second time.

    Other threads may start processes of their own meanwhile; those are as they would be.
    """
    # It opens all ears when it starts a helper of its own; that must not be meanwhile.
    resource_tracker.ensure_running()
    with _STARTS:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        told, own = spawn.get_preparation_data, threading.get_ident()

        def prepared(name: str) -> dict[str, Any]:
            data = told(name)
            if threading.get_ident() == own:
                data.pop("init_main_from_name", None)
                data.pop("init_main_from_path", None)
            return data

        # There is no other way to say it: the module __main__ itself, which could be exchanged for
        # a moment instead, belongs to all threads.
        spawn.get_preparation_data = prepared
        try:
            yield
        finally:
            spawn.get_preparation_data = told
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
