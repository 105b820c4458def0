"""Use of a file by other programs: writers and locks."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

from boltz_keyscan.records import dataclass


@dataclass(frozen=True, slots=True)
class Use:
    """The known use of a file by other programs."""

    program: str = ""
    """The program that writes to it or has locked it; empty if none is known."""
    is_known: bool = True
    """False if the system does not report the writers of a file."""


def find_use(descriptor: int) -> Use:
    """Return the use of a file that is open for reading.

    On Linux the kernel answers for all programs and users: a lease is granted only for a file that no
    program has open for writing (https://man7.org/linux/man-pages/man2/F_GETLEASE.2const.html). Where a
    file system grants none, the open files of the user's own programs are listed.
    """
    if _is_locked(descriptor):
        return Use("a program that has locked it")
    if sys.platform != "linux":
        return Use(is_known=False)
    writers = _has_writers(descriptor)
    if writers is False:
        return Use()
    names = list(_writers(descriptor))
    if names or writers:
        return Use(names[0] if names else "another program")
    return Use(is_known=os.path.isdir("/proc/self/fd"))


def _is_locked(descriptor: int) -> bool:
    """Return True if another program holds a lock by ``flock``."""
    if sys.platform == "win32":
        return False
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _has_writers(descriptor: int) -> bool | None:
    """Return True if any program has the file open for writing; None where the kernel does not answer."""
    if threading.current_thread() is not threading.main_thread():
        return None
    import fcntl  # noqa: PLC0415 - as above

    # A program that opens the file at this moment makes the kernel send this signal, which would end us.
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        signal.signal(signal.SIGIO, before)
    return False


def _writers(descriptor: int) -> Iterator[str]:
    """Yield the programs of this user that have the file open for writing: ``node (process 123)``."""
    wanted = os.fstat(descriptor)
    with contextlib.suppress(OSError):
        for process in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, ValueError):
                for number in os.listdir(f"/proc/{process}/fd"):
                    with contextlib.suppress(OSError):
                        opened = os.stat(f"/proc/{process}/fd/{number}")
                        if os.path.samestat(opened, wanted) and _is_writable(process, number):
                            yield f"{_name(process)} (process {process})"


def _is_writable(process: str, number: str) -> bool:
    with open(f"/proc/{process}/fdinfo/{number}", encoding="ascii") as file:
        flags = next(line for line in file if line.startswith("flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _name(process: str) -> str:
    with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().strip()
