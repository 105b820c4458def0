"""Stopped halfway: Ctrl-C, a cancelled job, a killed worker; and that workers change nothing else.

The scans here are held up by a file that takes longer to read than any test lasts, so
that it is certain what a process is doing when it is stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.policy import FailPolicy
from boltz_keyscan.sources.files.shard import FILES_PER_SHARD, FileShard
from boltz_keyscan.sources.git.objects import shard
from boltz_keyscan.sources.tree import TreeSource
from boltz_keyscan.workers import scan_pool
from conformance.containers import zstd
from tests import processes
from tests.keys import PREFIXES, fake_key
from tests.processes import PROC, until, waits_for
from tests.repos import Repo
from tests.running import ROOT, keyscan

INTERRUPTED = "error: interrupted; the rest was not scanned\n"
FILES, BEHIND = 1500, 600
"""At 8 KiB each, as work is weighed, more than is done without workers."""

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="looking at other processes takes /proc")


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough small files to start workers, one that nobody ever finishes reading, and some behind it."""
    tree = tmp_path_factory.mktemp("tree")
    many(tree / "a", FILES, "clean\n")
    (tree / "z").mkdir()
    with (tree / "z/endless").open("wb") as file:
        # A hole is passed over, but not where each byte is looked at because there may be a key.
        file.write(PREFIXES["ws", "live"].encode())
        file.truncate(4 << 40)
    many(tree / "zz", BEHIND, fake_key("ws", "test", "behind"))
    return tree


def many(folder: Path, count: int, content: str) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}.txt").write_text(content)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A repository to scan before, so that git was used and there is something to clean up."""
    repo = Repo(tmp_path / "sound")
    repo.leak("a.txt", "clean\n")
    borrow(repo)
    return repo.path


def borrow(repo: Repo) -> None:
    """Have git shown less than there is, which takes a temporary folder."""
    repo.write(".git/objects/info/alternates", "/nowhere\n")


