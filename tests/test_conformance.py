"""The conformance suite: built from a seed, found whole by ours, and it counts what others find."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.__main__ import main
from conformance.keys import LINK_PREFIX
from conformance.making import LEDGER, Keys
from conformance.scoring import Found, Ledger, Place, score, table
from conformance.tools import TOOLS
from tests.keys import fingerprint
from tests.leaks import leaks

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")
COMPARED = (ROOT / "docs/comparison.md").read_text(encoding="utf-8")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The suite's own command."""
    argv = [sys.executable, "-m", "conformance", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def command(name: str, folder: Path) -> list[str]:
    """A command of the page, in a folder of the test."""
    commands = re.findall(r"^python -m conformance (.*)$", PAGE, re.MULTILINE)
    assert [line.split()[0] for line in commands] == ["make", "score"]
    line: str = next(line for line in commands if line.startswith(name))
    return line.replace("../places", str(folder)).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The places, made once by the command."""
    built = tmp_path_factory.mktemp("suite") / "places"
    made = run(*command("make", built), "--seed", "7")
    assert (made.returncode, made.stderr) == (0, "")
    assert "by seed 7" in made.stdout
    assert int(made.stdout.split()[0]) > 170
    return built


@pytest.fixture(scope="module")
def told(folder: Path) -> list[Found]:
    """What ours finds in the places, by one scan."""
    return list(TOOLS["boltz-keyscan"](folder))


def test_ours_finds_all_and_invents_nothing(folder: Path, told: list[Found]) -> None:
    ledger = Ledger.read(folder / LEDGER)
    ours = score("boltz-keyscan", ledger, told)
    assert (ours.missed, ours.false) == ((), ())
    # Not by the file's name: each key by its fingerprint.
    assert {place.fingerprint for place in ledger.places} <= {each.fingerprint for each in told}


def test_our_row_of_the_comparison(folder: Path, told: list[Found]) -> None:
    """After a change to the suite it changes; the other rows are those of tests/exports/test_pages.py."""
    ledger = Ledger.read(folder / LEDGER)
    assert f"\n{table([score('boltz-keyscan', ledger, told)], ledger)}\n" in COMPARED


def test_the_page(folder: Path, told: list[Found], monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of docs/conformance.md, of which "make" made the folder."""
    monkeypatch.setitem(TOOLS, "boltz-keyscan", lambda _: iter(told))
    ran = CliRunner().invoke(main, command("score", folder))
    assert (ran.exit_code, ran.output.count("| 100.0 % | 100.0 % |")) == (0, 1), ran.output


def test_a_seed_makes_the_same_keys(folder: Path) -> None:
    """In another process, too: a key depends on those before it, and those of git come last."""
    keys = Keys(7)
    rows = [row for row in json.loads((folder / LEDGER).read_text())["places"] if row["group"] != "git"]
    assert len(rows) > 150
    for row in rows:
        key = keys(f"{row['group']}/{row['place']}", prefix=LINK_PREFIX if row["group"] == "links" else "")
        assert row["fingerprint"] == fingerprint(key)
    assert Keys(7)("a place") == Keys(7)("a place") != Keys(8)("a place")


def test_the_ledger_tells_no_key(folder: Path) -> None:
    text = (folder / LEDGER).read_bytes()
    key = (folder / "encodings/plain.env").read_bytes().split(b"=")[1].split()[0].decode()
    assert leaks((folder / "encodings/plain.env").read_bytes(), key)
    assert leaks(text, key) == []


def test_what_counts() -> None:
    rows = [
        {
            "group": group,
            "place": place,
            "path": f"{group}/{place}",
            "fingerprint": place,
            "sha1": f"s{place}",
        }
        for group, place in (("encodings", "a"), ("encodings", "b"), ("git", "c"), ("git", "d"))
    ]
    ledger = Ledger(tuple(Place(**row) for row in rows), frozenset({"encodings/decoy"}))
    told = score(
        "x", ledger, [Found("encodings/a"), Found("git/c"), Found("y", sha1="sd"), Found("encodings/decoy")]
    )
    assert told.found == {
        "encodings": 1,
        "layouts": 0,
        "containers": 0,
        "chains": 0,
        "files": 0,
        "links": 0,
        "git": 1,
    }
    assert told.missed == ("encodings: b", "git: c")
    assert told.false == ("encodings/decoy",)
    assert "| x | 1 | 0 | 0 | 0 | 0 | 0 | 1 | 50.0 % | 66.7 % |" in table([told], ledger)


def test_the_commands(folder: Path, tmp_path: Path) -> None:
    again = CliRunner().invoke(main, ["make", str(folder)])
    assert again.exit_code == 1
    assert "there already" in again.stderr
    (tmp_path / LEDGER).write_text("{}")
    broken = CliRunner().invoke(main, ["score", str(tmp_path)])
    assert broken.exit_code == 1
    assert "this is no ledger" in broken.stderr
