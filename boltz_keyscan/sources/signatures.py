"""Recognition of containers by their bytes, for every blob of every scan.

A container begins a blob, or is embedded in it: behind a program that unpacks it, a line of text,
damaged bytes. The blob's first bytes decide the first case. The second is found by signatures
that the fast pass searches for as well (``marks``); false ones are dropped here, in microseconds.
``archives``, which opens containers, is loaded only after the first one.
"""

from __future__ import annotations

import bisect
import itertools
import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from boltz_keyscan.model.finding import Detector

HEAD = 1032
"""First bytes of a blob that identify a format (the header of a PDF may begin at byte 1,024)."""

CHECKED_BYTES = 512
"""Bytes passed to the check of a signature."""

MAX_CHECKS = 2_000
"""False signatures checked in each MiB of a buffer; more are reported as ``FLOOD``."""

_ZIP_BYTE = ord("P")

_COSTLY = dict.fromkeys(b"0123456789%=\\", 4)
"""False signatures that a check of numbers or escapes counts for, by the first byte."""

MAX_ARCHIVES = 10_000
"""Archives in each MiB of a buffer that are opened one by one; all zips are opened at once."""

BEFORE_BYTES = 96
"""Bytes before a signature that its check gets."""

FLOOD = "flood"
"""Placeholder for the format of a signature that was not checked."""

Mark = tuple[int, str]
"""Offset and format of an archive."""


class Format(NamedTuple):
    """A row of the table of formats."""

    name: str
    """Name; of a format without a reader as gaps give it."""
    first: bytes
    """Possible first bytes; empty where the pattern allows any."""
    pattern: bytes
    """Regular expression of the first bytes, in which a dot matches any byte."""
    reader: str = ""
    """Module and function in ``archives`` that yield its members; empty for a format that is not read."""
    is_checked: bool = False
    """True for a pattern that other bytes match too: ``signature_checks.CHECKED`` has a check for it."""


_ZSTD = rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)"
"""Also a frame to skip (RFC 8878)."""
_LZMA = rb"[\x00-\xe0].{4}(?:\xff{8}|.{4}[\x00-\x3f]\x00{3})\x00"
_BATCH = rb".{6}[\x01\x02].{5}\x00{3}.{4}[\x00\x01]"
"""The header of a record, and of a batch: the byte at 13 is zero, as in most of lzma."""

