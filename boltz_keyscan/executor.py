"""Shards through worker processes.

Boundary: the ``concurrent.futures`` seam and nothing else; what a shard does is its own.
Another executor (a cluster's) needs only ``submit``.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker, spawn
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any, TypeAlias

from boltz_keyscan.model import Detector, Gap, Shard, ShardResult
from boltz_keyscan.sources.blob import attempt

Work: TypeAlias = tuple[int, Shard]

Context: TypeAlias = SpawnContext | ForkContext
"""How processes start: as new ones, or as copies of this one."""

COPIED = 8 << 20
"""Bytes from which on starting workers pays, when they are copies of this process."""

SPAWNED = 48 << 20
"""The same when they are not."""

_AHEAD = 2
"""Shards waiting for each worker: enough to keep it busy, few enough to keep memory flat."""


_STARTS = threading.Lock()
"""One worker is started at a time: two threads may be scanning."""


def pays(weight: int) -> bool:
    """Whether so many bytes are worth processes of their own."""
    return weight > (COPIED if isinstance(alike(), ForkContext) else SPAWNED)


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
        context = alike()
        if isinstance(context, ForkContext):
            # Made ready once, for all that are copies.
            detector.sniff(b"", 0)
        pool = ProcessPoolExecutor(1 if careful else jobs, mp_context=context, initializer=follow)
        running: dict[Future[ShardResult], Work] = {}
        try:
            if careful:
                yield from _feed(pool, _drained(suspects), running, detector, 1, context=context)
            else:
                _warm(pool, detector, jobs, context)
                yield from _feed(pool, work, running, detector, jobs * (1 + _AHEAD), context=context)
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
    *,
    context: Context,
) -> Iterator[tuple[int, ShardResult]]:
    """Results of work, of which at most so many pieces are in the pool; ``running`` tells which."""
    while True:
        while len(running) < most and (given := next(work, None)) is not None:
            number, shard = given
            if shard.weight:
                running[_submit(pool, shard, detector, context)] = given
            else:
                yield number, attempt(shard, detector)
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            result = future.result()
            number, _ = running.pop(future)
            yield number, result


def _warm(pool: ProcessPoolExecutor, detector: Detector, jobs: int, context: Context) -> None:
    """Start the workers and the engine in them, while the first shards are being listed."""
    # A pool that breaks here breaks again at the first shard, where that is told.
    with starting(context), contextlib.suppress(BrokenProcessPool):
        for _ in range(jobs):
            pool.submit(detector.sniff, b"", 0)


def _submit(
    pool: ProcessPoolExecutor, shard: Shard, detector: Detector, context: Context
) -> Future[ShardResult]:
    """Hand a shard over; to a pool that has broken meanwhile, as one more lost."""
    try:
        with starting(context):
            return pool.submit(attempt, shard, detector)
    except BrokenProcessPool as error:
        lost: Future[ShardResult] = Future()
        lost.set_exception(error)
        return lost


def alike() -> Context:
    """How to start workers: as copies of this process where that is exact, and a hundred times faster.

    It is when no thread could be copied in the middle of something, and no pipe would stay open because
    a copy has it too. Elsewhere than on Linux the system's own libraries cannot be trusted with it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            opened = any(map(_opened_here, map(int, os.listdir("/proc/self/fd"))))
            if not opened and _alone():
                return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")


def _alone() -> bool:
    """Whether this process has one thread; one that has been joined may take a moment to be gone."""
    for _ in range(50):
        if len(os.listdir("/proc/self/task")) == 1:
            return True
        if threading.active_count() > 1:
            break
        time.sleep(0.001)
    return False


def _opened_here(descriptor: int) -> bool:
    """Not inherited: whatever Python opens would not survive the start of a program (PEP 446)."""
    try:
        return not os.get_inheritable(descriptor)
    except OSError:
        # The one by which they were listed.
        return False


def follow() -> None:
    """End this worker with its parent, even one that was killed: nobody else would tell it."""
    # A copy has its parent's handler.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    # As terminate() would have, had the parent lived to call it.
    signal.raise_signal(signal.SIGTERM)


@contextlib.contextmanager
def starting(context: Context) -> Iterator[None]:
    """Around every start of a worker: what it is not to hear, and not to run.

    Ctrl-C is the parent's to answer, and it ends the workers: those started here do not
    hear it; what ends them they hear from ``follow`` on, when no copied handler answers.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(context, SpawnContext):
            # It opens all ears when it starts a helper of its own; that must not be meanwhile.
            resource_tracker.ensure_running()
            stack.enter_context(_without_main())
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Start new processes that do not load the program that called us again.

    It would parse no command line, that saves a third of their start, and a script that
    calls us outside of a guard is not run a second time. Other threads may start processes
    of their own meanwhile; those are as they would be.
    """
    with _STARTS:
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
