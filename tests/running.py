"""Running the program as a user does: another process, its exit code and its bytes.

Thousands of runs would spend most of their time on starting Python and loading modules, so where a run does
not depend on that, it is a copy of a process that has done so already (``tests/warm.py``): still a process
of its own, with everything that a process has. Any other run is started in full, and so is every run where
processes cannot be copied. What the tests see is the same.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.asking import ask, at_start, told

if TYPE_CHECKING:
    import _socket

ROOT = Path(__file__).resolve().parent.parent

COMMAND = (sys.executable, "-m", "boltz_keyscan")
"""The program, started in full."""

PATIENCE = 120.0
"""Seconds that a run may take."""


@dataclass(frozen=True)
class Ran:
    """What a process left behind."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode()

    @property
    def errors(self) -> str:
        """Standard error as text."""
        return self.err.decode()

    @property
    def report(self) -> Any:
        """Standard output as the JSON report it is."""
        try:
            return json.loads(self.out)
        except ValueError:
            raise AssertionError(f"no report, but exit code {self.code} and: {self.errors}") from None


def keyscan(
    *arguments: str | os.PathLike[str] | bytes,
    cwd: Path | None = None,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    before: tuple[str, ...] = (),
    started: bool = False,
    changed: str = "",
) -> Ran:
    """Run ``boltz-keyscan`` from this checkout, with ``before`` in front of the command (``setpriv`` ...).

    ``changed`` is lines of Python that change the program before it runs: its limits, and what it may use.

    With ``started``, Python is started for it, whatever that costs: for tests of the start itself, and of
    what differs from one Python process to the next, such as the hashes of strings.
    """
    environment = _environment(env)
    if not (before or started) and (warm := _warm()) is not None and warm.suits(environment):
        return warm.run(arguments, cwd, stdin, environment, changed)
    command = [*before, *(_changed(changed) if changed else COMMAND), *arguments]
    ran = subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, env=environment, check=False, timeout=PATIENCE
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def _changed(lines: str) -> tuple[str, ...]:
    run = "import runpy\nrunpy.run_module('boltz_keyscan', run_name='__main__', alter_sys=True)"
    return (sys.executable, "-c", f"{lines}\n{run}")


def begin(
    *arguments: str | os.PathLike[str] | bytes,
    streams: tuple[int, int, int],
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> Callable[[], int]:
    """Have ``boltz-keyscan`` run with these for its streams; what waits for it and tells its exit code."""
    environment = _environment(env)
    if (warm := _warm()) is not None and warm.suits(environment):
        asking = warm.asked(arguments, cwd, environment, streams)
        return lambda: warm.ended(asking)
    stdin, stdout, stderr = streams
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=stdin, stdout=stdout, stderr=stderr, cwd=cwd, env=environment
    )
    return lambda: process.wait(PATIENCE)


def program() -> Path:
    """A program that does what ``boltz-keyscan`` does, for shells, hooks and a PATH, until the tests end.

    Its environment must have a ``PYTHONPATH`` with nothing but this checkout. It hears no signals but those
    that end it.
    """
    warm = _warm()
    return Path(warm.program) if warm is not None else _without()


def scan_json(*arguments: str | os.PathLike[str] | bytes, cwd: Path | None = None, **options: Any) -> Any:
    """The JSON report of a scan."""
    return keyscan(*arguments, "--format", "json", cwd=cwd, **options).report


@dataclass(frozen=True)
class Warm:
    """The program, loaded and waiting at a socket for what it is to do."""

    folder: str
    environment: dict[str, str]

    @property
    def socket(self) -> str:
        return f"{self.folder}/socket"

    @property
    def program(self) -> str:
        return f"{self.folder}/boltz-keyscan"

    def suits(self, environment: dict[str, str]) -> bool:
        """Whether a program started with this environment would be loaded as this one was."""
        return at_start(environment) == at_start(self.environment)

    def asked(
        self,
        arguments: Sequence[str | os.PathLike[str] | bytes],
        cwd: Path | None,
        environment: dict[str, str],
        streams: tuple[int, int, int],
        changed: str = "",
    ) -> _socket.socket:
        """Have a copy of it run; the socket that tells how that ended."""
        encoded = [os.fsencode(argument) for argument in arguments]
        return ask(self.socket, encoded, os.fsencode(cwd or Path.cwd()), environment, streams, changed)

    @staticmethod
    def ended(asking: _socket.socket) -> int:
        """Wait for its end; its exit code."""
        try:
            asking.settimeout(PATIENCE)
            return told(asking)
        finally:
            asking.close()

    def run(
        self,
        arguments: Sequence[str | os.PathLike[str] | bytes],
        cwd: Path | None,
        stdin: bytes,
        environment: dict[str, str],
        changed: str = "",
    ) -> Ran:
        """A whole run."""
        ours, theirs = _pipes()
        try:
            asking = self.asked(arguments, cwd, environment, theirs, changed)
        finally:
            for end in theirs:
                os.close(end)
        try:
            out, err = _exchanged(*ours, stdin)
        except TimeoutError:
            asking.close()
            raise
        return Ran(self.ended(asking), out, err)


