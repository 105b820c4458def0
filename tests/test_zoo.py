"""Nothing of a hostile repository runs, connects, hangs, hides, or is written to.

Every row of ``zoo`` is scanned by the program as users run it, in every way that reads a
repository.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boltz_keyscan.model.enums import ExitCode
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import Ran, keyscan
from tests.zoo import CONNECTION, HIDDEN, MARKER, ROWS, Cage, Row, connections, listener, plain

WAYS = {
    "scan": (".", "--no-cache"),
    "history": (".", "--history-only", "--no-cache"),
    "staged": ("--staged",),
    "range": ("--range", "v0..HEAD"),
    "hook": ("hook", "pre-commit"),
}
MOSTLY = ("scan", "range", "hook")
JSON = ("--format", "json")
# A scan that takes more memory than this gets none.
BOUNDED = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (3_000_000 << 10,) * 2)\n"

HURRIED = """
from boltz_keyscan.sources.git.attribution import history_walk
from boltz_keyscan.sources.git.repo import index
index._MIN_SECONDS = history_walk._LEAST_SECONDS = 1
"""
"""The program with less patience: what never ends is given up after one second and not after ten."""

_plain: list[Path] = []


@pytest.fixture
def cage(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cage]:
    """A repository with nothing wrong yet, and the traps."""
    if not _plain:
        _plain.append(plain(tmp_path_factory.mktemp("plain") / "repo").path)
    shutil.copytree(_plain[0], tmp_path / "repo", symlinks=True)
    traps = tmp_path / "traps"
    traps.mkdir()
    with listener() as listening:
        made = Cage(Repo.there(tmp_path / "repo"), traps, listening.getsockname()[1])
        Path(made.program).write_text(f'#!/bin/sh\necho "$0 $*" >> {made.marker}\n')
        Path(made.program).chmod(0o755)
        yield made
        made.marker.unlink(missing_ok=True)
        assert connections(listening) == 0, "something connected"


def build(row: Row, cage: Cage) -> None:
    row.build(cage)
    # What git ran while the row was built is not the scan's doing.
    cage.marker.unlink(missing_ok=True)


def state(folder: Path) -> str:
    """Everything in a folder: names, kinds, modes, times and content."""
    seen = hashlib.sha256()
    for path in sorted([folder, *folder.rglob("*")]):
        facts = path.lstat()
        seen.update(repr((str(path), facts.st_mode, facts.st_mtime_ns, facts.st_size)).encode())
        if stat.S_ISREG(facts.st_mode):
            seen.update(path.read_bytes())
    return seen.hexdigest()


def told(way: str, ran: Ran) -> tuple[set[str], set[str]]:
    """Fingerprints, as short as hooks show them, and reasons of gaps."""
    if way == "hook":
        text = ran.text + ran.errors
        return set(re.findall(r"bk1:[0-9a-f]{8}", text)), set()
    report = ran.report
    found = {finding["fingerprint"][:12] for finding in report["findings"]}
    # A FIFO that is a file of the tree is listed as what it is, by design.
    reasons = {
        gap["reason"] for gap in report["gaps"] if (gap["reason"], gap["by_design"]) != ("special-file", True)
    }
    return found, reasons


def expected(row: Row, way: str) -> set[str]:
    """The keys that the way of scanning is about, as far as the row leaves them readable."""
    seeds: set[str] = set()
    if way in {"scan", "history", "range"} and "history" not in row.blind:
        seeds |= {"history", *row.also}
    if way == "range":
        seeds -= {"branch", "submodule"}
        if row.blind & {"range", "head"}:
            seeds = set()
    if way == "history" and "history" not in row.blind:
        seeds.add("staged")
    if way == "scan" or (way in {"staged", "hook"} and "index" not in row.blind):
        # In a scan it is at least a file.
        seeds.add("staged")
    return {fingerprint(fake_key(seed=seed))[:12] for seed in seeds}


EVERY_WAY = [pytest.param(row, way, id=f"{row.name}, {way}") for row in ROWS for way in row.ways or MOSTLY]


@pytest.mark.parametrize(("row", "way"), EVERY_WAY)
@pytest.mark.sampled
def test_nothing_runs_connects_hangs_or_stays_hidden(row: Row, way: str, cage: Cage) -> None:
    build(row, cage)
    before = state(cage.repo.path)
    form = () if way == "hook" else JSON
    changed = BOUNDED + (HURRIED if row.hurried else "")
    ran = keyscan(*WAYS[way], *form, cwd=cage.repo.path, env=cage.env, changed=changed)

    assert not cage.marker.exists(), cage.marker.read_text()
    assert state(cage.repo.path) == before
    assert ran.code in {ExitCode.CLEAN, ExitCode.BLOCKING, ExitCode.USAGE, ExitCode.INCOMPLETE}, ran
    assert "\x1b" not in ran.text + ran.errors
    if ran.code == ExitCode.USAGE:
        # An error about the repository itself, and only where there is none to speak of.
        assert row.blind or "cannot tell what" in ran.errors, ran
        assert not expected(row, way) or way in {"history", "range"}, ran
        return
    found, reasons = told(way, ran)
    assert found == expected(row, way)
    assert reasons <= row.gaps | {"special-file" if row.blind else ""}
    assert ran.code == (ExitCode.BLOCKING if found else ExitCode.INCOMPLETE), ran


@pytest.mark.parametrize("row", [row for row in ROWS if row.trap], ids=lambda row: row.name)
def test_the_trap_works(row: Row, cage: Cage) -> None:
    """Plain git runs it, connects, or does not see the key: otherwise the test above proves nothing."""
    build(row, cage)
    with listener() as other:
        config = cage.git / "config"
        here, there = f":{cage.port}/", f":{other.getsockname()[1]}/"
        config.write_text(config.read_text().replace(here, there))
        environment = {**os.environ, **cage.env, "GIT_TERMINAL_PROMPT": "0"}
        command = ["timeout", "-k", "1", "3" if row.trap != CONNECTION else "1", "git", *row.proof]
        ran = subprocess.run(
            command, cwd=cage.repo.path, env=environment, capture_output=True, check=False, timeout=60
        )
        connected = connections(other)
    if row.trap == MARKER:
        assert cage.marker.exists(), ran
    elif row.trap == CONNECTION:
        assert connected, ran
    else:
        assert row.trap == HIDDEN
        assert fake_key(seed="hidden").encode() not in ran.stdout


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.sampled(count=3)
def test_only_python_and_git_are_started(cage: Cage, way: str) -> None:
    (row,) = (row for row in ROWS if row.name == "everything")
    build(row, cage)
    trace = cage.traps / "trace"
    strace = ("strace", "-f", "-qq", "-e", "trace=execve,execveat,connect", "-o", str(trace))
    ran = keyscan(*WAYS[way], cwd=cage.repo.path, env=cage.env, before=strace)
    if "ptrace" in ran.errors:
        pytest.skip("strace may not trace here")
    assert ran.code == ExitCode.BLOCKING
    lines = [line for line in trace.read_text().splitlines() if "(" in line]
    started = {match[1] for line in lines if (match := re.search(r'\bexecve\("([^"]*)".* = 0$', line))}
    assert started == {sys.executable, shutil.which("git")}
    assert [line for line in lines if "connect(" in line or "execveat(" in line] == []


def test_the_trace_does_see(cage: Cage) -> None:
    """A connection and a program that plain git starts are in a trace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    (row,) = (row for row in ROWS if row.name == "fsmonitor")
    build(row, cage)
    trace = cage.traps / "trace"
    command = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace), "git", "status"]
    ran = subprocess.run(command, cwd=cage.repo.path, capture_output=True, text=True, check=False)
    if "ptrace" in ran.stderr:
        pytest.skip("strace may not trace here")
    assert cage.program in trace.read_text()
