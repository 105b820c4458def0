"""Deleted rows of SQLite that continued on other pages (fileformat2.html, 1.5 and 1.6).

The pages of a deleted row are on the list of free pages, and keep their content: a row that had several
is in pieces there, of which each one names the next. Its first piece is in the unused bytes of a page of
a table, or in a page that is free itself, before the number of the second piece. Two pieces are joined
around their ends.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections import Counter
from collections.abc import Iterator

from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.reader import RandomAccess
from boltz_keyscan.sources.archives.sqlite_log import CUT_BYTES, TREE_KINDS, cells, cover_cut
from boltz_keyscan.sources.sqlite_pages import TREE_PAGES

JOINED_BYTES = 512
"""Bytes on both sides of the end of a page: more than an encoded key has."""

_NUMBER = re.compile(rb"\0(?=\0\0[^\0]|\0[^\0].|[^\0]..)", re.DOTALL)
"""The first byte of a number of four, of a database of less than 2 ** 24 pages."""

_MAX_PLACES = 4
"""Places with the number of a free page, of which one is the end of a piece: the others are by chance."""


def members(content: Content, space: RandomAccess, size: int) -> Iterator[Member]:
    """Yield the bytes around each end of a piece of a deleted row.

    Boundary: the first page of the list lost its number and the bytes behind it when it was freed; in most
    cases the page behind it had the next piece.

    Args:
        content: the database.
        space: its bytes.
        size: bytes of a page.
    """
    free, lists = free_pages(space, size)
    if not free:
        return
    joined = free.keys() - lists
    usable = size - space.read(20, 1)[0]
    last = space.size // size
    places: Counter[int] = Counter()
    for number in range(1, last + 1):
        content.meter.check_time()
        start = (number - 1) * size
        first = space.read(start, 4)
        if number in free:
            following = number + 1 if number in lists else int.from_bytes(first, "big")
            if following in joined:
                yield _joint(content, space, size, start + usable, following)
        if first[:1] not in TREE_PAGES and number > 1 and number not in lists:
            continue
        page = space.read(start, usable)
        for low, high in _unused(page, number, is_free=number in free):
            for at, following in _numbers(page[low:high], joined, places):
                yield _joint(content, space, size, start + low + at, following)


def cover_pieces(content: Content, space: RandomAccess, size: int) -> None:
    """Count the ends of the pieces of rows as read, once all rows were; arguments as of ``members``."""
    free, _ = free_pages(space, size)
    usable = size - space.read(20, 1)[0]
    for number in range(1, space.size // size + 1):
        start = (number - 1) * size
        if number in free:
            continue
        page = space.read(start, size)
        content.meter.check_time()
        if number > 1 and page[:1] not in TREE_PAGES:
            cover_cut(content, start + 4, start + usable)
            continue
        for low, high, following in cells(page, 100 if number == 1 else 0, usable):
            if following:
                cover_cut(content, start + low, start + high)


def free_pages(space: RandomAccess, size: int) -> tuple[dict[int, None], set[int]]:
    """Return the numbers of the free pages, and those of them that list the others."""
    free: dict[int, None] = {}
    lists: set[int] = set()
    last = space.size // size
    number = int.from_bytes(space.read(32, 4), "big")
    while number > 1 and number not in lists and len(page := space.read((number - 1) * size, size)) == size:
        lists.add(number)
        free[number] = None
        count = min(int.from_bytes(page[4:8], "big"), size // 4 - 2)
        free.update(dict.fromkeys(n for n in _integers(page[8 : 8 + 4 * count]) if 1 < n <= last))
        number = int.from_bytes(page[:4], "big")
    return free, lists


def _integers(data: bytes) -> array[int]:
    numbers = array("I", data[: len(data) & ~3])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _unused(page: bytes, number: int, *, is_free: bool) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a page in which deleted rows can be."""
    if is_free:
        yield 8, len(page)
        return
    start = 100 if number == 1 else 0
    if len(page) < start + 12 or page[start] not in TREE_KINDS:
        return
    free, count, used = (int.from_bytes(page[start + at : start + at + 2], "big") for at in (1, 3, 5))
    yield start + 8 + 2 * count, used or len(page)
    before = 0
    while before < free <= len(page) - 4:
        following, length = (int.from_bytes(page[free + at : free + at + 2], "big") for at in (0, 2))
        # The block has the last bytes of the row.
        yield free + 4, free + length
        before, free = free, following


def _numbers(area: bytes, joined: set[int], places: Counter[int]) -> Iterator[tuple[int, int]]:
    """Yield the places of the numbers of free pages in some bytes, and the numbers."""
    for found in _NUMBER.finditer(area):
        number = int.from_bytes(area[found.start() : found.start() + 4], "big")
        if number in joined and places[number] < _MAX_PLACES:
            places[number] += 1
            yield found.start(), number


def _joint(content: Content, space: RandomAccess, size: int, end: int, following: int) -> Member:
    """Return the bytes around the end of a piece, and count those before it as read."""
    start = max((end - 1) // size * size, end - JOINED_BYTES)
    content.cover(max(start, end - CUT_BYTES), end)
    joined = space.read(start, end - start) + space.read(
        (following - 1) * size + 4, min(JOINED_BYTES, size - 4)
    )
    return Member(b"free page %d" % following, (joined,), is_record=True, joint=end - start)
