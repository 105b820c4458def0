"""Of keys that several readings of the same bytes give, the best one is reported."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from boltz_keyscan.detect.classify import Verdict
from boltz_keyscan.detect.overlaps import best_of_overlapping
from boltz_keyscan.detect.readings import Key
from boltz_keyscan.model.enums import Shape

C, S, P = Shape.CONFIRMED, Shape.SUSPECTED, Shape.PLACEHOLDER
HEX, WIDE, WRAPPED = ("hex",), ("utf-16le",), ("wrapped",)


def key(
    start: int,
    end: int,
    shape: Shape = C,
    chain: tuple[str, ...] = (),
    *,
    doubt: int = 0,
    raw: bytes = b"raw",
    runs: tuple[tuple[int, int], ...] = (),
) -> Key:
    return Key(start, end, chain, b"", Verdict(shape, "", 0), raw, doubt, runs=runs)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (key(0, 60, C, HEX), key(10, 60, S)),
        (key(10, 60, C, HEX), key(0, 60, S)),
        (key(10, 60, S, HEX), key(0, 60, P)),
        # Of one shape, the one in less doubt, then the one in fewer encodings.
        (key(10, 60, C, HEX), key(0, 60, C, doubt=1)),
        (key(10, 60), key(0, 60, C, HEX)),
        (key(10, 60, C, WRAPPED), key(0, 60, C, (*HEX, *HEX))),
        (key(10, 60, C, HEX), key(0, 60, C, WIDE)),
        # Of two that are alike, the first.
        (key(0, 60), key(10, 60)),
        (key(0, 60), key(0, 70)),
        # More than half of the shorter one is enough.
        (key(0, 100), key(49, 200, S)),
    ],
)
def test_the_better_of_two_at_one_place_is_left(better: Key, worse: Key) -> None:
    for keys in itertools.permutations((better, worse)):
        assert best_of_overlapping(list(keys)) == [better]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (key(0, 60), key(60, 120)),
        (key(0, 60), key(70, 120, S)),
        # Half of the shorter one is not enough.
        (key(0, 100), key(50, 200, S)),
        # Between the pieces of another key.
        (key(0, 200, raw=b"x" * 60, runs=((0, 30), (170, 200))), key(40, 100, S)),
        (key(0, 200, raw=b"x" * 60, runs=((0, 30), (170, 200))), key(30, 170)),
        (key(500, 700, raw=b"x" * 60, runs=((0, 30), (170, 200))), key(530, 670)),
    ],
)
def test_keys_at_two_places_are_two(first: Key, second: Key) -> None:
    for keys in itertools.permutations((first, second)):
        assert best_of_overlapping(list(keys)) == [first, second]


BROKEN = key(0, 200, raw=b"x" * 60, runs=((0, 30), (170, 200)))


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        # It shares a byte with a piece.
        (BROKEN, key(29, 100, S)),
        (BROKEN, key(40, 171, S)),
        (replace(BROKEN, start=500, end=700), key(529, 600, S)),
        (replace(BROKEN, start=500, end=700), key(600, 671, S)),
        # A placeholder, or the same key once more.
        (BROKEN, key(40, 100, P)),
        (BROKEN, key(40, 100, S, raw=BROKEN.raw)),
        # Not within it.
        (BROKEN, key(0, 30, S)),
        (BROKEN, key(170, 200, S)),
    ],
)
def test_what_is_not_between_the_pieces_is_another_reading(outer: Key, inner: Key) -> None:
    for keys in itertools.permutations((outer, inner)):
        assert best_of_overlapping(list(keys)) == [outer]


def test_pieces_of_a_suspected_key_prove_nothing() -> None:
    outer, inner = key(0, 200, S, WRAPPED, raw=BROKEN.raw, runs=BROKEN.runs), key(40, 100)
    assert best_of_overlapping([outer, inner]) == [inner]


def test_each_of_many_readings_is_compared() -> None:
    readings = [key(at, 60 + at, S, doubt=20 - at) for at in range(12)]
    assert best_of_overlapping(readings) == readings[-1:]
