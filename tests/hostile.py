"""Containers made to stop a scan, to outgrow it, or to hide something from it."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import struct
import tarfile
import zlib
from collections.abc import Callable

from conformance.containers import (
    FILLER,
    cpio,
    deflated,
    pack,
    pdf,
    rpm,
    seven,
    tarred,
    text,
    zip_of,
    zipped,
    zstd,
)
from conformance.databases import avro, compound, journal, rows
from tests.keys import fake_key

MIB = 1 << 20


def header(name: bytes, size: bytes, kind: bytes = b"0", rest: bytes = b"") -> bytes:
    """A header of tar, its size field as given."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[124:136] = size.ljust(12, b"\0")
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[386 : 386 + len(rest)] = rest
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def with_links() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            for name, target in (("a", "b"), ("b", "a"), ("/etc/passwd", "../../x"), ("c", "c")):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, target
                archive.addfile(info)
        info = tarfile.TarInfo("found")
        info.size = len(text(fake_key()))
        archive.addfile(info, io.BytesIO(text(fake_key())))
    return out.getvalue()


def sparse() -> bytes:
    """A file of 8 TiB with a kilobyte in it, as GNU tar wrote them once."""
    content = padded(text(fake_key()))
    fields = b"%011o\0%011o\0" % ((8 << 40) - 512 & (1 << 33) - 1, len(content))
    real = b"\x80" + (8 << 40).to_bytes(11, "big")
    block = bytearray(header(b"disk.img", b"%011o\0" % len(content), b"S", fields))
    block[483:495] = real
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + content + bytes(1024)


def flagged(archive: bytes, flag: int) -> bytes:
    """A zip with a flag set in every header."""
    out = bytearray(archive)
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := archive.find(magic, at + 1)) >= 0:
            out[at + offset] |= flag
    return bytes(out)


def patched(archive: bytes, magic: bytes, offset: int, value: bytes) -> bytes:
    """Some bytes changed, counted from where the last ``magic`` begins."""
    at = archive.rindex(magic) + offset
    return archive[:at] + value + archive[at + len(value) :]


def overlapping(kernel: bytes, count: int) -> bytes:
    """A zip with one member under many names (Fifield, "A better zip bomb", full overlap)."""
    data = deflated(kernel)
    one = zip_of([(b"kernel", 8, data, zlib.crc32(kernel), len(kernel))])
    body, directory = one[: one.index(b"PK\1\2")], one[one.index(b"PK\1\2") : one.rindex(b"PK\5\6")]
    end = struct.pack("<HHHHIIH", 0, 0, count, count, count * len(directory), len(body), 0)
    return body + directory * count + b"PK\5\6" + end


@functools.cache
def pyramid(levels: int, width: int) -> bytes:
    """42.zip in small: every member is a zip of members, and at the bottom there are zeros."""
    inner = zipped({"0": bytes(4 * MIB)}) if levels == 1 else pyramid(levels - 1, width)
    return zipped({f"{number}.zip": inner for number in range(width)})


def wide_zip(**values: int) -> bytes:
    """A zip that says in 64 bits what is not so."""
    content = text(fake_key())
    archive = zip_of([(b"a", 8, deflated(content), zlib.crc32(content), len(content))])
    at = archive.rindex(b"PK\5\6")
    size, offset = struct.unpack("<II", archive[at + 12 : at + 20])
    told = {"count": 1, "size": size, "offset": offset, "where": at} | values
    wide = b"PK\6\6" + struct.pack(
        "<QHHIIQQQQ", 44, 45, 45, 0, 0, told["count"], told["count"], told["size"], told["offset"]
    )
    locator = b"PK\6\7" + struct.pack("<IQI", 0, told["where"], 1)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return archive[:at] + wide + locator + end


def nested(count: int) -> bytes:
    content = text(fake_key())
    for _ in range(count):
        content = gzip.compress(content)
    return content


_GOOD = zipped({"a": FILLER})
_TAR = tarred({"a": FILLER, "b.gz": gzip.compress(text(fake_key()))})
_DELTA = b"\1" + bytes([len(text(fake_key())), len(text(fake_key()))]) + text(fake_key())
"""A difference from something of one byte, all of it new."""


