"""Limits of git processes: memory, file size and timeouts.

A child must not take all memory or fill a disk, and must not block this process without end.
"""

from __future__ import annotations

import io
import time
from typing import IO

from boltz_keyscan.system.pipes import Reader, open_reader

MAX_MEMORY_BYTES = 8 << 30
"""Bytes of private memory a child may have: RLIMIT_DATA, see getrlimit(2).

Packs are mapped, not copied, and do not count, so the size of a repository does not matter
(RLIMIT_AS would count them). A walk over ten million objects takes about 1.5 GB; the limit
stops an object that claims to have a terabyte."""

MAX_FILE_BYTES = 16 << 20
"""Bytes of the largest file that most children may write (RLIMIT_FSIZE): their stderr."""

# Processor time is not limited: a sound repository can take hours of it. The idle timeout bounds time.


class Output(io.RawIOBase):
    """Output of a child, read with a timeout; after it the stream is at its end.

    Args:
        pipe: the read end of the child's pipe, closed by the caller after ``stop``. None for no output.
        silence: idle timeout in seconds.
        seconds: total timeout in seconds from now, instead of ``silence``.
    """

    def __init__(self, pipe: IO[bytes] | None, silence: float, seconds: float | None) -> None:
        super().__init__()
        self._reader: Reader | None = open_reader(pipe.fileno()) if pipe is not None else None
        self._timeout = silence if seconds is None else seconds
        self._end = time.monotonic() + seconds if seconds is not None else None
        self.timeout_error = ""
        """Timeout message, or ""."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # only ever given a view
        """Read what is available into the buffer and return the number of bytes; 0 at the end."""
        return reader.readinto(buffer) if (reader := self._ready()) is not None else 0

    def read(self, size: int = -1) -> bytes:
        """Return what is available, at most ``size`` bytes; b"" at the end."""
        if size < 0:
            return self.readall()
        return reader.read(size) if (reader := self._ready()) is not None else b""

    def readall(self) -> bytes:
        """Return everything up to the end."""
        pieces = []
        while piece := self.read(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)

    def stop(self) -> None:
        """Stop reading, once the child has ended."""
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def _ready(self) -> Reader | None:
        """Wait for output; return None at the timeout."""
        if self._reader is None or self.timeout_error:
            return None
        left = self._timeout if self._end is None else self._end - time.monotonic()
        if left > 0 and self._reader.wait(left):
            return self._reader
        verb = "produced no output for" if self._end is None else "took longer than"
        self.timeout_error = f"git {verb} {self._timeout:.0f} s"
        return None
