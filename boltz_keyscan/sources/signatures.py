"""Recognition of containers by their bytes: what every scan asks of every blob.

A container begins a blob, or begins within it: behind a program that unpacks it, a line of
text, bytes that are damaged. The first is decided by the blob's first bytes. The second is
found by signatures that the fast pass over all bytes looks for as well (``marks``); those
that do not check out are dropped here, in microseconds.

Boundary: a quick yes or no, and no module that could open one; which format it is, and
what is in it, is for ``containers``, which is loaded after the first yes.
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
"""Bytes from the beginning that tell a format (a PDF's header may be 1,024 bytes behind it)."""

CHECKED_BYTES = 512
"""Bytes with which a signature is checked."""

MAX_CHECKS = 2000
"""Signatures of nothing that are checked in one buffer."""

FLOOD = "flood"
"""In place of a format: there were more, so that it is not known."""

Mark = tuple[int, str]
"""Where an archive begins, and its format."""

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
"""The first bytes of each format, as regular expressions in which a dot is any byte."""

CHECKED = {
    "cpio": rb"07070[127]|\xc7\x71|\x71\xc7",  # cpio(5); the last two are one number in either order
    "lzma": rb"[\x00-\xe0].{4}(?:\xff{8}|.{4}[\x00-\x3f]\x00{3})\x00",
    "arj": rb"\x60\xea",
    "lha": rb".{2}-l[hz][0-9ds]-",
    "old-tar": rb".{148}[0-7 \x00]{5}",  # before 1988: where a header has its checksum
}
"""The same for formats whose first bytes are not enough; ``signatures.CHECKED`` looks closer."""

_PDF = re.compile(rb"%PDF-")
_PDF_BYTES = 1024 + len("%PDF-")

_BEGINNING = re.compile(b"|".join(BEGINNINGS.values()), re.DOTALL)
_PERHAPS = re.compile(b"|".join(CHECKED.values()), re.DOTALL)

_CANDIDATE = bytes(
    byte in b"\x1fB\xfd\x28P7%!\xed0R\x02\x04LMQRSTUVWXYZ[\\^_#\xc7\x71\x60xhs\x89IW" for byte in range(256)
)
"""1 for each byte that one of the above begins with, less those that a probe at another place finds."""


def has_pdf_header(buffer: bytes | bytearray | mmap.mmap, start: int = 0, end: int | None = None) -> bool:
    """Return whether ``buffer[start:end]``, a whole blob, has the header of a PDF where readers look for it.

    That is anywhere in its first 1,024 bytes (ISO 32000-1, annex H.3, note 13).
    """
    last = len(buffer) if end is None else end
    return _PDF.search(buffer, start, min(last, start + _PDF_BYTES)) is not None


def is_container(buffer: bytes | bytearray | mmap.mmap, start: int, end: int) -> bool:
    """Return whether ``buffer[start:end]``, a whole blob, begins as a container does."""
    size = end - start
    # Most blobs differ from all of them in a few bytes, one of which is zero in the older tar and in lzma.
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
    return _PERHAPS.match(buffer, start, end) is not None and _is_checked(
        bytes(buffer[start : min(start + CHECKED_BYTES, end)])
    )


def is_container_head(head: bytes) -> bool:
    """Return whether a blob that begins with ``head`` (``HEAD`` bytes, or all) is a container."""
    return is_container(head, 0, len(head))


def _is_checked(head: bytes) -> bool:
    from boltz_keyscan.sources import signature_checks  # noqa: PLC0415 - few files come so far

    return any(check(head) for check in signature_checks.CHECKED.values())


def checked_marks(
    buffer: bytes | bytearray | memoryview | mmap.mmap, end: int, marks: Sequence[int]
) -> list[Mark]:
    """Return where in ``buffer[:end]`` an archive begins, in order.

    Where there are too many signatures of nothing the rest is taken for true.

    Args:
        buffer: what the fast pass was made over.
        end: bytes of it that count.
        marks: where that pass saw a signature.
    """
    if not marks:
        return []
    from boltz_keyscan.sources import signature_checks  # noqa: PLC0415 - text has none

    found: list[Mark] = []
    false = 0
    for at in sorted(set(marks)):
        checked = bytes(buffer[at : min(at + CHECKED_BYTES, end)])
        kind = signature_checks.kind(checked) if false < MAX_CHECKS else FLOOD
        if kind is None:
            false += 1
        else:
            found.append((at, kind))
    return found


class ArchiveFinder:
    """A look for archives in a blob that passes in chunks."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._tail = b""
        self.found = False
        """Whether there was one."""

    def feed(self, chunk: bytes) -> list[int]:
        """Take the next chunk; what the fast pass says of it, counted from the bytes kept of the last."""
        piece = self._tail + chunk
        marks: list[int] = []
        offsets = self._detector.candidate_offsets(piece, len(piece), marks)
        self.found = self.found or bool(checked_marks(piece, len(piece), marks))
        self._tail = piece[-max(self._detector.overlap, CHECKED_BYTES) :]
        return offsets

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks as they pass."""
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
    """The numbers of the blobs in ``stream`` that are containers, or have one in them.

    Looks at three bytes and the first kilobyte of each, through C, and at the few that pass as a whole.

    Args:
        stream: many blobs, with anything before and between them.
        length: bytes of it that count.
        starts: where each begins, in order, none within the first 22 bytes.
        sizes: how long each is.
        marks: where an archive begins.
    """
    # What is so near the end that a probe could pass it is looked at in any case.
    far = bisect.bisect_right(starts, length - HEAD)
    if far < 2:
        far = 0
    else:
        probes = (iter(starts), _moved(starts, 2), _moved(starts, 13))
        first, lha, lzma = (operator.itemgetter(*itertools.islice(probe, far))(stream) for probe in probes)
        marked = map(_CANDIDATE.__getitem__, first)
        # The headers of PDFs: a loop in C that searches the beginning of each blob.
        until = map(min, map(operator.add, starts, sizes), _moved(starts, _PDF_BYTES))
        documents = map(_PDF.search, itertools.repeat(stream), starts, until)
        looked = zip(marked, lha, lzma, sizes, documents, strict=False)
        numbers = [
            number
            for number, (candidate, lha_mark, lzma_mark, size, document) in enumerate(looked)
            if candidate or lha_mark == 0x2D or lzma_mark == 0 or not size % 512 or document
        ]
    candidates = itertools.chain(numbers if far else (), range(far, len(starts)))
    found = {
        number
        for number in candidates
        if is_container(stream, starts[number], starts[number] + sizes[number])
    }
    for at, _ in marks:
        number = bisect.bisect_right(starts, at) - 1
        if number >= 0 and at < starts[number] + sizes[number]:
            found.add(number)
    return sorted(found)


def _moved(positions: Iterable[int], by: int) -> Iterator[int]:
    return map(operator.add, positions, itertools.repeat(by))


def list_blob_starts(headers: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """Where each blob begins in a stream that has a header before each and one byte after.

    Args:
        headers: bytes of each header.
        sizes: bytes of each blob.
    """
    taken = map(operator.add, headers, sizes)
    before = itertools.accumulate((size + 1 for size in taken), initial=0)
    return list(map(operator.add, before, headers))
