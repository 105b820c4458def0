"""Checks of bytes that begin with the signature of an archive.

A signature of four bytes occurs in many files by chance, and in every program that writes the
format. A valid method, a checksum or a first block that decompresses does not. A check
gets at most ``signatures.CHECKED_BYTES`` bytes; fewer than it needs pass, as the rest may be cut off.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from typing import Literal

from boltz_keyscan import beginnings
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.sources import stream_checks

ZIP_METHODS = frozenset({0, 1, 6, 8, 9, 12, 14, 93, 95, 97, 98, 99})
"""Compression methods of zip that are in use (APPNOTE 4.4.5)."""

_TAR_BLOCK_BYTES = 512
"""Bytes of a tar header."""


_ASCII = bytes(range(128))
_LHA = late_pattern(rb".{2}-l[hz][0-9ds]-", re.DOTALL)
_NSIS_STREAM = late_pattern(rb"[\0\1]?\x5d\0\0|1[\0-\x0d]")
"""First bytes of lzma, with or without a filter, and of bzip2 without its name."""

_ZIP_FIELDS = rb"[%b]\0.{16}(?:[^\0].|\0[^\0])" % re.escape(bytes(sorted(ZIP_METHODS)))
_ZIP_HEADER = late_pattern(
    rb"(?s)PK(?:\x03\x04(?:.{4}%b|.{0,25}\Z)|\x01\x02(?:.{6}%b|.{0,41}\Z))" % (_ZIP_FIELDS, _ZIP_FIELDS)
)
"""A local header of zip, or one of its directory, with a method in use and the size of a name."""
_ZIP_NAMES = {3: (26, 30), 1: (28, 46)}
"""Offsets of the size of the name, and of the name, by the third byte of a header."""
_NO_NAME = late_pattern(rb"[\0-\x08\x0e-\x1f\x7f]")
_OCTAL = late_pattern(rb"[ \t\0]*([0-7]*)")


def identify(window: bytes) -> str | None:
    """Return the format of the archive that begins where a signature was found; None for none.

    Args:
        window: bytes from that offset on.
    """
    for start, name, check in CHECKS.get(window[:2], ()):
        if window.startswith(start) and check(window):
            return name
    if window[257:262] == b"ustar" and (len(window) < _TAR_BLOCK_BYTES or is_tar_header(window)):
        return "tar"
    return None


def is_tar_header(block: bytes) -> bool:
    """Return True if a block has the checksum of its bytes, which old programs summed as signed."""
    if len(block) < _TAR_BLOCK_BYTES:
        return False
    expected = octal(block[148:156])
    rest = block[:148] + block[156:_TAR_BLOCK_BYTES]
    unsigned = sum(rest) + 8 * 32
    return expected in (unsigned, unsigned - 256 * len(rest.translate(None, _ASCII)))


def octal(field: bytes) -> int:
    """Return a number of a tar header as programs read it: digits, whatever follows them."""
    found = _OCTAL.match(field)
    return int(found[1] or b"0", 8) if found else 0


def is_cpio(head: bytes) -> bool:
    """Return True if bytes are a header of cpio(5) in which most digits are valid, with a name behind it."""
    kind = head[:6]
    if kind in (b"070701", b"070702"):
        invalid = head[6:110].translate(None, b"0123456789abcdefABCDEF")
        return len(head) >= 110 and len(invalid) < 20 and _has_name(head, 110, head[94:102], 16)
    if kind == b"070707":
        invalid = head[6:76].translate(None, b"01234567")
        return len(head) >= 76 and len(invalid) < 14 and _has_name(head, 76, head[59:65], 8)
    if head[:2] not in (b"\xc7\x71", b"\x71\xc7"):
        return False
    order: Literal["little", "big"] = "little" if head[:1] == b"\xc7" else "big"
    mode, name = (int.from_bytes(head[at : at + 2], order) for at in (6, 20))
    is_file = mode >> 12 in (1, 2, 4, 6, 8, 10, 12)
    return len(head) >= 26 and is_file and 1 < name < 4096 and head[25 + name : 26 + name] in (b"\0", b"")


def _has_name(head: bytes, start: int, digits: bytes, base: int) -> bool:
    """Return True if a name of so many bytes ends with a zero; any that does, if its length is damaged."""
    try:
        size = int(digits, base)
    except ValueError:
        return len(head) <= start or b"\0" in head[start : start + 256]
    return 0 < size < 4096 and head[start + size - 1 : start + size] in (b"\0", b"")


def is_lha(head: bytes) -> bool:
    """Return True if bytes are an LHA header: levels 0 and 1 have a checksum, the others a size."""
    if not _LHA.match(head) or len(head) < 22:
        return False
    size = int.from_bytes(head[:2], "little")
    match head[20]:
        case 0 | 1:
            return head[0] >= 20 and sum(head[2 : 2 + head[0]]) & 0xFF == head[1]
        case 2:
            return 26 <= size <= 4096 and head[19] == 0x20
        case level:
            return level == 3 and size == 4


def is_arj(head: bytes) -> bool:
    """Return True if bytes are the main header of an ARJ archive."""
    if head[:2] != b"\x60\xea":
        return False
    size = int.from_bytes(head[2:4], "little")
    return 30 <= size <= 2600 and 28 < head[4:5][0] <= size if len(head) > 4 else False


def has_signature(head: bytes) -> bool:
    """Return True if the first bytes are those of a format with a check."""
    return any(head.startswith(start) for start, _, _ in CHECKS.get(head[:2], ())) or head[:5] == b"%PDF-"


def is_leveldb_log(head: bytes) -> bool:
    """Return True if bytes are the first record of a log of LevelDB, with the header of a batch.

    That is a sequence number, a count and the kind of the first change (db/write_batch.cc).
    """
    size, kind = int.from_bytes(head[4:6], "little"), head[6:7]
    is_whole = kind == b"\1" and 12 < size <= (32 << 10) - 7
    is_begin = kind == b"\2" and size == (32 << 10) - 7
    count = int.from_bytes(head[15:19], "little")
    return (
        (is_whole or is_begin)
        and 0 < count < 1 << 20
        and not any(head[12:15])
        and head[19:20] in (b"\0", b"\1")
    )


def _by_pattern(pattern: bytes) -> Callable[[bytes], bool]:
    """Return a check of the bytes at a signature by a regular expression, in which a dot matches any."""
    compiled = late_pattern(pattern, re.DOTALL)
    return lambda window: compiled.match(window) is not None


def is_zip_header(buffer: bytes | bytearray | memoryview, at: int, end: int) -> bool:
    """Return True if a header of zip is at an offset, and not the code of a program.

    Its name is text, or another record follows it in the directory, which all programs read.
    """
    if not _ZIP_HEADER.match(buffer, at, end):
        return False
    size_at, name_at = (at + offset for offset in _ZIP_NAMES[buffer[at + 2]])
    sizes = struct.unpack("<3H", bytes(buffer[size_at : size_at + 6]).ljust(6, b"\0"))
    if is_zip_name(bytes(buffer[name_at : min(name_at + sizes[0], end)])):
        return True
    following = name_at + sum(sizes)
    return buffer[at + 2] == 1 and buffer[following : following + 2] == b"PK"


def is_zip_name(name: bytes) -> bool:
    """Return True if the name of a member of zip has no control character but spaces and ends of lines."""
    return not _NO_NAME.search(name)


def _is_zip(window: bytes) -> bool:
    return is_zip_header(window, 0, len(window))


def _is_7z(window: bytes) -> bool:
    return len(window) < 32 or zlib.crc32(window[12:32]) == int.from_bytes(window[8:12], "little")


def _is_rar(window: bytes) -> bool:
    """Return True if the archive header is that of RAR 4, or has the checksum of RAR 5."""
    if window[6:7] == b"\0":
        return len(window) < 10 or window[9] == 0x73
    if window[6:8] != b"\1\0" or len(window) < 13:
        return len(window) < 13
    size = window[12]
    return size < 0x80 and zlib.crc32(window[12 : 13 + size]) == int.from_bytes(window[8:12], "little")


def _is_lzip(window: bytes) -> bool:
    """Return True if the dictionary size of an lzip is valid and an lzma stream follows."""
    if len(window) < 18:
        return True
    return (
        12 <= window[5] & 0x1F <= 29
        and not window[6]
        and stream_checks.is_lzma_stream(b"\x5d\0\0\1\0", window[6:])
    )


def _is_nsis(window: bytes) -> bool:
    """Return True if the data of an NSIS installer follow: two sizes in range, and its header.

    It is stored or compressed, alone behind its size or as the beginning of one stream.
    """
    header, all_data = (int.from_bytes(window[at : at + 4], "little") for at in (16, 20))
    data = window[24:]
    if len(data) < 4:
        return True
    if not (0 < header < 1 << 28 and header <= all_data < 1 << 31):
        return False
    if data[3] == 0x80 or data[:4] == window[16:20] or _NSIS_STREAM.match(data):
        return True
    return stream_checks.is_stream(zlib.decompressobj(-15), data, zlib.error)


Signature = tuple[bytes, str, Callable[[bytes], bool]]
"""Beginning, format and check of bytes that begin so."""

_SIGNATURES: tuple[Signature, ...] = (
    (b"PK\3\4", "zip", _is_zip),
    (b"PK\1\2", "zip", _is_zip),
    (b"7z\xbc\xaf", "7z", _is_7z),
    (b"\xfd7zXZ", "xz", stream_checks.is_xz),
    (b"BZh", "bzip2", stream_checks.is_bzip2),
    (b"\x1f\x8b", "gzip", stream_checks.is_gzip),
    (b"\x28\xb5\x2f\xfd", "zstd", stream_checks.is_zstd),
    (b"Rar!", "rar", _is_rar),
    (b"MSCF", "cab", _by_pattern(rb".{12}\x00{4}(?:.{8}\x03\x01|.{0,8}\Z)")),
    (b"LZIP", "lzip", _is_lzip),
    (b"\x04\x22\x4d\x18", "lz4", _by_pattern(rb".{4}[\x40-\x7f][\x40\x50\x60\x70]")),
    (b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "leveldb", bool),
    (b"# v", "git-bundle", _by_pattern(rb"# v[23] git bundle\n")),
    (b"SQLite format 3\0", "sqlite", _by_pattern(rb".{21}\x40\x20\x20")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole", bool),
    (b"koly\0\0\0\4\0\0\2\0", "dmg", _by_pattern(rb".{488}\x00{3}[\x01-\x0f].{8}\x00{12}\Z")),
    (b"\xef\xbe\xad\xdeNullsoftInst", "nsis", _is_nsis),
    (b"000000", "dump", _by_pattern(rb"0{6,8}:? {1,4}[!-~]")),
    *((text, "events", bool) for text in beginnings.TEXTS[1:]),
    *((header, "zlib", stream_checks.is_zlib) for header in beginnings.ZLIB),
)

CHECKS: dict[bytes, tuple[Signature, ...]] = {
    start: tuple(row for row in _SIGNATURES if row[0][:2] == start)
    for start in dict.fromkeys(row[0][:2] for row in _SIGNATURES)
}
"""The signatures by their first two bytes."""

CHECKED: dict[str, Callable[[bytes], bool]] = {
    "cpio": is_cpio,
    "lzma": stream_checks.is_lzma,
    "arj": is_arj,
    "leveldb-log": is_leveldb_log,
    "LHA": is_lha,
    "old-tar": is_tar_header,
    "zlib": stream_checks.is_zlib,
}
"""Checks of the first ``signatures.CHECKED_BYTES`` bytes, for formats whose signature is too short."""
