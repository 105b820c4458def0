"""Runs of the program on an acted system."""

from __future__ import annotations

import builtins
import io
import json
import os
import posix
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

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
    sent = [asdict(command) | {"folder": str(command.folder)} for command in commands]
    ended = subprocess.run(
        [sys.executable, "-c", f"from tests.absences import {system}; {system}.run_all()"],
        input=json.dumps(sent),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return [Ended(*answer) for answer in json.loads(ended.stdout)]


def run_copies(install: Callable[[], None]) -> None:
    """Run command lines from standard input on a system, each in a copy of this process; print what they say."""
    commands = json.load(sys.stdin)
    folder = f"{os.environ['HOME']}/streams-{os.getpid()}"
    posix.mkdir(folder)
    install()
    from boltz_keyscan import cli  # noqa: PLC0415 - not before
    from boltz_keyscan.cli import error_handler, root  # noqa: F401, PLC0415 - loaded once for all

    answers = []
    for command in commands:
        names = [f"{folder}/{name}" for name in ("in", "out", "err")]
        for name, text in zip(names, (command["stdin"], "", ""), strict=True):
            with real_open(name, "w", encoding="utf-8") as file:
                file.write(text)
        if not (process := posix.fork()):
            _run(cli, command, names)
        _, status = posix.waitpid(process, 0)
        texts = []
        for name in names[1:]:
            with real_open(name, encoding="utf-8", newline="") as file:
                texts.append(file.read())
        answers.append([os.waitstatus_to_exitcode(status), *texts])
    sys.stdout.write(json.dumps(answers))


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
