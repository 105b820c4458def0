"""What keeps a child process within bounds: its end, its memory, and how long anybody waits for it.

A child must not outlive this process, not even when this process is killed; must not take
all memory or fill a disk; and must not be waited for without an end.

Boundary: descriptors and limits of a child that ``_git`` has started.
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

MEMORY = 8 << 30
"""Bytes of memory of its own that a child may have: RLIMIT_DATA, see getrlimit(2).

Packs are mapped, not copied, and do not count, so the size of a repository does not matter
(RLIMIT_AS would count them). A walk over ten million objects takes about 1.5 GB; an object
that claims to have a terabyte is what this stops."""

FILE = 16 << 20
"""Bytes of the largest file that most children may write (RLIMIT_FSIZE): that of their complaints."""

UNLIMITED = -1
"""No limit on files, for a git that unpacks into a folder of ours: its input is limited, and its time."""

# No limit on processor time: a sound repository can take hours of it and a bad one is not
# told by it. What bounds time is that git has to go on answering.


class ParentDeathSignal:
    """Ends a child when this process ends, however that comes about.

    A pipe that nobody writes to. Its reading end stays open in the child, and says that it
    belongs to the child's process group and wants a signal when something happens to it
    (F_SETOWN and O_ASYNC, see fcntl(2)). What happens is that the writing end closes: with
    this process. Linux only; elsewhere a child ends when it next reads or writes.

    The usual ways are none: PR_SET_PDEATHSIG has to be set in the child before it becomes
    git, which Python cannot do safely beside threads.
    """

    def __init__(self) -> None:
        self.ends: tuple[int, ...] = os.pipe() if sys.platform == "linux" else ()

    @property
    def inherited(self) -> tuple[int, ...]:
        """What the child has to be given."""
        return self.ends[:1]

    def tie(self, group: int) -> None:
        """Tie a process group, that has just been started, to this process."""
        if sys.platform == "linux":
            import fcntl  # noqa: PLC0415 - not on Windows

            reading, *kept = self.ends
            with contextlib.suppress(OSError):
                fcntl.fcntl(reading, fcntl.F_SETOWN, -group)
                fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGKILL)
                fcntl.fcntl(reading, fcntl.F_SETFL, fcntl.fcntl(reading, fcntl.F_GETFL) | os.O_ASYNC)
            os.close(reading)
            self.ends = tuple(kept)

    def close(self) -> None:
        """When the child has ended, or was never started."""
        for end in self.ends:
            os.close(end)
        self.ends = ()


def limit(process: int, most: int) -> None:
    """Put a process that has just been started under limits, with files of at most so many bytes.

    Linux only: elsewhere nobody can from outside.
    """
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - not on Windows

        # No core file: it would hold what was being read.
        wanted = {resource.RLIMIT_DATA: MEMORY, resource.RLIMIT_CORE: 0}
        if most != UNLIMITED:
            wanted[resource.RLIMIT_FSIZE] = most
        for kind, limited in wanted.items():
            hard = resource.getrlimit(kind)[1]
            soft = limited if hard == resource.RLIM_INFINITY else min(limited, hard)
            # It may have ended already.
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(process, kind, (soft, hard))


class Output(io.RawIOBase):
    """What a child prints, waited for with a patience that ends; then it reads as if it were over.

    Args:
        pipe: the reading end of the child's pipe; stays with whoever opened it. None for no output.
        silence: seconds without a byte that are too many.
        seconds: seconds from now after which it is enough, in place of ``silence``.
    """

    def __init__(self, pipe: IO[bytes] | None, silence: float, seconds: float | None) -> None:
        super().__init__()
        self._descriptor = pipe.fileno() if pipe is not None else -1
        self._patience = silence if seconds is None else seconds
        self._end = time.monotonic() + seconds if seconds is not None else None
        self._poll = select.poll()
        if pipe is not None:
            self._poll.register(pipe, select.POLLIN)
        self.late = ""
        """How patience came to its end; empty while it has not."""

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # only ever given a view
        """What there is, at most a buffer full; 0 at the end."""
        return os.readv(self._descriptor, [buffer]) if self._ready() else 0

    def read(self, size: int = -1) -> bytes:
        """What there is, at most ``size`` bytes; nothing at the end."""
        if size < 0:
            return self.readall()
        return os.read(self._descriptor, size) if self._ready() else b""

    def readall(self) -> bytes:
        """All there is until the end."""
        pieces = []
        while piece := self.read(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)

    def _ready(self) -> bool:
        if self._descriptor < 0 or self.late:
            return False
        left = self._patience if self._end is None else self._end - time.monotonic()
        if left > 0 and self._poll.poll(left * 1000):
            return True
        verb = "said nothing for" if self._end is None else "took longer than"
        self.late = f"git {verb} {self._patience:.0f} s"
        return False


def anonymous_file() -> IO[bytes]:
    """A file without a name, and where the system can, without a disk: nothing of it can be left behind."""
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):
            return open(os.memfd_create("boltz-keyscan"), "w+b")
    import tempfile  # noqa: PLC0415 - not on Linux

    return tempfile.TemporaryFile()
