"""Runs one command, which may be several pipelines side by side, and says what it cost."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, BinaryIO

from benchmarks.memory import PeakWatch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_SECONDS = 3600.0


class ToolFailedError(Exception):
    """A command could not be started, ended with a status it should not, or took too long."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`first | second | ...`, the first reading `stdin` when given."""

    stages: tuple[tuple[str, ...], ...]
    stdin: Path | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """Pipelines started together and waited for together; `ok` are the last stages' good exit codes.

    `removed` is a folder that is removed before the clock starts: a cache that must be empty.
    """

    pipelines: tuple[Pipeline, ...]
    cwd: Path
    env: Mapping[str, str]
    ok: frozenset[int] = frozenset({0})
    removed: Path | None = None

    def shorten(self, base: Path) -> str:
        """The command as a person would type it, with paths below `base` shortened."""
        stages = [[[os.path.split(argv[0])[1], *argv[1:]] for argv in line.stages] for line in self.pipelines]
        typed = " & ".join(" | ".join(map(" ".join, line)) for line in stages)
        return typed.replace(str(base), base.name)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds on the clock, seconds of CPU (user + system, every child included).

    `peaks` is filled in watched runs only: the largest single process of each program, in bytes.
    """

    wall_s: float
    cpu_s: float
    stdout: str
    peaks: Mapping[str, int] = field(default_factory=dict)

    def python_peak(self) -> int:
        """Bytes of the largest single Python process, 0 where that was not seen."""
        return max((peak for name, peak in self.peaks.items() if name.startswith("python")), default=0)


def simple(argv: list[str], cwd: Path, env: Mapping[str, str], ok: set[int] | None = None) -> Command:
    """One program, no pipe."""
    return Command((Pipeline((tuple(argv),)),), cwd, env, frozenset(ok or {0}))


def run(command: Command, scratch: Path, *, watch: bool = False) -> Sample:
    """Runs it once; its output goes to files in `scratch` and is read back after the clock stopped.

    CPU comes from wait4, which counts a process and all it waited for. Memory is polled only
    when `watch` is set, and such a run is not one to take times from.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    if command.removed is not None:
        shutil.rmtree(command.removed, ignore_errors=True)
    with ExitStack() as files:
        out = files.enter_context((scratch / "stdout").open("wb+"))
        err = files.enter_context((scratch / "stderr").open("wb+"))
        processes: list[subprocess.Popen[bytes]] = []
        started = time.perf_counter()
        try:
            for line in command.pipelines:
                processes += _start(line, command, out, err)
            cpu_s, peaks = _wait(processes, watch=watch)
        except OSError as error:
            raise ToolFailedError(f"cannot start: {error.strerror}: {error.filename}") from error
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    process.wait()
        wall_s = time.perf_counter() - started
        _judge(command, processes, _text(err), wall_s)
        return Sample(wall_s, cpu_s, _text(out), peaks)


def _start(line: Pipeline, command: Command, out: BinaryIO, err: BinaryIO) -> list[subprocess.Popen[bytes]]:
    processes: list[subprocess.Popen[bytes]] = []
    with ExitStack() as opened:
        source: IO[bytes] = opened.enter_context((line.stdin or command.cwd / os.devnull).open("rb"))
        for number, argv in enumerate(line.stages, 1):
            last = number == len(line.stages)
            process = subprocess.Popen(
                argv,
                cwd=command.cwd,
                env=command.env,
                stdin=source,
                stdout=out if last else subprocess.PIPE,
                stderr=err,
            )
            processes.append(process)
            if process.stdout is not None:
                source = opened.enter_context(process.stdout)
    return processes


def _wait(processes: list[subprocess.Popen[bytes]], *, watch: bool) -> tuple[float, dict[str, int]]:
    def stop() -> None:
        for process in processes:
            process.kill()

    alarm = threading.Timer(TIMEOUT_SECONDS, stop)
    alarm.daemon = True
    alarm.start()
    watcher = PeakWatch([process.pid for process in processes])
    cpu_s = 0.0
    with ExitStack() as stack:
        stack.callback(alarm.cancel)
        if watch:
            stack.enter_context(watcher)
        for process in processes:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            cpu_s += usage.ru_utime + usage.ru_stime
    return cpu_s, watcher.peaks


def _judge(command: Command, processes: list[subprocess.Popen[bytes]], stderr: str, wall_s: float) -> None:
    if wall_s >= TIMEOUT_SECONDS:
        raise ToolFailedError(f"stopped after {TIMEOUT_SECONDS:.0f} s")
    codes = iter(process.returncode for process in processes)
    for line in command.pipelines:
        for number, argv in enumerate(line.stages, 1):
            code = next(codes)
            good = command.ok if number == len(line.stages) else {0}
            if code not in good:
                said = stderr.strip().splitlines()[-1:] or ["and said nothing"]
                raise ToolFailedError(f"{os.path.split(argv[0])[1]} ended with {code}: {said[0][:200]}")


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
