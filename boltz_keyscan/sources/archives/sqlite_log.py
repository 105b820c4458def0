"""Rows in the write-ahead log and the rollback journal of SQLite (fileformat2.html, 1.6, 3 and 4).

Both hold copies of pages. The search of their bytes finds what one page shows; a row that continues on
overflow pages is joined here from the copies of one transaction, and where a key may be, the values of a
row are parted. A database is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import NOT_DECODED
from boltz_keyscan.sources.archives.reader import RandomAccess
from boltz_keyscan.sources.sqlite_pages import may_have_link

_LOG_HEADER, _FRAME_HEADER = 32, 24
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR = 13, 10, 2
TREE_KINDS = frozenset({_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR})
"""Kinds of pages with rows."""

_NUMBER_BYTES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)
"""Bytes of a number of each type, and of the types without any."""

_PAGE_SIZES = frozenset(1 << power for power in range(9, 17))

MIN_VALUE_BYTES = 20
"""Bytes of the shortest value that is read: the body of a key has at least as many."""

CUT_BYTES = 256
"""Bytes before the end of a piece in which a key that it cuts begins."""

_TOO_LARGE = (NOT_DECODED, "only its bytes were searched, not its rows: it is too large")

Pages = dict[int, int]
"""Offset of the copy of each page."""


def log_members(content: Content) -> Iterator[Member]:
    """Yield the values of the rows of a write-ahead log that its bytes may not show.

    Boundary: a page that is not in the log ends its row, and frames of an earlier use of the log are read.

    Raises:
        ContainerError: it is too large.
    """
    space = content.require_space(*_TOO_LARGE)
    size = int.from_bytes(space.read(8, 4), "big")
    if size not in _PAGE_SIZES:
        return
    latest: Pages = {}
    own: Pages = {}
    for at in range(_LOG_HEADER, space.size - _FRAME_HEADER - size + 1, _FRAME_HEADER + size):
        header = space.read(at, 8)
        own[int.from_bytes(header[:4], "big")] = at + _FRAME_HEADER
        if any(header[4:]):
            latest |= own
            yield from _members(content, space, size, own, latest)
            own = {}
    yield from _members(content, space, size, own, latest | own)


def journal_members(content: Content) -> Iterator[Member]:
    """Yield the values of the rows of a rollback journal that its bytes may not show.

    Raises:
        ContainerError: it is too large.
    """
    space = content.require_space(*_TOO_LARGE)
    header = space.read(0, 28)
    sector, size = (int.from_bytes(header[at : at + 4], "big") for at in (20, 24))
    if size not in _PAGE_SIZES or sector < len(header):
        return
    pages = {
        int.from_bytes(space.read(at, 4), "big"): at + 4
        for at in range(sector, space.size - size - 3, size + 8)
    }
    yield from _members(content, space, size, pages, pages)


def _members(content: Content, space: RandomAccess, size: int, own: Pages, latest: Pages) -> Iterator[Member]:
    """Yield the long rows of pages of one transaction."""
    first = space.read(latest[1], 100) if 1 in latest else b""
    usable = size - (first[20] if len(first) > 20 else 0)
    search = content.has_candidates
    for number, at in own.items():
        content.meter.check_time()
        page = space.read(at, size)
        is_parted = search is None or search(memoryview(page)) or may_have_link(page)
        for start, end, following in cells(page, 100 if number == 1 else 0, usable):
            row = [page[start:end]]
            if following in latest:
                cover_cut(content, at + start, at + end)
                for part in _overflow(space, following, latest):
                    row.append(space.read(part + 4, usable - 4))
                    cover_cut(content, part + 4, part + usable)
            elif not is_parted:
                continue
            content.meter.check_time()
            for value in _values(b"".join(row)):
                yield Member(b"page %d" % number, (value,), is_record=True)


def _values(row: bytes) -> Iterator[bytes]:
    """Yield the longer texts and blobs of a row (2.1); all of it if its header is damaged."""
    at, place = _varint(row, 0)
    if not place <= at <= len(row):
        yield from filter(None, [row])
    stop = at
    while place < stop <= len(row):
        kind, place = _varint(row, place)
        length = (kind - 12) // 2 if kind >= 12 else _NUMBER_BYTES[kind]
        if length >= MIN_VALUE_BYTES and (value := row[at : at + length]):
            yield value
        at += length


def cover_cut(content: Content, start: int, end: int) -> None:
    """Count the last bytes of a piece of a row as read: what its end cuts is whole in the row."""
    content.cover(max(start, end - CUT_BYTES), end)


def cells(page: bytes, start: int, usable: int) -> Iterator[tuple[int, int, int]]:
    """Yield the range on a page of each cell, and the number of the next page; 0 if it has no other.

    Args:
        page: its bytes.
        start: offset of its header.
        usable: bytes of it that have content.
    """
    kind = page[start]
    if kind not in TREE_KINDS:
        return
    limit = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
    least = (usable - 12) * 32 // 255 - 23
    pointers = start + (12 if kind == _INDEX_INTERIOR else 8)
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    for pointer in range(pointers, min(pointers + 2 * count, len(page)), 2):
        at = int.from_bytes(page[pointer : pointer + 2], "big") + (4 if kind == _INDEX_INTERIOR else 0)
        length, at = _varint(page, at)
        if kind == _TABLE_LEAF:
            _, at = _varint(page, at)
        if length > limit:
            local = least + (length - least) % (usable - 4)
            end = at + (local if local <= limit else least)
            yield at, end, int.from_bytes(page[end : end + 4], "big")
        else:
            yield at, min(at + length, usable), 0


def _overflow(space: RandomAccess, number: int, pages: Pages) -> Iterator[int]:
    """Yield the offsets of overflow pages, up to one that is not there."""
    seen: set[int] = set()
    while number not in seen and (at := pages.get(number)) is not None:
        seen.add(number)
        yield at
        number = int.from_bytes(space.read(at, 4), "big")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and the offset behind it."""
    value = 0
    for byte in data[at : at + 8]:
        value, at = value << 7 | byte & 0x7F, at + 1
        if byte < 0x80:
            return value, at
    return value << 8 | int.from_bytes(data[at : at + 1], "big"), at + 1
