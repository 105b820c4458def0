"""Git processes: their start, input, output, timeouts and end.

A scanned repository is hostile: its configuration can name programs that git would run
for almost any command. So git never reads it. Every process gets ``GIT_DIR`` set to an
empty git directory of this package, the object store (and an index, where needed) of the
repository through the environment, and PATH as the only inherited variable.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import IO, Self

from boltz_keyscan import fsutil
from boltz_keyscan.errors import GitError
from boltz_keyscan.sources.git.run import limits as process_limits
from boltz_keyscan.sources.git.run.environment import RepoView as RepoView  # noqa: PLC0414 - part of each call
from boltz_keyscan.sources.git.run.environment import environment, find_program
from boltz_keyscan.system import processes

MIN_VERSION = (2, 39, 4)
"""Oldest git version allowed: older ones ignore GIT_NO_LAZY_FETCH and would let a partial clone run
commands (CVE-2024-32004)."""

_UPGRADE = "Install git 2.39.4 or newer, or scan files only with --no-history."

IDLE_TIMEOUT_S = 300.0
"""Seconds without output after which git is stopped. The largest object it unpacks in memory takes 5."""

TOTAL_TIMEOUT_S = 600.0
"""Seconds for one whole answer, which may come only at the end of a walk over all commits."""

EXIT_TIMEOUT_S = 30.0
"""Seconds to print the version, and to end after the last byte of output."""

NO_MATCH = "git ended with status 1"
"""Error of commands that end with status 1 when they find nothing; not a failure."""


class StoppedError(GitError):
    """git was stopped early: it exceeded its time or output limit, or was killed."""


@functools.cache
def executable() -> str:
    """Return the absolute path of git.

    Raises:
        GitError: git is not installed, does not run, or is too old.
    """
    found = find_program("git")
    if found is None:
        raise GitError("git is not installed or not on PATH", _UPGRADE)
    try:
        answer = subprocess.run(  # noqa: S603 - an absolute path, found above
            [found, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env={"LC_ALL": "C", **processes.system_variables()},
            timeout=EXIT_TIMEOUT_S,
            creationflags=processes.CREATION_FLAGS,
        )
    except OSError as error:
        raise GitError(f"git does not run: {found}: {error.strerror}", _UPGRADE) from error
    except subprocess.TimeoutExpired as error:
        raise GitError(
            f"git does not run: {found} did not answer within {EXIT_TIMEOUT_S:.0f} s", _UPGRADE
        ) from error
    words = answer.stdout.decode("ascii", "replace").split()
    numbers = words[2].split(".") if len(words) > 2 else []
    version = tuple(int(number) for number in numbers[:3] if number.isdigit())
    if answer.returncode != 0 or not version:
        raise GitError(f"git does not run: {found} exited with status {answer.returncode}", _UPGRADE)
    if version < MIN_VERSION:
        dotted = ".".join(map(str, version))
        raise GitError(f"git {dotted} is too old to read untrusted repositories", _UPGRADE)
    return found


def skeleton(object_format: str) -> str:
    """Return the path of an empty git directory in this package.

    It has no ``objects``: git does not need one when GIT_OBJECT_DIRECTORY is set (setup.c,
    is_git_directory), and other programs do not take it for a repository. Its configuration
    turns off the auxiliary tables of a store, which may be stale or forged: a commit-graph
    can cut parents off, so that a key in history seems to be in unreachable objects; a
    multi-pack-index can hide objects and name packs that are gone. Walks over 80,000 commits
    took 8.3 s without the graph and 6.5 s with it.
    """
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "skeleton", object_format)


class GitProcess:
    """A running git process. Use as a context manager: leaving it ends the process.

    Args:
        view: the parts of the repository that git may read.
        arguments: command and options.
        stdin: input.
        seconds: total timeout; None for the idle timeout.
        most: bytes of the largest file it may write; None for any size: its input and time are limited.
    """

    def __init__(
        self,
        view: RepoView,
        *arguments: str | bytes,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
        seconds: float | None = None,
        most: int | None = process_limits.MAX_FILE_BYTES,
    ) -> None:
        # A file needs no reader, so a flood of errors cannot block git.
        self._errors = processes.anonymous_file()
        self._tree = processes.new_tree()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own git, arguments from this package
                [executable(), "--no-pager", *arguments],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=view.worktree or view.skeleton,
                env=environment(view),
                bufsize=0,
                pass_fds=self._tree.inherited,
                # Ctrl-C reaches only this process; and if "git" is a script, its children end with it.
                process_group=0,
                creationflags=processes.CREATION_FLAGS,
            )
        except BaseException:
            self._errors.close()
            self._tree.close()
            raise
        self._tree.attach(self._process, process_limits.MAX_MEMORY_BYTES, most)
        self.stopped = False
        """True if it was killed, by this process or from outside."""
        self.output = process_limits.Output(self._process.stdout, IDLE_TIMEOUT_S, seconds)
        if self._process.stdout is not None:
            processes.enlarge_pipe(self._process.stdout)

    def write(self, lines: bytes) -> None:
        """Write lines to git's input; needs ``stdin=subprocess.PIPE``.

        Raises:
            GitError: git has ended. A broken pipe would count as one of the report's.
        """
        if self._process.stdin is None:
            raise GitError("git was started without an input pipe")
        view = memoryview(lines)
        try:
            while view:
                view = view[self._process.stdin.write(view) :]
        except BrokenPipeError as error:
            raise GitError("git ended early") from error

    def wait(self) -> str:
        """Wait for the end of git, after its output, and return its error message or "".

        An error message with status 0 counts: for a corrupt loose object git only writes
        a line to stderr.
        """
        if self.output.timeout_error:
            self.stopped = True
            self.kill()
            return self.output.timeout_error
        try:
            status = self._process.wait(EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"git did not exit within {EXIT_TIMEOUT_S:.0f} s after its last output"
        error = self._read_error()
        if status == 0:
            return error
        if status < 0:
            self.stopped = True
            return error or f"git was stopped by {_signal_name(-status)}"
        return error or f"git ended with status {status}"

    def _read_error(self) -> str:
        # This does not move the file offset, which git shares.
        error = fsutil.read_at(self._errors.fileno(), 4096, 0).decode("utf-8", "backslashreplace").strip()
        return error or ("git wrote to stderr without a readable message" if self.has_errors() else "")

    def has_errors(self) -> bool:
        """Return True if git has written to stderr."""
        return os.fstat(self._errors.fileno()).st_size > 0

    def kill(self) -> None:
        """Kill the process and its children; readers see the end of its output."""
        # The group exists until the process is waited for.
        if self._process.returncode is None:
            self._tree.kill()
            self.stopped = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, and wait for its end."""
        if self._process.poll() is None:
            self.kill()
        self.output.stop()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        # A process can hang in the kernel.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_TIMEOUT_S)
        self._tree.close()


