"""One worker process: start, pipes and end.

A worker is a fork of this process where that is safe, and otherwise a new Python, isolated from the
environment and from the working folder. ``multiprocessing`` is not used: the processes that it starts,
its resource tracker among them, look for modules in the working folder first.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterable

from boltz_keyscan.model.finding import Detector
from boltz_keyscan.system import pipes
from boltz_keyscan.system.processes import CREATION_FLAGS
from boltz_keyscan.workers import wire
from boltz_keyscan.workers.serve import serve

_EXIT_TIMEOUT_S = 5.0
"""Seconds for an idle worker to exit once its pipe is closed."""


def can_copy() -> bool:
    """Return True if forking is safe: one thread, no open files but folders, Linux.

    A fork copies locks held by other threads and keeps pipes open, and the libraries of other systems do
    not support it reliably. A new process takes a hundred times as long.
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
        detector: detector of the worker.
        copy: fork this process; only right after ``can_copy``.
        siblings: workers started before; a fork closes its copies of their pipes.
    """

    def __init__(self, detector: Detector, *, copy: bool, siblings: Iterable[Process]) -> None:
        requests, writing = os.pipe()
        reading, answers = os.pipe()
        self.ends: tuple[int, ...] = (reading, writing)
        self._is_closed = False
        self._started: subprocess.Popen[bytes] | None = None
        try:
            if copy:
                inherited = [end for worker in (*siblings, self) for end in worker.ends]
                self.pid = _fork(requests, answers, detector, inherited)
            else:
                self._started = _spawn(requests, answers)
                self.pid = self._started.pid
        except BaseException:
            os.close(reading)
            os.close(writing)
            raise
        finally:
            os.close(requests)
            os.close(answers)
        self.reader, self.writer = pipes.open_reader(reading), pipes.open_writer(writing)
        if not copy:
            self.send(detector)

    def send(self, message: object) -> None:
        """Queue a message, and write as much as the worker can receive now."""
        self.writer.send(wire.encode(message))

    def receive(self) -> object:
        """Wait for one answer.

        Raises:
            EOFError: the worker has ended.
        """
        return wire.receive(self.reader.read)

    def close(self) -> None:
        """Close the pipe to the worker, which exits when it has answered everything."""
        if not self._is_closed:
            self._is_closed = True
            self.writer.close()
            self.ends = self.ends[:1]

    def kill(self) -> None:
        """Kill the worker; one that was closed gets a moment to exit."""
        if self._is_closed:
            self.reader.wait(_EXIT_TIMEOUT_S)
        self.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if self._started is None:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            else:
                self._started.kill()
                self._started.wait()
        self.reader.stop()
        os.close(self.ends[0])


def _fork(reading: int, writing: int, detector: Detector, inherited: list[int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for descriptor in inherited:
            os.close(descriptor)
        # The exit handlers of the parent must not run in a fork.
        atexit._clear()  # noqa: SLF001 - as multiprocessing does in its copies
        serve(reading, writing, detector)
        code = 0
    except BaseException:  # noqa: BLE001 - no code of the parent may run here; the parent sees the pipe end
        code = 1
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()  # noqa: SLF001 - as multiprocessing does in its copies
        os._exit(code)


def _spawn(reading: int, writing: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - this Python itself
        wire.python_command("boltz_keyscan.workers.serve:main", utf8=bool(sys.flags.utf8_mode)),
        stdin=reading,
        stdout=writing,
        creationflags=CREATION_FLAGS,
    )


def _has_one_thread() -> bool:
    """Return True if this process has one thread, after a moment for joined ones to disappear."""
    for _ in range(50):
        if len(os.listdir("/proc/self/task")) == 1:
            return True
        if threading.active_count() > 1:
            break
        time.sleep(0.001)
    return False


def _is_opened_here(descriptor: int) -> bool:
    """Return True if this process opened a file or pipe: those are not inheritable (PEP 446).

    A folder that is being listed does no harm in a copy.
    """
    try:
        return not os.get_inheritable(descriptor) and not stat.S_ISDIR(os.fstat(descriptor).st_mode)
    except OSError:
        # The descriptor of the listing itself, closed by now.
        return False
