"""The one module that runs git.

A scanned repository is hostile: its configuration can name programs that git would run
for almost any command. So git never reads it. Every child gets ``GIT_DIR`` set to a
bare skeleton that this module made, the object store (and an index, where needed) of
the repository through the environment, and nothing else of our own environment but
PATH. See git(1) for the variables; each one below has closed a door that was open.

Boundary: processes and their bytes. What the output means is the caller's business.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Self, cast

from boltz_keyscan.errors import GitError

MINIMUM = (2, 39, 4)
"""Older versions ignore GIT_NO_LAZY_FETCH and would let a partial clone run commands (CVE-2024-32004)."""

STOPPED = "git was stopped"
"""The complaint of a git that a signal ended: ours, when its time was up."""

_UPGRADE = "Install git 2.39.4 or newer, or scan files only with --no-history."

_OWN_EYES = "\tcommitGraph = false\n\tmultiPackIndex = false\n"
"""What a repository says of its own objects may be stale or made up, and git believes it.

A commit-graph can cut parents off, so that a key in history seems to be in objects that nothing
reaches; a multi-pack-index can hide objects and name packs that are gone. Walks over 80,000
commits took 8.3 s without the graph and 6.5 s with it, and they run only when something was found.
"""

_SKELETON = re.compile(r"boltz-keyscan-(\d{1,9})-\w+")


class StoppedError(GitError):
    """git was ended before it was done: it took longer, or told more, than was allowed."""


@dataclass(frozen=True, slots=True)
class View:
    """What git may see of one repository. Picklable."""

    skeleton: str
    """A bare git directory of ours, of the right object format."""
    objects: bytes
    """The object store, absolute."""
    alternates: tuple[bytes, ...] = ()
    """Further object stores that were found safe to read, absolute."""
    index: bytes | None = None
    shallow: bytes | None = None
    """The repository's list of shallow boundaries, for walks."""
    worktree: bytes | None = None
    id_bytes: int = 20
    """Bytes of an object id: 20 for sha1, 32 for sha256."""


