"""Logs of LevelDB and RocksDB: records that blocks cut in pieces (doc/log_format.md of LevelDB).

Browsers and programs made with Electron keep settings so. A block has 32 KiB; a record goes on behind the
header of 7 bytes of the next one, so that a key at the end of a block is cut in two.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.sources.archives.content import Content, Member

_BLOCK_BYTES = 32 << 10
_HEADER_BYTES = 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_JOINED_BYTES = 512
"""Bytes kept on both sides of the end of a block: more than an encoded key has."""


def log_members(content: Content) -> Iterator[Member]:
    """Yield the bytes around each end of a block within a record, without the header between them.

    Boundary: what is damaged is no gap, because a program that stops leaves half a record at the end.
    """
    reader = content.reader
    number, before = 0, b""
    while block := reader.read(_BLOCK_BYTES):
        at, is_first = 0, True
        while at + _HEADER_BYTES <= len(block):
            size, kind = int.from_bytes(block[at + 4 : at + 6], "little"), block[at + 6]
            if not _FULL <= kind <= _LAST:
                break
            data = block[at + _HEADER_BYTES : at + _HEADER_BYTES + size]
            if is_first and before and kind in (_MIDDLE, _LAST):
                yield Member(b"block %d" % number, (before + data[:_JOINED_BYTES],), is_record=True)
            is_first = False
            before = (before + data)[-_JOINED_BYTES:] if kind in (_FIRST, _MIDDLE) else b""
            at += _HEADER_BYTES + size
        number += 1
