"""Engines: workers that end, workers that do not fit, and repositories that several processes scan."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet import dask_engine, large
from boltz_keyscan.fleet.engine import ExecutorEngine
from boltz_keyscan.fleet.outcome import Outcome
from boltz_keyscan.fleet.sources import Listed, list_sources
from boltz_keyscan.fleet.unit import Settings, Unit, scan_unit
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.model.fleet import RepositoryStatus
from boltz_keyscan.records import replace
from boltz_keyscan.workers import scan_pool
from tests.fleet.test_fleet import needs_dask
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import ROOT, keyscan

KEY = fake_key("admin", "live", "in a large repository")


class Workers(futures.Executor):
    """An executor whose workers end: the failures of each unit, one for each time it is submitted."""

    def __init__(self, failures: dict[str, list[BaseException]]) -> None:
        self.failures = failures
        self.submitted: list[str] = []

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **_: Any) -> futures.Future[Any]:
        """Run a unit at once, or fail it."""
        (unit,) = arguments
        self.submitted.append(unit.repository.id)
        future: futures.Future[Any] = futures.Future()
        match self.failures.get(unit.repository.id, []):
            case [futures.CancelledError(), *_] as left:
                left.pop(0)
                future.cancel()
                future.set_running_or_notify_cancel()
            case [error, *_] as left:
                left.pop(0)
                if isinstance(error, OSError):
                    raise error
                future.set_exception(error)
            case _:
                future.set_result(call(unit))
        return future


def outcomes(workers: Workers, *ids: str) -> dict[str, Outcome]:
    """Distribute units over workers; the outcomes by id."""
    units = (Unit(Listed(each, f"name of {each}"), Settings()) for each in ids)
    engine = ExecutorEngine(
        workers, lambda: 2, lambda unit: Outcome(unit.repository.id, RepositoryStatus.SCANNED)
    )
    return {each.id: each for each in engine.outcomes(units)}


def test_a_unit_whose_worker_ended_is_tried_once_more_after_the_others() -> None:
    ids = [f"r{number}" for number in range(20)]
    killed, gone = RuntimeError("killed"), futures.CancelledError()
    workers = Workers({"r0": [killed, killed, killed], "r3": [killed], "r5": [gone]})
    done = outcomes(workers, *ids)
    assert sorted(done) == sorted(ids)
    assert [id_ for id_, each in done.items() if each.status is not RepositoryStatus.SCANNED] == ["r0"]
    assert "worker-died" in done["r0"].gaps[0]
    assert "name of r0" in done["r0"].gaps[0]
    assert sorted(workers.submitted[:20]) == sorted(ids)
    assert sorted(workers.submitted[20:]) == ["r0", "r3", "r5"]


def test_a_cluster_that_takes_no_more_ends_the_scan() -> None:
    with pytest.raises(KeyscanError, match="the cluster takes no more work: ConnectionError"):
        outcomes(Workers({"r1": [ConnectionError("gone")]}), "r0", "r1")
    gone = futures.CancelledError()
    with pytest.raises(KeyscanError, match="the cluster has ended"):
        outcomes(Workers({"r1": [gone, gone]}), "r0", "r1")


OURS = dask_engine._identity()


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"w1": (OURS, True), "w2": (OURS, False)}, "the worker w2 cannot start processes"),
        ({"w1": (("0.0.1", *OURS[1:]), True)}, "the worker w1 has version 0.0.1 instead of"),
        ({"w1": ((OURS[0], "other", OURS[2]), True)}, "the worker w1 has rules other instead of"),
        ({"w1": ((*OURS[:2], "2.7"), True)}, "the worker w1 has Python 2.7 instead of"),
        ({"w1": OSError("it ended")}, "no worker answers"),
        ({}, "no worker answers"),
    ],
)
def test_workers_that_do_not_fit_are_refused(answers: dict[str, object], reason: str) -> None:
    class Client:
        def run(self, *_: object, **__: object) -> dict[str, object]:
            return answers

    with pytest.raises((KeyscanError, RuntimeError), match=reason):
        dask_engine._check_workers(Client())


def test_what_the_worker_is_asked_is_answered_here() -> None:
    assert dask_engine._describe_worker() == (OURS, True)


def test_a_worker_that_joins_later_with_another_version_scans_nothing() -> None:
    task = dask_engine._Task(("0.0.1", *OURS[1:]))
    with pytest.raises(dask_engine.OtherVersionError):
        task(Unit(Listed("r", "r"), Settings()))


def test_several_processes_give_the_outcome_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo(tmp_path / "large")
    for number in range(30):
        repo.leak(f"{number}.txt", f"{number}\n" * 50)
    repo.leak("deep/settings.env", f"KEY={KEY}\n")
    repo.leak("broken.zip", b"PK\x03\x04" + os.urandom(300))
    repo.run("gc", "--quiet")
    (listed,) = list_sources([str(repo.path)]).repositories
    used: list[int] = []
    run = pipeline.run

    def spy(plan: pipeline.Plan, *arguments: Any, **options: Any) -> ScanResult:
        used.append(plan.jobs)
        return run(plan, *arguments, **options)

    monkeypatch.setattr(pipeline, "run", spy)
    monkeypatch.setattr(pipeline, "MAX_INLINE_BYTES", -1)
    monkeypatch.setattr(scan_pool, "is_worthwhile", lambda _: True)
    settings = Settings(jobs=2, turn=str(tmp_path / "turn"))
    one = scan_unit(Unit(listed, settings))
    monkeypatch.setattr(large, "MIN_STORE_BYTES", 1)
    several = scan_unit(Unit(listed, settings))
    assert used == [1, 2]
    assert replace(several, seconds=0.0) == replace(one, seconds=0.0)
    assert [each.fingerprint for each in several.keys] == [fingerprint(KEY)]
    assert several.status is RepositoryStatus.PARTIAL


def test_large_repositories_are_scanned_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "MIN_STORE_BYTES", 0)
    turn = str(tmp_path / "turn")
    lines = (
        "import os, sys; from boltz_keyscan.fleet.large import *; from boltz_keyscan.fleet import large\n"
        "large.MIN_STORE_BYTES = 0\n"
        "with scan_processes('.', 2, sys.argv[1]) as jobs: print(jobs, flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", lines, turn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"2\n"
    waited: list[float] = []

    def end(seconds: float) -> None:
        waited.append(seconds)
        other.communicate()

    monkeypatch.setattr("boltz_keyscan.fleet.large.time.sleep", end)
    with large.scan_processes(str(tmp_path), 3, turn) as jobs:
        assert (jobs, len(waited)) == (3, 1)
    # A folder without locks costs the other processes, not the scan.
    monkeypatch.setattr(
        large, "lock_file", lambda _: (_ for _ in ()).throw(OSError(errno.ENOLCK, "no locks"))
    )
    for path in (turn, str(tmp_path / "absent/turn")):
        with large.scan_processes(str(tmp_path), 3, path) as jobs:
            assert jobs == 1
    with large.scan_processes(str(tmp_path), 3, "") as jobs:
        assert jobs == 3


@pytest.mark.sampled(count=0)
@pytest.mark.parametrize("engine", ["dask", "local"])
def test_a_repository_that_ends_its_workers_costs_two_of_them(engine: str, tmp_path: Path) -> None:
    if engine == "dask":
        needs_dask()
    for name in ("poison", *(f"good-{number}" for number in range(5))):
        Repo(tmp_path / name).leak("a.txt", f"{name}\n")
    (tmp_path / "bin").mkdir()
    script, log = tmp_path / "bin/git", tmp_path / "ended"
    # The process of git is started by the fetching process, and that by the worker.
    script.write_text(
        f"#!/bin/sh\ncase $* in *poison*) echo >> {shlex.quote(str(log))}\n"
        "read -r _ _ _ worker _ < /proc/$PPID/stat; kill -9 $worker; sleep 30 ;; esac\n"
        f'exec {shlex.quote(str(shutil.which("git")))} "$@"\n'
    )
    script.chmod(0o755)
    urls = [f"file://{tmp_path}/{name}" for name in ("poison", *(f"good-{number}" for number in range(5)))]
    env = {"PATH": os.pathsep.join([str(script.parent), os.environ["PATH"]])}
    arguments = ["fleet", "scan", *urls, "--state", "state", "--jobs", "2", "--engine", engine]
    ran = keyscan(*arguments, cwd=tmp_path, env=env, started=True)
    assert (ran.code, ran.errors) == (3, "")
    assert "6 repositories: 5 scanned, 1 failed" in ran.text
    assert "worker-died" in ran.text
    assert log.read_text() == "\n\n"
