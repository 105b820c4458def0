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
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

PATIENCE = 120.0
"""Seconds that a run may take."""

_AT_START = re.compile(
    r"PYTHON|LC_|LANG|TZ|LD_|MALLOC_|OPENSSL_|SSL|HTTPX_|BOLTZ_(?!API_KEY|COMPUTE_API_KEY)"
)
"""Variables that Python, the system's libraries, and the SDK read when they are loaded."""


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
        return json.loads(self.out)


def keyscan(
    *arguments: str | os.PathLike[str] | bytes,
    cwd: Path | None = None,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    before: tuple[str, ...] = (),
    started: bool = False,
) -> Ran:
    """Run ``boltz-keyscan`` from this checkout, with ``before`` in front of the command (``setpriv`` ...).

    With ``started``, Python is started for it, whatever that costs: for tests of the start itself, and of
    what differs from one Python process to the next, such as the hashes of strings.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    if not (before or started) and (warm := _warm()) is not None and warm.suits(environment):
        return warm.run([os.fsencode(argument) for argument in arguments], cwd, stdin, environment)
    command = [*before, sys.executable, "-m", "boltz_keyscan", *arguments]
    ran = subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, env=environment, check=False, timeout=PATIENCE
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def scan_json(*arguments: str | os.PathLike[str] | bytes, cwd: Path | None = None, **options: Any) -> Any:
    """The JSON report of a scan."""
    return keyscan(*arguments, "--format", "json", cwd=cwd, **options).report


@dataclass(frozen=True)
class Warm:
    """The program, loaded and waiting at a socket for what it is to do."""

    socket: str
    environment: dict[str, str]

    def suits(self, environment: dict[str, str]) -> bool:
        """Whether a program started with this environment would be loaded as this one was."""
        return _at_start(environment) == _at_start(self.environment)

    def run(self, arguments: list[bytes], cwd: Path | None, stdin: bytes, environment: dict[str, str]) -> Ran:
        """A run by a copy of it."""
        variables = [os.fsencode(name) + b"=" + os.fsencode(value) for name, value in environment.items()]
        mask = os.umask(0)
        os.umask(mask)
        words = [os.fsencode(cwd or Path.cwd()), b"%d" % mask, b"%d" % len(arguments), *arguments, *variables]
        assert not any(b"\0" in word for word in words)
        asked = b"\0".join(words)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.connect(self.socket)
            ours, theirs = _pipes()
            try:
                socket.send_fds(asking, [len(asked).to_bytes(8, "big")], theirs)
            finally:
                for end in theirs:
                    os.close(end)
            asking.sendall(asked)
            pid = _number(asking)
            try:
                out, err = _exchanged(*ours, stdin)
                asking.settimeout(PATIENCE)
                return Ran(_number(asking), out, err)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise


def _at_start(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if _AT_START.match(name)}


@functools.cache
def _warm() -> Warm | None:
    """The one of this test process, started when it is first needed; it ends with us."""
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return None
    folder = tempfile.mkdtemp(prefix="boltz-keyscan-warm-")
    # A home that is empty, as in every test: Python looks there for modules.
    ambient = {name: value for name, value in os.environ.items() if not name.startswith("BOLTZ_")}
    warm = Warm(f"{folder}/socket", {**ambient, "PYTHONPATH": str(ROOT), "HOME": folder})
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", warm.socket],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=warm.environment,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def end() -> None:
        process.communicate()
        shutil.rmtree(folder)

    atexit.register(end)
    assert process.stdout.readline() == b"ready\n"
    return warm


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


def _number(asking: socket.socket) -> int:
    """The next number that the socket tells.

    Raises:
        EOFError: nobody is there any more to tell one.
    """
    told = asking.recv(8, socket.MSG_WAITALL)
    if len(told) != 8:
        raise EOFError("the process that keeps the program ready has ended")
    return int.from_bytes(told, "big", signed=True)