FORMATS = (
    Format("zip", b"P", rb"PK(?:\x03\x04|\x05\x06|\x07\x08PK)", "zip:members"),  # also empty, or one volume
    Format("gzip", b"\x1f", rb"\x1f\x8b\x08", "compression:gzip_members"),  # RFC 1952
    # Also a stream of nothing.
    Format("bzip2", b"B", rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "compression:bzip2_members"),
    Format("xz", b"\xfd", rb"\xfd7zXZ\x00", "compression:xz_members"),
    Format("zstd", b"\x28PQRSTUVWXYZ[\\]^_", _ZSTD, "compression:zstd_members"),
    Format("pdf", b"%", rb"%PDF-", "pdf:members"),
    Format("ar", b"!", rb"!<arch>\n", "ar_rpm:ar_members"),  # also deb
    Format("rpm", b"\xed", rb"\xed\xab\xee\xdb", "ar_rpm:rpm_members"),
    Format("7z", b"7", rb"7z\xbc\xaf\x27\x1c", "sevenzip:members"),
    Format("git-bundle", b"#", rb"# v[23] git bundle\n", "git_pack:bundle_members"),
    Format("git-pack", b"P", rb"PACK\x00\x00\x00[\x02\x03]", "git_pack:pack_members"),
    # With the three numbers that all versions write and require.
    Format("sqlite", b"S", rb"SQLite format 3\x00.{5}\x40\x20\x20", "sqlite:members"),
    # With the version of the format, as all versions since 3.7 write it; and a rollback journal.
    Format("sqlite-log", b"7", rb"7\x7f\x06[\x82\x83]\x00\x2d\xe2\x18", "sqlite_log:log_members"),
    Format("sqlite-journal", b"\xd9", rb"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "sqlite_log:journal_members"),
    Format("ole", b"\xd0", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole:members"),
    Format("journal", b"L", rb"LPKSHHRH", "journal:members"),
    # With the first field of a page or of the directory.
    Format("parquet", b"P", rb"PAR1\x15", "science:parquet_members"),
    Format("arrow", b"A", rb"ARROW1\x00\x00", "science:arrow_members"),
    # With the length of a compressed piece of less than 256 KiB.
    Format("orc", b"O", rb"ORC..[\x00-\x07]", "science:orc_members"),
    Format("hdf5", b"\x89M", rb"(?:\x89HDF\r\n\x1a\n|MATLAB 7\.3 MAT-file)", "science:hdf5_members"),
    Format("mat", b"M", rb"MATLAB 5\.0 MAT-file.{105}(?:\x00\x01IM|\x01\x00MI)", "blocks:mat_members"),
    Format("avro", b"O", rb"Obj\x01[\x02-\x7f]", "blocks:avro_members"),
    Format("redis", b"R", rb"REDIS00[01][0-9]", "databases:redis_members"),
    Format("duckdb", b"", rb".{8}DUCK..\x00{6}", "databases:duckdb_members"),
    Format("rar", b"R", rb"Rar!\x1a\x07"),
    Format("lz4", b"\4m", rb"\x04\x22\x4d\x18|mozLz40\x00", "compression:lz4_members"),
    Format("snappy", b"\xff\x82", rb"\xff\x06\0\0sNaPpY|\x82SNAPPY\0.{8}", "compression:snappy_members"),
    Format("leveldb", b"W", rb"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "leveldb:table_members"),
    Format("wandb", b":", rb":W&B\xe1\xbe\x00", "leveldb:log_members"),
    Format("lz4's legacy frame", b"\2\3", rb"[\x02\x03]\x21\x4c\x18"),
    Format("lzip", b"L", rb"LZIP[\x00\x01]"),
    Format("gzip's older form or pack (.z)", b"\x1f", rb"\x1f(?:\x9e\x08|\x1e.{4}[\x01-\x19])"),
    Format("compress (.Z)", b"\x1f", rb"\x1f\x9d[\x09-\x10\x89-\x90]"),
    Format("cab", b"M", rb"MSCF\x00{4}"),
    Format("xar", b"x", rb"xar!\x00.\x00[\x00\x01]"),
    Format("lzop", b"\x89", rb"\x89LZO\x00\r\n\x1a\n"),
    Format("lrzip", b"L", rb"LRZI\x00"),
    Format("squashfs", b"hs", rb"(?:hsqs.{24}[\x01-\x04]\x00|sqsh.{24}\x00[\x01-\x04])"),
    Format("wim", b"MW", rb"(?:MSWIM|WLPWM)\x00{3}"),
    Format("chm", b"I", rb"ITSF[\x01-\x04]\x00{3}"),
    Format("zoo", b"Z", rb"ZOO .{16}\xdc\xa7\xc4\xfd"),
    Format("dmg", b"k", rb"koly\x00{3}\x04\x00{2}\x02\x00"),  # where its trailer begins
    # Where the data of an installer begin.
    Format("an installer made by NSIS", b"\xef", rb"\xef\xbe\xad\xdeNullsoftInst"),
    Format("tar", b"", rb".{257}ustar[\x00 ]", "tar:members"),  # since 1988
    Format("warc", b"W", rb"WARC/[01]\.[0-9]{1,3}[ \t]*\r?\n", "warc:members"),
    # Before 1988: where a header has its checksum.
    Format("old-tar", b"", rb".{148}[0-7 \x00]{5}", "tar:members", is_checked=True),
    # cpio(5); the last two are one number in either order.
    Format("cpio", b"0\xc7\x71", rb"07070[127]|\xc7\x71|\x71\xc7", "cpio:members", is_checked=True),
    Format("lzma", b"", _LZMA, "compression:lzma_members", is_checked=True),
    Format("zlib", b"x", rb"x[\x01\x5e\x9c\xda]", "compression:zlib_members", is_checked=True),  # RFC 1950
    Format("arj", b"\x60", rb"\x60\xea", is_checked=True),
    Format("LHA", b"", rb".{2}-l[hz][0-9ds]-", is_checked=True),
    Format("leveldb-log", b"", _BATCH, "leveldb:log_members", is_checked=True),
)
"""The formats in the order in which they are tried, those with a check last."""

_PDF = re.compile(rb"%PDF-")
_PDF_BYTES = 1024 + len("%PDF-")
"""Bytes of a blob in which readers search for the header of a PDF."""

ZIP, SQLITE, PDF = map({row.name: row for row in FORMATS}.__getitem__, ("zip", "sqlite", "pdf"))

TEXT = Format("base64", b"e", rb"eNo", "encoded:base64_members")
"""Base64 of zlib: the search engine finds this beginning only behind another byte."""

_WIDE_TEXT = rb"(?:\xff\xfe(?!\x00\x00)(?:..){0,8}?[\t\n\r -~]\x00|\xfe\xff(?:..){0,8}?\x00[\t\n\r -~])"
WIDE = Format("utf-16", b"\xff\xfe", _WIDE_TEXT, "encoded:utf_16_members")
"""Text in UTF-16 with a byte order mark, whose layout is read as in any text."""
ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")

_PLAIN = (*(row for row in FORMATS if not row.is_checked), WIDE)
_CHECKED = tuple(row for row in FORMATS if row.is_checked)
_PLAIN_BEGINNING = re.compile(b"|".join(b"(%s)" % row.pattern for row in _PLAIN), re.DOTALL)
"""A group for each row."""
_CHECKED_BEGINNING = re.compile(b"|".join(row.pattern for row in _CHECKED), re.DOTALL)

_FIRST = frozenset(b"".join(row.first for row in (*FORMATS, TEXT, WIDE)))
_CANDIDATE = bytes(byte in _FIRST for byte in range(256))
"""1 for each first byte of the formats above, except those found by a probe at another offset."""


def find_format(buffer: bytes | bytearray, start: int, end: int) -> Format | None:
    """Return the format of ``buffer[start:end]``, a whole blob, by its beginning; None for no container."""
    size = end - start
    # A few bytes exclude most blobs; one of them is zero in old tar and in lzma.
    if size > 0 and (
        _CANDIDATE[buffer[start]]
        or (size > 262 and (buffer[start + 257] == 0x75 or not (buffer[start + 154] and buffer[start + 155])))
        or (size > 13 and (not buffer[start + 13] or buffer[start + 2] == 0x2D))
    ):
        if found := _PLAIN_BEGINNING.match(buffer, start, end):
            row = _PLAIN[(found.lastindex or 1) - 1]
            return None if row is SQLITE and size > HEAD and _is_shown(buffer, start, end) else row
        if _CHECKED_BEGINNING.match(buffer, start, end):
            head = bytes(buffer[start : min(start + CHECKED_BYTES, end)])
            for row in _CHECKED:
                if _is_checked(head, row):
                    return row
        if buffer[start : start + 3] == TEXT.pattern and _is_text(
            bytes(buffer[start : min(start + CHECKED_BYTES, end)])
        ):
            return TEXT
    # After all others, because a tar may begin with a document (ISO 32000-1, annex H.3, note 13).
    return PDF if _PDF.search(buffer, start, min(end, start + _PDF_BYTES)) else None


def _is_text(head: bytes) -> bool:
    from boltz_keyscan.sources import encoded_checks  # noqa: PLC0415 - few files need it

    return encoded_checks.identify(head) is not None


def _is_shown(buffer: bytes | bytearray, start: int, end: int) -> bool:
    """Return True for a database whose bytes show all rows, so that it need not be opened."""
    from boltz_keyscan.sources import sqlite_pages  # noqa: PLC0415 - few files need it

    return sqlite_pages.shows_rows(buffer, start, end)


def _is_checked(head: bytes, row: Format) -> bool:
    from boltz_keyscan.sources import signature_checks  # noqa: PLC0415 - few files need it

    return re.match(row.pattern, head, re.DOTALL) is not None and signature_checks.CHECKED[row.name](head)


def is_brotli(name: bytes) -> bool:
    """Return True for the name of a file of brotli, which has no mark (RFC 7932)."""
    return name[-3:].lower() == b".br"


def is_container(buffer: bytes | bytearray, start: int, end: int) -> bool:
    """Return True if ``buffer[start:end]``, a whole blob, begins as a container does."""
    return find_format(buffer, start, end) is not None


def is_container_head(head: bytes) -> bool:
    """Return True if a blob that begins with ``head`` (``HEAD`` bytes, or all) is a container."""
    return find_format(head, 0, len(head)) is not None


def checked_marks(buffer: bytes | bytearray | memoryview, end: int, marks: Sequence[int]) -> list[Mark]:
    """Return the archives in ``buffer[:end]``, in order.

    After ``MAX_CHECKS`` false signatures or ``MAX_ARCHIVES``, the rest are returned unchecked, as ``FLOOD``.

    Args:
        buffer: the bytes that the fast pass searched.
        end: bytes of it that are valid.
        marks: offsets of the signatures found by that pass.
    """
    if not marks:
        return []
    from boltz_keyscan.sources import encoded_checks, signature_checks  # noqa: PLC0415 - text has none

    archives: list[Mark] = []
    false = opened = 0
    mebibytes = max(end >> 20, 1)
    is_zip_header = signature_checks.is_zip_header
    offsets = sorted(set(marks))
    for number, at in enumerate(offsets):
        if false > MAX_CHECKS * mebibytes or opened > MAX_ARCHIVES * mebibytes:
            return archives + [(rest, FLOOD) for rest in offsets[number:]]
        if buffer[at] == _ZIP_BYTE and is_zip_header(buffer, at, min(at + CHECKED_BYTES, end)):
            archives.append((at, "zip"))
            continue
        if not encoded_checks.is_worth_checking(buffer, at):
            continue
        window = bytes(buffer[at : min(at + CHECKED_BYTES, end)])
        if window[:1] != b"x" and (signature_checks.has_signature(window) or window[257:262] == b"ustar"):
            kind = signature_checks.identify(window)
        else:
            kind = encoded_checks.identify(window, bytes(buffer[max(at - BEFORE_BYTES, 0) : at]))
        if kind is None:
            false += _COSTLY.get(window[0], 1)
        else:
            opened += 1
            archives.append((at, kind))
    return archives


class ArchiveFinder:
    """A search for archives in a blob that is read in chunks."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._tail = b""
        self.has_archive = False
        """True once an archive was found."""

    def feed(self, chunk: bytes) -> list[int]:
        """Search the next chunk; return its candidate offsets, counted from the bytes kept of the last."""
        piece = self._tail + chunk
        marks: list[int] = []
        offsets = self._detector.candidate_offsets(piece, len(piece), marks)
        self.has_archive = self.has_archive or bool(checked_marks(piece, len(piece), marks))
        self._tail = piece[-max(self._detector.overlap, CHECKED_BYTES) :]
        return offsets

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks unchanged, and search them."""
        for chunk in chunks:
            self.feed(chunk)
            yield chunk


def find_containers(
    stream: bytes | bytearray,
    length: int,
    starts: Sequence[int],
    sizes: Sequence[int],
    marks: Sequence[Mark] = (),
) -> list[int]:
    """Return the indexes of the blobs in ``stream`` that are containers, or have one embedded.

    Tests three bytes and the first kilobyte of each in C, and only the few that pass in full.

    Args:
        stream: many blobs, with any bytes before and between them.
        length: bytes of it that are valid.
        starts: start of each blob, in order, none within the first 22 bytes.
        sizes: size of each blob.
        marks: offsets and formats of archives.
    """
    # Blobs so near the end that a probe could read beyond it are tested in full.
    safe_count = bisect.bisect_right(starts, length - HEAD)
    if safe_count < 2:
        safe_count = 0
    else:
        probes = (iter(starts), _shift(starts, 2), _shift(starts, 13))
        first, lha, lzma = (
            operator.itemgetter(*itertools.islice(probe, safe_count))(stream) for probe in probes
        )
        is_first_byte = map(_CANDIDATE.__getitem__, first)
        # PDF headers: a loop in C that searches the beginning of each blob.
        until = map(min, map(operator.add, starts, sizes), _shift(starts, _PDF_BYTES))
        documents = map(_PDF.search, itertools.repeat(stream), starts, until)
        probed = zip(is_first_byte, lha, lzma, sizes, documents, strict=False)
        indexes = [
            index
            for index, (candidate, lha_mark, lzma_mark, size, document) in enumerate(probed)
            if candidate or lha_mark == 0x2D or lzma_mark == 0 or not size % 512 or document
        ]
    candidates = itertools.chain(indexes if safe_count else (), range(safe_count, len(starts)))
    containers = {
        index for index in candidates if is_container(stream, starts[index], starts[index] + sizes[index])
    }
    for at, _ in marks:
        index = bisect.bisect_right(starts, at) - 1
        if index >= 0 and at < starts[index] + sizes[index]:
            containers.add(index)
    return sorted(containers)


def _shift(positions: Iterable[int], by: int) -> Iterator[int]:
    return map(operator.add, positions, itertools.repeat(by))


def list_blob_starts(headers: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """Return the start of each blob in a stream that has a header before each and one byte after.

    Args:
        headers: sizes of the headers in bytes.
        sizes: sizes of the blobs in bytes.
    """
    lengths = map(operator.add, headers, sizes)
    before = itertools.accumulate((length + 1 for length in lengths), initial=0)
    return list(map(operator.add, before, headers))