def _copies(count: int, times: int = 16) -> list[tuple[int, int, int | bytes, bytes]]:
    """Objects that are each the first one, of a MiB, many times over, told in a few bytes."""
    size = times * MIB
    made = b"\x80\x80\x40" + bytes([*(size >> n & 0x7F | 0x80 for n in (0, 7, 14)), size >> 21])
    made += b"\x80" * 16 * times
    return [(6, len(made), 0, made)] * count


_RECORD = b"30 path=" + b"x" * 21 + b"\n"

HOSTILE: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    # What gives too much.
    "bomb.gz.gz": (lambda: gzip.compress(gzip.compress(bytes(4 * MIB)) * 20), {"ratio-limit"}),
    "bomb.zst": (lambda: zstd(bytes(200 * MIB)), {"ratio-limit"}),
    "bomb.bz2": (lambda: bz2.compress(bytes(4 * MIB)) * 20, {"ratio-limit"}),
    "bomb.xz": (lambda: lzma.compress(bytes(4 * MIB), preset=0) * 20, {"ratio-limit"}),
    "bomb.zip": (lambda: zip_of([(b"0", 93, zstd(bytes(100 * MIB)), 0, 0)]), {"ratio-limit"}),
    "bomb.pdf": (lambda: pdf(zlib.compress(bytes(68 * MIB), 9)), {"ratio-limit"}),
    "pyramid.zip": (lambda: pyramid(4, 16), {"ratio-limit"}),
    "overlap.zip": (lambda: overlapping(bytes(10 * MIB), 1000), {"ratio-limit"}),
    "deep.gz": (lambda: nested(9), {"too-deep"}),
    "deeper.gz": (lambda: nested(60), {"too-deep"}),
    "bomb.avro": (lambda: avro(bytes(68 * MIB), "deflate"), {"ratio-limit"}),
    # What says what is not so.
    "schema.db": (
        lambda: rows(("", "x" * 9000)).replace(b"CREATE", b"CERATE"),
        {"corrupt-container"},
    ),
    "tree.db": (
        lambda: rows(("", "x" * 9000))[:4096] + b"\5" + bytes(10) + b"\2" + rows(("", "x" * 9000))[4108:],
        {"corrupt-container"},
    ),
    "sectors.doc": (
        lambda: patched(compound({"a": FILLER}), b"\xd0\xcf", 48, b"\xff" * 4),
        {"corrupt-container"},
    ),
    "size.journal": (lambda: journal(FILLER, 4)[:272] + b"\1" + bytes(15), {"corrupt-container"}),
    "window.zst": (lambda: b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x03\0\x80" + bytes(1024), {"memory-limit"}),
    "window.lzma": (
        lambda: b"\x5d" + struct.pack("<I", 0x60000000) + lzma.compress(FILLER, lzma.FORMAT_ALONE)[5:],
        {"memory-limit"},
    ),
    "crc.zip": (lambda: patched(_GOOD, b"PK\1\2", 16, b"abcd"), {"corrupt-container"}),
    "crc.gz": (
        lambda: gzip.compress(FILLER)[:-8] + b"abcd" + gzip.compress(FILLER)[-4:],
        {"corrupt-container"},
    ),
    "crc.xz": (lambda: patched(lzma.compress(FILLER), b"YZ", -20, b"abcd"), {"corrupt-container"}),
    "crc.bz2": (lambda: bz2.compress(FILLER)[:-6] + b"abcdef", {"corrupt-container"}),
    "crc.zst": (lambda: zstd(FILLER)[:-4] + b"abcd", {"corrupt-container"}),
    "lost.zip": (lambda: patched(_GOOD, b"PK\1\2", 42, b"\xff\xff\0\0"), {"corrupt-container"}),
    "count.zip": (lambda: patched(_GOOD, b"PK\5\6", 10, b"\7\0"), {"corrupt-container"}),
    "directory.zip": (lambda: patched(_GOOD, b"PK\5\6", 12, b"\7\7\7\7\7\7"), {"corrupt-container"}),
    "stored.zip": (
        lambda: zip_of([(b"a", 0, b"x", 1, 1)]).replace(
            struct.pack("<II", 1, 1), struct.pack("<II", 1 << 30, 1 << 30)
        ),
        {"corrupt-container"},
    ),
    "count64.zip": (lambda: wide_zip(count=1 << 60), {"corrupt-container"}),
    "size64.zip": (lambda: wide_zip(size=1 << 63), set()),
    "where64.zip": (lambda: wide_zip(where=(1 << 64) - 1), set()),
    "negative.tar": (lambda: header(b"a", b"\xff" * 12) + padded(b"x") + _TAR, {"corrupt-container"}),
    "endless.tar": (
        lambda: header(b"a", b"\x80" + b"\0" * 5 + b"\x01" * 6) + padded(b"x"),
        {"corrupt-container"},
    ),
    "wide.tar": (lambda: header(b"a", b"\x80" + b"\xff" * 11) + padded(b"x") + _TAR, {"corrupt-container"}),
    "letters.tar": (lambda: header(b"a", b"0x10") + padded(b"x") + _TAR, {"corrupt-container"}),
    "damaged.tar": (
        lambda: _TAR[:520] + b"\xff" * 30 + padded(FILLER)[550 - 512 :] + b"?" * 512 + _TAR,
        set(),
    ),
    "no-end.tar": (lambda: header(b"a", b"%011o\0" % 1) + padded(b"x"), {"corrupt-container"}),
    "record.tar": (lambda: header(b"h", b"%011o\0" % 4, b"x") + padded(b"0 a\n") + _TAR, set()),
    "records.tar": (lambda: (header(b"h", b"%011o\0" % 30, b"x") + padded(_RECORD)) * 2000 + _TAR, set()),
    "huge-record.tar": (lambda: header(b"h", b"77777777777\0", b"x") + padded(b"x"), {"corrupt-container"}),
    "long-names.tar": (lambda: (header(b"h", b"%011o\0" % 3, b"L") + padded(b"abc")) * 2000 + _TAR, set()),
    "links.tar": (with_links, set()),
    "sparse.tar": (sparse, set()),
    "header.7z": (lambda: seven({"a": FILLER})[:-40] + b"\xff" * 40, {"corrupt-container"}),
    "far.7z": (lambda: patched(seven({"a": FILLER}), b"7z\xbc\xaf", 12, b"\xff" * 8), {"corrupt-container"}),
    "large.7z": (lambda: patched(seven({"a": FILLER}), b"7z\xbc\xaf", 20, b"\xff" * 8), {"too-large"}),
    "method.7z": (
        lambda: seven({"a": FILLER}).replace(b"\x21\x21\1\x10", b"\x21\x30\1\x10"),
        {"unsupported-container"},
    ),
    "window.7z": (
        lambda: seven({"a": FILLER}).replace(b"\x21\x21\1\x10", b"\x21\x21\1\x28"),
        {"memory-limit"},
    ),
    "size.ar": (lambda: b"!<arch>\n" + b"a".ljust(48) + b"9999999999`\n" + b"x", {"corrupt-container"}),
    "minus.ar": (lambda: b"!<arch>\n" + b"a".ljust(48) + b"-5        `\n" + b"x", {"corrupt-container"}),
    "size.cpio": (lambda: cpio({"a": b"x"}).replace(b"00000001" * 1, b"FFFFFFFF"), {"corrupt-container"}),
    "letters.cpio": (lambda: cpio({"a": b"x"})[:120] + b"070701" + b"-" * 104, {"corrupt-container"}),
    "header.rpm": (lambda: rpm(b"")[:110] + b"\xff" * 8, {"corrupt-container"}),
    "empty.rpm": (lambda: rpm(b""), {"corrupt-container"}),
    "flate.pdf": (lambda: pdf(b"not deflate"), {"corrupt-container"}),
    "letters.pdf": (lambda: pdf(b"zz~>", b"/ASCIIHexDecode"), {"corrupt-container"}),
    "lzw.pdf": (lambda: pdf(b"x" * 40, b"/LZWDecode"), {"corrupt-container"}),
    "many-filters.pdf": (lambda: pdf(b"x", b"[" + b"/FlateDecode" * 99 + b"]"), {"too-deep"}),
    "itself.pdf": (lambda: pdf(b"x", b"4 0 R"), {"unsupported-container"}),
    "deep.pdf": (
        lambda: pdf(zlib.compress(b"x"), b"/FlateDecode", b"/A" + b"[" * 100_000),
        {"corrupt-container"},
    ),
    "length.pdf": (lambda: pdf(b"x" * 40, b"/FlateDecode", b"/Length 99999999999"), {"corrupt-container"}),
    "runs.pdf": (
        lambda: pdf(zlib.compress(b"\x81a" * MIB), b"[/FlateDecode/RunLengthDecode]"),
        {"output-limit"},
    ),
    "streams.pdf": (
        lambda: b"%PDF-1.4\n" + b"1 0 obj<</Filter/FlateDecode>>stream\n" * 500,
        {"corrupt-container", "more-gaps"},
    ),
    "header.tar": (lambda: tarred({"a.bundle": b"# v2 git bundle\n" + bytes(99)}), {"corrupt-container"}),
    "kind.pack": (lambda: pack((5, 1, b"", b"x")), {"corrupt-container"}),
    "size.pack": (lambda: pack((3, 9, b"", b"x")), {"corrupt-container"}),
    "more.pack": (lambda: pack((3, 1, b"", b"x"), (3, 1, b"", b"y"), count=1), {"corrupt-container"}),
    "fewer.pack": (lambda: pack((3, 1, b"", b"x"), count=1 << 31), {"corrupt-container"}),
    "itself.pack": (lambda: pack((6, 3, 0, b"\1\1x")), {"bundle-incomplete"}),
    "far.pack": (lambda: pack((6, 3, b"\xff\xff\xff\x7f", b"\1\1x")), {"bundle-incomplete"}),
    "thin.pack": (lambda: pack((7, len(_DELTA), bytes(20), _DELTA)), {"bundle-incomplete"}),
    "other.pack": (lambda: pack((3, 1, b"", b"x"), (6, 3, 0, b"\7\1x")), {"corrupt-container"}),
    "copies.pack": (lambda: pack((3, MIB, b"", bytes(MIB)), *_copies(800)), {"ratio-limit"}),
    "huge.pack": (lambda: pack((3, MIB, b"", bytes(MIB)), *_copies(1, 17)), {"too-large"}),
    # What is closed.
    "encrypted.zip": (lambda: flagged(_GOOD, 1), {"encrypted"}),
    "many-encrypted.zip": (
        lambda: flagged(zipped({str(n): b"x" for n in range(300)}), 1),
        {"encrypted", "more-gaps"},
    ),
    "method.zip": (lambda: zip_of([(b"a", 9, b"x", 0, 1)]), {"unsupported-container"}),
    "encrypted.pdf": (lambda: pdf(b"x" * 40) + b"trailer << /Encrypt 5 0 R >>\n", {"encrypted"}),
    "filter.pdf": (lambda: pdf(b"x" * 40, b"/FooDecode"), {"unsupported-container"}),
    "a.rar": (lambda: b"Rar!\x1a\x07\x01\0" + bytes(40), {"unsupported-container"}),
    "legacy.lz4": (lambda: b"\x02\x21\x4c\x18" + bytes(40), {"unsupported-container"}),
    "a.lz": (lambda: b"LZIP\1" + bytes(40), {"unsupported-container"}),
    "a.Z": (lambda: b"\x1f\x9d\x90" + bytes(40), {"unsupported-container"}),
    "a.cab": (lambda: b"MSCF" + bytes(40), {"unsupported-container"}),
}
"""File name: what makes its bytes, and the reasons of its gaps."""


FOUND = frozenset(
    {
        "where64.zip",
        "size64.zip",
        "count64.zip",
        "negative.tar",
        "wide.tar",
        "letters.tar",
        "damaged.tar",
        "record.tar",
        "records.tar",
        "long-names.tar",
        "links.tar",
        "sparse.tar",
        "thin.pack",
    }
)
"""Those in which ``fake_key()`` is found all the same."""
