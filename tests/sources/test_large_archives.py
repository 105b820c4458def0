"""Archives with thousands of members, and programs with thousands of signatures: nothing missed, no gap."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.finding import Origin
from boltz_keyscan.sources.archives.limits import Limits
from boltz_keyscan.sources.archives.shard import ContainerShard, InBuffer
from conformance.containers import tarred, text, zipped, zipped_to_a_pipe
from tests.hostile import overlapping
from tests.keys import fake_key, fingerprint
from tests.mutants import scanned

MANY = 2_500
"""Members of a zip: two headers each, which are more than the archives that are opened one by one."""

FIRST, LAST, INNER, BETWEEN = (fake_key(seed=place) for place in ("first", "last", "inner", "between"))


def _members(count: int = MANY) -> dict[str, bytes]:
    members = {f"{number}.class": b"%d" % number for number in range(count)}
    return {"first.env": text(FIRST), **members, "last.env": text(LAST)}


def _wide() -> bytes:
    """A zip whose sizes have 64 bits."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _members().items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
    return out.getvalue()


LARGE: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "deflated": (lambda: zipped(_members()), set()),
    "stored": (lambda: zipped(_members(), zipfile.ZIP_STORED), set()),
    "20,000 members": (lambda: zipped(_members(20_000)), set()),
    "64 bits": (_wide, set()),
    "streamed": (lambda: zipped_to_a_pipe(_members(), zipfile.ZIP_DEFLATED), set()),
    "behind a program": (lambda: b"\x7fELF" + bytes(4000) + zipped(_members()), set()),
    "behind the mark of a jmod": (lambda: b"JM\1\0" + zipped(_members()), set()),
    "with a zip in it": (lambda: zipped({"a.jar": zipped({"a": text(INNER)})} | _members()), {INNER}),
    "behind another": (
        lambda: zipped(_members() | {"a": text(INNER)}) + text(BETWEEN) + zipped(_members()),
        {INNER, BETWEEN},
    ),
    "with a key behind its end": (lambda: zipped(_members()) + text(BETWEEN), {BETWEEN}),
    "without a directory": (lambda: b"text\n" + zipped(_members()).partition(b"PK\1\2")[0], set()),
    "in a zip": (lambda: zipped({"a.jar": zipped(_members(), zipfile.ZIP_STORED)}), set()),
    "in a tar in gzip": (lambda: gzip.compress(tarred({"a.jar": zipped(_members())}), 1), set()),
    "behind a program in a tar": (lambda: tarred({"a.exe": b"MZ" + zipped(_members())}), set()),
    "a tar": (lambda: tarred(_members()), set()),
}
"""An archive of ``_members()``, and further keys in it."""


@pytest.mark.parametrize("name", LARGE)
def test_the_members_of_a_large_archive_are_its_own(name: str, tmp_path: Path) -> None:
    build, more = LARGE[name]
    path = tmp_path / "a.jar"
    path.write_bytes(build())
    result = scanned(path)
    assert result.gaps == ()
    assert {hit.match.fingerprint for hit in result.hits} == set(map(fingerprint, {FIRST, LAST} | more))


def test_thousands_of_zips_in_other_bytes_are_all_opened(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF" + b"".join(zipped({"a.env": b"%d" % number}) for number in range(5000)))
    with path.open("ab") as file:
        file.write(zipped({"a.env": text(LAST)}) + b"text\n")
    result = scanned(path)
    assert [hit.origin.members for hit in result.hits] == [(b"a.env",)]
    assert result.gaps == ()


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (overlapping(text(FIRST), MANY), "too-many-members"),
        (b"text\n" + zipped(_members()), "too-many-members"),
        (b"text\n" + overlapping(bytes(100_000), 40), "ratio-limit"),
        (zipped({str(number): zipped({"a": b""}) for number in range(300)}), "too-many-members"),
    ],
)
def test_the_budgets_are_those_of_all_members(blob: bytes, reason: str) -> None:
    limits = Limits(members=500, ratio=10, slack=1 << 20)
    shard = ContainerShard(InBuffer(blob), len(blob), ((Origin(b"x"), "x"),), limits=limits)
    assert [gap.reason for gap in shard.scan(KeyDetector.of(rules.load())).gaps] == [reason]


