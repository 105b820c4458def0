"""One worker process: how it starts, the line to it, how it ends.

A worker is a copy of this process where that is exact, and else a new Python, isolated from the
environment and from the working folder. ``multiprocessing`` is not used: the processes that it
starts, its resource tracker among them, look for modules in the working folder first.

Boundary: processes and descriptors; what is sent is ``pool``'s.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator

from boltz_keyscan import module_search
from boltz_keyscan.model.finding import Detector
from boltz_keyscan.workers import wire
from boltz_keyscan.workers.serve import serve

_LEAVE_S = 5.0
"""Seconds in which a worker that has nothing to do ends by itself, once its line is closed."""

_PROGRAM_S = 30.0
"""Seconds that a program may take that is only asked for its version."""

_STARTUP = (
    "import sys; reading, writing, home, *folders = sys.argv[1:]; "
    # The very package that started this one, whatever else is installed.
    "sys.path[:] = [home]; import boltz_keyscan; sys.path[:] = folders; "
    "from boltz_keyscan.workers.serve import main; main(int(reading), int(writing))"
)


def can_copy() -> bool:
    """Return whether a copy of this process is exact; starting a new one takes a hundred times as long.

    It is when no thread could be copied in the middle of something, and no pipe would stay open because
    a copy has it too. Elsewhere than on Linux the system's own libraries cannot be trusted with it.
    """
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError):
        opened = any(map(_is_opened_here, map(int, os.listdir("/proc/self/fd"))))
        return not opened and _has_one_thread()
    return False


class Process:
    """A running worker.

    Args:
        detector: what it looks with.
        copy: copy this process; only right after ``can_copy``.
        siblings: workers started before; a copy closes what it has of the lines to them.
    """

    def __init__(self, detector: Detector, *, copy: bool, siblings: Iterable[Process]) -> None:
        theirs, self.writing = os.pipe()
        self.reading, answers = os.pipe()
        # What it has not taken yet must not keep us from hearing the others.
        os.set_blocking(self.writing, False)
        self._outbox = bytearray()
        self._started: subprocess.Popen[bytes] | None = None
        try:
            if copy:
                kept = [end for each in (*siblings, self) for end in (each.reading, each.writing)]
                self.pid = _copy(theirs, answers, detector, kept)
            else:
                self._started = _new(theirs, answers)
                self.pid = self._started.pid
        except BaseException:
            os.close(self.reading)
            os.close(self.writing)
            raise
        finally:
            os.close(theirs)
            os.close(answers)
        if not copy:
            self.send(detector)

    def send(self, message: object) -> None:
        """Send a message as soon as the worker takes it."""
        self._outbox += wire.framed(message)
        self.flush()

    def flush(self) -> None:
        """Write what can be written without waiting."""
        try:
            while self._outbox:
                del self._outbox[: os.write(self.writing, self._outbox[: 1 << 16])]
        except BlockingIOError:
            return
        except OSError:
            # It is gone; that is heard next.
            self._outbox.clear()

    @property
    def unsent(self) -> int | None:
        """The descriptor to wait for before ``flush``; None when all was sent."""
        return self.writing if self._outbox else None

    def receive(self) -> object:
        """Wait for one answer.

        Raises:
            EOFError: it has ended.
        """
        return wire.receive(self.reading)

    def close(self) -> None:
        """Let it end by itself when it has answered everything."""
        os.close(self.writing)
        self.writing = -1

    def end(self) -> None:
        """Wait for it a moment if it was closed, and end it."""
        if self.writing == -1:
            waiting = select.poll()
            waiting.register(self.reading, select.POLLIN)
            waiting.poll(_LEAVE_S * 1000)
        else:
            self.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if self._started is None:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            else:
                self._started.kill()
                self._started.wait()
        os.close(self.reading)


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Keep Ctrl-C and the end of a job out while a worker starts, for the worker for good.

    Ctrl-C is the parent's to answer, and it ends the workers: those started here do not hear it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def output_of(command: list[str]) -> bytes | None:
    """Return what a short program writes; None when it fails, or takes too long."""
    try:
        ended = subprocess.run(  # noqa: S603 - an absolute path, arguments of our own
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=os.sep,
            check=True,
            timeout=_PROGRAM_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout


def _copy(reading: int, writing: int, detector: Detector, kept: list[int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for descriptor in kept:
            os.close(descriptor)
        # What the parent does at its end is not for a copy to do.
        atexit._clear()  # noqa: SLF001 - as multiprocessing does in its copies
        serve(reading, writing, detector)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent may run here; the parent sees the line end
        code = 1
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()  # noqa: SLF001 - as above
        os._exit(code)


def _new(reading: int, writing: int) -> subprocess.Popen[bytes]:
    # -I leaves these out with the rest of the environment.
    flags = [*(["-B"] if sys.flags.dont_write_bytecode else []), "-X", f"utf8={int(sys.flags.utf8_mode)}"]
    arguments = [str(reading), str(writing), module_search.HOME, *module_search.trusted_folders()]
    return subprocess.Popen(  # noqa: S603 - this Python itself
        [sys.executable, "-I", *flags, "-c", _STARTUP, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(reading, writing),
    )


def _has_one_thread() -> bool:
    """Return whether this process has one thread; one that was joined may take a moment to be gone."""
    for _ in range(50):
        if len(os.listdir("/proc/self/task")) == 1:
            return True
        if threading.active_count() > 1:
            break
        time.sleep(0.001)
    return False


def _is_opened_here(descriptor: int) -> bool:
    """Return whether it was not inherited: whatever Python opens does not survive an exec (PEP 446)."""
    try:
        return not os.get_inheritable(descriptor)
    except OSError:
        # The one by which they were listed.
        return False
