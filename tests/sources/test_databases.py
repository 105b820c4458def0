"""Dumps of Redis, files of brotli and DuckDB: values that are compressed, and bytes that only look so."""

from __future__ import annotations

import random
import time
from pathlib import Path

import brotli
import pytest

from boltz_keyscan import scan
from conformance.containers import tarred
from conformance.fields import redis_dump
from tests.keys import fake_key, fingerprint
from tests.sources.containers import reasons_of, scan_container

KEY = fake_key()
TEXT = b"filler " * 90 + KEY[20:50].encode() + b" " + KEY.encode() + b" filler" * 90
WHOLE = redis_dump(TEXT)


def found(content: bytes) -> set[str]:
    return {hit.match.fingerprint for hit in scan_container(content).hits}


@pytest.mark.parametrize("lead", range(0, 32, 3))
def test_a_value_of_redis_at_any_place(lead: int) -> None:
    result = scan_container(redis_dump(TEXT, lead))
    assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(KEY)]
    assert reasons_of(result) == []


@pytest.mark.parametrize(
    "content",
    [
        WHOLE[: len(WHOLE) // 2],
        WHOLE.replace(b"\xe0\xff\x1f", b"\xff\xff\xff", 1),
        b"REDIS0011" + b"\xc3" * 70_000,
        b"REDIS0011" + b"\xc3\x80\0\0\0\x20\x80\xff\xff\xff\xff" * 900,
        b"REDIS0011" + b"\xc3\x80\0\1\0\0\x80\0\2\0\0\x1f" * 900,
        b"REDIS0011" + b"\xc3" * 3_000_000,
        b"REDIS0011" + (b"\xc3\x80\0\x2d\0\0\x80\1\0\0\0\x14" + bytes(7)) * 200_000,
        b"REDIS0011\xc3",
    ],
)
def test_damage_in_a_dump_of_redis(content: bytes) -> None:
    """Bytes that only look like a value are no gap, and cost no time."""
    before = time.process_time()
    result = scan_container(content)
    assert (list(result.hits), reasons_of(result)) == ([], [])
    assert time.process_time() - before < 5


def test_a_dump_of_redis_made_to_be_read_again_and_again_is_a_gap() -> None:
    """Each string decompresses to the end of the dump, and is damaged there."""
    head = b"\xc3\x80\0\x10\0\0\x80\0\x20\0\0\x0a"
    before = time.process_time()
    result = scan_container(b"REDIS0011" + head * 2_000 + b"\0A" * (1 << 20))
    assert reasons_of(result) == ["not-decoded"]
    assert time.process_time() - before < 5


def test_a_bomb_in_a_dump_of_redis_is_a_gap() -> None:
    packed = b"\0x" + b"\xe0\xff\0" * 10_000
    size = 1 + 264 * 10_000
    value = b"\xc3\x80" + len(packed).to_bytes(4, "big") + b"\x80" + size.to_bytes(4, "big") + packed
    result = scan_container(b"REDIS0011" + value * 30, slack=1 << 20, ratio=20)
    assert reasons_of(result) == ["ratio-limit"]


def test_a_value_of_redis_behind_many_marks_and_at_the_edge_of_a_read() -> None:
    for size in range((1 << 20) - 24, (1 << 20) + 8, 3):
        assert found(WHOLE[:9] + b"\xc3" * (size - 9) + WHOLE[9:]) == {fingerprint(KEY)}


@pytest.mark.parametrize("size", [50, 5000, 500_000])
def test_brotli_by_its_name(size: int, tmp_path: Path) -> None:
    packed = brotli.compress(b"filler " * size + KEY.encode() + b" ")
    (tmp_path / "a.js.BR").write_bytes(packed)
    (tmp_path / "b.tar").write_bytes(tarred({"x.br": packed}))
    result = scan(str(tmp_path))
    assert [(key.fingerprint, len(key.locations)) for key in result.keys] == [(fingerprint(KEY), 2)]
    assert list(result.gaps) == []


def test_brotli_that_is_held_when_its_input_ends(tmp_path: Path) -> None:
    """More than the engine gives out at once, of input that it has taken whole."""
    words = random.Random(1).choices([random.Random(n).randbytes(3).hex() for n in range(3000)], k=500_000)
    (tmp_path / "a.csv.br").write_bytes(brotli.compress(" ".join(words).encode() + KEY.encode(), quality=1))
    result = scan(str(tmp_path))
    assert ([key.fingerprint for key in result.keys], list(result.gaps)) == ([fingerprint(KEY)], [])


@pytest.mark.parametrize("content", [b"", b"n\xc3\xa3o \xc3\xa9 brotli\n" * 90, b"plain text\n", bytes(300)])
def test_another_file_of_that_name_is_no_gap(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "leia-me.br").write_bytes(content)
    result = scan(str(tmp_path))
    assert (list(result.keys), list(result.gaps)) == ([], [])


def test_texts_of_that_name_are_no_gaps(tmp_path: Path) -> None:
    """Some of them decompress to more bytes than prove brotli."""
    draw = random.Random(5)
    for number in range(400):
        words = (
            "".join(draw.choices("abcdefghijklmnopqrstuvwxyz\u00e9\u00f1\u2019ABCDEMR", k=draw.randint(1, 9)))
            for _ in range(120)
        )
        (tmp_path / f"{number}.br").write_text(" ".join(words), encoding="utf-8")
    assert list(scan(str(tmp_path)).gaps) == []


def test_brotli_that_is_cut_is_a_gap(tmp_path: Path) -> None:
    packed = brotli.compress(bytes(range(256)) * 40 + TEXT * 3 + bytes(range(250)) * 9)
    (tmp_path / "a.br").write_bytes(packed[:-30])
    assert [gap.reason for gap in scan(str(tmp_path)).gaps] == ["corrupt-container"]


def test_a_database_of_duckdb_is_a_gap_by_design() -> None:
    result = scan_container(bytes(8) + b"DUCK" + (999).to_bytes(8, "little") + bytes(4076))
    assert [(gap.reason, gap.by_design) for gap in result.gaps] == [("not-decoded", True)]