@functools.cache
def executable() -> str:
    """The absolute path of git.

    Only absolute PATH entries count, so that a ``git`` lying in the scanned tree is never
    started (CVE-2023-40590).

    Raises:
        GitError: there is none, or it is too old.
    """
    folders = [
        folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(folder)
    ]
    found = shutil.which("git", path=os.pathsep.join(folders)) if folders else None
    if found is None:
        raise GitError("git is not installed or not on PATH", _UPGRADE)
    try:
        answer = subprocess.run(  # noqa: S603 - an absolute path, found above
            [found, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env={"LC_ALL": "C"},
        )
    except OSError as error:
        raise GitError(f"git does not run: {found}: {error.strerror}", _UPGRADE) from error
    words = answer.stdout.decode("ascii", "replace").split()
    numbers = words[2].split(".") if len(words) > 2 else []
    version = tuple(int(number) for number in numbers[:3] if number.isdigit())
    if answer.returncode != 0 or not version:
        raise GitError(f"git does not run: {found} exited with status {answer.returncode}", _UPGRADE)
    if version < MINIMUM:
        told = ".".join(map(str, version))
        raise GitError(f"git {told} is too old to read untrusted repositories", _UPGRADE)
    return found


@functools.cache
def skeleton(object_format: str) -> str:
    """A bare git directory with an empty configuration, made once per run and format."""
    _sweep()
    folder = tempfile.mkdtemp(prefix=f"boltz-keyscan-{os.getpid()}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("objects", "refs"):
        os.mkdir(os.path.join(folder, name))
    config = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n" + _OWN_EYES
    if object_format != "sha1":
        config = (
            config.replace("version = 0", "version = 1") + f"[extensions]\n\tobjectFormat = {object_format}\n"
        )
    for name, text in (("HEAD", "ref: refs/heads/none\n"), ("config", config)):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(text)
    return folder


def _sweep() -> None:
    """Remove what a killed run left: folders of ours named after a process that is no more."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            named = _SKELETON.fullmatch(entry.name)
            if named and entry.is_dir(follow_symlinks=False) and entry.stat().st_uid == os.geteuid():
                try:
                    os.kill(int(named[1]), 0)
                except ProcessLookupError:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _environment(view: View) -> dict[str, str]:
    nowhere, home, objects = os.devnull, view.skeleton, os.fsdecode(view.objects)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "LC_ALL": "C",
        "GIT_DIR": home,
        "GIT_OBJECT_DIRECTORY": objects,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": nowhere,
        "GIT_CONFIG_SYSTEM": nowhere,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "false",
        "SSH_ASKPASS": "false",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_PAGER": "cat",
        "GIT_FLUSH": "0",
        "GIT_ADVICE": "0",
        # glibc would give each large object's memory back to the system and fault it in anew
        # (mallopt(3)); keeping it saves 0.7 of 21 s over 14 GB.
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
        "MALLOC_TOP_PAD_": str(64 << 20),
    }
    if sys.platform == "win32":
        # Without these a Windows program does not start.
        for name in ("SYSTEMROOT", "COMSPEC", "TEMP"):
            environment[name] = os.environ.get(name, "")
    optional = {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.fsencode(os.pathsep).join(view.alternates) or None,
        "GIT_INDEX_FILE": view.index,
        "GIT_SHALLOW_FILE": view.shallow,
        "GIT_WORK_TREE": view.worktree,
        # check-ignore, the one command that gets a worktree, refuses this.
        "GIT_LITERAL_PATHSPECS": b"1" if view.worktree is None else None,
    }
    environment.update({name: os.fsdecode(value) for name, value in optional.items() if value is not None})
    return environment


class Child:
    """One running git. Use as a context manager: leaving it ends the process."""

    def __init__(
        self,
        view: View,
        *arguments: str | bytes,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
    ) -> None:
        # Complaints go to a file: nobody has to drain it, and a flood cannot block git.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(  # noqa: S603 - our own git, arguments from this package
            [executable(), "--no-pager", *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=self._complaints,
            cwd=view.worktree or view.skeleton,
            env=_environment(view),
            bufsize=0,
        )
        # Empty for a child that was given a file to write to.
        self.output = cast("io.RawIOBase", self._process.stdout or io.BytesIO())
        if self._process.stdout is not None:
            _enlarge(self.output)

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

    def finish(self, seconds: float | None = None) -> str:
        """Wait for the end; what went wrong, in git's words, or an empty string.

        A complaint with status 0 counts: git skips a corrupt loose object with nothing
        but a line on stderr.
        """
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return f"git took longer than {seconds:.0f} s"
        self._complaints.seek(0)
        told = self._complaints.read(4096).decode("utf-8", "backslashreplace").strip()
        if status == 0:
            return told
        return told or (f"git ended with status {status}" if status > 0 else STOPPED)

    def complaints(self) -> bool:
        """Whether git has complained so far."""
        return os.fstat(self._complaints.fileno()).st_size > 0

    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it now; readers see the end of its output."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()


def _enlarge(pipe: io.RawIOBase) -> None:
    """Ask Linux for a 1 MiB pipe: a sixteenth of the reads. Elsewhere the default serves."""
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - not on Windows

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)


@contextlib.contextmanager
def spooled(lines: Iterator[bytes] | list[bytes]) -> Iterator[IO[bytes]]:
    """Input for a child as an unlinked file: no thread to feed a pipe, no deadlock."""
    with tempfile.TemporaryFile() as file:
        file.writelines(lines)
        file.seek(0)
        yield file


@contextlib.contextmanager
def _limited(child: Child, seconds: float) -> Iterator[None]:
    """End the child when reading its output takes longer than this."""
    alarm = threading.Timer(seconds, child.kill)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


def run(
    view: View, *arguments: str | bytes, lines: list[bytes] | None = None, seconds: float = 600
) -> tuple[bytes, str]:
    """Output and complaint of a git whose output is small. ``lines`` go to its stdin."""
    with spooled(lines or []) as stdin:
        return feed(view, *arguments, stdin=stdin, seconds=seconds)


def feed(
    view: View, *arguments: str | bytes, stdin: IO[bytes] | int = subprocess.DEVNULL, seconds: float
) -> tuple[bytes, str]:
    """Output and complaint of a git that reads a file from where that stands now."""
    with Child(view, *arguments, stdin=stdin) as child:
        with _limited(child, seconds):
            output = child.output.readall()
        return output, child.finish()


def fields(
    view: View, *arguments: str | bytes, lines: list[bytes] | None = None, seconds: float = 600
) -> Iterator[bytes]:
    """The NUL-terminated fields that git prints, as they come.

    Raises:
        GitError: after the last field, when git complained.
        StoppedError: git took longer than ``seconds``, or was ended by something else.
    """
    with spooled(lines or []) as stdin, Child(view, *arguments, stdin=stdin) as child:
        rest = b""
        with _limited(child, seconds):
            while chunk := child.output.read(1 << 20):
                *whole, rest = (rest + chunk).split(b"\0")
                yield from whole
        if rest:
            yield rest
        if told := child.finish():
            raise StoppedError(told) if told == STOPPED else GitError(told)
