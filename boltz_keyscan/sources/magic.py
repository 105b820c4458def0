"""Whether bytes are a container, told from their ends: what every scan asks of every blob.

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

HEAD = 1032
"""Bytes from the beginning that tell a format (a PDF's header may be 1,024 bytes behind it)."""

TAIL = 22 + 0xFFFF
"""Bytes at the end in which a zip has its directory's end, whatever is before it (APPNOTE 4.3.16)."""

END_OF_ZIP = b"PK\5\6"

BEGINNINGS = {
    "zip": rb"PK(?:\x03\x04|\x05\x06|\x07\x08PK)",  # also empty; one of several volumes
    "gzip": rb"\x1f\x8b\x08",  # RFC 1952
    "bzip2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",  # also of nothing
    "xz": rb"\xfd7zXZ\x00",
    "lzma": rb"\x5d\x00\x00.{2}\xff{8}",  # of unknown size, as lzma writes it to a pipe
    "zstd": rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)",  # also a frame to skip (RFC 8878)
    "7z": rb"7z\xbc\xaf\x27\x1c",
    "pdf": rb"%PDF-",
    "ar": rb"!<arch>\n",  # also deb
    "rpm": rb"\xed\xab\xee\xdb",
    "cpio": rb"07070(?:[12][0-9A-Fa-f]{104}|7[0-7]{70})",
    "git-bundle": rb"# v[23] git bundle\n",
    "git-pack": rb"PACK\x00\x00\x00[\x02\x03]",
    "rar": rb"Rar!\x1a\x07",
    "lz4": rb"\x04\x22\x4d\x18",
    "lzip": rb"LZIP[\x00\x01]",
    "compress": rb"\x1f\x9d[\x80-\x90]",
    "cab": rb"MSCF\x00{4}",
    "tar": rb".{257}ustar",  # since 1988
    "old-tar": rb".{148}[0-7 ]{6}\x00 [\x000-7]",  # before: where a header has its checksum and its type
}
"""The first bytes of each format, as regular expressions in which a dot is any byte."""

_PDF = re.compile(rb"%PDF-")
_PDF_BYTES = 1024 + len("%PDF-")

_BEGINNING = re.compile(b"|".join(BEGINNINGS.values()), re.DOTALL)

_CARRIERS = re.compile(rb"MZ|\x7fELF|#!|\x89PNG|\xff\xd8\xff|GIF8|[\xca\xcf][\xfe\xfa]")
"""Programs that unpack themselves, and pictures that hide an archive: searched for one with a comment."""

_CANDIDATE = bytes(
    byte in b"\x1fB\xfd\x5d\x28P7%!\xed0R\x04LMQRSTUVWXYZ[\\^_\x7f#\x89\xffG\xca\xcf" for byte in range(256)
)
"""1 for each byte that one of the above can begin with."""


def has_pdf_header(buffer: bytes | bytearray | mmap.mmap, start: int = 0, end: int | None = None) -> bool:
    """Return whether ``buffer[start:end]``, a whole blob, has the header of a PDF where readers look for it.

    That is anywhere in its first 1,024 bytes (ISO 32000-1, annex H.3, note 13).
    """
    last = len(buffer) if end is None else end
    return _PDF.search(buffer, start, min(last, start + _PDF_BYTES)) is not None


def is_container(buffer: bytes | bytearray | mmap.mmap, start: int, end: int) -> bool:
    """Whether ``buffer[start:end]``, a whole blob, is a container or ends in one."""
    if _BEGINNING.match(buffer, start, end) or has_pdf_header(buffer, start, end):
        return True
    if buffer[end - 22 : end - 18] == END_OF_ZIP and end - start >= 22:
        return True
    if _CARRIERS.match(buffer, start, end):
        return buffer.rfind(END_OF_ZIP, max(start, end - TAIL), end - 18) >= 0
    return False


def begins(head: bytes) -> bool:
    """Whether a blob that begins with ``head`` (``HEAD`` bytes, or all) is a container."""
    return _BEGINNING.match(head) is not None or has_pdf_header(head)


def ends_in_zip(tail: bytes) -> bool:
    """Whether a blob that ends in ``tail`` (``TAIL`` bytes, or all) ends in a zip, comment or not."""
    at = tail.rfind(END_OF_ZIP)
    return 0 <= at <= len(tail) - 22


def among(stream: mmap.mmap | bytes, length: int, starts: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """The numbers of the blobs in ``stream`` that are containers.

    Looks at three bytes and the first kilobyte of each, through C, and at the few that pass as a whole.

    Args:
        stream: many blobs, with anything before and between them.
        length: bytes of it that count.
        starts: where each begins, in order, none within the first 22 bytes.
        sizes: how long each is.
    """
    # What is so near the end that a probe could pass it is looked at in any case.
    far = bisect.bisect_right(starts, length - HEAD)
    if far < 2:
        far = 0
    else:
        ends = list(map(operator.add, starts, sizes))
        # The headers of PDFs: a loop in C that searches the beginning of each blob.
        until = map(min, ends, _moved(starts, _PDF_BYTES))
        documents = map(_PDF.search, itertools.repeat(stream), starts, until)
        probes = (iter(starts), _moved(starts, 257), _moved(ends, -22))
        first, tar, last = (operator.itemgetter(*itertools.islice(probe, far))(stream) for probe in probes)
        marked = map(_CANDIDATE.__getitem__, first)
        looked = zip(marked, tar, last, sizes, documents, strict=False)
        numbers = [
            number
            for number, (marks, tar_mark, end_mark, size, document) in enumerate(looked)
            if marks or tar_mark == 0x75 or end_mark == 0x50 or not size % 512 or document
        ]
    candidates = itertools.chain(numbers if far else (), range(far, len(starts)))
    return [
        number
        for number in candidates
        if is_container(stream, starts[number], starts[number] + sizes[number])
    ]


def _moved(positions: Iterable[int], by: int) -> Iterator[int]:
    return map(operator.add, positions, itertools.repeat(by))


def starts_of(headers: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """Where each blob begins in a stream that has a header before each and one byte after.

    Args:
        headers: bytes of each header.
        sizes: bytes of each blob.
    """
    taken = map(operator.add, headers, sizes)
    before = itertools.accumulate((size + 1 for size in taken), initial=0)
    return list(map(operator.add, before, headers))
