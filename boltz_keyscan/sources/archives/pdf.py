"""PDF: the bytes of a document, for the reader of its objects.

The library that reads objects (pypdf) is loaded when a document is met: it takes a quarter
of a second to import, and most scans meet none.

Boundary: how to get at the bytes; what is in it is ``pdfmembers``.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

from boltz_keyscan.sources.archives.extract import Content, Member
from boltz_keyscan.sources.archives.limits import ContainerError
from boltz_keyscan.sources.archives.reader import FileSpace, InMemory

_MOST = 256 << 20
"""Bytes of a document in another container, or in history, that are held; a longer one is a gap."""


def members(content: Content) -> Iterator[Member]:
    """Return the streams, strings, attachments and text of a document."""
    from boltz_keyscan.sources.archives import pdf_members  # noqa: PLC0415 - see above

    yield from pdf_members.members(_bytes(content), content)


def _bytes(content: Content) -> bytes | mmap.mmap:
    """Return all of a document; a file is mapped, so that its size costs no memory.

    Raises:
        Trouble: it is too long to be held.
    """
    match content.space():
        case FileSpace(descriptor, size) if size:
            return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        case InMemory(held):
            return bytes(held)
    parts: list[bytes] = []
    held_bytes = 0
    while chunk := content.reader.take():
        parts.append(chunk)
        held_bytes += len(chunk)
        if held_bytes > _MOST:
            detail = f"a PDF of more than {_MOST >> 20} MiB is read only as a file; extract it"
            raise ContainerError("too-large", detail)
    return b"".join(parts)
