"""Child processes and this one: lifetime, limits and signals, by what the system offers."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Final, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from boltz_keyscan.system.windows_jobs import JobTree

CREATION_FLAGS: Final = 0x0800_0200 if sys.platform == "win32" else 0
"""CREATE_NO_WINDOW and CREATE_NEW_PROCESS_GROUP: Ctrl-C reaches only this process.

On POSIX a process group of its own does the same."""

TOO_LARGE_SIGNAL: Final = "SIGXFSZ"
"""Name of the signal that ends a process which exceeds its file limit."""


class Started(Protocol):
    """A process that was started: a ``subprocess.Popen``."""

    pid: int


class PosixTree:
    """A child and all that it starts, as a process group. They end with this process, however it ends.

    On Linux it gets a signal when this process ends: a pipe that is never written to. Its read end stays
    open in the child and is owned by the child's process group, which gets a signal on any event (F_SETOWN
    and O_ASYNC, see fcntl(2)). The event is the write end closing with this process. On macOS a child ends
    when it next reads or writes.

    PR_SET_PDEATHSIG is no alternative: it has to be set in the child before it becomes another program,
    which Python cannot do safely beside threads.
    """

    def __init__(self) -> None:
        self._ends: tuple[int, ...] = os.pipe() if sys.platform == "linux" else ()
        self._group = 0

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors that the child has to inherit."""
        return self._ends[:1]

    def attach(self, process: Started, memory: int | None = None, file_bytes: int | None = None) -> None:
        """Add the child, right after its start, with the limits that the system offers: on Linux only.

        Args:
            process: the child, in a process group of its own.
            memory: bytes of private memory of each process.
            file_bytes: bytes of the largest file that it may write.
        """
        self._group = process.pid
        if sys.platform == "linux":
            self._send_signal_at_end()
            if memory is not None:
                _limit(process.pid, memory, file_bytes)

    def _send_signal_at_end(self) -> None:
        if sys.platform == "linux":
            import fcntl  # noqa: PLC0415 - not on Windows

            reading, *rest = self._ends
            with contextlib.suppress(OSError):
                fcntl.fcntl(reading, fcntl.F_SETOWN, -self._group)
                fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGKILL)
                fcntl.fcntl(reading, fcntl.F_SETFL, fcntl.fcntl(reading, fcntl.F_GETFL) | os.O_ASYNC)
            os.close(reading)
            self._ends = tuple(rest)

    def kill(self) -> None:
        """End all processes; the child must not have been waited for."""
        if self._group and sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.killpg(self._group, signal.SIGKILL)

    def close(self) -> None:
        """Release what is held for the child, once it has ended or if it was never started."""
        for end in self._ends:
            os.close(end)
        self._ends = ()


ProcessTree: TypeAlias = "PosixTree | JobTree"


def new_tree() -> ProcessTree:
    """Return the tree of a child that is about to be started."""
    if sys.platform == "win32":
        from boltz_keyscan.system.windows_jobs import JobTree  # noqa: PLC0415 - Windows only

        return JobTree()
    return PosixTree()


def _limit(process: int, memory: int, file_bytes: int | None) -> None:
    """Limit a process that has just been started."""
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - not on Windows

        # No core file: it would hold what was being read.
        limits = {resource.RLIMIT_DATA: memory, resource.RLIMIT_CORE: 0}
        if file_bytes is not None:
            limits[resource.RLIMIT_FSIZE] = file_bytes
        for kind, wanted in limits.items():
            hard = resource.getrlimit(kind)[1]
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            # The process may have ended already.
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(process, kind, (soft, hard))


