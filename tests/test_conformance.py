"""The conformance suite: built from a seed, found whole by ours, and it counts what others find."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.making import LEDGER, make
from conformance.scoring import Found, Ledger, Place, score, table
from conformance.tools import TOOLS, UnusableError
from tests.leaks import leaks


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("suite") / "places"
    assert make(built, 7) > 170
    return built


def test_ours_finds_all_and_invents_nothing(folder: Path) -> None:
    ledger = Ledger.read(folder / LEDGER)
    told = list(TOOLS["boltz-keyscan"](folder))
    ours = score("boltz-keyscan", ledger, told)
    assert (ours.missed, ours.false) == ((), ())
    # Not by the file's name: each key by its fingerprint.
    assert {place.fingerprint for place in ledger.places} <= {each.fingerprint for each in told}


@pytest.mark.parametrize("name", sorted(set(TOOLS) - {"boltz-keyscan"}))
def test_another_scanner_is_scored(folder: Path, name: str) -> None:
    ledger = Ledger.read(folder / LEDGER)
    try:
        told = score(name, ledger, TOOLS[name](folder))
    except UnusableError as error:
        if "not installed" not in str(error):
            raise
        pytest.skip(f"{name}: {error}")
    assert 0 < sum(told.found.values()) < len(ledger.places)


def test_a_seed_makes_the_same_keys(folder: Path, tmp_path: Path) -> None:
    def places(of: Path) -> list[object]:
        rows = json.loads((of / LEDGER).read_text())["places"]
        return [(row["group"], row["place"], row["fingerprint"]) for row in rows]

    make(tmp_path / "again", 7)
    make(tmp_path / "other", 8)
    assert places(tmp_path / "again") == places(folder)
    assert {row[2] for row in places(tmp_path / "other")}.isdisjoint(row[2] for row in places(folder))  # type: ignore[index]  # rows of three


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
    assert told.found == {"encodings": 1, "containers": 0, "git": 1}
    assert told.missed == ("encodings: b", "git: c")
    assert told.false == ("encodings/decoy",)
    assert "| x | 1 | 0 | 1 | 50.0 % | 66.7 % |" in table([told], ledger)


def test_the_commands(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs/conformance.md").read_text(encoding="utf-8")
    told = re.findall(r"^python -m conformance (.*)$", page, re.MULTILINE)
    assert [line.split()[0] for line in told] == ["make", "score"]
    make_, score_ = (line.replace("../places", str(tmp_path / "d")).split() for line in told)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "conformance", *arguments]
        return subprocess.run(
            argv, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False
        )

    made = run(*make_, "--seed", "1")
    assert (made.returncode, made.stderr) == (0, "")
    assert "by seed 1" in made.stdout
    again = run("make", str(tmp_path / "d"))
    assert again.returncode == 1
    assert "there already" in again.stderr
    scored = run(*score_, "--tool", "boltz-keyscan")
    assert (scored.returncode, scored.stderr) == (0, "")
    assert "| 100.0 % | 100.0 % |" in scored.stdout
    (tmp_path / "d/ledger.json").write_text("{}")
    broken = run("score", str(tmp_path / "d"))
    assert broken.returncode == 1
    assert "this is no ledger" in broken.stderr
