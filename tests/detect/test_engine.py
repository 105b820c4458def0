"""The fast search misses nothing that the exact pass finds."""

from __future__ import annotations

import io
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.detect import KeyDetector, engine, literal_table, literals
from boltz_keyscan.rules import load
from boltz_keyscan.sources import blob as blobs
from tests.keys import LINK_PREFIX, PREFIXES, fake_key
from tests.strategies import BLOBS, CUTS, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

DETECTOR = KeyDetector.of(load())
PREFIX = PREFIXES["ws", "live"].encode()


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


@given(BLOBS)
def test_it_sees_every_prefix(blob: bytes) -> None:
    prefixes = "|".join(PREFIXES.values()).encode()
    seen = DETECTOR.candidate_offsets(blob, len(blob))
    assert {found.start() for found in re.finditer(prefixes, blob)} <= set(seen)
    assert seen == sorted(set(seen))


@given(BLOBS)
def test_it_sees_something_where_the_exact_pass_finds_a_key(blob: bytes) -> None:
    if any(DETECTOR.find([blob])):
        assert DETECTOR.candidate_offsets(blob, len(blob))


TABLE = literal_table.make_table(DETECTOR.prefixes)


@pytest.mark.parametrize("edge", [b"\x01", b"   ", b"\xff\xfe"])
def test_it_finds_every_literal_between_other_bytes(edge: bytes) -> None:
    endings = literals.prefix_endings(DETECTOR.prefixes)
    for literal in TABLE.literals:
        if literal == LINK_PREFIX.encode():
            continue  # alone it is a part of a name: tests/detect/test_share_links.py
        blob = endings.get(literal, b"")[:3] + edge + literal + edge
        assert blob.index(literal) in DETECTOR.candidate_offsets(blob, len(blob)), literal


@given(BLOBS, st.integers(0, 1 << 16))
def test_nothing_beyond_the_end_is_seen(blob: bytes, end: int) -> None:
    end = min(end, len(blob))
    assert DETECTOR.candidate_offsets(bytearray(blob), end) == DETECTOR.candidate_offsets(blob[:end], end)


@given(BLOBS, CUTS, st.integers(1, 40))
def test_no_read_boundary_hides_a_prefix(blob: bytes, places: list[int], chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blobs, "CHUNK", chunk if len(blob) < 500 else 1000 * chunk)
        window = blobs.Window(DETECTOR.overlap)
        total, offsets = window.candidate_offsets(Pieces(cut(blob, places)), DETECTOR)
    assert total == len(blob)
    # A buffer that ends before what stands in front of a broken prefix is looked at more closely.
    assert set(offsets) >= set(DETECTOR.candidate_offsets(blob, len(blob)))


@given(st.lists(st.one_of(BLOBS, st.sampled_from(TABLE.literals)), max_size=5), st.integers(0, 20))
def test_texts_that_are_searched_together_have_what_each_has_alone(texts: list[bytes], at: int) -> None:
    # Where one text ends and the next begins a literal may be cut.
    cut = [*texts, *(part for text in texts for part in (text[:at], text[at:]))]
    alone = [engine.find_literals(text, DETECTOR.prefixes) for text in cut]
    assert engine.find_in_each(cut, DETECTOR.prefixes) == alone


def test_a_window_forgets_the_last_stream() -> None:
    # A prefix whose halves stand in two streams is in neither.
    window = blobs.Window(DETECTOR.overlap)
    assert window.candidate_offsets(Pieces([b"a" + PREFIX[:5]]), DETECTOR) == (6, [])
    assert window.candidate_offsets(Pieces([PREFIX[5:9]]), DETECTOR) == (4, [])
    assert window.candidate_offsets(Pieces([PREFIX]), DETECTOR) == (len(PREFIX), [0])
    assert window.candidate_offsets(Pieces([]), DETECTOR) == (0, [])


def test_neighbours_share_one_byte_less_than_the_longest_literal() -> None:
    assert max(map(len, TABLE.literals)) - 1 <= DETECTOR.overlap


def test_threads_search_side_by_side() -> None:
    blob = (b"." * 1000 + PREFIX) * 2000
    expected = DETECTOR.candidate_offsets(blob, len(blob))
    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(lambda _: DETECTOR.candidate_offsets(blob, len(blob)), range(16)))
    assert seen == [expected] * 16


def test_it_travels_to_workers() -> None:
    there = pickle.loads(pickle.dumps(DETECTOR))
    key = fake_key().encode()
    assert there == DETECTOR
    assert there.candidate_offsets(key, len(key)) == [0]
    assert list(there.find([key])) == list(DETECTOR.find([key]))


def test_a_rule_set_without_a_common_beginning_is_searched_all_the_same() -> None:
    prefixes = (b"first_kind_", b"second_kind_")
    buffer = b"x second_kind_1 first_kind_2"
    assert {2, 16} <= set(engine.candidate_offsets(buffer, len(buffer), prefixes))
