"""Runs of the program on an acted system."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import functools
import io
import json
import os
import posix
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

PATIENCE_S = 300.0

real_open = builtins.open
"""The function of POSIX, whatever replaces it."""


@dataclass(frozen=True)
class Command:
    """A command line."""

    arguments: tuple[str, ...]
    folder: Path
    stdin: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    """Lines of Python to run before it."""


@dataclass(frozen=True)
class Ended:
    """Exit code and output of a command line."""

    code: int
    text: str
    errors: str

    @property
    def report(self) -> Any:
        return json.loads(self.text)


def run_on(system: str, home: Path, *commands: Command) -> list[Ended]:
    """Run command lines on a system, one after the other."""
    process = _process(system)
    assert process.stdin is not None
    assert process.stdout is not None
    sent = [asdict(command) | {"folder": str(command.folder)} for command in commands]
    watch = threading.Timer(PATIENCE_S, process.kill)
    watch.start()
    try:
        process.stdin.write(json.dumps({"home": str(home), "commands": sent}) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
    finally:
        watch.cancel()
    assert answer, "the acted system has ended"
    return [Ended(*each) for each in json.loads(answer)]


@functools.cache
def _process(system: str) -> subprocess.Popen[str]:
    """Return the process that acts a system, started once and kept until the tests end."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"from tests.absences import {system}; {system}.run_all()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT)},
    )
    atexit.register(process.communicate)
    return process


def run_copies(install: Callable[[], None], home_variables: Callable[[str], dict[str, str]]) -> None:
    """Run command lines from standard input on a system, each in a copy of this process; print their answers.

    Args:
        install: makes this process act the system.
        home_variables: returns the environment variables of a home folder.
    """
    requests, answered = sys.stdin, sys.stdout
    install()
    from boltz_keyscan import cli  # noqa: PLC0415 - not before
    from boltz_keyscan.cli import error_handler, root  # noqa: F401, PLC0415 - loaded once for all

    for request in requests:
        wanted = json.loads(request)
        folder = f"{wanted['home']}/streams-{os.getpid()}"
        with contextlib.suppress(FileExistsError):
            posix.mkdir(folder)
        variables = home_variables(wanted["home"])
        answers = [_answer(cli, command, variables, folder) for command in wanted["commands"]]
        answered.write(json.dumps(answers) + "\n")
        answered.flush()


def _answer(cli: Any, command: dict[str, Any], variables: dict[str, str], folder: str) -> list[Any]:
    """Run one command line in a copy of this process; return its exit code and output."""
    names = [f"{folder}/{name}" for name in ("in", "out", "err")]
    for name, text in zip(names, (command["stdin"], "", ""), strict=True):
        with real_open(name, "w", encoding="utf-8") as file:
            file.write(text)
    if not (process := posix.fork()):
        os.environ.update(variables)
        _run(cli, command, names)
    _, status = posix.waitpid(process, 0)
    texts = []
    for name in names[1:]:
        with real_open(name, encoding="utf-8", newline="") as file:
            texts.append(file.read())
    return [os.waitstatus_to_exitcode(status), *texts]


def _run(cli: Any, command: dict[str, Any], names: list[str]) -> None:
    """Run one command line in this process, and end it."""
    for number, name in enumerate(names):
        descriptor = posix.open(name, posix.O_RDWR)
        posix.dup2(descriptor, number)
        posix.close(descriptor)
    code = 99
    try:
        posix.chdir(command["folder"])
        os.environ.update(command["variables"])
        for line in command["changed"]:
            exec(line)
        sys.argv = ["boltz-keyscan", *command["arguments"]]
        sys.stdin = io.TextIOWrapper(real_open(0, "rb", closefd=False))
        code = cli.main(command["arguments"])
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - shown, in a copy that ends here
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        posix._exit(code)
