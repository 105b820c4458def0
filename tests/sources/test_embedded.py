"""Archives that begin where no file begins: behind text, programs, damage; and what only looks like one."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest

from boltz_keyscan import rules
from boltz_keyscan.beginnings import EMBEDDED
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.sources import signature_checks, signatures, stream_checks
from conformance.containers import FILLER, ar, cpio, rpm, seven, tarred, text, zipped, zstd
from tests.depth import NIGHTLY
from tests.keys import fake_key, fingerprint
from tests.mutants import scanned
from tests.repos import Repo
from tests.running import scan_json
from tests.sources.containers import scan_container

LEVELDB = bytes.fromhex("57fb808b247547db")
DETECTOR = KeyDetector.of(rules.load())
KEY = fake_key(seed="embedded")
CONTENT = FILLER[:100] + text(KEY)

ARCHIVES: dict[str, bytes] = {
    "zip": zipped({"a.env": CONTENT}),
    "zip-commented": zipped({"a.env": CONTENT}, comment=b"c" * 3000),
    "zip-cut": zipped({"a.env": CONTENT})[:-60],
    "zip-stored": zipped({"a.zip": zipped({"a.env": CONTENT})}, zipfile.ZIP_STORED),
    "7z": seven({"a.env": CONTENT}),
    "gzip": gzip.compress(CONTENT),
    "bzip2": bz2.compress(CONTENT),
    "xz": lzma.compress(CONTENT),
    "zstd": zstd(CONTENT),
    "tar": tarred({"a.gz": gzip.compress(CONTENT)}),
    "ar": ar({"a.gz": gzip.compress(CONTENT)}),
    "cpio": cpio({"a.xz": lzma.compress(CONTENT)}),
    "rpm": rpm(gzip.compress(cpio({"a.env": CONTENT}))),
}

AROUND: dict[str, Callable[[bytes], bytes]] = {
    "a line before": lambda raw: b"some text\n" + raw,
    "a word before": lambda raw: b"some text" + raw,
    "a script before and a line behind": lambda raw: b"#!/bin/sh\nexit 0\n" + raw + b"\n",
    "a program before": lambda raw: b"\x7fELF" + bytes(200) + raw,
    "its first byte gone": lambda raw: raw[1:] if raw[:2] == b"PK" else b"?" + raw,
    "much before": lambda raw: b"some text\n" * 150_000 + raw,
    "much behind": lambda raw: b"text\n" + raw + b"x" * 200_000,
    "another before": lambda raw: gzip.compress(b"another") + raw,
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.sampled
def test_an_archive_is_found_wherever_it_begins(name: str, around: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(AROUND[around](ARCHIVES[name]))
    result = scanned(path)
    found = {hit.match.fingerprint for hit in result.hits}
    # A zip of one member without its header has nothing to be read from; without a directory it is none.
    if around == "its first byte gone" and name in ("zip", "zip-commented", "zip-cut"):
        assert found == set()
        assert bool(result.gaps) == (name != "zip-cut")
    else:
        assert found == {fingerprint(KEY)}


def test_in_members_of_archives(tmp_path: Path) -> None:
    """One of many MiB too, which is not held to be looked at twice."""
    members = {
        f"{number}": b"text\n" + bytes(6 << 20) * (number == 0) + raw
        for number, raw in enumerate(ARCHIVES.values())
    }
    for press in (tarred, zipped):
        path = tmp_path / "archive"
        path.write_bytes(press(members))
        result = scanned(path)
        assert {hit.origin.members[0].decode() for hit in result.hits} == set(members)
        assert result.gaps == ()


def test_behind_a_stream_in_a_member(tmp_path: Path) -> None:
    members = {name: AROUND["another before"](raw) for name, raw in ARCHIVES.items()}
    path = tmp_path / "archive"
    path.write_bytes(zipped({"deep.tar": tarred(members)}))
    result = scanned(path)
    assert {hit.origin.members[1].decode() for hit in result.hits} == set(members)
    assert result.gaps == ()
    many = [gzip.compress(b"another") + bytes(20 << 20) + ARCHIVES["zip"]] * 2
    path.write_bytes(tarred({f"{number}": content for number, content in enumerate(many)}))
    assert len(scanned(path).hits) + len(scanned(path).gaps) == 2


LETTERS = random.Random(9).randbytes(48 << 20).translate(bytes(range(128)) * 2)
LARGE_ZIP = zipped({"large": bytes(40 << 20), "a.gz": gzip.compress(CONTENT)}, zipfile.ZIP_STORED)


@pytest.mark.parametrize(
    ("behind", "keys", "gaps"),
    [
        (ARCHIVES["xz"] + bytes(20 << 20) + ARCHIVES["zip"], 2, 0),
        (ARCHIVES["zip"] + bytes(40 << 20), 1, 0),
        (ARCHIVES["gzip"] + b"filler " * (13 << 20) + ARCHIVES["tar"] + bytes(17 << 20), 2, 0),
        (LARGE_ZIP, 1, 1),
        (gzip.compress(LETTERS + CONTENT, 1), 0, 1),
        (base64.b64encode(ARCHIVES["gzip"]), 0, 1),
        ((b"BZh91AY&SY" + bytes(290)) * (200 << 10), 0, 1),
    ],
    ids=[
        "two",
        "one before much",
        "two far from each other",
        "a zip",
        "a stream",
        "an encoded one",
        "a flood",
    ],
)
def test_archives_in_a_large_member_are_opened_if_they_are_held(
    behind: bytes, keys: int, gaps: int, tmp_path: Path
) -> None:
    """Of a member of more than 32 MiB so many bytes are in memory at a time."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(40 << 20) + behind, 1))
    result = scanned(path)
    assert [gap.reason for gap in result.gaps] == ["unsupported-container"] * gaps
    assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(KEY)] * keys


