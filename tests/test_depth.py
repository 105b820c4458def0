"""The sample that ``make test`` takes of the large matrices has every value, and is always the same."""

from __future__ import annotations

import itertools

from tests.depth import covering, drawn

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
