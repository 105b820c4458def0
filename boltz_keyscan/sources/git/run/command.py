"""The one module that runs git.

A scanned repository is hostile: its configuration can name programs that git would run
for almost any command. So git never reads it. Every child gets ``GIT_DIR`` set to a
bare skeleton that comes with this package, the object store (and an index, where needed)
of the repository through the environment, and nothing else of our own environment but
PATH. See git(1) for the variables; each one below has closed a door that was open.

Boundary: processes and their bytes. What the output means is the caller's business.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Self

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources.git.run import limits as process_limits
from boltz_keyscan.sources.git.run.environment import environment, folders

MINIMUM = (2, 39, 4)
"""Older versions ignore GIT_NO_LAZY_FETCH and would let a partial clone run commands (CVE-2024-32004)."""

_UPGRADE = "Install git 2.39.4 or newer, or scan files only with --no-history."

IDLE_TIMEOUT = 300.0
"""Seconds without a byte after which git is given up. The largest object it unpacks in memory takes 5."""

TOTAL_TIMEOUT = 600.0
"""Seconds for one whole answer, which may come only at the end of a walk over everything."""

_GRACE = 30.0
"""Seconds for what takes no time: telling a version, ending after the last byte."""

NO_MATCH = "git ended with status 1"
"""How some commands say that there is nothing, which is not a complaint."""


@dataclass(frozen=True, slots=True)
class RepoView:
    """What git may see of one repository. Picklable."""

    skeleton: str
    """A bare git directory of ours, of the right object format. Nothing is ever written to it."""
    objects: bytes
    """The object store, absolute."""
    alternates: tuple[bytes, ...] = ()
    """Further object stores that were found safe to read, absolute."""
    index: bytes | None = None
    others: tuple[bytes, ...] = ()
    """The indexes of the repository's other worktrees."""
    shallow: bytes | None = None
    """The repository's list of shallow boundaries, for walks."""
    worktree: bytes | None = None
    excludes: bytes | None = None
    """The repository's own list of ignored paths. Not on the command line, which everybody can read."""
    id_bytes: int = 20
    """Bytes of an object id: 20 for sha1, 32 for sha256."""


class StoppedError(GitError):
    """git was ended before it was done: it took longer, or told more, than was allowed."""


@functools.cache
def executable() -> str:
    """The absolute path of git.

    Only absolute PATH entries count, so that a ``git`` lying in the scanned tree is never
    started (CVE-2023-40590).

    Raises:
        GitError: there is none, or it is too old.
    """
    path = folders()
    found = shutil.which("git", path=path) if path else None
    if found is None:
        raise GitError("git is not installed or not on PATH", _UPGRADE)
    try:
        answer = subprocess.run(  # noqa: S603 - an absolute path, found above
            [found, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env={"LC_ALL": "C"},
            timeout=_GRACE,
        )
    except OSError as error:
        raise GitError(f"git does not run: {found}: {error.strerror}", _UPGRADE) from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git does not run: {found} said nothing for {_GRACE:.0f} s", _UPGRADE) from error
    words = answer.stdout.decode("ascii", "replace").split()
    numbers = words[2].split(".") if len(words) > 2 else []
    version = tuple(int(number) for number in numbers[:3] if number.isdigit())
    if answer.returncode != 0 or not version:
        raise GitError(f"git does not run: {found} exited with status {answer.returncode}", _UPGRADE)
    if version < MINIMUM:
        told = ".".join(map(str, version))
        raise GitError(f"git {told} is too old to read untrusted repositories", _UPGRADE)
    return found


def skeleton(object_format: str) -> str:
    """A bare git directory without anything in it, part of this package.

    It has no ``objects``, which git does not miss because it is always told where objects are
    (setup.c, is_git_directory), and by which nobody else takes it for a repository. Its
    configuration turns off the tables beside the objects, which may be stale or made up: a
    commit-graph can cut parents off, so that a key in history seems to be in objects that
    nothing reaches; a multi-pack-index can hide objects and name packs that are gone. Walks
    over 80,000 commits took 8.3 s without the graph and 6.5 s with it.
    """
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "skeleton", object_format)


