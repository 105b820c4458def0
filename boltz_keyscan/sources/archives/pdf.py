"""Bytes of a PDF document, for the reader of its objects (``pdf_members``).

pypdf is loaded with the first document: its import takes a quarter of a second, and most scans
have none.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import ContainerError
from boltz_keyscan.sources.archives.reader import FileSpace, InMemory

_MAX_DOCUMENT_BYTES = 256 << 20
"""Bytes of a document in another container, or in history, at most; a longer one is a gap."""


def members(content: Content) -> Iterator[Member]:
    """Return the streams, strings, attachments and text of a document."""
    from boltz_keyscan.sources.archives import pdf_members, pdf_objects  # noqa: PLC0415 - see above

    pdf_objects.silence_warnings()
    yield from pdf_members.members(_read_document(content), content)


def _read_document(content: Content) -> bytes | mmap.mmap:
    """Return all of a document; a file is mapped, so that its size costs no memory.

    Raises:
        ContainerError: it is too long for memory.
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
        if held_bytes > _MAX_DOCUMENT_BYTES:
            detail = f"a PDF of more than {_MAX_DOCUMENT_BYTES >> 20} MiB is read only as a file; extract it"
            raise ContainerError("too-large", detail)
    return b"".join(parts)
