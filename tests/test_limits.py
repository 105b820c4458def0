"""Each class of ``docs/limits.md`` on what is packed: still a limit, and reported as the page says."""

from __future__ import annotations

import base64
import re
import struct
import sys
from collections.abc import Callable

import brotli
import pytest

from conformance import databases
from conformance.containers import deflated, tarred
from conformance.fields import glyphs
from tests.keys import fake_key, fingerprint
from tests.running import ROOT
from tests.sources.containers import DETECTOR, scan_container

PAGE = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
KEY = fake_key()
TEXT = ("filler " * 300 + KEY[20:50] + " filler " + KEY + " ").encode()


def _deleted() -> bytes:
    """Return a database with a deleted row that the end of a page cuts within the key.

    The second piece of the key is on the first page that became free, whose first bytes were overwritten.
    """
    for place in range(700, 1000, 9):
        value = "x" * place + KEY + "x" * (9000 - place)
        content = databases.rows(("", value), more=["PRAGMA secure_delete=OFF", "DELETE FROM t"])
        if KEY.encode() not in content and KEY[-20:].encode() in content:
            return content
    raise AssertionError


def _brotli() -> bytes:
    return bytes(brotli.compress(TEXT))


def _signed() -> bytes:
    """Return a signed message of OpenPGP without armor: a packet of raw deflate (RFC 4880, 5.6)."""
    return b"\xa3\1" + deflated(TEXT)


def _pglz() -> bytes:
    """Return a value of PostgreSQL: pglz has a byte before eight others (pg_lzcompress.c)."""
    return bytes(24) + b"".join(b"\0" + TEXT[at : at + 8] for at in range(0, len(TEXT), 8))


def _ttyrec() -> bytes:
    """Return a recording of typed characters: the time and the size come before each."""
    return b"".join(struct.pack("<IIIc", 1796000000, at, 1, b"%c" % char) for at, char in enumerate(TEXT))


def _packets() -> bytes:
    """Return a capture (libpcap) of two packets, of which the first ends within the key."""
    end = TEXT.rindex(KEY.encode()) + 30
    packets = [bytes(54) + part for part in (TEXT[:end], TEXT[end:])]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(
        struct.pack("<IIII", 1796000000, at, len(each), len(each)) + each for at, each in enumerate(packets)
    )


def _unmapped() -> bytes:
    """Return a PDF in glyphs without the table of their characters."""
    return glyphs(KEY, 1).replace(b"/ToUnicode 7 0 R", b"")


def _z85(data: bytes) -> bytes:
    """Return Z85 (ZeroMQ RFC 32), whose alphabet differs from that of other forms of base85."""
    standard = "".join(map(chr, range(33, 118))).encode()
    own = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    return base64.a85encode(data).replace(b"z", b"!!!!!").translate(bytes.maketrans(standard, own))


def _rocks(data: bytes) -> bytes:
    """Return a block of a table of RocksDB, and its signature (block_based_table_builder.cc)."""
    return databases.snappy(data) + b"\1" + bytes(44) + bytes.fromhex("f7cff485b741e288")


def _psql(*lines: str, mark: str = " ", border: str = " ") -> bytes:
    """Return a table of psql with one cell of several lines, which end with a mark or begin with a border."""
    width = max(map(len, lines))
    rows = [f"{' ' * 4}{border if number else '|'} {line:<{width}}" for number, line in enumerate(lines)]
    return (" id | v\n----+" + "-" * (width + 2) + "\n" + f"{mark}\n".join(rows) + "\n(1 row)\n").encode()


def _psql_base64() -> bytes:
    return _psql(
        *base64.encodebytes(b"x" * 50 + KEY.encode() + b" " * 60).decode().split(), mark="+", border="|"
    )


_TAGS = '</text><text x="1" y="2" clip-path="url(#line-5)">' * 3

_BY_DESIGN, _GAP = "by design", "gap"

