"""The sample that ``make test`` takes of the large matrices has every value, and is always the same."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

from tests.depth import covering, drawn
from tests.running import ROOT

CASES = [
    dict(zip(("format", "command", "start"), values, strict=True))
    for values in itertools.product(range(7), range(4), range(2))
]


def test_every_value_of_every_parameter_is_covered() -> None:
    chosen = covering(CASES, 1, "seed")
    assert len(chosen) == 7
    for name in CASES[0]:
        assert {CASES[position][name] for position in chosen} == {case[name] for case in CASES}


def test_every_pair_of_values_is_covered() -> None:
    chosen = covering(CASES, 2, "seed")
    assert 28 <= len(chosen) < len(CASES)
    for pair in itertools.combinations(CASES[0], 2):
        covered = {tuple(CASES[position][name] for name in pair) for position in chosen}
        assert covered == {tuple(case[name] for name in pair) for case in CASES}


def test_a_choice_is_always_the_same() -> None:
    assert covering(CASES, 1, "seed") == covering(CASES, 1, "seed") != covering(CASES, 1, "other")
    assert drawn(3, 100, "seed") == drawn(3, 100, "seed") != drawn(3, 100, "other")
    assert drawn(3, 2, "seed") == [0, 1]


MATRIX = """
import pytest

@pytest.mark.sampled()
@pytest.mark.parametrize("first", "abc")
@pytest.mark.parametrize("second", [1, 2])
def test_matrix(first, second):
    pass

@pytest.mark.sampled(count=2)
@pytest.mark.parametrize("number", range(10))
def test_list(number):
    pass

@pytest.mark.sampled(count=0)
def test_large():
    pass
"""


def test_the_marker_leaves_cases_to_the_nightly_run(tmp_path: Path) -> None:
    (tmp_path / "test_matrix.py").write_text(MATRIX)

    def collected(name: str = "", **variables: str) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "tests.conftest"]
        ran = subprocess.run(
            [*command, "-p", "no:cacheprovider", f"test_matrix.py{name}"],
            cwd=tmp_path,
            env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.splitlines()[-1]

    assert collected().startswith("5/17 tests collected (12 deselected)")
    assert collected(BOLTZ_KEYSCAN_NIGHTLY="1").startswith("17 tests collected")
    left_out = next(each for each in range(10) if each not in drawn(2, 10, "test_matrix.py::test_list"))
    assert collected(f"::test_list[{left_out}]").startswith("1 test collected")
