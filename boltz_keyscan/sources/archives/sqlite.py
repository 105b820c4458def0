"""Rows of an SQLite database (https://www.sqlite.org/fileformat2.html), read by the standard library.

The search of its bytes finds what one page shows. A longer row continues on overflow pages, and a key
at their edge is cut in two; a value may also be a container. Such rows are read here, and all rows where
a key seems to be, so that its table and column are known. ``sqlite_free`` joins the pieces of deleted rows,
and ``sqlite_log`` reads the log and the journal.

A database is hostile: it is opened in memory or as immutable, without extensions, views and virtual
tables, under an authorizer that permits reading only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Generator, Iterator

from boltz_keyscan.sources.archives import sqlite_free
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import (
    NOT_DECODED,
    BudgetExceededError,
    ContainerError,
    corrupt_error,
)
from boltz_keyscan.sources.archives.reader import FileSpace, RandomAccess, read_pieces
from boltz_keyscan.sources.archives.sqlite_log import MIN_VALUE_BYTES
from boltz_keyscan.sources.sqlite_pages import TREE_PAGES, may_have_link, read_page_size

_HEADER_BYTES = 100
_MAX_COLUMNS = 90
"""Columns of a table whose short rows are left out; a sum may have 100 terms."""

_COLUMN_BYTES = 16
"""Bytes of a column in a row, beside those of its text or blob: its type, and a number."""

_STEPS = 20_000
"""Instructions of SQLite between two checks of the time: about a millisecond."""

_ACTIONS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})
_FUNCTIONS = ("length", "ifnull", "typeof")
_ROW_NAMES = ("rowid", "_rowid_", "oid")
_PRAGMAS = ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON", "mmap_size=0")


def members(content: Content) -> Iterator[Member]:
    """Yield the values that pages may not show, as ``table[rowid].column``.

    Raises:
        ContainerError: it is too large or damaged.
    """
    space = content.space()
    if space is None:
        raise _too_large_error()
    header = space.read(0, _HEADER_BYTES)
    page = read_page_size(header)
    if not page:
        raise corrupt_error("it has no valid header of a database")
    kinds, has_candidates, search = b"", False, content.has_candidates
    for piece in read_pieces(space):
        kinds += piece[::page]
        has_candidates = has_candidates or search is None or search(memoryview(piece)) or may_have_link(piece)
    # The first page begins with the header.
    if not has_candidates and not kinds[1:].translate(None, TREE_PAGES):
        return
    yield from sqlite_free.members(content, space, page)
    # All rows are read only where there is something to name.
    usable = 0 if has_candidates else page - header[20]
    try:
        with contextlib.closing(_open(space, content)) as database:
            is_whole = yield from _tables(database, content, usable)
        if has_candidates and is_whole:
            sqlite_free.cover_pieces(content, space, page)
    except sqlite3.Error as error:
        content.meter.check_time()
        raise corrupt_error(_message(error)) from error


def _too_large_error() -> ContainerError:
    detail = "only its bytes were searched, not its rows: a database of this size is read only as a file"
    return ContainerError(NOT_DECODED, detail)


def _message(error: Exception) -> str:
    """Return a description without names of the database."""
    return f"rows of it cannot be read ({getattr(error, 'sqlite_errorname', type(error).__name__)})"


def _open(space: RandomAccess, content: Content) -> sqlite3.Connection:
    """Return a connection to a database that can only be read."""
    match space:
        case FileSpace(descriptor, size) if size > content.meter.limits.spool:
            database = _open_file(descriptor)
        case _:
            data = bytearray(space.read(0, space.size))
            # Without its log, a database in that mode is read in the other one (1.3.3).
            data[18:20] = b"\1\1"
            database = sqlite3.connect(":memory:", isolation_level=None)
            database.deserialize(data)
    database.text_factory = bytes
    for pragma in _PRAGMAS:
        database.execute(f"PRAGMA {pragma}").close()
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    database.set_progress_handler(_find_time_out(content), _STEPS)
    return database


def _open_file(descriptor: int) -> sqlite3.Connection:
    """Open a database by its descriptor, and verify that SQLite opened this file.

    Raises:
        ContainerError: the system has no names for descriptors, or another file was opened.
    """
    address = f"file:/dev/fd/{descriptor}?mode=ro&immutable=1"
    before = _count_open(descriptor)
    try:
        database = sqlite3.connect(address, uri=True, isolation_level=None)
        database.execute("PRAGMA schema_version").close()
    except sqlite3.OperationalError as error:
        raise _too_large_error() from error
    if _count_open(descriptor) == before:
        # The name led to another file.
        database.close()
        raise _too_large_error()
    return database


def _count_open(descriptor: int) -> int:
    """Return the count of open descriptors of the same file; 0 where the system does not list them."""
    wanted = os.fstat(descriptor)
    count = 0
    with contextlib.suppress(OSError):
        for name in os.listdir("/dev/fd"):
            with contextlib.suppress(OSError):
                count += os.path.samestat(os.fstat(int(name)), wanted)
    return count


def _find_time_out(content: Content) -> Callable[[], bool]:
    def is_over() -> bool:
        try:
            content.meter.check_time()
        except BudgetExceededError:
            return True
        return False

    return is_over


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    is_length = action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS
    is_columns = action == sqlite3.SQLITE_PRAGMA and first == "table_info"
    return sqlite3.SQLITE_OK if action in _ACTIONS or is_length or is_columns else sqlite3.SQLITE_DENY


def _tables(database: sqlite3.Connection, content: Content, usable: int) -> Generator[Member, None, bool]:
    """Yield the values of all tables; what cannot be read of one is a gap, and the next one follows.

    Returns:
        True if all were read.
    """
    # Virtual tables and views have no page of their own.
    failures: dict[str, None] = {}
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
    try:
        tables = database.execute(query).fetchall()
    except sqlite3.DatabaseError as error:
        # One table of a later version of SQLite makes all unreadable, unless errors are ignored.
        database.execute("PRAGMA writable_schema=ON").close()
        tables = database.execute(query).fetchall()
        failures[_message(error)] = None
    database.set_authorizer(_authorize)
    for (name,) in [(b"sqlite_master",), *tables]:
        try:
            yield from _rows(database, name, usable)
        except (sqlite3.Error, ValueError) as error:
            content.meter.check_time()
            failures[_message(error)] = None
    for detail in failures:
        content.report(corrupt_error(detail))
    return not failures


def _rows(database: sqlite3.Connection, table: bytes, usable: int) -> Iterator[Member]:
    """Yield the values of the rows of a table that do not fit on its pages; all with no ``usable`` bytes.

    Raises:
        sqlite3.Error: the table is damaged.
        ValueError: its name, or that of a column, is no text.
    """
    source = _quote(table)
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({source})")]
    if not columns:
        raise ValueError
    quoted = [_quote(column) for column in columns]
    taken = {column.lower().decode() for column in columns}
    row_name = next((name for name in _ROW_NAMES if name not in taken), "NULL")
    fitting = usable - 35
    try:
        database.execute(f"SELECT {row_name} FROM {source} LIMIT 0").close()  # noqa: S608 - it is quoted
    except sqlite3.OperationalError:
        # A table without rowid is stored as an index, whose pages hold a quarter of a row (1.6).
        row_name, fitting = "NULL", (usable - 12) * 64 // 255 - 23
    fitting -= len(columns) * _COLUMN_BYTES
    # A blob may be a container, even a short one.
    lengths = " + ".join(
        f"ifnull(length(CAST({column} AS BLOB)) << 9 * (typeof({column}) = 'blob'), 0)" for column in quoted
    )
    condition = f" WHERE {lengths} > {fitting}" if fitting > 0 and len(columns) <= _MAX_COLUMNS else ""
    query = f"SELECT {row_name}, {', '.join(quoted)} FROM {source}{condition}"  # noqa: S608 - as above
    for number, *values in database.execute(query):
        row = b"" if number is None else b"[%d]" % number
        for column, value in zip(columns, values, strict=True):
            if isinstance(value, bytes) and len(value) >= MIN_VALUE_BYTES:
                yield Member(table + row + b"." + column, (value,), is_record=True)


def _quote(name: bytes) -> str:
    return '"' + name.decode().replace('"', '""') + '"'
