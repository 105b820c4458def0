"""The fast pass misses nothing that the exact pass finds, whichever engine runs it."""

from __future__ import annotations

import io
import pickle
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.detect import KeyDetector, prefilter
from boltz_keyscan.rules import load
from boltz_keyscan.sources import blob as blobs
from tests.keys import PREFIXES, fake_key
from tests.strategies import BLOBS, CUTS, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

DETECTOR = KeyDetector.of(load())
ENGINES = {"bytes.find": DETECTOR, "hyperscan": DETECTOR.for_bulk()}
PREFIX = PREFIXES["ws", "live"].encode()

each_engine = pytest.mark.parametrize("detector", ENGINES.values(), ids=ENGINES)


class Pieces(io.RawIOBase):
    """A stream that gives at most one piece at a time, as a pipe does."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__()
        self._pieces = [piece for piece in pieces if piece]

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # only ever given a view
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        taken = piece[: len(buffer)]
        buffer[: len(taken)] = taken
        if len(taken) < len(piece):
            self._pieces.insert(0, piece[len(taken) :])
        return len(taken)


@each_engine
@given(BLOBS)
def test_it_sees_every_prefix(detector: KeyDetector, blob: bytes) -> None:
    prefixes = "|".join(PREFIXES.values()).encode()
    assert detector.sniff(blob, len(blob)) == [found.start() for found in re.finditer(prefixes, blob)]


@each_engine
@given(BLOBS)
def test_it_misses_nothing_that_the_exact_pass_finds(detector: KeyDetector, blob: bytes) -> None:
    assert {match.offset for match in detector.find([blob])} <= set(detector.sniff(blob, len(blob)))


@each_engine
@given(BLOBS, st.integers(0, 1 << 16))
def test_nothing_beyond_the_end_is_seen(detector: KeyDetector, blob: bytes, end: int) -> None:
    end = min(end, len(blob))
    assert detector.sniff(bytearray(blob), end) == detector.sniff(blob[:end], end)


@each_engine
@given(BLOBS, CUTS, st.integers(1, 40))
def test_no_read_boundary_hides_a_prefix(
    detector: KeyDetector, blob: bytes, places: list[int], chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blobs, "CHUNK", chunk if len(blob) < 500 else 1000 * chunk)
        window = blobs.Window(detector.overlap)
        total, offsets = window.sniff(Pieces(cut(blob, places)), detector)
    assert (total, offsets) == (len(blob), detector.sniff(blob, len(blob)))


@each_engine
def test_a_window_forgets_the_last_stream(detector: KeyDetector) -> None:
    # A prefix whose halves stand in two streams is in neither.
    window = blobs.Window(detector.overlap)
    assert window.sniff(Pieces([b"a" + PREFIX[:7]]), detector) == (8, [])
    assert window.sniff(Pieces([PREFIX[7:]]), detector) == (len(PREFIX) - 7, [])
    assert window.sniff(Pieces([PREFIX]), detector) == (len(PREFIX), [0])
    assert window.sniff(Pieces([]), detector) == (0, [])


def test_neighbours_share_one_byte_less_than_the_longest_prefix() -> None:
    assert max(map(len, PREFIXES.values())) - 1 == DETECTOR.overlap


@each_engine
def test_it_travels_to_workers(detector: KeyDetector) -> None:
    there = pickle.loads(pickle.dumps(detector))
    key = fake_key().encode()
    assert there == detector
    assert there.sniff(key, len(key)) == [0]
    assert list(there.find([key])) == list(detector.find([key]))


def test_a_rule_set_without_a_common_beginning_is_searched_all_the_same() -> None:
    prefixes = (b"first_kind_", b"second_kind_")
    buffer = b"x second_kind_1 first_kind_2"
    assert prefilter.sniff(buffer, len(buffer), prefilter.compiled(prefixes)) == [2, 16]
    assert prefilter.sniff_bulk(buffer, len(buffer), prefixes) == [2, 16]
