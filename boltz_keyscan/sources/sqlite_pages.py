"""Pages of SQLite databases, as far as it takes to decide if one has to be opened."""

from __future__ import annotations

import re
from typing import Final

from boltz_keyscan import rules

TREE_PAGES = b"\x02\x05\x0a\x0d"
"""First bytes of pages of SQLite with rows: where there are no others, each row is on one page.

https://www.sqlite.org/fileformat2.html, 1.6.
"""

_LINKS: Final = tuple(
    # In UTF-16, the bytes of two characters are one apart.
    re.compile(
        re.escape(zero.join(prefix[at : at + 1] for at in range(len(prefix))))
        + rb"(?:%b[A-Za-z0-9_-]){43}" % zero
    )
    for prefix in filter(rules.is_exact, rules.list_prefixes(rules.load()))
    for zero in (b"", b"\0")
)
"""Patterns of share links without boundaries."""


def read_page_size(header: bytes) -> int:
    """Return the bytes of a page of an SQLite database; 0 for an invalid size (1.3.2)."""
    size = int.from_bytes(header[16:18], "big")
    size = 65536 if size == 1 else size
    return size if 512 <= size <= 65536 and not size & (size - 1) else 0


def shows_rows(buffer: bytes | bytearray, start: int, end: int) -> bool:
    """Return True if the bytes ``buffer[start:end]`` of a database show all that is in its rows.

    No row continues on another page, and no share link is between values, which have no boundary.
    """
    page = read_page_size(bytes(buffer[start : start + 18]))
    has_long_rows = bytes(buffer[start + page : end : page]).translate(None, TREE_PAGES) if page else True
    return not has_long_rows and not may_have_link(buffer, start, end)


def may_have_link(buffer: bytes | bytearray | memoryview, start: int = 0, end: int | None = None) -> bool:
    """Return True if a prefix that needs a boundary is before enough characters of a body."""
    stop = len(buffer) if end is None else end
    return any(pattern.search(buffer, start, stop) for pattern in _LINKS)