class GitProcess:
    """One running git. Use as a context manager: leaving it ends the process.

    Args:
        view: what it may see.
        arguments: its command.
        stdin: its input.
        stdout: a file for its output, in place of a pipe.
        seconds: how long it may take; None when only its silence counts.
        most: bytes of the largest file it may write.
    """

    def __init__(
        self,
        view: RepoView,
        *arguments: str | bytes,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        seconds: float | None = None,
        most: int = process_limits.FILE,
    ) -> None:
        # Complaints go to a file: nobody has to drain it, and a flood cannot block git.
        self._complaints = process_limits.anonymous_file()
        self._lifeline = process_limits.ParentDeathSignal()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own git, arguments from this package
                [executable(), "--no-pager", *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=self._complaints,
                cwd=view.worktree or view.skeleton,
                env=environment(view),
                bufsize=0,
                pass_fds=self._lifeline.inherited,
                # Ctrl-C is ours to answer; and should "git" be a script, its children end with it.
                process_group=0,
            )
        except BaseException:
            self._complaints.close()
            self._lifeline.close()
            raise
        self._lifeline.tie(self._process.pid)
        process_limits.limit(self._process.pid, most)
        self.stopped = False
        """It was ended, by us or by somebody else, before it was done."""
        # Empty for a child that was given a file to write to.
        self.output = process_limits.Output(self._process.stdout, IDLE_TIMEOUT, seconds)
        if self._process.stdout is not None:
            _enlarge(self._process.stdout)

    def ask(self, lines: bytes) -> None:
        """Send lines to git; only for children started with ``stdin=subprocess.PIPE``.

        Raises:
            BrokenPipeError: git has ended.
        """
        if self._process.stdin is None:
            raise GitError("git was started without an input pipe")
        view = memoryview(lines)
        while view:
            view = view[self._process.stdin.write(view) :]

    def finish(self) -> str:
        """After the end of its output: what went wrong, in git's words, or an empty string.

        A complaint with status 0 counts: git skips a corrupt loose object with nothing
        but a line on stderr.
        """
        if self.output.late:
            self.stopped = True
            self.kill()
            return self.output.late
        try:
            status = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"git did not end within {_GRACE:.0f} s after its last word"
        told = self._told()
        if status == 0:
            return told
        if status < 0:
            self.stopped = True
            return told or f"git was stopped by {_signal(-status)}"
        return told or f"git ended with status {status}"

    def _told(self) -> str:
        # By its own place: git writes at the one this file object would otherwise move.
        told = os.pread(self._complaints.fileno(), 4096, 0).decode("utf-8", "backslashreplace").strip()
        return told or ("git complained without a word" if self.complaints() else "")

    def complaints(self) -> bool:
        """Whether git has complained so far."""
        return os.fstat(self._complaints.fileno()).st_size > 0

    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it now, and what it may have started; readers see the end of its output."""
        # Its group exists as long as nobody has waited for it.
        if self._process.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        # A process that hangs in the kernel ends when the kernel lets it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        self._lifeline.close()


def _signal(number: int) -> str:
    limits = {signal.SIGXFSZ: "SIGXFSZ, for writing too much"}
    with contextlib.suppress(ValueError):
        known = signal.Signals(number)
        return limits.get(known, known.name)
    return f"signal {number}"


def _enlarge(pipe: IO[bytes]) -> None:
    """Ask Linux for a 1 MiB pipe: a sixteenth of the reads. Elsewhere the default serves."""
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - not on Windows

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)


@contextlib.contextmanager
def spooled(lines: Iterable[bytes]) -> Iterator[IO[bytes]]:
    """Input for a child as a file without a name: no thread to feed a pipe, no deadlock."""
    with process_limits.anonymous_file() as file:
        file.writelines(lines)
        file.seek(0)
        yield file


def run(
    view: RepoView, *arguments: str | bytes, lines: list[bytes] | None = None, seconds: float | None = None
) -> tuple[bytes, str]:
    """Output and complaint of a git whose output is small. ``lines`` go to its stdin."""
    with (
        spooled(lines or []) as stdin,
        GitProcess(view, *arguments, stdin=stdin, seconds=seconds or TOTAL_TIMEOUT) as child,
    ):
        return child.output.readall(), child.finish()


def run_with_file(
    view: RepoView, *arguments: str | bytes, stdin: IO[bytes] | int = subprocess.DEVNULL, seconds: float
) -> str:
    """The complaint of a git that reads a file from where that stands now, and writes files of any size."""
    with GitProcess(view, *arguments, stdin=stdin, seconds=seconds, most=process_limits.UNLIMITED) as child:
        child.output.readall()
        return child.finish()


def fields(
    view: RepoView,
    *arguments: str | bytes,
    lines: list[bytes] | None = None,
    seconds: float | None = None,
    terminated: bool = True,
) -> Iterator[bytes]:
    """The NUL-terminated fields that git prints, as they come.

    Args:
        view: what git may see.
        arguments: its command.
        lines: its input.
        seconds: how long it may take; ``PATIENCE`` when not given.
        terminated: the last field ends in NUL too.

    Raises:
        GitError: after the last field, when git complained or was cut short.
        StoppedError: git took longer than ``seconds``, or was ended by something else.
    """
    with (
        spooled(lines or []) as stdin,
        GitProcess(view, *arguments, stdin=stdin, seconds=seconds or TOTAL_TIMEOUT) as child,
    ):
        rest = b""
        while chunk := child.output.read(1 << 20):
            *whole, rest = (rest + chunk).split(b"\0")
            yield from whole
        if rest and not terminated:
            yield rest
        if told := child.finish():
            raise StoppedError(told) if child.stopped else GitError(told)
        if rest and terminated:
            raise GitError("git's answer ends in the middle")


def start_cleanup_process(folder: str) -> subprocess.Popen[bytes]:
    """A process that waits until this one ends, or is killed, and then removes a folder of ours."""
    code = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"
    return subprocess.Popen(  # noqa: S603 - this Python itself
        [sys.executable, "-I", "-S", "-c", code, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        process_group=0,
    )
