"""Logs and tables of LevelDB (doc/log_format.md and doc/table_format.md of LevelDB).

Browsers and programs made with Electron keep settings so. A log has blocks of 32 KiB; a record goes on
behind the header of 7 bytes of the next one, so that a key at the end of a block is cut in two. A table
has blocks that are compressed each, the last of which is the index of the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.sources.archives import compression, snappy
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.git_objects import read_varint
from boltz_keyscan.sources.archives.limits import NOT_DECODED, ContainerError, Meter, corrupt_error
from boltz_keyscan.sources.archives.reader import PartSpace, RandomAccess, Reader

_BLOCK_BYTES = 32 << 10
_HEADER_BYTES = 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_WANDB = b":W&B\xe1\xbe\0"
"""Header of a log of Weights & Biases (wandb/sdk/internal/datastore.py); blocks begin before it."""

_JOINED_BYTES = 512
"""Bytes kept on both sides of the end of a block: more than an encoded key has."""

_FOOTER_BYTES = 40
"""Bytes before the signature, with the places of two blocks."""

_TRAILER_BYTES = 5
"""Bytes behind a block: its compression and a checksum."""

_MAX_BLOCK_BYTES = 64 << 20
_MAX_NUMBER_BYTES = 10


def log_members(content: Content) -> Iterator[Member]:
    """Yield the bytes around each end of a block within a record, without the header between them.

    Boundary: what is damaged is no gap, because a program that stops leaves half a record at the end.
    """
    reader = content.reader
    number, before = 0, b""
    while block := reader.read(_BLOCK_BYTES):
        at, is_first = 0 if number else len(_WANDB) * block.startswith(_WANDB), True
        while at + _HEADER_BYTES <= len(block):
            size, kind = int.from_bytes(block[at + 4 : at + 6], "little"), block[at + 6]
            if not _FULL <= kind <= _LAST:
                break
            data = block[at + _HEADER_BYTES : at + _HEADER_BYTES + size]
            if is_first and before and kind in (_MIDDLE, _LAST):
                around = before + data[:_JOINED_BYTES]
                yield Member(b"block %d" % number, (around,), is_record=True, joint=len(before))
                # What the end of the block cuts is whole in the record.
                content.cover(number * _BLOCK_BYTES - _JOINED_BYTES // 2, number * _BLOCK_BYTES)
            is_first = False
            before = (before + data)[-_JOINED_BYTES:] if kind in (_FIRST, _MIDDLE) else b""
            at += _HEADER_BYTES + size
        number += 1


def table_members(content: Content) -> Iterator[Member]:
    """Yield the compressed blocks of the table that ends with the signature.

    Boundary: programs that read tables have the signature too; bytes without a footer before it are none. A
    footer has the places of two blocks, of which the index is the second, and zeros.

    Raises:
        ContainerError: its index is damaged.
    """
    if not isinstance(content.whole, PartSpace):
        return
    space, end = content.whole.space, content.whole.start
    footer = space.read(max(end - _FOOTER_BYTES, 0), _FOOTER_BYTES)
    try:
        (first, length, offset, size), used = _read_numbers(footer, 0, 4)
    except ContainerError:
        return
    start = end - _FOOTER_BYTES - offset - size - _TRAILER_BYTES
    if not size or any(footer[used:]) or first + length > offset:
        return
    if start < 0 or size > _MAX_BLOCK_BYTES:
        return
    index = _read_block(space, start + offset, size, content.meter)
    for number, (at, length) in enumerate(_handles(index or space.read(start + offset, size)), 1):
        content.meter.check_time()
        if at + length > offset or length > _MAX_BLOCK_BYTES:
            raise corrupt_error("its index is damaged")
        try:
            data = _read_block(space, start + at, length, content.meter)
        except ContainerError as error:
            content.report(error)
            continue
        if data is not None:
            yield Member(b"block %d" % number, (data,), is_record=True)
            content.cover(start + at - end, start + at + length - end)


def _read_block(space: RandomAccess, at: int, size: int, meter: Meter) -> bytes | None:
    """Return the content of a compressed block; None for one that is not compressed.

    Raises:
        ContainerError: it is damaged.
    """
    raw = space.read(at, size + 1)
    match raw[size:]:
        case b"\0":
            return None
        case b"\1":
            return snappy.decompress(raw[:size], meter)
        case b"\2":
            return b"".join(compression.unzstd(Reader((raw[:size],)), meter))
        case _:
            raise ContainerError(NOT_DECODED, "a block of it has a compression that is not read here")


def _handles(index: bytes) -> Iterator[tuple[int, int]]:
    """Yield the offset and the size of each block of an index.

    Raises:
        ContainerError: it is damaged.
    """
    count = int.from_bytes(index[-4:], "little")
    entries = index[: max(len(index) - 4 - 4 * count, 0)]
    at = 0
    while at < len(entries):
        (_, key, size), at = _read_numbers(entries, at, 3)
        (offset, length), _ = _read_numbers(entries, at + key, 2)
        yield offset, length
        at += key + size


def _read_numbers(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    """Return numbers and the offset behind them.

    Raises:
        ContainerError: there are fewer.
    """
    numbers = []
    for _ in range(count):
        number, used = read_varint(data[at : at + _MAX_NUMBER_BYTES], 0)
        numbers.append(number)
        at += used
    return numbers, at