class Cancellation:
    """Ends the git that another thread reads from, when its result is no longer wanted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: GitProcess | None = None
        self._cancelled = False

    def attach(self, process: GitProcess) -> None:
        """Set the process to end, which ends at once after ``cancel``."""
        with self._lock:
            self._process = process
            if self._cancelled:
                process.kill()

    def cancel(self) -> None:
        """End the process, now or when it starts."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._process.kill()


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        name = signal.Signals(number).name
        return f"{name}, for writing too much" if name == processes.TOO_LARGE_SIGNAL else name
    return f"signal {number}"


def input_lines(include: Iterable[str], exclude: Iterable[str] = ()) -> list[bytes]:
    """Return the input that names some objects, without others and what they reach."""
    return [f"{oid}\n".encode() for oid in include] + [f"^{oid}\n".encode() for oid in exclude]


@contextlib.contextmanager
def spool_lines(lines: Iterable[bytes]) -> Iterator[IO[bytes]]:
    """Provide the lines as an anonymous file: no thread to feed a pipe, no deadlock."""
    with processes.anonymous_file() as file:
        file.writelines(lines)
        file.seek(0)
        yield file


def run(
    view: RepoView, *arguments: str | bytes, lines: list[bytes] | None = None, seconds: float | None = None
) -> tuple[bytes, str]:
    """Run git and return its whole output and its error message or "". ``lines`` are its input."""
    with (
        spool_lines(lines or []) as stdin,
        GitProcess(view, *arguments, stdin=stdin, seconds=seconds or TOTAL_TIMEOUT_S) as process,
    ):
        return process.output.readall(), process.wait()


def fields(
    view: RepoView,
    *arguments: str | bytes,
    lines: list[bytes] | None = None,
    seconds: float | None = None,
    terminated: bool = True,
    cancellation: Cancellation | None = None,
) -> Iterator[bytes]:
    """Run git and yield the NUL-terminated fields of its output.

    Args:
        view: the parts of the repository that git may read.
        arguments: command and options.
        lines: input.
        seconds: total timeout; ``TOTAL_TIMEOUT_S`` by default.
        terminated: the last field ends in NUL too.
        cancellation: receives the process.

    Raises:
        GitError: after the last field, when git failed or its output is incomplete.
        StoppedError: git took longer than ``seconds``, or was killed.
    """
    with (
        spool_lines(lines or []) as stdin,
        GitProcess(view, *arguments, stdin=stdin, seconds=seconds or TOTAL_TIMEOUT_S) as process,
    ):
        if cancellation is not None:
            cancellation.attach(process)
        rest = b""
        while chunk := process.output.read(1 << 20):
            *complete, rest = (rest + chunk).split(b"\0")
            yield from complete
        if rest and not terminated:
            yield rest
        if error := process.wait():
            raise StoppedError(error) if process.stopped else GitError(error)
        if rest and terminated:
            raise GitError("git's output ends within a field")


def start_cleanup_process(folder: str) -> subprocess.Popen[bytes]:
    """Start a process that removes a folder when this process ends or is killed."""
    code = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"
    return subprocess.Popen(  # noqa: S603 - this Python itself
        [sys.executable, "-I", "-S", "-c", code, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=os.sep,
        env=processes.system_variables(),
        process_group=0,
        creationflags=processes.CREATION_FLAGS,
    )
