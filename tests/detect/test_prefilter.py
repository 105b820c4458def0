"""The fast pass misses nothing that the exact pass finds, whichever engine runs it."""

from __future__ import annotations

import io
import pickle
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.detect import KeyDetector, needles, prefilter
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
    seen = detector.sniff(blob, len(blob))
    assert {found.start() for found in re.finditer(prefixes, blob)} <= set(seen)
    assert seen == sorted(set(seen))


@each_engine
@given(BLOBS)
def test_it_sees_something_where_the_exact_pass_finds_a_key(detector: KeyDetector, blob: bytes) -> None:
    if any(detector.find([blob])):
        assert detector.sniff(blob, len(blob))


SHALLOW = needles.shallow(DETECTOR.prefixes)
DEEP = needles.deep(DETECTOR.prefixes)


@each_engine
@pytest.mark.parametrize("edge", [b"\x01", b"   ", b"\xff\xfe"])
def test_it_sees_every_literal_of_one_encoding(detector: KeyDetector, edge: bytes) -> None:
    rests = needles.rests(DETECTOR.prefixes)
    for literal in SHALLOW:
        blob = rests.get(literal, b"")[:3] + edge + literal + edge
        assert blob.index(literal) in detector.sniff(blob, len(blob)), literal


@each_engine
def test_it_sees_every_literal_of_a_chain(detector: KeyDetector) -> None:
    # What lets the small engine look for them: in a file with a key in it there is such a line.
    for lead in range(1, 5):
        blob = b"A" * prefilter.RUN + b"%00" * lead
        places = []
        for literal in DEEP:
            blob += b"\x80" * lead
            places.append(len(blob))
            blob += literal
        seen = set(detector.sniff(blob, len(blob)))
        assert [literal for at, literal in zip(places, DEEP, strict=True) if at not in seen] == []


@given(BLOBS)
def test_hyperscan_sees_all_that_python_sees(blob: bytes) -> None:
    assert set(DETECTOR.sniff(blob, len(blob))) <= set(ENGINES["hyperscan"].sniff(blob, len(blob)))


def test_much_data_brings_the_other_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    scan = prefilter._scan

    def spy(
        buffer: bytes, end: int, prefixes: tuple[bytes, ...], marks: list[int] | None = None
    ) -> list[tuple[int, bytes]]:
        used.append(end)
        return scan(buffer, end, prefixes, marks)

    monkeypatch.setattr(prefilter, "_scan", spy)
    monkeypatch.setattr(prefilter, "_seen", prefilter.ENOUGH - 10)
    for _ in range(3):
        assert DETECTOR.sniff(PREFIX, 6) == [0]
    assert len(used) == 2


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
    assert total == len(blob)
    # A buffer that ends before what stands in front of a broken prefix is looked at more closely.
    assert set(offsets) >= set(detector.sniff(blob, len(blob)))


@each_engine
def test_a_window_forgets_the_last_stream(detector: KeyDetector) -> None:
    # A prefix whose halves stand in two streams is in neither.
    window = blobs.Window(detector.overlap)
    assert window.sniff(Pieces([b"a" + PREFIX[:5]]), detector) == (6, [])
    assert window.sniff(Pieces([PREFIX[5:9]]), detector) == (4, [])
    assert window.sniff(Pieces([PREFIX]), detector) == (len(PREFIX), [0])
    assert window.sniff(Pieces([]), detector) == (0, [])


def test_neighbours_share_one_byte_less_than_the_longest_literal() -> None:
    assert max(map(len, (*SHALLOW, *DEEP))) - 1 <= DETECTOR.overlap


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
    assert {2, 16} <= set(prefilter.sniff(buffer, len(buffer), prefixes))
    assert {2, 16} <= set(prefilter.sniff_bulk(buffer, len(buffer), prefixes))