COPIES: Final = sys.platform == "linux" and hasattr(os, "pidfd_open")
"""Whether runs can be copies of a process kept ready; where not, each is started."""


@functools.cache
def _warm() -> Warm | None:
    """The one of this test process, started when it is first needed; it ends with us."""
    if not COPIES:
        return None
    folder = tempfile.mkdtemp(prefix="boltz-keyscan-warm-")
    ambient = {name: value for name, value in os.environ.items() if not name.startswith("BOLTZ_")}
    # A home that is empty, as in every test: Python looks there for modules.
    homely = {"HOME": folder, "XDG_CACHE_HOME": f"{folder}/cache"}
    warm = Warm(folder, {**ambient, "PYTHONPATH": str(ROOT), **homely})
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", warm.socket],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=warm.environment,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    # It ends with its standard input, also where we end without a word, and takes the folder along.
    atexit.register(process.communicate)
    # -I and -S: nothing of the folder it is called in, and no packages to look for.
    _script(
        Path(warm.program),
        f"#!{sys.executable} -IS\nimport sys\nsys.path.append({str(ROOT / 'tests')!r})\n"
        f"from asking import main\nmain({warm.socket!r}, {at_start(warm.environment)!r})\n",
    )
    assert process.stdout.readline() == b"ready\n"
    return warm


@functools.cache
def saved_engine() -> Path:
    """The engine that a first scan leaves in the cache, for users who have scanned before."""
    warm = _warm()
    cache = Path(warm.environment["XDG_CACHE_HOME"] if warm is not None else tempfile.mkdtemp())
    if warm is None:
        assert keyscan("-", env={"XDG_CACHE_HOME": str(cache)}, started=True).code == 0
        atexit.register(shutil.rmtree, cache)
    (made,) = (cache / "boltz-keyscan").glob("engine-*")
    return made


@functools.cache
def _without() -> Path:
    """Where no program can be kept ready: one that is started each time."""
    folder = tempfile.mkdtemp(prefix="boltz-keyscan-program-")
    atexit.register(shutil.rmtree, folder)
    path = Path(folder) / "boltz-keyscan"
    _script(path, f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    return path


def _script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _environment(env: dict[str, str] | None) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}


def _pipes() -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """The ends of three streams for us, and those for the program."""
    (for_it, stdin), (stdout, its_out), (stderr, its_err) = os.pipe(), os.pipe(), os.pipe()
    return (stdin, stdout, stderr), (for_it, its_out, its_err)


def _exchanged(stdin: int, stdout: int, stderr: int, content: bytes) -> tuple[bytes, bytes]:
    """Give the program what it reads, and take what it writes, until it is done with both.

    Raises:
        TimeoutError: it takes too long.
    """
    end, read = time.monotonic() + PATIENCE, {stdout: bytearray(), stderr: bytearray()}
    waiting, opened = select.poll(), {stdin, stdout, stderr}
    os.set_blocking(stdin, False)
    waiting.register(stdin, select.POLLOUT)
    waiting.register(stdout, select.POLLIN)
    waiting.register(stderr, select.POLLIN)
    left = memoryview(content)
    try:
        while opened:
            if (now := time.monotonic()) >= end:
                raise TimeoutError(f"took more than {PATIENCE} s: {bytes(read[stderr])!r}")
            for descriptor, _ in waiting.poll((end - now) * 1000):
                if descriptor == stdin:
                    with contextlib.suppress(BrokenPipeError):
                        left = left[os.write(stdin, left[: 1 << 16]) :] if left else left
                        if left:
                            continue
                elif piece := os.read(descriptor, 1 << 16):
                    read[descriptor] += piece
                    continue
                waiting.unregister(descriptor)
                opened.remove(descriptor)
                os.close(descriptor)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return bytes(read[stdout]), bytes(read[stderr])
