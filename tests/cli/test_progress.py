"""The line that says how far a scan is: on a terminal and nowhere else, and gone at the end."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from boltz_keyscan.cli import progress
from boltz_keyscan.forecast import forecast
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.pipeline import run
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.sources.files.shard import FILES_PER_SHARD
from conformance.containers import zstd
from tests.keys import PREFIXES, fake_key
from tests.processes import PROC, reader, until, waits_for
from tests.repos import Repo
from tests.terminals import Terminal, screen, typed

FILES = 600
INTERRUPTED = "error: interrupted; the rest was not scanned"

watched = pytest.mark.skipif(not PROC.is_dir(), reason="looking at other processes takes /proc")


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some files, and one that nobody ever finishes reading."""
    tree = tmp_path_factory.mktemp("tree")
    for number in range(FILES):
        (tree / f"{number:05}.txt").write_text("clean\n")
    with (tree / "z-endless").open("wb") as file:
        # A hole is passed over, but not where each byte is looked at because there may be a key.
        file.write(PREFIXES["ws", "live"].encode())
        file.truncate(4 << 40)
    return tree


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.sampled(count=1)
def test_a_long_scan_says_how_far_it_is_and_ctrl_c_leaves_a_clean_line(endless: Path, columns: int) -> None:
    began = time.monotonic()
    with typed(endless, "--jobs", "1", columns=columns) as terminal:
        terminal.until(r"Scanning .*85%  00:0\d:\d\d")
        # While it runs the line is one line, and nothing else is there.
        (shown,) = terminal.screen
        assert shown.startswith("Scanning  [#")
        assert len(shown) < columns
        assert (f"  {FILES_PER_SHARD}/{FILES + 1}  " in shown) is (columns > 40)
        assert shown.endswith(("B/s", "bytes/s")) or columns == 40
        terminal.type("\x03")
        assert terminal.end() == ExitCode.INTERRUPTED
    # A narrow terminal wraps it by itself.
    assert terminal.screen == [INTERRUPTED]
    # No flicker: each text is written over the one before, and not often.
    output = terminal.output.decode()
    assert 1 <= output.count("\x1b[?25lScanning") <= (time.monotonic() - began) / progress.REFRESH_INTERVAL_S
    assert "\x1b[KScanning" not in output
    # The cursor is there again.
    assert output.rfind("\x1b[?25h") > output.rfind("\x1b[?25l")


@pytest.mark.parametrize(
    ("arguments", "env"),
    [(("--quiet",), {}), ((), {"CI": "true"}), ((), {"TERM": "dumb"}), ((), {"TERM": ""})],
    ids=str,
)
@pytest.mark.sampled(count=2)
@watched
def test_nobody_is_told_who_does_not_want_to_know(
    endless: Path, arguments: tuple[str, ...], env: dict[str, str]
) -> None:
    with typed(endless, "--jobs", "1", *arguments, env=env) as terminal:
        until(lambda: reader(terminal.process.pid, endless / "z-endless"), "the scan")
        # Longer than it takes for the line to come.
        with pytest.raises(AssertionError, match="never printed"):
            terminal.until("Scanning", patience=1.6)
        terminal.type("\x03")
        assert terminal.end() == ExitCode.INTERRUPTED
    assert [line for line in terminal.screen if line not in {"", "^C"}] == [INTERRUPTED]


@watched
def test_only_what_is_on_a_terminal_shows_it(endless: Path, tmp_path: Path) -> None:
    """Standard error in a file, with a terminal all around it."""
    script = 'exec "$@" 2>"$0"'
    command = [sys.executable, "-m", "boltz_keyscan", str(endless), "--jobs", "1"]
    terminal = Terminal(["sh", "-c", script, str(tmp_path / "errors"), *command])
    try:
        until(lambda: reader(terminal.process.pid, endless / "z-endless"), "the scan")
        with pytest.raises(AssertionError, match="never printed"):
            terminal.until("Scanning", patience=1.6)
        terminal.type("\x03")
        assert terminal.end() == ExitCode.INTERRUPTED
    finally:
        terminal.close()
    assert (tmp_path / "errors").read_text() == f"{INTERRUPTED}\n"


def test_a_short_scan_shows_the_report_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("clean\n")
    with typed(tmp_path) as terminal:
        assert terminal.end() == ExitCode.CLEAN
    assert "Scanning" not in terminal.output.decode()
    assert terminal.screen[-1] == "CLEAN   no Boltz key (exit 0)"


def test_archives_are_counted_when_their_turn_comes(tmp_path: Path) -> None:
    (tmp_path / "large.zst").write_bytes(zstd(bytes(64 << 20)) * 64 + bytes(5 << 20))
    with typed(tmp_path, "--jobs", "1") as terminal:
        terminal.until(r"Opening archives  \[-+\]  0/1    0%")
        terminal.type("\x03")
        assert terminal.end() == ExitCode.INTERRUPTED
    assert terminal.screen == [INTERRUPTED]


@watched
def test_ctrl_c_at_a_question_leaves_a_clean_line(tmp_path: Path) -> None:
    """Nothing was shown there but ^C."""
    with typed("-", cwd=tmp_path) as terminal:
        terminal.type("clean\n")
        until(lambda: waits_for(terminal.process.pid, "n_tty_read", "wait_woken"), "it to read")
        terminal.type("\x03")
        assert terminal.end() == ExitCode.INTERRUPTED
    assert terminal.screen[-1] == INTERRUPTED


