"""Pipes to and from other processes, with waits that end.

POSIX waits with ``poll``. Windows cannot wait for a pipe, so a thread reads or writes each of them there.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
from collections import deque
from collections.abc import Iterable
from typing import Final, TypeAlias

_PIECE_BYTES: Final = 1 << 20
_MAX_HELD_BYTES: Final = 4 << 20
"""Bytes that a thread reads ahead: a child that writes more has to wait."""

_END_TIMEOUT_S: Final = 30.0


class PolledReader:
    """The read end of a pipe, where ``poll`` waits for pipes."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Return True as soon as a read will not wait; False after so many seconds."""
        return bool(self._poll.poll(seconds * 1000))

    def read(self, size: int) -> bytes:
        """Return what is available, at most ``size`` bytes; b"" at the end."""
        return os.read(self.descriptor, size)

    def readinto(self, buffer: memoryview) -> int:
        """Read what is available into the buffer and return the number of bytes; 0 at the end."""
        return os.readv(self.descriptor, [buffer])

    def stop(self) -> None:
        """Stop reading, so that the descriptor can be closed; the process at the other end has ended."""


class PolledWriter:
    """The write end of a pipe, closed by this object.

    Where descriptors can be non-blocking: a process that is slow to read blocks no other.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._outbox = bytearray()

    def send(self, data: bytes) -> None:
        """Queue data, and write as much as the other process can receive now."""
        self._outbox += data
        self.flush()

    def flush(self) -> None:
        """Write what can be written without waiting."""
        try:
            while self._outbox:
                del self._outbox[: os.write(self.descriptor, self._outbox[: 1 << 16])]
        except BlockingIOError:
            return
        except OSError:
            # The other process died, which shows when its answer is read.
            self._outbox.clear()

    @property
    def is_behind(self) -> bool:
        """True if some data was not written."""
        return bool(self._outbox)

    def close(self) -> None:
        """Close the pipe; what was not written is dropped."""
        os.close(self.descriptor)


_changed: Final = threading.Condition()
"""Notified when any thread has read something, or there is room for more."""


class ThreadedReader:
    """A reader whose thread waits for the pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pieces: deque[memoryview] = deque()
        self._held = 0
        self._is_ended = self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="pipe reader", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while piece := os.read(self._descriptor, _PIECE_BYTES):
                with _changed:
                    self._pieces.append(memoryview(piece))
                    self._held += len(piece)
                    _changed.notify_all()
                    _changed.wait_for(lambda: self._is_stopped or self._held < _MAX_HELD_BYTES)
                    if self._is_stopped:
                        self._pieces.clear()
        with _changed:
            self._is_ended = True
            _changed.notify_all()

    @property
    def is_ready(self) -> bool:
        """True if a read will not wait."""
        return bool(self._pieces) or self._is_ended

    def wait(self, seconds: float) -> bool:
        """As in ``PolledReader``."""
        with _changed:
            return _changed.wait_for(lambda: self.is_ready, seconds)

    def read(self, size: int) -> bytes:
        """As in ``PolledReader``."""
        return bytes(self._take(size))

    def readinto(self, buffer: memoryview) -> int:
        """As in ``PolledReader``."""
        piece = self._take(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def _take(self, size: int) -> memoryview:
        with _changed:
            _changed.wait_for(lambda: self.is_ready)
            if not self._pieces:
                return memoryview(b"")
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
                piece = piece[:size]
            self._held -= len(piece)
            _changed.notify_all()
            return piece

    def stop(self) -> None:
        """As in ``PolledReader``: a descriptor cannot be closed while a thread reads from it."""
        with _changed:
            self._is_stopped = True
            _changed.notify_all()
        self._thread.join(_END_TIMEOUT_S)


class ThreadedWriter:
    """A writer whose thread waits for the other process."""

    is_behind = False

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="pipe writer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while (data := self._queue.get()) is not None:
                unsent = memoryview(data)
                while unsent:
                    unsent = unsent[os.write(self._descriptor, unsent) :]
        os.close(self._descriptor)

    def send(self, data: bytes) -> None:
        """As in ``PolledWriter``."""
        self._queue.put(data)

    def flush(self) -> None:
        """As in ``PolledWriter``."""

    def close(self) -> None:
        """As in ``PolledWriter``, but what was sent is written first."""
        self._queue.put(None)


Reader: TypeAlias = PolledReader | ThreadedReader
Writer: TypeAlias = PolledWriter | ThreadedWriter

HAS_POLL: Final = hasattr(select, "poll")
"""False on Windows, where ``select`` waits for sockets only."""


def open_reader(descriptor: int) -> Reader:
    """Return the reader of a pipe."""
    return PolledReader(descriptor) if HAS_POLL else ThreadedReader(descriptor)


def open_writer(descriptor: int) -> Writer:
    """Return the writer of a pipe."""
    return PolledWriter(descriptor) if HAS_POLL else ThreadedWriter(descriptor)


def wait_any(readers: Iterable[Reader], writers: Iterable[Writer], seconds: float | None) -> set[int]:
    """Wait until one of several pipes can be used.

    Args:
        readers: pipes to read from.
        writers: pipes to write to.
        seconds: time limit; None for none.

    Returns:
        The ``id`` of each reader and writer that can be used.
    """
    if not HAS_POLL:
        waiting = [reader for reader in readers if isinstance(reader, ThreadedReader)]
        with _changed:
            _changed.wait_for(lambda: any(reader.is_ready for reader in waiting), seconds)
            return {id(reader) for reader in waiting if reader.is_ready}
    polling = select.poll()
    by_descriptor: dict[int, int] = {}
    for ends, event in ((readers, select.POLLIN), (writers, select.POLLOUT)):
        for end in ends:
            if isinstance(end, PolledReader | PolledWriter):
                by_descriptor[end.descriptor] = id(end)
                polling.register(end.descriptor, event)
    return {
        by_descriptor[descriptor]
        for descriptor, _ in polling.poll(None if seconds is None else max(seconds, 0) * 1000)
    }