SIGNATURES: dict[str, bytes] = {
    "a header of zlib and zeros": b"x\1" + bytes(30),
    "a header of zlib and a length": b"x\1\0\7\0\7\0" + bytes(30),
}
"""Bytes of programs and fonts, thousands of times in a MiB."""


@pytest.mark.parametrize("name", SIGNATURES)
@pytest.mark.parametrize("press", [bytes, bz2.compress])
def test_tables_of_a_program_are_no_gap(name: str, press: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(press(b"\x7fELF" + SIGNATURES[name] * 20_000 + gzip.compress(text(INNER))))
    result = scanned(path)
    assert {hit.match.fingerprint for hit in result.hits} == {fingerprint(INNER)}
    assert result.gaps == ()


def test_signatures_are_counted_for_each_mebibyte(tmp_path: Path) -> None:
    """A member is searched in larger pieces than a file."""
    path = tmp_path / "program.gz"
    false = (b"\x1f\x8b\x08" + b"\xff" * 700) * 5_000
    path.write_bytes(gzip.compress(b"\x7fELF" + false + gzip.compress(text(INNER))))
    result = scanned(path)
    assert {hit.match.fingerprint for hit in result.hits} == {fingerprint(INNER)}
    assert result.gaps == ()


STORED = b"x\1\0" + (65280).to_bytes(2, "little") + (65280 ^ 0xFFFF).to_bytes(2, "little")
NOISE = random.Random(7).randbytes(1 << 17)


@pytest.mark.parametrize(
    "behind",
    [
        NOISE,
        NOISE[:65280] + b"\7" * 900,
        NOISE[:65280] + b"\1\0\0\xff\xff" + NOISE[:4],
        NOISE[:9000],
    ],
)
def test_bytes_like_a_stored_block_are_no_gap(behind: bytes, tmp_path: Path) -> None:
    """The outlines of a font and the data of a program have the length of a block in both forms by chance."""
    path = tmp_path / "font.ttf"
    path.write_bytes(b"\0\1\0\0" + bytes(60) + STORED + behind)
    assert (scanned(path).hits, scanned(path).gaps) == ((), ())


@pytest.mark.parametrize("level", [0, 6])
def test_a_stream_of_zlib_in_other_bytes_is_read_to_its_damage(level: int, tmp_path: Path) -> None:
    raw = b"\n".join(b"%x" % number for number in range(60_000))
    packed = zlib.compress(text(INNER) + raw, level)
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF" + bytes(60) + packed[: len(packed) // 2])
    result = scanned(path)
    assert fingerprint(INNER) in {hit.match.fingerprint for hit in result.hits}
    assert [gap.reason for gap in result.gaps] == ["corrupt-container"] * (level > 0)


@pytest.mark.parametrize("mark", [b"#", b">", b"|", b"*"])
def test_a_line_of_base85_begins_with_any_of_its_characters(mark: bytes, tmp_path: Path) -> None:
    """Scapy has its tables in such lines."""
    packed = gzip.compress(NOISE[:3000] + text(INNER) + NOISE[:3000], mtime=0)
    letters = base64.b85encode(packed)
    columns = next(size for size in range(60, 200) if mark[0] in letters[size::size])
    lines = [letters[start : start + columns] for start in range(0, len(letters), columns)]
    path = tmp_path / "data.py"
    path.write_bytes(b'DATA = """\n' + b"\n".join(lines) + b'\n"""\n')
    result = scanned(path)
    assert {hit.match.fingerprint for hit in result.hits} == {fingerprint(INNER)}
    assert result.gaps == ()