@pytest.mark.parametrize(
    ("name", "behind"),
    [("Icon\r", 0), ("Icon\r", 200_000), ("\x01a", 0), ("\x7f", 1000), ("\x01" * 600, 0)],
)
def test_a_zip_whose_names_have_control_characters_is_opened(name: str, behind: int, tmp_path: Path) -> None:
    """macOS has a file with such a name in folders with a picture of their own."""
    path = tmp_path / "program"
    path.write_bytes(b"MZ" + bytes(2000) + zipped({name: CONTENT * 2}) + b" " * behind)
    result = scanned(path)
    assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(KEY)] * len(result.hits)
    assert result.hits
    assert result.gaps == ()


def test_the_headers_of_zip_in_a_program_are_no_archive(tmp_path: Path) -> None:
    """As in one that has miniz: constants in its code, with what could be a method and the size of a name."""
    code = bytes.fromhex(
        "504b03040f85a30100000fb744244c0fb754244a448d6c021e4b8d4425004c8d64247048894424104c01e0"
    )
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(40 << 20) + code + bytes(40 << 20), 1))
    assert scanned(path).gaps == ()


def test_in_history_and_in_a_commit(tmp_path: Path) -> None:
    """As loose objects, as packed ones, and as versions that git keeps as differences."""
    repo = Repo(tmp_path / "repo")
    wanted = set()
    for number, (name, raw) in enumerate(ARCHIVES.items()):
        before = random.Random(name).randbytes(3000).hex().encode() + b"\n"
        for version in (b"one", b"two"):
            (repo.path / name).write_bytes(before + raw + version)
            repo.run("add", ".")
            repo.commit(f"{number} {version!r}")
        wanted.add(name)
    (repo.path / "staged").write_bytes(b"text\n" + ARCHIVES["zip"])
    repo.run("add", "staged")
    report = scan_json("--staged", cwd=repo.path)
    assert {place["path"] for each in report["findings"] for place in each["locations"]} == {"staged"}
    for packed in (False, True):
        if packed:
            repo.run("gc", "--quiet")
        report = scan_json(repo.path, "--history-only", "--no-cache")
        assert {place["path"] for each in report["findings"] for place in each["locations"]} >= wanted


