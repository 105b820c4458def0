"""Work grows with the size of a text, whatever is in it, and a key behind it is found."""

from __future__ import annotations

import itertools
import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from benchmarks.floods import BEHIND, PREFIX, flood, units
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.detect.decoders import SERVED
from boltz_keyscan.detect.encodings import FORMS
from boltz_keyscan.detect.split_keys import KINDS
from boltz_keyscan.rules import load
from boltz_keyscan.sources.blob import Quota
from conformance.encodings import HIDINGS
from tests.keys import fake_key, fingerprint

if TYPE_CHECKING:
    from types import FrameType

    from boltz_keyscan.detect.encodings import Form

DETECTOR = KeyDetector.of(load())
FLOODS = dict(units())
SIZE = 20_000
"""Bytes: more than one decoding serves, so that what is decoded again shows."""

MOST_STEPS = 32
"""Calls and returns for each byte of a flood; before each region was decoded once there were thousands."""

PIECES = {
    "quotes.sh, a prefix": 15,
    "compose.log, a key": 10,
    "grep.log, a prefix": 16,
    "highlighted.html, a prefix": 12,
    "fstring.py, a prefix": 10,
}
"""The same for prefixes in pieces: their starts are searched for once, not once for each kind of break."""

ONCE = {
    "quotes.sh, a key": 10,
    "state-20.json, a key": 10,
    "table-columns.txt, a key": 11,
    "grep.log, a key": 9,
    "netrc.http, a key": 9,
    "secret.yaml, a key": 10,
    "columns-24-0.b64, a key": 8,
    "base64.eml, a key": 7,
    "xxd-R-g2-3.txt, a prefix": 6,
    "slashes.json, a prefix": 20,
    "spaced-comma.log, a key": 8,
    "wrapped.jsonl, a prefix": 11,
}
"""The same for texts that were read again for each layout or form; they took 12 to 43 steps a byte."""


def steps(blob: bytes) -> tuple[int, set[str]]:
    """The calls and returns that finding takes, which no load of the machine changes, and what was found."""
    count = 0

    def step(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(step)
    try:
        found = {match.fingerprint for match in DETECTOR.find([blob], Quota())}
    finally:
        sys.setprofile(None)
    return count, found


@pytest.mark.sampled(count=8)
@pytest.mark.parametrize("name", FLOODS)
def test_work_grows_with_the_size(name: str) -> None:
    steps(flood(FLOODS[name], 500))  # what is made once is made by now
    few, found = steps(flood(FLOODS[name], SIZE))
    many, found_again = steps(flood(FLOODS[name], 2 * SIZE))
    assert fingerprint(BEHIND) in found & found_again
    # One decoding more or less at the end is no growth: over 86 kB and more these are level.
    assert many <= 2.1 * few + SERVED
    assert many <= 2 * SIZE * MOST_STEPS


@pytest.mark.parametrize(("name", "most"), [*PIECES.items(), *ONCE.items()])
def test_nothing_is_searched_for_again(name: str, most: int) -> None:
    steps(flood(FLOODS[name], 500))
    assert steps(flood(FLOODS[name], SIZE))[0] <= SIZE * most


@pytest.mark.parametrize(
    "name", ["lines of a prefix", "backslash, 0, in lines", "utf-16, 0, in lines", "plain.b64, a prefix"]
)
def test_literals_that_leave_no_room_for_a_key_cost_little(name: str) -> None:
    steps(flood(FLOODS[name], 500))
    # With all of them decoded these take 13 to 17 steps a byte.
    assert steps(flood(FLOODS[name], 8 * SIZE))[0] <= 8 * SIZE * 9


@pytest.mark.parametrize(
    "form", [form for form in FORMS if any(form.spell(b"sk_bc_"))], ids=lambda form: form.name
)
def test_a_key_between_them_is_found_as_between_a_few(form: Form) -> None:
    def found(count: int) -> set[str]:
        [prefix] = itertools.islice(form.spell(PREFIX.encode()), 1)
        [spelled] = itertools.islice(form.spell(key.encode()), 1)
        dense = prefix[0] + b"\n"
        text = dense * count + spelled[0] + b"\n" + dense * 700
        chunks = [text[at : at + 5001] for at in range(0, len(text), 5001)]
        return {match.fingerprint for match in DETECTOR.find(chunks, Quota())} & {fingerprint(key)}

    key = fake_key("ws", "live", f"between {form.name}")
    # Many are more than the readings of the first literals reach.
    assert found(700 + 3 * SERVED // len(PREFIX)) == found(3)


def test_the_place_of_a_byte_takes_little_memory() -> None:
    """Base64 in lines is decoded with the place of each byte; a list of numbers takes 200 bytes for each."""
    blob = flood(FLOODS["base64-quote.log, a prefix"], 50_000)
    assert list(DETECTOR.find([blob], Quota()))
    tracemalloc.start()
    try:
        assert list(DETECTOR.find([blob], Quota()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * len(blob)


def test_every_form_and_every_kind_is_among_them() -> None:
    named = " ".join(FLOODS)
    assert [
        form.name for form in FORMS if any(form.spell(b"sk_bc_")) and f"{form.name}, 0" not in named
    ] == []
    hidden = {link for hiding in HIDINGS for link in hiding.chain}
    assert [kind.name for kind in KINDS if kind.name not in hidden] == []
