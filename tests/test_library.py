"""The library: the same as the command line, from scripts that were not written with it in mind."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import logging
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import typing
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import boltz_keyscan
from boltz_keyscan import ExitCode, FailOn, KeyscanError, ScanResult, pipeline, rules, scan, write_report
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.report import REPORTERS
from boltz_keyscan.sources.files.shard import FileShard
from boltz_keyscan.workers import scan_pool
from boltz_keyscan.workers.scan_pool import ScanPool
from tests.keys import PREFIXES, fake_key, fingerprint
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import ROOT, keyscan

KEY = fake_key("admin", "live", "library")
PAST = fake_key("ws", "live", "library")
PACKED = fake_key("ws", "test", "library")


@pytest.fixture
def leaky(repo: Repo) -> Repo:
    """A key at HEAD, one in history, one in an archive."""
    repo.leak("old.py", f"key = '{PAST}'\n")
    repo.run("rm", "--quiet", "old.py")
    with zipfile.ZipFile(repo.path / "packed.zip", "w") as archive:
        archive.writestr("inner.env", f"BOLTZ_API_KEY={PACKED}\n")
    repo.run("add", "packed.zip")
    repo.leak("new.py", f"key = '{KEY}'\n")
    return repo


def told(result: ScanResult, form: str = "json") -> str:
    stream = io.StringIO()
    write_report(result, form, stream)
    return stream.getvalue()


def timeless(report: str | bytes) -> Any:
    document = json.loads(report)
    del document["scan"]["started_at"], document["scan"]["duration_s"]
    return document


# The result.


def test_it_is_what_the_command_line_says(leaky: Repo, capfd: pytest.CaptureFixture[str]) -> None:
    result = scan(leaky.path)
    assert capfd.readouterr() == ("", "")
    ran = keyscan(leaky.path, "--trust", "none", "--no-config", "--no-cache", "--format", "json")
    assert timeless(told(result)) == timeless(ran.out)
    assert (ran.code, result.exit_code, result.complete) == (1, 1, True)
    assert {finding.fingerprint for finding in result.keys} == {
        fingerprint(key) for key in (KEY, PAST, PACKED)
    }


ALIKE: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"history": False}, ("--no-history",)),
    ({"files": False}, ("--history-only",)),
    ({"commits": "HEAD~1..HEAD"}, ("--range", "HEAD~1..HEAD")),
    ({"fail_on": "never"}, ("--fail-on", "never")),
    ({"fail_on": FailOn.ADMIN}, ("--fail-on", "admin")),
    ({"fail_on_unexposed": True}, ("--fail-on-unexposed",)),
    ({"require_complete": True}, ("--require-complete",)),
    ({"jobs": 1}, ("--jobs", "1")),
    ({"trust": "tree"}, ("--trust", "tree")),
    ({"trust": "base:HEAD~1"}, ("--trust", "base:HEAD~1")),
    (
        {"baseline": ".boltz-keyscan-baseline"},
        ("--baseline", ".boltz-keyscan-baseline", "--trust", "none"),
    ),
]


def test_arguments_mean_what_the_options_mean(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.path)
    repo.leak("old.py", f"key = '{PAST}'\n")
    repo.run("rm", "--quiet", "old.py")
    repo.leak("new.py", f"key = '{KEY}'\n")
    assert keyscan("baseline", "create", "--reason", "known", "--by", "Ana", cwd=repo.path).code == 0
    repo.add(".boltz-keyscan-baseline", (repo.path / ".boltz-keyscan-baseline").read_bytes())
    repo.commit("accept")
    repo.leak("late.log", f"{fake_key('ws', 'live', 'late')}\n")
    seen = set()
    for arguments, options in ALIKE:
        trust = () if "--trust" in options else ("--trust", "none")
        ran = keyscan(".", *options, *trust, "--no-config", "--no-cache", "--format", "json", cwd=repo.path)
        result = scan(**arguments)
        assert timeless(told(result)) == timeless(ran.out), arguments
        assert ran.code == result.exit_code
        seen.add((len(result.findings), sum(each.blocking for each in result.findings), result.tally))
    # They do not all mean the same.
    assert len(seen) > 5


def test_several_paths_of_several_kinds(leaky: Repo, tmp_path: Path) -> None:
    (tmp_path / "-").write_text(KEY)
    for paths in ([leaky.path, tmp_path / "-"], (os.fsencode(leaky.path), str(tmp_path / "-"))):
        assert len(scan(paths).targets) == 2
    assert len(scan(path for path in [leaky.path, leaky.path]).targets) == 1


def test_a_file_named_like_standard_input_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_text(KEY)
    assert [finding.locations[0].path for finding in scan("-").keys] == ["./-"]


def test_what_was_not_seen_is_told(tmp_path: Path) -> None:
    result = scan(tmp_path)
    assert (result.exit_code, result.complete) == (ExitCode.INCOMPLETE, False)
    assert [gap.reason for gap in result.gaps] == ["nothing-scanned"]


def test_strangers_do_not_excuse_themselves_unless_they_are_trusted(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write("boltz-keyscan.toml", 'fail-on = "never"\n')
    repo.leak("a.py", f"key = '{PAST}'  # boltz-keyscan: ignore=mine\n")
    (found,) = scan(repo.path).keys
    assert found.blocking
    (found,) = scan(repo.path, trust="tree").keys
    # The comment counts, the configuration does not: what is asked is in the call.
    assert not found.blocking
    assert found.suppression is not None
    assert found.suppression.reason == "mine"
    repo.leak("b.py", f"key = '{KEY}'\n")
    assert scan(repo.path, trust="tree").exit_code == 1
    monkeypatch.setenv("CI", "true")
    assert scan(repo.path).ground == scan(repo.path, trust="none").ground


def test_nothing_in_a_result_holds_a_key(leaky: Repo) -> None:
    result = scan(leaky.path)
    assert leaks(repr(result).encode(), KEY, PAST, PACKED) == []
    again = pickle.loads(pickle.dumps(result))
    assert again == result
    assert leaks(pickle.dumps(result), KEY, PAST, PACKED) == []


def test_every_format_can_be_written(leaky: Repo, tmp_path: Path) -> None:
    result = scan(leaky.path)
    for form in REPORTERS:
        write_report(result, form, tmp_path / form)
        assert (tmp_path / form).read_text() == told(result, form)


def test_the_cache_is_where_it_is_told_to_be(
    leaky: Repo, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = scan(leaky.path, cache=tmp_path / "kept")
    second = scan(leaky.path, cache=tmp_path / "kept")
    assert first.tally.cached == 0
    assert second.tally.cached > 0
    assert second.findings == first.findings
    (tmp_path / "kept").chmod(0o777)
    assert scan(leaky.path, cache=tmp_path / "kept").findings == first.findings
    assert capfd.readouterr() == ("", "")


def test_nothing_outlives_the_call(leaky: Repo, tmp_path: Path) -> None:
    def state() -> object:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)]
        root = logging.getLogger()
        return handlers, dict(os.environ), Path.cwd(), root.handlers[:], root.level, sys.modules["__main__"]

    before = state()
    scan(leaky.path, jobs=2)
    assert state() == before
    assert multiprocessing.active_children() == []
    home = Path(os.environ["HOME"])
    # But for the compiled search, which serves the next call.
    left = [path for path in home.rglob("*") if path.is_file() and not path.name.startswith("engine-")]
    assert left == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["repo"]


# Names and types.


def test_the_public_names_are_there_and_documented() -> None:
    for name in boltz_keyscan.__all__:
        thing = getattr(boltz_keyscan, name)
        assert name == "__version__" or thing.__doc__, name
    assert dir(boltz_keyscan) == sorted(boltz_keyscan.__all__)
    guide = (ROOT / "docs/library.md").read_text(encoding="utf-8")
    assert set(boltz_keyscan.__all__) <= set(re.findall(r"`(\w+)`", guide)) | {"__version__"}


def test_a_name_that_is_not_there_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        boltz_keyscan.nothing  # type: ignore[attr-defined]  # noqa: B018 - mypy knows too


def test_results_are_frozen_and_typed() -> None:
    for name in ("ScanResult", "Finding", "Location", "Gap", "Tally", "Suppression"):
        noun = getattr(boltz_keyscan, name)
        with pytest.raises(dataclasses.FrozenInstanceError):
            object.__new__(noun).path = None
        assert {field.name for field in dataclasses.fields(noun)} == set(noun.__slots__)
    hints = typing.get_type_hints(scan)
    assert hints["return"] is ScanResult


@pytest.mark.parametrize("name", ["ScanResult", "Finding", "Location", "Gap"])
def test_the_guide_names_every_field(name: str) -> None:
    guide = (ROOT / "docs/library.md").read_text(encoding="utf-8")
    (table,) = re.findall(rf"^\| of `{name}` \| \|\n\|---\|---\|\n((?:\|.*\n)+)", guide, re.MULTILINE)
    told_of = [field for line in table.splitlines() for field in re.findall(r"`(\w+)`", line.split("|")[1])]
    noun = getattr(boltz_keyscan, name)
    properties = {key for key, value in vars(noun).items() if isinstance(value, property)}
    assert sorted(told_of) == sorted({field.name for field in dataclasses.fields(noun)} | properties)


def test_the_guide_names_every_argument() -> None:
    guide = (ROOT / "docs/library.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", guide, re.MULTILINE)
    defaults = {"paths": ".", **(scan.__kwdefaults__ or {})}
    assert {name: eval(default) for name, default in rows} == defaults  # our own page


# Errors.


def _nul(folder: Path) -> object:
    return scan(f"{folder}\0")


MISTAKES: list[tuple[str, Callable[[Path], object], str]] = [
    ("absent", lambda folder: scan(folder / "nothing"), "no such file or folder"),
    ("none", lambda _: scan([]), "no path was given"),
    ("empty", lambda _: scan(""), "not a path"),
    ("nul", _nul, "not a path"),
    ("surrogate", lambda _: scan("\ud800"), "not a path"),
    ("fail_on", lambda folder: scan(folder, fail_on="live keys"), "not a choice for fail_on"),  # type: ignore[arg-type]  # as typed
    ("jobs", lambda folder: scan(folder, jobs=0), "not a number of processes"),
    ("nothing left", lambda folder: scan(folder, history=False, files=False), "leave nothing to scan"),
    ("two choices", lambda folder: scan(folder, commits="A..B", files=False), "commits chooses"),
    ("no range", lambda folder: scan(folder, commits="HEAD"), "range"),
    ("trust", lambda folder: scan(folder, trust="me"), "not a trust"),
    ("base", lambda folder: scan(folder, trust="base:nowhere"), "nowhere"),
    ("baseline", lambda folder: scan(folder, baseline=folder / "nothing"), "No such file"),
    ("no repository", lambda folder: scan(folder, files=False), "not a git repository"),
    ("format", lambda folder: write_report(scan(folder), "xml", io.StringIO()), "no report format"),
    ("report", lambda folder: write_report(scan(folder), "json", folder), "it is a folder"),
]


@pytest.mark.parametrize(("call", "words"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_what_is_wrong_is_told_in_one_error(
    call: Callable[[Path], object], words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("nothing\n")
    with pytest.raises(KeyscanError, match=re.escape(words)):
        call(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_an_error_shows_no_key(tmp_path: Path) -> None:
    with pytest.raises(KeyscanError) as raised:
        scan(tmp_path / KEY)
    assert PREFIXES["admin", "live"] in raised.value.message
    error: BaseException | None = raised.value
    while error is not None:
        assert leaks(repr(error).encode() + str(error).encode(), KEY) == []
        error = error.__cause__ or error.__context__


def test_a_bug_is_told_without_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError(KEY)

    monkeypatch.setattr(pipeline, "run", broken)
    (tmp_path / "a.txt").write_text("nothing\n")
    with pytest.raises(boltz_keyscan.InternalError, match=r"ValueError at .*test_library\.py:\d+") as raised:
        scan(tmp_path)
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert leaks(str(raised.value).encode(), KEY) == []


def test_ctrl_c_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scan(tmp_path)


# Where it is called from.

UNGUARDED = """
print("started", flush=True)
from boltz_keyscan import pipeline, scan
from boltz_keyscan.workers import scan_pool
pipeline.MAX_INLINE_BYTES, scan_pool.is_worthwhile = -1, lambda _: True  # all work goes to workers
held = HELD
result = scan(TREE, jobs=2)
print(result.exit_code, len(result.keys), result.gaps)
"""


def python(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("held", ["None", "open(__import__('os').devnull)"], ids=["copied", "spawned"])
@pytest.mark.parametrize("way", ["file", "stdin", "-c", "-m", "interactive"])
@pytest.mark.sampled
def test_a_script_without_a_guard_runs_once(leaky: Repo, tmp_path: Path, way: str, held: str) -> None:
    text = UNGUARDED.replace("TREE", repr(str(leaky.path))).replace("HELD", held)
    (tmp_path / "script.py").write_text(text)
    arguments, stdin = {
        "file": (["script.py"], ""),
        "stdin": (["-"], text),
        "-c": (["-c", text], ""),
        "-m": (["-m", "script"], ""),
        "interactive": (["-i", "-q"], f"import sys; sys.ps1 = ''; sys.ps2 = ''\n{text}"),
    }[way]
    ran = python(tmp_path, *arguments, stdin=stdin)
    assert ran.stdout == "started\n1 3 ()\n", ran
    assert way == "interactive" or ran.stderr == ""


def test_from_threads_at_the_same_time(leaky: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "MAX_INLINE_BYTES", -1)
    monkeypatch.setattr(scan_pool, "is_worthwhile", lambda _: True)
    main = sys.modules["__main__"]
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(lambda _: scan(leaky.path, jobs=2), range(2)))
    assert {result.findings for result in results} == {results[0].findings}
    assert [(result.exit_code, result.gaps) for result in results] == [(1, ())] * 2
    assert sys.modules["__main__"] is main


def test_from_the_workers_of_a_pool(leaky: Repo, tmp_path: Path) -> None:
    text = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from boltz_keyscan import pipeline, scan
from boltz_keyscan.workers import scan_pool

def all_by_workers(path):
    pipeline.MAX_INLINE_BYTES, scan_pool.is_worthwhile = -1, lambda _: True
    return len(scan(path, jobs=2).keys)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        print(pool.submit(all_by_workers, sys.argv[1]).result())
    with context.Pool(1) as pool:
        print(pool.apply(all_by_workers, [sys.argv[1]]))
"""
    (tmp_path / "script.py").write_text(text)
    ran = python(tmp_path, "script.py", str(leaky.path))
    assert (ran.stdout, ran.stderr) == ("3\n3\n", "")


@pytest.fixture
def child() -> Iterator[multiprocessing.process.BaseProcess]:
    """A process of the caller's own, which has nothing to do with a scan."""
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    process.start()
    yield process
    process.kill()
    process.join()


def test_the_callers_own_processes_are_left_alone(
    child: multiprocessing.process.BaseProcess, tmp_path: Path
) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text("nothing\n")
    shards = [FileShard(os.fsencode(tmp_path), b"", (b"%d.txt" % number,)) for number in range(20)]
    # Ended in the middle, as by Ctrl-C.
    with contextlib.suppress(KeyboardInterrupt), ScanPool(KeyDetector.of(rules.load()), 1) as pool:
        next(pool.scan(enumerate(shards)))
        raise KeyboardInterrupt
    assert child.is_alive()
    assert multiprocessing.active_children() == [child]


def test_the_threads_of_a_scan_end_with_it(leaky: Repo) -> None:
    before = threading.active_count()
    scan(leaky.path, jobs=2)
    assert threading.active_count() == before
