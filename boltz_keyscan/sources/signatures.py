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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap

    from boltz_keyscan.model.finding import Detector

HEAD = 1032
"""First bytes of a blob that identify a format (the header of a PDF may begin at byte 1,024)."""

CHECKED_BYTES = 512
"""Bytes passed to the check of a signature."""

MAX_CHECKS = 2000
"""False signatures checked in one buffer; more are reported as ``FLOOD``."""

FLOOD = "flood"
"""Placeholder for the format of a signature that was not checked."""

Mark = tuple[int, str]
"""Offset and format of an archive."""

BEGINNINGS = {
    "zip": rb"PK(?:\x03\x04|\x05\x06|\x07\x08PK)",  # also empty; one of several volumes
    "gzip": rb"\x1f\x8b\x08",  # RFC 1952
    "bzip2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",  # also of nothing
    "xz": rb"\xfd7zXZ\x00",
    "zstd": rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)",  # also a frame to skip (RFC 8878)
    "7z": rb"7z\xbc\xaf\x27\x1c",
    "pdf": rb"%PDF-",
    "ar": rb"!<arch>\n",  # also deb
    "rpm": rb"\xed\xab\xee\xdb",
    "git-bundle": rb"# v[23] git bundle\n",
    "git-pack": rb"PACK\x00\x00\x00[\x02\x03]",
    "warc": rb"WARC/[01]\.",
    "rar": rb"Rar!\x1a\x07",
    "lz4": rb"(?:\x04\x22\x4d\x18|[\x02\x03]\x21\x4c\x18)",  # also the legacy frame
    "lzip": rb"LZIP[\x00\x01]",
    "pack": rb"\x1f(?:\x9e\x08|\x1e.{4}[\x01-\x19])",  # gzip 0.5, and pack: gzip reads both
    "compress": rb"\x1f\x9d[\x09-\x10\x89-\x90]",
    "cab": rb"MSCF\x00{4}",
    "xar": rb"xar!\x00.\x00[\x00\x01]",
    "lzop": rb"\x89LZO\x00\r\n\x1a\n",
    "lrzip": rb"LRZI\x00",
    "squashfs": rb"(?:hsqs.{24}[\x01-\x04]\x00|sqsh.{24}\x00[\x01-\x04])",
    "wim": rb"(?:MSWIM|WLPWM)\x00{3}",
    "chm": rb"ITSF[\x01-\x04]\x00{3}",
    "zoo": rb"ZOO .{16}\xdc\xa7\xc4\xfd",
    "dmg": rb"koly\x00{3}\x04\x00{2}\x02\x00",  # where its trailer begins
    "nsis": rb"\xef\xbe\xad\xdeNullsoftInst",  # where the data of an installer begin
    "tar": rb".{257}ustar",  # since 1988
}
"""First bytes of each format, as regular expressions in which a dot matches any byte."""

CHECKED = {
    "cpio": rb"07070[127]|\xc7\x71|\x71\xc7",  # cpio(5); the last two are one number in either order
    "lzma": rb"[\x00-\xe0].{4}(?:\xff{8}|.{4}[\x00-\x3f]\x00{3})\x00",
    "arj": rb"\x60\xea",
    "lha": rb".{2}-l[hz][0-9ds]-",
    "old-tar": rb".{148}[0-7 \x00]{5}",  # before 1988: where a header has its checksum
}
"""First bytes of formats that need a check by ``signature_checks.CHECKED`` as well."""

_PDF = re.compile(rb"%PDF-")
_PDF_BYTES = 1024 + len("%PDF-")

_BEGINNING = re.compile(b"|".join(BEGINNINGS.values()), re.DOTALL)
_CHECKED_BEGINNING = re.compile(b"|".join(CHECKED.values()), re.DOTALL)

_CANDIDATE = bytes(
    byte in b"\x1fB\xfd\x28P7%!\xed0R\x02\x04LMQRSTUVWXYZ[\\^_#\xc7\x71\x60xhs\x89IW" for byte in range(256)
)
"""1 for each first byte of the formats above, except those found by a probe at another offset."""


def has_pdf_header(buffer: bytes | bytearray | mmap.mmap, start: int = 0, end: int | None = None) -> bool:
    """Return whether ``buffer[start:end]``, a whole blob, has a PDF header where readers search for it.

    That is anywhere in its first 1,024 bytes (ISO 32000-1, annex H.3, note 13).
    """
    last = len(buffer) if end is None else end
    return _PDF.search(buffer, start, min(last, start + _PDF_BYTES)) is not None


def is_container(buffer: bytes | bytearray | mmap.mmap, start: int, end: int) -> bool:
    """Return whether ``buffer[start:end]``, a whole blob, begins as a container does."""
    size = end - start
    # A few bytes exclude most blobs; one of them is zero in old tar and in lzma.
    if not (
        size > 0
        and (
            _CANDIDATE[buffer[start]]
            or (
                size > 262
                and (buffer[start + 257] == 0x75 or not (buffer[start + 154] and buffer[start + 155]))
            )
            or (size > 13 and (not buffer[start + 13] or buffer[start + 2] == 0x2D))
        )
    ):
        return has_pdf_header(buffer, start, end)
    if _BEGINNING.match(buffer, start, end) or has_pdf_header(buffer, start, end):
        return True
    return _CHECKED_BEGINNING.match(buffer, start, end) is not None and _is_checked(
        bytes(buffer[start : min(start + CHECKED_BYTES, end)])
    )


def is_container_head(head: bytes) -> bool:
    """Return whether a blob that begins with ``head`` (``HEAD`` bytes, or all) is a container."""
    return is_container(head, 0, len(head))


def _is_checked(head: bytes) -> bool:
    from boltz_keyscan.sources import signature_checks  # noqa: PLC0415 - few files need it

    return any(check(head) for check in signature_checks.CHECKED.values())


def checked_marks(
    buffer: bytes | bytearray | memoryview | mmap.mmap, end: int, marks: Sequence[int]
) -> list[Mark]:
    """Return the archives in ``buffer[:end]``, in order.

    After ``MAX_CHECKS`` false signatures the rest are returned unchecked, as ``FLOOD``.

    Args:
        buffer: the bytes that the fast pass searched.
        end: bytes of it that are valid.
        marks: offsets of the signatures found by that pass.
    """
    if not marks:
        return []
    from boltz_keyscan.sources import signature_checks  # noqa: PLC0415 - text has none

    archives: list[Mark] = []
    false = 0
    for at in sorted(set(marks)):
        checked = bytes(buffer[at : min(at + CHECKED_BYTES, end)])
        kind = signature_checks.identify(checked) if false < MAX_CHECKS else FLOOD
        if kind is None:
            false += 1
        else:
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
    stream: mmap.mmap | bytes,
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