class Running:
    """The program in a session of its own, with temporary files of its own."""

    def __init__(self, tmp_path: Path, *arguments: str | Path, stdin: int = subprocess.DEVNULL) -> None:
        self.temporary = tmp_path / "temporary"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "boltz_keyscan", *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)},
            start_new_session=True,
        )

    def family(self) -> Iterator[int]:
        """Every process of the session, the program included."""
        return processes.of_session(self.process.pid)

    def reader(self, path: Path) -> int | None:
        """The process that has a file open."""
        return processes.reader(self.process.pid, path)

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr; afterwards nothing of it may be left anywhere."""
        out, err = self.process.communicate(timeout=60)
        until(lambda: not list(self.family()), "the last process to end")
        assert [path.name for path in self.temporary.iterdir()] == []
        return self.process.returncode, out.decode(), err.decode()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(*arguments: str | Path, stdin: int = subprocess.DEVNULL) -> Running:
        started.append(Running(tmp_path, *arguments, stdin=stdin))
        return started[-1]

    yield begin
    for running in started:
        for process in list(running.family()):
            os.kill(process, signal.SIGKILL)
        running.process.communicate()


def to_all(running: Running) -> None:
    """Ctrl-C, as a terminal sends it: to the program, its workers and their gits alike."""
    os.killpg(running.process.pid, signal.SIGINT)


def to_one(running: Running) -> None:
    os.kill(running.process.pid, signal.SIGINT)


def cancel(running: Running) -> None:
    """What a CI runner sends to a job it cancels."""
    os.kill(running.process.pid, signal.SIGTERM)


def kill(running: Running) -> None:
    running.process.kill()


@pytest.mark.parametrize("stop", [to_all, to_one, cancel])
@pytest.mark.sampled(count=1)
def test_130_when_stopped_with_workers(
    start: Callable[..., Running], sound: Path, endless: Path, stop: Callable[[Running], None]
) -> None:
    running = start(sound, endless, "--jobs", "2")
    worker = until(lambda: running.reader(endless / "z/endless"), "a worker at the endless file")
    assert worker != running.process.pid
    stop(running)
    assert running.end() == (ExitCode.INTERRUPTED, "", INTERRUPTED)


@pytest.mark.parametrize("stop", [to_all, to_one, cancel])
@pytest.mark.sampled(count=1)
def test_130_when_stopped_without_workers(
    start: Callable[..., Running], sound: Path, endless: Path, stop: Callable[[Running], None]
) -> None:
    running = start(sound, endless, "--jobs", "1", "--report", f"json={sound}/report.json")
    until(lambda: running.reader(endless / "z/endless"), "the program at the endless file")
    assert [path.name.startswith("boltz-keyscan-") for path in running.temporary.iterdir()] == [True]
    stop(running)
    assert running.end() == (ExitCode.INTERRUPTED, "", INTERRUPTED)
    # No report is better than half of one.
    assert not list(sound.glob("*report*"))


@pytest.mark.parametrize("stop", [to_all, to_one, cancel])
@pytest.mark.sampled(count=1)
def test_130_when_stopped_within_a_container(
    start: Callable[..., Running], tmp_path: Path, stop: Callable[[Running], None]
) -> None:
    """It gives four gigabytes, which is as much as it may, and so few for each byte of it."""
    large = tmp_path / "large.zst"
    large.write_bytes(zstd(bytes(64 << 20)) * 64 + bytes(5 << 20))
    running = start(large)
    until(lambda: running.reader(large) not in {None, running.process.pid}, "a worker at the container")
    stop(running)
    assert running.end() == (ExitCode.INTERRUPTED, "", INTERRUPTED)


def test_130_when_stopped_while_it_waits_for_input(start: Callable[..., Running]) -> None:
    reading, writing = os.pipe()
    running = start("-", stdin=reading)
    os.write(writing, b"clean\n")
    until(
        lambda: waits_for(running.process.pid, "pipe_read", "pipe_wait", "anon_pipe_read"),
        "the program to read",
    )
    to_one(running)
    assert running.end() == (ExitCode.INTERRUPTED, "", INTERRUPTED)
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("moment", [0.0, 0.03, 0.06, 0.1, 0.2, 0.3])
@pytest.mark.sampled(count=3)
def test_no_moment_leads_to_a_traceback(
    start: Callable[..., Running], sound: Path, endless: Path, moment: float
) -> None:
    running = start(sound, endless, "--jobs", "2")
    until(lambda: b"boltz_keyscan" in (PROC / str(running.process.pid) / "cmdline").read_bytes(), "Python")
    time.sleep(0.05 + moment)
    to_all(running)
    code, out, err = running.end()
    # Before the program itself runs, it is Python that is stopped, in its own way.
    if "boltz_keyscan/cli" not in err and code in {-signal.SIGINT, 1}:
        return
    assert (code, out) == (ExitCode.INTERRUPTED, "")
    assert err in {INTERRUPTED, ""}


def test_3_when_a_worker_is_killed(start: Callable[..., Running], endless: Path) -> None:
    """What it was at is tried once more, alone; everything else is scanned all the same."""
    running = start(endless, "--jobs", "2", "--format", "json")
    once = kill_reader(running, endless, but=None)
    kill_reader(running, endless, but=once)
    code, out, err = running.end()
    report = json.loads(out)
    # Files go to workers in slices, in order; the one with the endless file is lost.
    last = FILES // FILES_PER_SHARD * FILES_PER_SHARD
    assert report["gaps"] == [
        {
            "where": f"a/{last:05}.txt and {FILES_PER_SHARD - 1} more",
            "reason": "worker-died",
            "detail": "the worker process that read it died twice, perhaps because it ran out of memory",
            "by_design": False,
            "object": None,
            "paths": [],
            "accepted": None,
        }
    ]
    (finding,) = report["findings"]
    assert len(finding["locations"]) == BEHIND - (FILES_PER_SHARD - (FILES - last) - 1)
    assert (code, err) == (ExitCode.INCOMPLETE, "")


def kill_reader(running: Running, tree: Path, but: int | None) -> int:
    """Kill the worker that reads the endless file; which one it was."""
    path = tree / "z/endless"
    worker: int = until(
        lambda: (found := running.reader(path)) != but and found, "a worker at the endless file"
    )
    assert worker != running.process.pid
    os.kill(worker, signal.SIGKILL)
    return worker


# -- workers change nothing ----------------------------------------------------------------


def test_any_number_of_jobs_makes_the_same_report(tmp_path: Path) -> None:
    """The same tree twice, its files made in different orders, scanned by one process and by two."""
    contents = {f"{number % 7}/{number:05}.txt": b"clean\n" for number in range(FILES)}
    shuffled = random.Random(2)
    for number, name in enumerate(shuffled.sample(sorted(contents), 60)):
        kind, mode = list(PREFIXES)[number % 4]
        # Some keys stand in several files, some files cannot be scanned.
        contents[name] = f"x = {fake_key(kind, mode, number % 25)}\n".encode() * (1 + number % 3)
    reports = []
    for jobs in ("1", "2"):
        tree = tmp_path / jobs
        names = sorted(contents)
        shuffled.shuffle(names)
        for name in names:
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents[name])
        for folder in range(7):
            os.mkfifo(tree / f"{folder}/pipe")
        weight = sum(
            item.weight
            for item in TreeSource(os.fsencode(tree), b"").open().work()
            if isinstance(item, FileShard)
        )
        assert weight > pipeline.MAX_INLINE_BYTES
        # Two Pythons: the hashes of strings differ, and with them whatever is ordered by them.
        ran = keyscan(".", "--format", "json", "--jobs", jobs, cwd=tree, started=True)
        assert (ran.code, ran.errors) == (ExitCode.BLOCKING, "")
        reports.append(re.sub(rb'"(started_at|duration_s)":("[^"]*"|[0-9.]+)', b"", ran.out))
    assert reports[0] == reports[1]


def test_the_same_from_history_in_any_shards(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        repo.leak(f"{number}.txt", f"{fake_key('ws', 'live', number % 5)}\n{number}\n")
    repo.add("staged.txt", fake_key("admin", "live"))
    repo.run("tag", "-m", fake_key("admin", "test"), "v1")
    alone = result(repo, 1)
    monkeypatch.setattr(pipeline, "MAX_INLINE_BYTES", 0)
    monkeypatch.setattr(scan_pool, "is_worthwhile", lambda _: True)
    monkeypatch.setattr(shard, "SHARD_BYTES", 300)
    assert result(repo, 2) == alone
    assert len(alone.findings) == 7


@pytest.mark.parametrize(
    ("before", "method"),
    [
        ("", "fork"),
        ("held = os.dup2(1, 7)", "fork"),
        ("from boltz_keyscan.sources.git.run import tempdir; tempdir.folder()", "fork"),
        ("held = open(os.devnull)", "spawn"),
        ("threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "spawn"),
    ],
    ids=["alone", "inherited", "folder", "opened", "threads"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is copied")
def test_a_process_is_copied_only_where_that_is_exact(before: str, method: str) -> None:
    script = f"import os, threading, time; from boltz_keyscan.workers import process; {before or 'pass'}; "
    script += "print('fork' if process.can_copy() else 'spawn', flush=True)"
    told = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT, check=True)
    assert told.stdout.decode().strip() == method


def result(repo: Repo, jobs: int) -> ScanResult:
    """A result without when and how long."""
    made = pipeline.run(pipeline.Plan((".",), (TreeSource(os.fsencode(repo.path), b""),), FailPolicy(), jobs))
    return replace(made, started_at="", duration_s=0)


def test_what_a_killed_run_left_is_swept_by_the_next(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.txt", "x\n")
    borrow(repo)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"boltz-keyscan-{gone.pid}-abc"
    mine = tmp_path / f"boltz-keyscan-{os.getpid()}-abc"
    other = tmp_path / "boltz-keyscan-notes"
    for folder in (left, mine, other):
        folder.mkdir()

    keyscan(".", cwd=repo.path, env={"TMPDIR": str(tmp_path)})

    assert sorted(path.name for path in tmp_path.glob("boltz-keyscan-*")) == sorted([mine.name, other.name])


def test_a_scan_that_is_killed_leaves_no_folder(
    start: Callable[..., Running], sound: Path, endless: Path
) -> None:
    running = start("--jobs", "1", sound, endless)
    until(lambda: running.reader(endless / "z/endless"), "the program at the endless file")
    assert [path.name.startswith("boltz-keyscan-") for path in running.temporary.iterdir()] == [True]

    running.process.kill()

    until(lambda: not list(running.family()), "the last process to end")
    assert list(running.temporary.iterdir()) == []


@pytest.mark.parametrize("command", ["cat-file", "log"])
@pytest.mark.parametrize("stop", [to_all, to_one, cancel, kill])
@pytest.mark.sampled
def test_git_ends_with_the_program_whatever_it_is_at(
    start: Callable[..., Running],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    stop: Callable[[Running], None],
) -> None:
    """Even one that reads and writes nothing, as in a long walk, and what it has started itself."""
    repo = Repo(tmp_path / "repo")
    repo.leak("a.txt", fake_key())
    script = f'case " $* " in *" {command} "*) sleep 600; exit 1;; esac; exec {shutil.which("git")} "$@"\n'
    program = repo.write("../bin/git", f"#!/bin/sh\n{script}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent.resolve()}:{os.environ['PATH']}")
    running = start("--jobs", "1", "--no-cache", repo.path)
    until(lambda: "sleep" in commands(running), "git to be busy")

    stop(running)

    began = time.monotonic()
    assert running.end()[0] == (-signal.SIGKILL if stop is kill else ExitCode.INTERRUPTED)
    # Not when git's own time is over, which is 30 s at its end.
    assert time.monotonic() - began < 25


def commands(running: Running) -> set[str]:
    found = set()
    for process in running.family():
        with contextlib.suppress(OSError):
            found.add((PROC / str(process) / "comm").read_text().strip())
    return found


def test_workers_end_with_a_program_that_is_killed(start: Callable[..., Running], endless: Path) -> None:
    running = start("--jobs", "2", "--no-history", endless)
    until(lambda: running.reader(endless / "z/endless"), "a worker to read the endless file")

    running.process.kill()

    until(lambda: not list(running.family()), "the last worker to end")
