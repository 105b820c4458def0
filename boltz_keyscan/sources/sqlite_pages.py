"""Pages of SQLite databases, as far as it takes to decide if one has to be opened."""

from __future__ import annotations

TREE_PAGES = b"\x02\x05\x0a\x0d"
"""First bytes of pages of SQLite with rows: where there are no others, each row is on one page.

https://www.sqlite.org/fileformat2.html, 1.6.
"""


def read_page_size(header: bytes) -> int:
    """Return the bytes of a page of an SQLite database; 0 for an invalid size (1.3.2)."""
    size = int.from_bytes(header[16:18], "big")
    size = 65536 if size == 1 else size
    return size if 512 <= size <= 65536 and not size & (size - 1) else 0


def has_rows_on_one_page(buffer: bytes | bytearray, start: int, end: int) -> bool:
    """Return True if no row of ``buffer[start:end]``, a database, continues on another page."""
    page = read_page_size(bytes(buffer[start : start + 18]))
    return bool(page) and not bytes(buffer[start + page : end : page]).translate(None, TREE_PAGES)