# -- the forecast --------------------------------------------------------------------------


def test_the_forecast_is_what_is_read(tmp_path: Path, repo: Repo) -> None:
    for number in range(5):
        repo.leak(f"folder/{number}.txt", f"{number}\n")
    repo.run("gc", "-q")
    repo.leak("new.txt", "loose\n")
    (repo.path / "link").symlink_to("new.txt")
    (tmp_path / "repo/inner").mkdir()
    inner = Repo(tmp_path / "repo/inner/one")
    inner.leak("a.txt", "a\n")
    plan = make_plan(Options((str(repo.path),), jobs=1))
    counted = sum(forecast(plan.sources))
    seen = Seen()
    result = run(plan, progress=seen)
    assert counted == seen.items == result.tally.files + result.tally.blobs
    # Its counting has changed nothing.
    assert sum(forecast(plan.sources)) == counted
    for options in (
        Options((str(repo.path),), history=False, jobs=1),
        Options((str(repo.path),), files=False, jobs=1),
    ):
        plan = make_plan(options)
        expected = sum(forecast(plan.sources))
        tally = run(plan).tally
        assert expected == tally.files + tally.blobs


def test_what_an_earlier_scan_has_seen_is_done_at_once(tmp_path: Path, repo: Repo) -> None:
    for number in range(5):
        repo.leak(f"{number}.txt", f"{number}\n")
    repo.run("gc", "-q")
    options = Options((str(repo.path),), cache=str(tmp_path / "cache"), jobs=1)
    for _ in range(2):
        plan = make_plan(options)
        counted = sum(forecast(plan.sources))
        seen = Seen()
        tally = run(plan, progress=seen).tally
        assert counted == seen.items
    assert tally.cached > 0


def test_what_cannot_be_listed_costs_only_the_forecast(tmp_path: Path) -> None:
    plan = make_plan(Options((str(tmp_path),), files=False))
    assert sum(forecast(plan.sources)) == 0


class Seen:
    """A watch that adds up."""

    def __init__(self) -> None:
        self.items = 0

    def on_read(self, tally: object) -> None:
        self.items += sum(getattr(tally, name) for name in ("files", "blobs", "cached"))

    def on_archives(self, done: int, whole: int) -> None:
        assert 0 <= done <= whole

    def on_locating(self) -> None:
        """Not counted."""


class Screen:
    """A terminal to write to."""

    def __init__(self, broken: bool = False) -> None:  # noqa: FBT001, FBT002 - a test's stream
        self.text = ""
        self.broken = broken

    def write(self, text: str) -> int:
        if self.broken:
            raise OSError(5, "Input/output error")
        self.text += text
        return len(text)

    def flush(self) -> None:
        """There is nothing to flush."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError(25, "not a terminal after all")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Screen:
    there = Screen()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=there))
    monkeypatch.setenv("TERM", "xterm")
    return there


def test_the_line_belongs_to_the_last_that_began(terminal: Screen) -> None:
    with progress.Progress("first") as first:
        first.show(1, 4)
        assert re.fullmatch(r"first  \[#+-+\]  1/4   25%", screen(terminal.text)[0])
        with progress.Progress("second") as second:
            time.sleep(progress.REFRESH_INTERVAL_S)
            first.show(2, 4)
            second.show(12)
            assert re.fullmatch(r"second  \[-*#?-*\]  12 *", screen(terminal.text)[0])
        assert screen(terminal.text) == []
        time.sleep(progress.REFRESH_INTERVAL_S)
        first.show(3, 4)
        with progress.hidden_progress():
            terminal.write("told\n")
        assert screen(terminal.text) == ["told"]
        first.show(3, 4, label="third")
    assert screen(terminal.text) == ["told"]


def test_a_total_that_was_too_low_is_not_shown(terminal: Screen) -> None:
    with progress.Progress("first") as first:
        first.show(5, 4, detail="1 kB/s")
        assert re.fullmatch(r"first  \[-*#?-*\]  5  1 kB/s", screen(terminal.text)[0])


def test_it_is_drawn_ten_times_a_second_at_most(terminal: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now))
    with progress.Progress("verifying") as told:
        for number in range(1000):
            told.show(number, 1000)
            now += 0.01
    assert 90 <= terminal.text.count("\x1b[?25l") <= 102
    assert screen(terminal.text) == []


def test_a_terminal_that_goes_away_stops_nothing(terminal: Screen) -> None:
    terminal.broken = True
    with progress.Progress("verifying") as told:
        told.show(1)


@pytest.mark.parametrize(
    ("env", "shown"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "CI": "0"}, True),
        ({"TERM": "xterm", "CI": "1"}, False),
        ({"TERM": "xterm", "CI": "woodpecker"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
    ids=str,
)
@pytest.mark.usefixtures("terminal")
def test_who_is_shown_anything(env: dict[str, str], shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    monkeypatch.setattr(os, "environ", env)
    assert progress.is_visible() is shown


def test_a_warning_in_between_stands_on_a_line_of_its_own(endless: Path, tmp_path: Path) -> None:
    """A cache that is no cache is told of while the scan is on."""
    repo = Repo(tmp_path / "repo")
    repo.leak("a.txt", fake_key())
    with typed(repo.path, "--cache-dir", repo.path / "a.txt") as told:
        assert told.end() == ExitCode.BLOCKING
    warnings = [line for line in told.screen if "warning:" in line]
    assert warnings
    assert all(line.startswith("warning: ") for line in warnings)
    assert endless.exists()