def is_running(process: int) -> bool:
    """Return True if there is a process with this number, of any user."""
    if sys.platform == "win32":
        # os.kill(process, 0) would send it a Ctrl-C.
        from boltz_keyscan.system.windows_jobs import is_running as is_running_there  # noqa: PLC0415 - Windows only

        return is_running_there(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def own_processes(size: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield number, name and environment of the user's other processes, where the system has ``/proc``.

    Args:
        size: limit of bytes of an environment.
    """
    if sys.platform == "win32" or not os.path.isdir("/proc"):
        return
    for number in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        if number == os.getpid():
            continue
        folder = f"/proc/{number}"
        try:
            if os.stat(folder).st_uid != os.geteuid():
                continue
            with open(f"{folder}/environ", "rb") as file:
                environment = file.read(size)
            with open(f"{folder}/comm", "rb") as file:
                name = file.read(100).strip()
        except OSError:
            # It ended, or protects itself even from its owner.
            continue
        yield number, name, environment


def system_variables() -> dict[str, str]:
    """Return the environment variables without which a program does not start: some of Windows."""
    names = ("SYSTEMROOT", "WINDIR", "TEMP", "TMP") if sys.platform == "win32" else ()
    return {name: os.environ[name] for name in names if name in os.environ}


@contextlib.contextmanager
def block_signals() -> Iterator[None]:
    """Block SIGINT and SIGTERM while a worker starts; the worker inherits the mask.

    Ctrl-C is handled by the parent, which ends its workers. On Windows ``CREATION_FLAGS`` do the same.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_signals_to_main_thread() -> None:
    """Block SIGINT and SIGTERM in this thread; on Windows they always reach the main thread."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})


def reset_worker_signals() -> None:
    """Let SIGTERM end this process, whose parent blocked it. SIGINT stays blocked: the parent handles it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def end_this_process() -> None:
    """End this process as if it was asked to."""
    os.kill(os.getpid(), signal.SIGTERM)


def forbid_core_dumps() -> None:
    """Let this process leave no core dump: its memory may hold keys."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_own_files(size: int) -> None:
    """Limit the files that this process and its children write to ``size`` bytes each; not on Windows."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        # A file beyond the limit ends git with an error instead of filling the disk.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


_MAX_BYTECODE = 16 << 20
"""Bytes of the bytecode of one module. Without it each scan compiles the readers of containers.

Python 3.11 and 3.12 keep what fits of a module that is larger, and can then never import it again.
"""

_is_limited = False
"""True while the limits of this process are set."""


@contextlib.contextmanager
def own_limits(seconds: float, memory: int) -> Iterator[None]:
    """Limit this process while it reads hostile bytes: processor time, memory, and files. Not on Windows.

    Args:
        seconds: processor time of the block.
        memory: bytes of address space beyond those in use, where the system reports them.
    """
    global _is_limited  # noqa: PLW0603 - limits are of the whole process
    if sys.platform == "win32" or _is_limited:
        yield
        return
    import resource  # noqa: PLC0415 - not on Windows

    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
    before = [(kind, resource.getrlimit(kind)) for kind in kinds]
    used = resource.getrusage(resource.RUSAGE_SELF)
    _is_limited = True
    try:
        _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 10)
        # Content of a container is never written to a disk; the bytecode of a module imported here may be.
        _lower(resource.RLIMIT_FSIZE, _MAX_BYTECODE)
        if used_bytes := _address_space_bytes():
            _lower(resource.RLIMIT_AS, used_bytes + memory)
        yield
    finally:
        _is_limited = False
        for kind, (soft, hard) in before:
            resource.setrlimit(kind, (soft, hard))


def _lower(kind: int, limit: int) -> None:
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        soft, hard = resource.getrlimit(kind)
        if soft == resource.RLIM_INFINITY or limit < soft:
            resource.setrlimit(kind, (limit, hard))


def _address_space_bytes() -> int:
    """Return the bytes of address space of this process; 0 where the system does not report them."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def enlarge_pipe(pipe: IO[bytes]) -> None:
    """Set the pipe to 1 MiB on Linux: a sixteenth of the reads."""
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - not on Windows

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)


def anonymous_file() -> IO[bytes]:
    """Open a file without a name, in memory where the system offers that; it leaves nothing on disk."""
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):
            return open(os.memfd_create("boltz-keyscan"), "w+b")
    import tempfile  # noqa: PLC0415 - not on Linux

    return cast("IO[bytes]", tempfile.TemporaryFile())
