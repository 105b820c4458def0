"""Limits of git processes: lifetime, memory, file size and timeouts.

A child must not outlive this process, not even when this process is killed; must not take
all memory or fill a disk; and must not block this process without end.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import sys
import time
from typing import IO

MAX_MEMORY_BYTES = 8 << 30
"""Bytes of private memory a child may have: RLIMIT_DATA, see getrlimit(2).

Packs are mapped, not copied, and do not count, so the size of a repository does not matter
(RLIMIT_AS would count them). A walk over ten million objects takes about 1.5 GB; the limit
stops an object that claims to have a terabyte."""

MAX_FILE_BYTES = 16 << 20
"""Bytes of the largest file that most children may write (RLIMIT_FSIZE): their stderr."""

UNLIMITED = -1
"""No file limit, for a git that unpacks into a temporary folder: its input and time are limited."""

# Processor time is not limited: a sound repository can take hours of it. The idle timeout bounds time.


class ParentDeathSignal:
    """A signal that kills a child when this process ends in any way.

    A pipe that is never written to. Its read end stays open in the child and is owned by the
    child's process group, which gets a signal on any event (F_SETOWN and O_ASYNC, see
    fcntl(2)). The event is the write end closing with this process. Linux only; elsewhere a
    child ends when it next reads or writes.

    PR_SET_PDEATHSIG is no alternative: it has to be set in the child before it becomes git,
    which Python cannot do safely beside threads.
    """

    def __init__(self) -> None:
        self._ends: tuple[int, ...] = os.pipe() if sys.platform == "linux" else ()

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors that the child has to inherit."""
        return self._ends[:1]

    def attach(self, group: int) -> None:
        """Send the signal to a process group that has just been started."""
        if sys.platform == "linux":
            import fcntl  # noqa: PLC0415 - not on Windows

            reading, *rest = self._ends
            with contextlib.suppress(OSError):
                fcntl.fcntl(reading, fcntl.F_SETOWN, -group)
                fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGKILL)
                fcntl.fcntl(reading, fcntl.F_SETFL, fcntl.fcntl(reading, fcntl.F_GETFL) | os.O_ASYNC)
            os.close(reading)
            self._ends = tuple(rest)

    def close(self) -> None:
        """Close the pipe, once the child has ended or if it was never started."""
        for end in self._ends:
            os.close(end)
        self._ends = ()


def limit(process: int, most: int) -> None:
    """Limit a process that has just been started; its files to ``most`` bytes.

    Linux only: other systems cannot limit a running process.
    """
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - not on Windows

        # No core file: it would hold what was being read.
        limits = {resource.RLIMIT_DATA: MAX_MEMORY_BYTES, resource.RLIMIT_CORE: 0}
        if most != UNLIMITED:
            limits[resource.RLIMIT_FSIZE] = most
        for kind, wanted in limits.items():
            hard = resource.getrlimit(kind)[1]
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            # The process may have ended already.
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(process, kind, (soft, hard))


class Output(io.RawIOBase):
    """Output of a child, read with a timeout; after it the stream is at its end.

    Args:
        pipe: the read end of the child's pipe, closed by the caller. None for no output.
        silence: idle timeout in seconds.
        seconds: total timeout in seconds from now, instead of ``silence``.
    """

    def __init__(self, pipe: IO[bytes] | None, silence: float, seconds: float | None) -> None:
        super().__init__()
        self._descriptor = pipe.fileno() if pipe is not None else -1
        self._timeout = silence if seconds is None else seconds
        self._end = time.monotonic() + seconds if seconds is not None else None
        self._poll = select.poll()
        if pipe is not None:
            self._poll.register(pipe, select.POLLIN)
        self.timeout_error = ""
        """Timeout message, or ""."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # only ever given a view
        """Read what is available into the buffer and return the number of bytes; 0 at the end."""
        return os.readv(self._descriptor, [buffer]) if self._ready() else 0

    def read(self, size: int = -1) -> bytes:
        """Return what is available, at most ``size`` bytes; b"" at the end."""
        if size < 0:
            return self.readall()
        return os.read(self._descriptor, size) if self._ready() else b""

    def readall(self) -> bytes:
        """Return everything up to the end."""
        pieces = []
        while piece := self.read(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)

    def _ready(self) -> bool:
        if self._descriptor < 0 or self.timeout_error:
            return False
        left = self._timeout if self._end is None else self._end - time.monotonic()
        if left > 0 and self._poll.poll(left * 1000):
            return True
        verb = "produced no output for" if self._end is None else "took longer than"
        self.timeout_error = f"git {verb} {self._timeout:.0f} s"
        return False


def anonymous_file() -> IO[bytes]:
    """Open a file without a name, in memory where the system offers that; it leaves nothing on disk."""
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):
            return open(os.memfd_create("boltz-keyscan"), "w+b")
    import tempfile  # noqa: PLC0415 - not on Linux

    return tempfile.TemporaryFile()