def test_from_a_pipe() -> None:
    for before in (b"text\n", b"text\n" * (8 << 20)):
        report = scan_json("-", stdin=before + ARCHIVES["zip"])
        told = [finding["fingerprint"] for finding in report["findings"]]
        assert told == [fingerprint(KEY)] or [gap["reason"] for gap in report["gaps"]] == ["too-large"]


SIGNS = (
    *(raw[:6] for raw in ARCHIVES.values()),
    b"BZh91AY&SY",
    b"\x28\xb5\x2f\xfd",
    b"\x1f\x8b\x08\0",
    b"PK\1\2",
    b"PK\5\6",
    b"PK\5\6" + bytes(18),
    b"Rar!\x1a\7\0",
    b"Rar!\x1a\7\1\0",
    b"MSCF\0\0\0\0",
    b"LZIP\1",
    b"ustar\0" + b"00",
    b"ustar  \0",
    b"-lh5-",
)


@pytest.mark.parametrize("filling", [bytes(600), b"\xff" * 600, b"text " * 120, bytes(range(256)) * 3])
def test_a_signature_of_nothing_costs_no_gap(filling: bytes, tmp_path: Path) -> None:
    """As programs hold them that write such formats: alone, or one after the other."""
    path = tmp_path / "program"
    for sign in (*SIGNS, b"".join(SIGNS)):
        for before in (b"\x7fELF" + bytes(60), b"some text\n"):
            path.write_bytes(before + sign + filling)
            result = scanned(path)
            assert (result.hits, result.gaps) == ((), ()), sign


def test_what_only_begins_an_archive_is_not_even_opened() -> None:
    for literal, _ in EMBEDDED:
        if literal == LEVELDB:
            continue  # the end of a table: what is before it decides, when it is opened
        blob = b"text" * 100 + literal + b"text" * 100
        marks: list[int] = []
        DETECTOR.candidate_offsets(blob, len(blob), marks)
        assert signatures.checked_marks(blob, len(blob), marks) == [], literal


def test_more_signatures_than_are_checked_are_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "flood"
    path.write_bytes(b"text\n" + b"PK\3\4" * 20_000 + ARCHIVES["zip"])
    result = scanned(path)
    assert result.gaps or result.hits


@pytest.mark.parametrize("size", [4, 8])
def test_a_table_of_small_numbers_is_no_gap(size: int, tmp_path: Path) -> None:
    """As programs in Go and libjvm.so have it: 376 begins as an uncompressed block of zlib does."""
    path = tmp_path / "program"
    numbers = b"".join(each.to_bytes(size, "little") for number in range(30_000) for each in (376, number))
    path.write_bytes(b"\x7fELF" + bytes(60) + numbers + zlib.compress(CONTENT, 0))
    result = scanned(path)
    assert {hit.match.fingerprint for hit in result.hits} == {fingerprint(KEY)}
    assert result.gaps == ()


def _alone(size: int | None, **options: int) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 6, **options}]
    raw = lzma.compress(CONTENT * 3, lzma.FORMAT_ALONE, filters=filters)
    return raw if size is None else raw[:5] + struct.pack("<Q", size) + raw[13:]


