"""Redaction of the rows of an SQLite database, by SQLite itself.

The rows are changed in one transaction under an exclusive lock; ``secure_delete`` and ``VACUUM`` then
remove what deleted rows left (https://www.sqlite.org/pragma.html#pragma_secure_delete). A database is
hostile: it runs no trigger and no function of its own here.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

from boltz_keyscan.model.finding import Detector
from boltz_keyscan.redactor.stream import rewrite_bytes
from boltz_keyscan.redactor.text_file import (
    Outcome,
    RefusedError,
    backup_names,
    check_use,
    create_private,
    open_for_replacement,
    sync_folder,
)

HEADER = b"SQLite format 3\0"

LOGS = (b"-wal", b"-journal", b"-shm")
"""Ends of the names of files that belong to a database (https://www.sqlite.org/tempfiles.html)."""

_PRAGMAS = ("trusted_schema=OFF", "cell_size_check=ON", "locking_mode=EXCLUSIVE", "secure_delete=ON")


def is_database(path: bytes) -> bool:
    """Return True for a file with the header of a database."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(len(HEADER)) == HEADER
    return False


def redact_database(path: bytes, detector: Detector, *, backup: bool) -> Outcome:
    """Replace the keys in the rows of a database, and remove deleted rows from its file.

    Args:
        path: path of the database.
        detector: a detector whose matches have edits.
        backup: keep a copy of the old database, readable by its owner only.

    Raises:
        RefusedError: it is left as it is.
        OSError: it cannot be read or written.
    """
    with open_for_replacement(path) as (descriptor, _):
        is_known = check_use(descriptor)
    address = f"file:{quote_from_bytes(os.path.abspath(path))}?mode=rw"
    with _reported(), contextlib.closing(sqlite3.connect(address, uri=True, timeout=0)) as database:
        database.isolation_level = None
        database.text_factory = bytes
        database.set_authorizer(_authorize)
        for pragma in _PRAGMAS:
            database.execute(f"PRAGMA {pragma}").close()
        # In this locking mode the lock stays until the database is closed.
        database.execute("BEGIN EXCLUSIVE")
        if database.execute("PRAGMA quick_check(1)").fetchone() != (b"ok",):
            raise RefusedError("it is a damaged database")
        kept = b""
        tables = list(_tables_with_keys(database, detector))
        if backup:
            database.execute("COMMIT")
            kept = _copy(database, path)
            database.execute("BEGIN EXCLUSIVE")
        replaced: Counter[str] = Counter()
        for table, column in tables:
            replaced += _update(database, table, column, detector)
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        database.execute("VACUUM")
    sync_folder(path)
    return Outcome(replaced, kept, is_known)


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """Turn an error of SQLite into a refusal. An open transaction ends with the connection, undone."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise RefusedError("another program has it open", "End that program first.") from error
        if name == "SQLITE_AUTH":
            raise RefusedError("its tables have triggers, which are not run here") from error
        raise RefusedError(f"SQLite cannot change it ({name})") from error


def _authorize(_action: int, _1: str | None, _2: str | None, _3: str | None, within: str | None) -> int:
    """Deny what a trigger or a view does."""
    return sqlite3.SQLITE_OK if within is None else sqlite3.SQLITE_DENY


def _tables_with_keys(database: sqlite3.Connection, detector: Detector) -> Iterator[tuple[str, str]]:
    """Yield the tables and columns with a key that can be replaced, quoted.

    Raises:
        RefusedError: one belongs to an index of words, which a change would break.
    """
    rows = database.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'").fetchall()
    virtual = tuple(name + b"_" for name, page in rows if not page)

    def has_key(value: bytes | None) -> bool:
        return value is not None and bool(rewrite_bytes(value, detector)[1].replaced)

    database.create_function("boltz_has_key", 1, has_key, deterministic=True)
    for name, page in rows:
        if not page or name.startswith(b"sqlite_"):
            continue
        table = _quote(name)
        for row in database.execute(f"PRAGMA table_info({table})").fetchall():
            column = _quote(row[1])
            query = f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {_condition(column)})"  # noqa: S608 - quoted
            if database.execute(query).fetchone()[0]:
                if virtual and name.startswith(virtual):
                    raise RefusedError("an index of words has the key too, and would be broken")
                yield table, column


def _condition(column: str) -> str:
    return f"typeof({column}) IN ('text', 'blob') AND boltz_has_key(CAST({column} AS BLOB))"


def _update(database: sqlite3.Connection, table: str, column: str, detector: Detector) -> Counter[str]:
    replaced: Counter[str] = Counter()

    def redact(value: bytes) -> bytes:
        new, result = rewrite_bytes(value, detector)
        replaced.update(result.replaced)
        return new

    database.create_function("boltz_redact", 1, redact, deterministic=True)
    blob = f"boltz_redact(CAST({column} AS BLOB))"
    value = f"CASE typeof({column}) WHEN 'text' THEN CAST({blob} AS TEXT) ELSE {blob} END"
    database.execute(f"UPDATE {table} SET {column} = {value} WHERE {_condition(column)}")  # noqa: S608 - quoted
    return replaced


def _copy(database: sqlite3.Connection, path: bytes) -> bytes:
    for name in backup_names(path):
        with contextlib.suppress(FileExistsError):
            os.close(create_private(name))
            with contextlib.closing(sqlite3.connect(os.fsdecode(name))) as copy:
                database.backup(copy)
            return name
    raise RefusedError("it has too many backups", "Delete them.")


def _quote(name: bytes) -> str:
    return '"' + name.decode().replace('"', '""') + '"'