LIMITS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "hex.b32": ("extended hex alphabet", lambda: base64.b32hexencode(TEXT), ""),
    "chain.b32": ("Base32 is in no chain", lambda: base64.b64encode(base64.b32encode(TEXT)), ""),
    "a.b64": ("a layout within an encoding", lambda: base64.b64encode(" ".join(KEY).encode()), ""),
    "old.psql": ("line style `old-ascii`", lambda: _psql(KEY[:30], KEY[30:], border=";"), ""),
    "base64.psql": ("lines it ends with `+`", _psql_base64, ""),
    "a.z85": ("Z85, and signed", lambda: _z85(TEXT), ""),
    "a.svg": ("more than 100 bytes of tags", (KEY[:5] + _TAGS + KEY[5:]).encode, ""),
    "a.gpg": ("signed messages of OpenPGP without armor", _signed, ""),
    "a.ttyrec": ("recording of `ttyrec`", _ttyrec, ""),
    "base.16384": ("files of PostgreSQL", _pglz, ""),
    "a.duckdb": ("DuckDB is a gap by design", lambda: bytes(8) + b"DUCK@" + bytes(300), _BY_DESIGN),
    "a.pcap": ("Of packets in a capture", _packets, ""),
    "a.rdb": (
        "dump of Redis",
        lambda: tarred({"a.rdb": b"REDIS0011" + bytes(33 << 20)}),
        _BY_DESIGN,
    ),
    "a.rar": ("rar, lzip, cab", lambda: b"Rar!\x1a\x07\x01\0" + bytes(64), _GAP),
    "a.squashfs": ("squashfs", lambda: b"hsqs" + bytes(24) + b"\4\0" + bytes(64), _GAP),
    "a.lzo": ("lzop", lambda: b"\x89LZO\0\r\n\x1a\n" + bytes(64), _GAP),
    "a.h5": ("HDF5 (also netCDF 4", lambda: b"\x89HDF\r\n\x1a\n" + bytes(64), _BY_DESIGN),
    "a.mat": ("MATLAB 7.3", lambda: b"MATLAB 7.3 MAT-file".ljust(512) + bytes(64), _BY_DESIGN),
    "a.parquet": ("Parquet, Arrow", lambda: b"PAR1\x15" + bytes(64) + b"PAR1", _BY_DESIGN),
    "a.feather": ("Arrow (Feather)", lambda: b"ARROW1\0\0" + bytes(64) + b"ARROW1", _BY_DESIGN),
    "a.orc": ("ORC", lambda: b"ORC\x13\0\0" + bytes(64) + b"ORC\x19", _BY_DESIGN),
    "large.tar": (
        "32 MiB inside another container",
        lambda: tarred({"a.db": databases.rows(("", bytes(33 << 20)))}),
        _BY_DESIGN,
    ),
    "cut.ldb": ("table of LevelDB without its end", lambda: databases.level_table(TEXT)[:-30], ""),
    "a.sst": ("tables of RocksDB", lambda: _rocks(TEXT), ""),
    "deleted.db": ("of a deleted row", _deleted, ""),
    "damaged.db": (
        "Other damaged databases are gaps",
        lambda: databases.rows(("", "x" * 9000)).replace(b"CREATE", b"CERATE"),
        _GAP,
    ),
    "a.qcow2": ("disk images", lambda: b"QFI\xfb" + bytes(64) + deflated(TEXT), ""),
    "a.txt": ("file of brotli without the ending `.br`", _brotli, ""),
    "a.pdf": ("font does not say what its", _unmapped, ""),
}
"""File: words of the page, its bytes, and the kind of its gap; none of them shows the key."""


@pytest.mark.parametrize("name", LIMITS)
def test_it_is_still_a_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words, build, kind = LIMITS[name]
    assert words in re.sub(r"\s+", " ", PAGE)
    for library in ("h5py", "pyarrow"):
        for module in [each for each in sys.modules if each.partition(".")[0] == library]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, library, None)
    content = build()
    result = scan_container(content)
    own = DETECTOR.find([content])
    assert fingerprint(KEY) not in {
        match.fingerprint for match in (*own, *(hit.match for hit in result.hits))
    }
    assert {_BY_DESIGN if gap.by_design else _GAP for gap in result.gaps} == ({kind} if kind else set())


def test_each_class_of_what_is_packed_has_a_row() -> None:
    classes = re.findall(r"^\* (.*?)(?=^\* |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    titles = [each.partition("**")[2].partition(".**")[0] for each in classes]
    first, last = titles.index("Some encodings"), titles.index("Pictures, sound and disk images")
    packed = [re.sub(r"\s+", " ", each) for each in classes[first : last + 1]]
    for each in packed:
        assert any(words in each for words, _, _ in LIMITS.values()), each
