"""The work of a worker: one shard after the other, until its parent is gone.

Boundary: runs in the worker. What a shard does is its own.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading

from boltz_keyscan.model.finding import Detector, Shard
from boltz_keyscan.module_search import carried
from boltz_keyscan.sources.blob import scan_shard
from boltz_keyscan.workers import wire


def main(reading: int, writing: int) -> None:
    """Serve in a process that was started new: the detector comes first."""
    serve(reading, writing, wire.receive(reading))


def serve(reading: int, writing: int, detector: Detector) -> None:
    """Answer shards until the line is closed.

    Args:
        reading: the descriptor that shards come from.
        writing: the descriptor for answers: None when ready, a result or an exception for each shard.
        detector: what to look with.
    """
    # A copy has its parent's handler. Ctrl-C stays blocked: it is the parent's to answer.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        # What is in memory here may be a key, and does not belong on a disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    inbox = _Inbox(reading)
    threading.Thread(target=carried(inbox.fill), daemon=True).start()
    try:
        wire.send(writing, None)
        # The engine starts while the first shards are being listed.
        detector.candidate_offsets(b"", 0)
        while (shard := inbox.next()) is not None:
            answer = _answer(shard, detector)
            inbox.answered += 1
            wire.send(writing, answer)
    except BrokenPipeError:
        # The parent is gone.
        return


class _Inbox:
    """What the parent sends, read ahead, so that the end of the parent is noticed during work."""

    def __init__(self, reading: int) -> None:
        self._reading = reading
        self._shards: queue.SimpleQueue[Shard | None] = queue.SimpleQueue()
        self._received = 0
        self.answered = 0

    def next(self) -> Shard | None:
        """Wait for the next shard; None when there will be none."""
        return self._shards.get()

    def fill(self) -> None:
        """Read until the line is closed; end this process if that is in the middle of work."""
        while True:
            try:
                shard = wire.receive(self._reading)
            except (OSError, EOFError):
                break
            self._received += 1
            self._shards.put(shard)
        if self.answered < self._received:
            # Closed early: the parent was killed. Nobody else would end a shard that takes for ever.
            os.kill(os.getpid(), signal.SIGTERM)
        self._shards.put(None)


def _answer(shard: Shard, detector: Detector) -> object:
    try:
        return scan_shard(shard, detector)
    except Exception as error:  # noqa: BLE001 - the parent decides what that means
        return _portable(error)


def _portable(error: Exception) -> Exception:
    """Return an exception that arrives at the other side, whatever it is made of."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    except Exception:  # noqa: BLE001 - it may raise anything
        return RuntimeError(type(error).__name__)
    return error
