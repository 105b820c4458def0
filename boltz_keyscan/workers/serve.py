"""Loop of a worker process: one shard after the other, until its parent closes the pipe."""

from __future__ import annotations

import os
import pickle
import queue
import threading
from functools import partial

from boltz_keyscan.model.finding import Detector, Shard
from boltz_keyscan.module_search import carry_guard
from boltz_keyscan.sources.blob import scan_shard
from boltz_keyscan.system.processes import end_this_process, forbid_core_dumps, reset_worker_signals
from boltz_keyscan.workers import wire


def main() -> None:
    """Serve in a new process, over its standard streams; it receives the detector first."""
    reading, writing = wire.take_standard_streams()
    serve(reading, writing, wire.receive(partial(os.read, reading)))


def serve(reading: int, writing: int, detector: Detector) -> None:
    """Scan shards until the pipe is closed.

    Args:
        reading: descriptor to read shards from.
        writing: descriptor for answers: None when ready, then a result or an exception for each shard.
        detector: detector to scan with.
    """
    # A fork has the handler of its parent.
    reset_worker_signals()
    forbid_core_dumps()
    inbox = _Inbox(reading)
    threading.Thread(target=carry_guard(inbox.fill), daemon=True).start()
    try:
        wire.send(writing, None)
        # Compile the engine while the parent lists the first shards.
        detector.candidate_offsets(b"", 0)
        while (shard := inbox.next()) is not None:
            answer = _answer(shard, detector)
            inbox.answered += 1
            wire.send(writing, answer)
    except BrokenPipeError:
        # The parent has ended.
        return


class _Inbox:
    """Queue of shards, read ahead in a thread, so that the end of the parent is noticed during a scan."""

    def __init__(self, reading: int) -> None:
        self._reading = reading
        self._shards: queue.SimpleQueue[Shard | None] = queue.SimpleQueue()
        self._received = 0
        self.answered = 0

    def next(self) -> Shard | None:
        """Wait for the next shard; return None when there are no more."""
        return self._shards.get()

    def fill(self) -> None:
        """Read until the pipe is closed; end this process if it is then in the middle of a scan."""
        while True:
            try:
                shard = wire.receive(partial(os.read, self._reading))
            except (OSError, EOFError):
                break
            self._received += 1
            self._shards.put(shard)
        if self.answered < self._received:
            # The parent was killed, and cannot end a shard that hangs.
            end_this_process()
        self._shards.put(None)


def _answer(shard: Shard, detector: Detector) -> object:
    try:
        return scan_shard(shard, detector)
    except Exception as error:  # noqa: BLE001 - sent to the parent, which decides
        return _portable(error)


def _portable(error: Exception) -> Exception:
    """Return an exception that can be pickled: the error itself, or its class name."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    except Exception:  # noqa: BLE001 - pickling an exception may raise anything
        return RuntimeError(type(error).__name__)
    return error