@pytest.mark.parametrize("size", [None, 3 * len(CONTENT)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lc": 0},
        {"lc": 1, "lp": 3, "pb": 4},
        {"dict_size": 4096},
        {"dict_size": 3 << 19},
        {"pb": 0, "lc": 4},
    ],
)
def test_lzma_of_any_properties(size: int | None, options: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "a.lzma"
    path.write_bytes(_alone(size, **options))
    result = scanned(path)
    assert {hit.match.fingerprint for hit in result.hits} == {fingerprint(KEY)}
    assert result.gaps == ()


def test_binary_files_are_not_taken_for_lzma_or_cpio() -> None:
    """Numbers of 16, 32 and 64 bits look like its header; behind it they are no stream."""
    draw = random.Random(14)
    taken = 0
    rounds = 20_000 if NIGHTLY else 4_000
    for _ in range(rounds):
        numbers = [draw.choice((0, 1, 2, draw.randrange(256), 1 << draw.randrange(16))) for _ in range(60)]
        form = draw.choice(("<60H", ">60H", "<60I", ">60I", "<60Q", ">60Q"))
        head = struct.pack(form, *numbers)
        taken += signatures.is_container_head(b"\x5d" + head) + signatures.is_container_head(head)
        taken += stream_checks.is_lzma(b"\x5d\0\0\1\0" + b"\xff" * 8 + b"\0" + draw.randbytes(300))
    # Of three a round, all but a third with what makes a header of lzma likely.
    assert taken < rounds / 250


def _record(kind: bytes, block: bytes) -> bytes:
    head = b"WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: https://example.invalid/\r\nContent-Length: %d"
    return head % (kind, len(block)) + b"\r\n\r\n" + block + b"\r\n\r\n"


def _answer(fields: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n" + body


def _chunked(body: bytes) -> bytes:
    parts = [body[at : at + 40] for at in range(0, len(body), 40)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


_RAW = zlib.compressobj(9, zlib.DEFLATED, -15)
ANSWERS = {
    "gzip": _answer(b"Content-Encoding: gzip", gzip.compress(CONTENT)),
    "in chunks": _answer(
        b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip", _chunked(gzip.compress(CONTENT))
    ),
    "text in chunks": _answer(b"Transfer-Encoding: chunked", _chunked(CONTENT)),
    "deflate": _answer(b"Content-Encoding: deflate", zlib.compress(CONTENT)),
    "raw deflate": _answer(b"content-encoding: deflate", _RAW.compress(CONTENT) + _RAW.flush()),
    "undone already": _answer(b"Content-Encoding: gzip", CONTENT),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_web_archive(name: str, tmp_path: Path) -> None:
    archive = _record(b"warcinfo", b"software: x\r\n") + _record(b"response", ANSWERS[name])
    for press in (bytes, gzip.compress):
        path = tmp_path / "a.warc"
        path.write_bytes(press(archive))
        result = scanned(path)
        found = {hit.match.fingerprint for hit in result.hits if hit.match.shape is Shape.CONFIRMED}
        assert found == {fingerprint(KEY)}
        assert result.gaps == ()


@pytest.mark.parametrize(("end", "reasons"), [(None, []), (-3, ["corrupt-container"])])
def test_an_answer_in_brotli(tmp_path: Path, end: int | None, reasons: list[str]) -> None:
    path = tmp_path / "a.warc"
    body = brotli.compress(b"filler " * 90 + KEY.encode() + b" ")[:end]
    path.write_bytes(_record(b"response", _answer(b"Content-Encoding: br", body)))
    result = scanned(path)
    assert [gap.reason for gap in result.gaps] == reasons
    assert reasons or fingerprint(KEY) in {hit.match.fingerprint for hit in result.hits}


def test_an_encoding_that_is_not_read_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(_record(b"response", _answer(b"Content-Encoding: compress", b"\x1f\x9d\x90")))
    assert [gap.reason for gap in scanned(path).gaps] == ["unsupported-container"]


UNREAD = {
    "xar": b"xar!\0\x1c\0\1" + bytes(20),
    "lzop": b"\x89LZO\0\r\n\x1a\n" + bytes(30),
    "lrzip": b"LRZI\0\6" + bytes(20),
    "squashfs": b"hsqs" + bytes(24) + b"\4\0\0\0" + bytes(64),
    "wim": b"MSWIM\0\0\0" + bytes(200),
    "chm": b"ITSF\3\0\0\0" + bytes(80),
    "lz4's legacy frame": b"\x02\x21\x4c\x18" + bytes(8),
    "compress (.Z)": b"\x1f\x9d\x90" + bytes(9),
    "gzip's older form or pack (.z)": b"\x1f\x1e\0\0\1\0\5" + bytes(9),
    "LHA": b"\x26\0-lh5-" + bytes(12) + b" \2\0" + bytes(40),
    "arj": b"\x60\xea\x2c\0\x22" + bytes(60),
    "zoo": b"ZOO 2.10 Archive.\x1a\0\0\xdc\xa7\xc4\xfd" + bytes(20),
    "dmg": b"koly\0\0\0\4\0\0\2\0" + bytes(500),
    "an installer made by NSIS": b"\xef\xbe\xad\xdeNullsoftInst" + struct.pack("<II", 900, 5000) + bytes(20),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_format_that_is_known_and_not_read_is_a_gap(name: str, tmp_path: Path) -> None:
    found = signatures.find_format(UNREAD[name], 0, len(UNREAD[name]))
    assert found is not None
    assert found.name == name
    path = tmp_path / "file"
    path.write_bytes(UNREAD[name])
    assert [gap.reason for gap in scanned(path).gaps] == ["unsupported-container"]


@pytest.mark.parametrize(
    "data",
    [
        zlib.compress(CONTENT * 9)[2:],
        struct.pack("<I", 90 | 1 << 31) + zlib.compress(CONTENT)[2:],
        struct.pack("<I", 900) + CONTENT,
        b"\x5d\0\0\x80\0" + CONTENT,
        b"\1\x5d\0\0\x80\0" + CONTENT,
        b"1\5" + CONTENT,
    ],
)
def test_an_installer_in_a_program_is_a_gap(data: bytes, tmp_path: Path) -> None:
    head = b"\xef\xbe\xad\xdeNullsoftInst" + struct.pack("<II", 900, 5000)
    path = tmp_path / "setup.exe"
    path.write_bytes(b"MZ" + bytes(510) + b"\4\0\0\0" + head + data)
    assert [gap.reason for gap in scanned(path).gaps] == ["unsupported-container"]


def test_a_program_with_the_signature_of_an_installer_is_no_gap(tmp_path: Path) -> None:
    """As 7z.so has it: names of formats follow, which make sizes in range and no stream."""
    path = tmp_path / "7z.so"
    signature = b"\0\0\0\0\xef\xbe\xad\xdeNullsoftInst"
    path.write_bytes(b"\x7fELF" + bytes(60) + signature + b"\0\1\0\0Nsis\0.rar\0r01\0VolCRC\0part\0Rar" * 9)
    assert (scanned(path).hits, scanned(path).gaps) == ((), ())


def test_a_stream_of_few_bytes_that_fails_is_no_gap(tmp_path: Path) -> None:
    """As debug information has it: a long extra field by chance, and a short stream with another checksum."""
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = raw.compress(b"twenty-four bytes of it.") + raw.flush() + bytes(8)
    blob = b"\x1f\x8b\x08\4" + bytes(6) + struct.pack("<H", 36_000) + bytes(36_000) + stream
    path = tmp_path / "a.debug"
    path.write_bytes(b"\x7fELF" + bytes(60) + blob + bytes(900))
    assert (scanned(path).hits, scanned(path).gaps) == ((), ())


def test_a_stream_that_is_cut_off_behind_other_bytes_is_a_gap(tmp_path: Path) -> None:
    """More than a key has come out of it, so that it is one."""
    packed = gzip.compress(random.Random(5).randbytes(4000).hex().encode())
    path = tmp_path / "program"
    for damaged in (packed[: len(packed) // 2], packed[:-8] + bytes(8)):
        path.write_bytes(b"\x7fELF" + bytes(60) + damaged)
        assert [gap.reason for gap in scanned(path).gaps] == ["corrupt-container"]


_HEX = random.Random(6).randbytes(4000).hex().encode()
CUT = {
    "gzip": gzip.compress(_HEX)[:2000],
    "zlib": zlib.compress(_HEX)[:2000],
    "bzip2": bz2.compress(_HEX)[:-20],
    "xz": lzma.compress(_HEX)[:-40],
    "zstd": zstd(_HEX)[:-20],
    "7z": seven({"a": _HEX})[:-40],
    "zip": zipped({"a": _HEX})[:2000],
}


@pytest.mark.parametrize("before", [b"", b"some text\n"])
@pytest.mark.parametrize("name", CUT)
def test_a_key_behind_a_stream_that_is_cut_off_is_found(name: str, before: bytes, tmp_path: Path) -> None:
    """A decompressor takes it for more of its stream."""
    blob = before + CUT[name] + b"\nkey: " + KEY.encode() + b"\n"
    for path, content in ((tmp_path / "file", blob), (tmp_path / "a.tar", tarred({"file": blob}))):
        path.write_bytes(content)
        report = scan_json(path)
        assert [finding["fingerprint"] for finding in report["findings"]] == [fingerprint(KEY)]
        assert len(report["findings"][0]["locations"]) == 1
        path.unlink()


def test_what_follows_a_stream_that_seems_to_be_one_is_found(tmp_path: Path) -> None:
    """Too little comes out of it for a gap, and a decompressor takes some of what follows for more of it."""
    stream = zlib.compress(b"x" * 300 + random.Random(3).randbytes(200))[:-20]
    for number, rest in enumerate((KEY.encode(), bz2.compress(CONTENT), gzip.compress(CONTENT))):
        path = tmp_path / f"{number}"
        path.write_bytes(b"some text\n" + stream + rest)
        report = scan_json(path)
        assert [finding["fingerprint"] for finding in report["findings"]] == [fingerprint(KEY)]
        assert report["gaps"] == []


@pytest.mark.parametrize("head", [b"x\x01b\0\0\xff\xff\0\0", b"x\x01\0\xff\xff\0\0"])
def test_bytes_that_begin_as_an_uncompressed_block_by_chance_are_no_gap(head: bytes, tmp_path: Path) -> None:
    """As in DejaVuSansMono-Bold.ttf, which matplotlib carries: any 64 KiB come out of it."""
    rest = random.Random(7).randbytes(40_000)
    path = tmp_path / "a.ttf"
    path.write_bytes(bytes(500) + head + rest * 2)
    assert (scanned(path).hits, scanned(path).gaps) == ((), ())
    for content in (KEY.encode(), gzip.compress(CONTENT)):
        path.write_bytes(bytes(500) + head + rest + b"\n" + content + b"\n" + rest)
        report = scan_json(path)
        assert [finding["fingerprint"] for finding in report["findings"]] == [fingerprint(KEY)]
        assert report["gaps"] == []


def test_samples_that_are_codes_of_a_fixed_block_by_chance_are_no_gap(tmp_path: Path) -> None:
    """As in a picture in a PDF and in maps of density: hardly more comes out of them than went in."""
    draw = random.Random(8)
    samples = b"".join(bytes(draw.choices(range(40, 140), k=200)) * (1 + (n % 20 == 0)) for n in range(600))
    engine = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_FIXED)
    stream = engine.compress(samples) + engine.flush()
    assert 1024 < len(samples) - len(stream) < len(samples) // 8
    path = tmp_path / "a.map"
    path.write_bytes(b"map of density\n" + stream[:-50] + b"\xff" * 300 + b"\n" + KEY.encode() + b"\n")
    report = scan_json(path)
    assert [finding["fingerprint"] for finding in report["findings"]] == [fingerprint(KEY)]
    assert report["gaps"] == []


PIXELS = zlib.compress(bytes(random.Random(2).choices(range(9), k=30_000)))


def test_compiled_javascript_is_no_archive() -> None:
    """A comparison at offset 0x178 begins as zlib with one uncompressed block."""
    draw = random.Random(4)
    comparison = bytes.fromhex("83bb78010000fdff02000f85")
    code = b"".join(comparison + draw.randbytes(draw.randint(4, 4000)) for _ in range(1000))
    result = scan_container(b"\x7fELF" + code, members=500)
    assert (result.hits, result.gaps) == ((), ())


@pytest.mark.parametrize("level", [0, 6])
def test_a_stream_that_begins_with_an_uncompressed_block_is_read(level: int) -> None:
    """Of level 0, a key over the joint of two blocks; of another, one that is compressed behind the first."""
    random_bytes = random.Random(5).randbytes(65_530 if level == 0 else 20_000)
    behind = FILLER if level == 0 else FILLER * 200
    packed = zlib.compress(random_bytes + KEY.encode() + b" " + behind, level)
    assert packed[2] & 6 == 0
    assert KEY.encode() not in packed
    found = scan_container(b"some text\n" + packed).hits
    assert fingerprint(KEY) in {hit.match.fingerprint for hit in found}


def _chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def _png(comment: bytes = b"") -> bytes:
    """Pixels over several chunks, so that the first one is a stream without an end."""
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"tEXt", comment),
            _chunk(b"IDAT", PIXELS[:6000]),
            _chunk(b"IDAT", PIXELS[6000:]),
            _chunk(b"fdAT", b"\0\0\0\1" + PIXELS[:6000]),
            _chunk(b"fdAT", b"\0\0\0\2" + PIXELS[6000:]),
            _chunk(b"IEND", b""),
        )
    )


def test_a_frame_of_an_animated_png_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(_png())
    assert scanned(tmp_path / "a.png").gaps == ()


@pytest.mark.parametrize("times", [1, 2])
def test_a_picture_in_base64_is_no_archive_at_any_alignment(times: int, tmp_path: Path) -> None:
    """Old notebooks have their pictures in base64 of base64."""
    for size in range(9):
        content = _png(b"c" * size)
        for _ in range(times):
            content = base64.b64encode(content)
        (tmp_path / "a.ipynb").write_bytes(b'{"png": "' + content + b'"}')
        assert scanned(tmp_path / "a.ipynb").gaps == (), size


@pytest.mark.parametrize("end", [b"\n", b"\\n", b"&#10;", b'\\n",\n    "', b"\n    "])
def test_a_picture_in_lines_of_base64_is_no_archive(end: bytes, tmp_path: Path) -> None:
    """A line may end between the name of a chunk and its pixels."""
    for size in range(60):
        lines = base64.encodebytes(_png(b"c" * size)).splitlines()
        (tmp_path / "a.svg").write_bytes(b'<image href="data:image/png;base64,' + end.join(lines) + b'"/>')
        assert scanned(tmp_path / "a.svg").gaps == (), size


@pytest.mark.parametrize("size", [4095, 4096, 4097])
def test_a_stream_in_sections_of_xml(size: int, tmp_path: Path) -> None:
    """As Illustrator adds its file to an SVG: in base64 of so many bytes, each with its padding."""
    packed = zlib.compress(random.Random(1).randbytes(9000).hex().encode() + b" " + CONTENT)
    sections = [base64.encodebytes(packed[at : at + size]) for at in range(0, len(packed), size)]
    text = b"".join(b"\t<![CDATA[\n\t" + section + b"\t]]>\n" for section in sections)
    path = tmp_path / "a.svg"
    path.write_bytes(b'<i:pgf id="adobe_illustrator_pgf">\n' + text + b"</i:pgf>\n")
    report = scan_json(path)
    assert [finding["fingerprint"] for finding in report["findings"]] == [fingerprint(KEY)]
    assert report["gaps"] == []


def test_text_of_small_numbers_is_no_cpio() -> None:
    """As the numbers of letters in a PDF."""
    draw = random.Random(1)
    text = "".join(f"{draw.choice((1, 2, 3, 4, 5, 6, 7, 7, 7, 15)):02X}" for _ in range(90_000)).encode()
    places = [found.start() for found in re.finditer(rb"(?=07070[127])", text)]
    assert len(places) > 1000
    assert not any(signature_checks.is_cpio(text[at : at + 512]) for at in places)


@pytest.mark.parametrize(
    "numbers", ["00000200 00000000 02000000 00000200 0000", "00000008 00000001 00020000 0000104d 0ac4e9"]
)
def test_a_short_table_of_numbers_is_no_lzma(numbers: str, tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(bytes.fromhex(numbers))
    assert scanned(tmp_path / "a.dat").gaps == ()
