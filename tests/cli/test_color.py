"""When text is coloured: the flag, then the variables that people set, then the terminal."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest

from tests.keys import fake_key
from tests.running import begin, keyscan

ESCAPE = b"\x1b[1;31m"

CASES: list[tuple[dict[str, str], bool, bool]] = [
    # Variables, then whether there is colour on a terminal, and in a pipe.
    ({}, True, False),
    ({"NO_COLOR": "1"}, False, False),
    ({"NO_COLOR": "0"}, False, False),
    ({"NO_COLOR": ""}, True, False),
    ({"FORCE_COLOR": "1"}, True, True),
    ({"FORCE_COLOR": "true"}, True, True),
    ({"FORCE_COLOR": "0"}, True, False),
    ({"FORCE_COLOR": ""}, True, False),
    ({"CLICOLOR_FORCE": "1"}, True, True),
    ({"CLICOLOR_FORCE": "0"}, True, False),
    ({"CLICOLOR_FORCE": ""}, True, False),
    ({"CLICOLOR": "0"}, False, False),
    ({"CLICOLOR": "1"}, True, False),
    ({"TERM": "dumb"}, False, False),
    ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
    ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False, False),
    ({"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, True, True),
    ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ({"CI": "true"}, True, False),
]


@pytest.fixture(scope="module")
def leak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("leak")
    (folder / "a.env").write_text(fake_key("admin", "live", "colour"))
    return folder


def on_a_terminal(*arguments: str | Path, env: dict[str, str]) -> bytes:
    """What a run with a blocking finding prints on a terminal."""
    master, slave = pty.openpty()
    ended = begin(*arguments, streams=(slave, slave, slave), env={"TERM": "xterm", **env})
    os.close(slave)
    output = b""
    try:
        while piece := os.read(master, 1 << 16):
            output += piece
    except OSError:
        # Linux reports EIO when no process has the other side open any more.
        pass
    finally:
        os.close(master)
    assert ended() == 1
    return output


@pytest.mark.parametrize(("env", "terminal", "pipe"), CASES, ids=str)
@pytest.mark.sampled(count=10)
def test_the_variables(leak: Path, env: dict[str, str], terminal: bool, pipe: bool) -> None:  # noqa: FBT001
    assert (ESCAPE in on_a_terminal(leak, env=env)) is terminal
    assert (ESCAPE in keyscan(leak, env=env).out) is pipe


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_the_flag_wins(leak: Path, env: dict[str, str]) -> None:
    for flag, colored in (("always", True), ("never", False)):
        assert (ESCAPE in on_a_terminal(leak, "--color", flag, env=env)) is colored
        assert (ESCAPE in keyscan(leak, "--color", flag, env=env).out) is colored


def test_no_file_is_coloured(leak: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    keyscan(leak, "--color", "always", "--output", report)
    assert b"\x1b" not in report.read_bytes()
    assert b"FAILED" in report.read_bytes()
