"""The exit code: each row of the table, each --fail-on with each kind of key, by running the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from boltz_keyscan.model.enums import ExitCode
from tests.keys import PREFIXES, fake_key, fingerprint
from tests.repos import Repo
from tests.running import ROOT, keyscan

LIVE = fake_key("ws", "live", "exit codes")

KINDS = list(PREFIXES)

BLOCKED_BY = {
    "live": {("admin", "live"), ("ws", "live")},
    "admin": {("admin", "live")},
    "any": set(KINDS),
    "never": set(),
}


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    """A file with a live key, outside git."""
    path = tmp_path / "leak.txt"
    path.write_text(LIVE)
    return path


# -- 0 -------------------------------------------------------------------------------------


def test_0_when_there_is_nothing_to_find(tmp_path: Path) -> None:
    (tmp_path / "clean.txt").write_text("nothing\n")
    ran = keyscan(tmp_path)
    assert (ran.code, ran.errors) == (ExitCode.CLEAN, "")
    assert ran.text.splitlines()[-1] == "CLEAN   no Boltz key (exit 0)"


def test_0_when_no_key_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "leak.txt").write_text(fake_key("ws", "test"))
    ran = keyscan(tmp_path)
    assert (ran.code, ran.errors) == (ExitCode.CLEAN, "")
    assert ran.text.splitlines()[-1] == "PASSED  1 key, none fails this run (exit 0)"


# -- 1 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@pytest.mark.parametrize("fail_on", BLOCKED_BY)
@pytest.mark.sampled
def test_1_for_each_kind_of_key_as_asked(tmp_path: Path, kind: tuple[str, str], fail_on: str) -> None:
    (tmp_path / "leak.txt").write_text(fake_key(*kind))
    ran = keyscan(tmp_path, "--fail-on", fail_on, "--format", "json")
    blocking = kind in BLOCKED_BY[fail_on]
    assert ran.code == (ExitCode.BLOCKING if blocking else ExitCode.CLEAN)
    (finding,) = ran.report["findings"]
    assert (finding["fingerprint"], finding["blocking"]) == (fingerprint(fake_key(*kind)), blocking)
    assert ran.report["scan"]["exit_code"] == ran.code


def test_1_is_the_default_for_live_keys_only(tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / "leak.txt").write_text(fake_key(*kind))
        assert keyscan(tmp_path).code == (kind[1] == "live")


def test_1_with_an_incomplete_scan_says_both(leak: Path) -> None:
    (leak.parent / ".git").mkdir()
    ran = keyscan(leak.parent)
    assert ran.code == ExitCode.BLOCKING
    # The paragraphs are wrapped for a terminal.
    assert " ".join(ran.text.split()).endswith(
        "FAILED 1 key (exit 1) INCOMPLETE 1 gap, so not everything was scanned; there may be more"
    )


def test_1_when_the_report_cannot_be_written(leak: Path) -> None:
    nowhere = leak.parent / "nowhere/report.json"
    ran = keyscan(leak, "--output", nowhere, "--format", "json")
    assert ran.code == ExitCode.BLOCKING
    assert ran.errors == (
        f"error: cannot write the json report to {nowhere}: No such file or directory\n"
        "help: Make the folder first; it is not made for you.\n"
    )


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_1_when_the_reader_goes_away(leak: Path, reader: str) -> None:
    assert piped(reader, leak, "-v") == (b"1\n", b"")


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_0_when_the_reader_goes_away(tmp_path: Path, reader: str) -> None:
    (tmp_path / "clean.txt").write_text("nothing\n")
    assert piped(reader, tmp_path) == (b"0\n", b"")
    assert piped(reader, "--help") == (b"0\n", b"")


def piped(reader: str, *arguments: str | Path) -> tuple[bytes, bytes]:
    """Our exit code in front of a reader that stops early, and all that was said on stderr."""
    words = " ".join(f"'{argument}'" for argument in arguments)
    script = f"{sys.executable} -m boltz_keyscan {words} | {reader} >/dev/null; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, check=True, timeout=60)
    return ran.stdout, ran.stderr


# -- what does not block -------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", ["example", "x" * 43, "not-a-real-secret-but-long-enough-to-be-one", "0123456789" * 4 + "012"]
)
def test_placeholders_never_block(tmp_path: Path, body: str) -> None:
    (tmp_path / "docs.md").write_text(f"export BOLTZ_API_KEY={PREFIXES['admin', 'live']}{body}\n")
    ran = keyscan(
        tmp_path, "--fail-on", "any", "--fail-on-unexposed", "--require-complete", "--format", "json"
    )
    assert ran.code == ExitCode.CLEAN
    (finding,) = ran.report["findings"]
    assert (finding["shape"], finding["severity"], finding["blocking"]) == ("placeholder", "note", False)


def ignored(repo: Repo) -> None:
    repo.leak(".gitignore", ".env\n")
    repo.write(".env", LIVE)


def inside_git(repo: Repo) -> None:
    repo.commit()
    repo.write(".git/COMMIT_EDITMSG", LIVE)


def amended_away(repo: Repo) -> None:
    repo.leak("a.txt", LIVE)
    repo.add("a.txt", "clean")
    repo.commit("amended", "--amend")


@pytest.mark.parametrize(
    ("leave", "exposure"), [(ignored, "local"), (inside_git, "local"), (amended_away, "unreachable")]
)
def test_what_no_push_carries_away_blocks_only_when_asked(repo: Repo, leave: object, exposure: str) -> None:
    assert callable(leave)
    leave(repo)
    ran = keyscan(repo.path, "--format", "json")
    (finding,) = ran.report["findings"]
    assert (finding["exposure"], finding["severity"], ran.code) == (exposure, "high", ExitCode.CLEAN)
    assert keyscan(repo.path, "--fail-on-unexposed").code == ExitCode.BLOCKING
    assert keyscan(repo.path, "--fail-on-unexposed", "--fail-on", "admin").code == ExitCode.CLEAN


# -- 2 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [("nowhere",), ("--bogus",), ("--format", "bogus"), ("--history-only",), ("hook", "bogus")]
)
def test_2_when_nothing_can_be_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = keyscan(*arguments, cwd=tmp_path)
    assert (ran.code, ran.out) == (ExitCode.USAGE, b"")
    assert ran.errors.startswith("error: ")
    assert ran.errors.count("\n") <= 2


def test_2_when_the_report_of_a_clean_run_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "clean.txt").write_text("nothing\n")
    assert keyscan(tmp_path, "--report", f"json={tmp_path}").code == ExitCode.USAGE


# -- 3 -------------------------------------------------------------------------------------


def test_3_when_something_was_not_scanned(tmp_path: Path) -> None:
    (tmp_path / "clean.txt").write_text("nothing\n")
    (tmp_path / ".git").mkdir()
    ran = keyscan(tmp_path)
    assert (ran.code, ran.errors) == (ExitCode.INCOMPLETE, "")
    assert " ".join(ran.text.split()).endswith(
        "INCOMPLETE 1 gap, so not everything was scanned; no key that was seen fails this run (exit 3)"
    )


def test_3_when_nothing_was_scanned_at_all(tmp_path: Path) -> None:
    ran = keyscan(tmp_path, "--format", "json")
    assert ran.code == ExitCode.INCOMPLETE
    (gap,) = ran.report["gaps"]
    expected = {
        "where": str(tmp_path),
        "reason": "nothing-scanned",
        "detail": "there was nothing to scan",
        "by_design": False,
    }
    assert {name: gap[name] for name in expected} == expected


def test_3_for_gaps_by_design_only_when_asked(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.txt", "one\n")
    repo.leak("a.txt", "two\n")
    repo.run("clone", "--quiet", "--depth=1", f"file://{repo.path}", str(tmp_path / "clone"))
    assert keyscan(tmp_path / "clone").code == ExitCode.CLEAN
    assert keyscan(tmp_path / "clone", "--require-complete").code == ExitCode.INCOMPLETE


# -- 4 -------------------------------------------------------------------------------------


def test_4_shows_where_and_no_value(tmp_path: Path, leak: Path) -> None:
    """A fault is planted by Python's own hook for that, since the program offers none."""
    (tmp_path / "sitecustomize.py").write_text(
        "from boltz_keyscan.detect import KeyDetector\n"
        "def broken(self, chunks, admits=None):\n"
        "    content = b''.join(chunks)\n"
        "    raise RuntimeError(content)\n"
        "KeyDetector.find = broken\n"
    )
    ran = keyscan(leak, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert (ran.code, ran.out) == (ExitCode.INTERNAL, b"")
    first, *frames, last = ran.errors.splitlines()
    assert first == "error: internal error: RuntimeError"
    assert frames[-1] == "  sitecustomize.py:4 in broken"
    assert last == "help: This is a bug; please report these lines. They hold nothing of what was scanned."
    assert LIVE not in ran.errors
    assert "Traceback" not in ran.errors
