"""State of a fleet: one SQLite file in a folder, with the repositories and the result of each.

The result of a repository is replaced in one transaction, so that a driver that is killed leaves none
half. The journal is a rollback journal: WAL needs shared memory, which network file systems do not have
(sqlite.org/wal.html). A lock file keeps a second driver out; readers need no lock.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

from boltz_keyscan import fsutil
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet.outcome import Outcome
from boltz_keyscan.model.fleet import RepositoryStatus
from boltz_keyscan.package_data import read_text

FILE = "fleet.sqlite"
_FORM = 3
"""Version of the tables in ``tables.sql`` and of the records in them."""

_FACTS = ("status", "digest", "fetched", "refs", "objects", "objects_read", "bytes_read", "seconds")
"""Fields of an outcome that are columns of a repository."""

_PARTS = ("gaps", "keys", "locations")
"""Tables with the parts of a repository's result."""

_BUSY_TIMEOUT_S = 60.0
"""Seconds that a reader and the driver wait for each other."""

_CACHE = "PRAGMA cache_size = -8000"
"""Pages in memory: 8 MB, whatever the size of the file."""


class Store:
    """The state of a fleet, opened. Use as a context manager.

    Args:
        connection: connection to the file.
        lock: descriptor of the lock file; None for a reader.
    """

    def __init__(self, connection: sqlite3.Connection, lock: int | None = None) -> None:
        self._connection = connection
        self._lock = lock

    @classmethod
    def create(cls, folder: str) -> Store:
        """Open the state for the driver, and create it if there is none.

        Raises:
            KeyscanError: another driver uses it, it is of another version, or it cannot be written.
        """
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            lock = _lock(folder)
        except OSError as error:
            raise _unusable(folder, error.strerror or "unusable") from error
        try:
            connection = _connect(folder, "rwc")
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                with connection:
                    tables = read_text("fleet/tables.sql")
                    connection.executescript(f"BEGIN; {tables} PRAGMA user_version = {_FORM}; COMMIT")
            _check(connection, folder)
        except sqlite3.Error as error:
            os.close(lock)
            raise _unusable(folder, str(error)) from error
        except KeyscanError:
            os.close(lock)
            raise
        return cls(connection, lock)

    @classmethod
    def open(cls, folder: str) -> Store:
        """Open an existing state to read it.

        Raises:
            KeyscanError: there is none, or it is of another version.
        """
        if not os.path.isfile(os.path.join(folder, FILE)):
            raise KeyscanError(
                f"no state of a fleet: {folder}", "Name the folder given to 'fleet scan --state'."
            )
        try:
            connection = _connect(folder, "rw" if os.access(folder, os.W_OK) else "ro")
            _check(connection, folder)
        except sqlite3.Error as error:
            raise _unusable(folder, str(error)) from error
        return cls(connection)

    @classmethod
    def open_copy(cls, folder: str) -> Store:
        """Open a copy of an existing state, for a reader that may take long.

        A scan would wait for it, and end when that takes a minute; and what it reads would change meanwhile.

        Raises:
            KeyscanError: there is none, it is of another version, or there is no room for the copy.
        """
        with cls.open(folder) as original:
            # A file without a name, in the folder for temporary ones.
            copy = sqlite3.connect("", isolation_level=None)
            copy.execute(_CACHE)
            try:
                original._connection.backup(copy)  # noqa: SLF001 - of this class
            except sqlite3.Error as error:
                copy.close()
                raise _unusable(folder, f"{error}, at a temporary copy of it") from error
        return cls(copy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)

    def rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query.

        Raises:
            KeyscanError: the file cannot be read.
        """
        with _reporting():
            yield from self._connection.execute(query, values)

    def digests(self) -> dict[str, str]:
        """Return the digest of the last complete scan of every repository, by id."""
        return dict(self.rows("SELECT id, digest FROM repositories"))

    def list_repositories(
        self, listed: Iterable[tuple[str, str]], gaps: Iterable[str], shard: tuple[int, int], total: int
    ) -> None:
        """Add repositories that are not known yet, and make all that are listed pending.

        Args:
            listed: id and name of each repository of this shard.
            gaps: encoded gaps of the list, which replace those of earlier lists.
            shard: number of this shard, counted from 1, and of all.
            total: repositories in the whole list, of which this shard has a part.
        """
        listed = tuple(listed)
        with self._transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO repositories (id, name, status) VALUES (?, ?, 'pending')", listed
            )
            # Until this run has looked at it again, an earlier result proves nothing.
            connection.executemany(
                "UPDATE repositories SET status = 'pending' WHERE id = ?", ((id_,) for id_, _ in listed)
            )
            connection.execute("DELETE FROM list_gaps")
            connection.executemany("INSERT OR IGNORE INTO list_gaps VALUES (?)", ((gap,) for gap in gaps))
            connection.execute("DELETE FROM shards WHERE count != ?", shard[1:])
            connection.execute("INSERT OR REPLACE INTO shards VALUES (?, ?, ?)", (*shard, total))

    def confirm(self, ids: Iterable[str]) -> None:
        """Record that repositories are as their last complete scan left them."""
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE repositories SET status = 'scanned', fetched = 1, ended = ? WHERE id = ?",
                ((time.time(), id_) for id_ in ids),
            )

    def set_run(self, **values: object) -> None:
        """Record facts of the run under way, for ``fleet status``."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def run(self) -> dict[str, Any]:
        """Return the recorded facts of the last run."""
        return dict(self.rows("SELECT name, value FROM meta"))

    def record(self, outcome: Outcome) -> None:
        """Replace the result of a repository; of one that failed the keys of its last scan are kept."""
        failed = outcome.status is RepositoryStatus.FAILED
        with self._transaction() as connection:
            (number,) = connection.execute(
                "SELECT number FROM repositories WHERE id = ?", (outcome.id,)
            ).fetchone()
            for table in _PARTS[:1] if failed else _PARTS:
                connection.execute(f"DELETE FROM {table} WHERE repository = ?", (number,))  # noqa: S608 - a name above
            facts = {name: getattr(outcome, name) for name in _FACTS} | {"ended": time.time()}
            changes = ", ".join(f"{name} = ?" for name in facts)
            connection.execute(
                f"UPDATE repositories SET {changes} WHERE number = ?",  # noqa: S608 - names above
                (*facts.values(), number),
            )
            connection.executemany(
                "INSERT INTO gaps VALUES (?, ?, ?)",
                ((number, row, text) for row, text in enumerate(outcome.gaps)),
            )
            for key in outcome.keys:
                columns = {"repository": number, "fingerprint": key.fingerprint, **key.columns}
                connection.execute(
                    f"INSERT INTO keys ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608 - names above
                    tuple(columns.values()),
                )
                connection.executemany(
                    "INSERT INTO locations VALUES (?, ?, ?, ?)",
                    ((number, key.fingerprint, row, text) for row, text in enumerate(key.locations)),
                )

    def merge(self, folder: str) -> None:
        """Add the repositories of another state; of one that both have the later result counts.

        If that has no keys as the repository was not scanned, those of the other result are kept.

        Raises:
            KeyscanError: the other state cannot be read.
        """
        with Store.open(folder):
            pass
        path = os.path.abspath(os.path.join(folder, FILE))
        with _reporting():
            self._connection.execute("ATTACH DATABASE ? AS other", (f"{_uri(path)}?mode=ro",))
            try:
                self._merge_attached()
            finally:
                self._connection.execute("DETACH DATABASE other")

    def _merge_attached(self) -> None:
        facts = ("name", *_FACTS, "ended")
        columns, changes = ", ".join(facts), ", ".join(f"{name} = excluded.{name}" for name in facts)
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO shards SELECT * FROM other.shards")
            connection.execute("INSERT OR IGNORE INTO list_gaps SELECT * FROM other.list_gaps")
            connection.execute(read_text("fleet/pairs.sql"))
            connection.execute(
                f"INSERT INTO repositories (id, {columns}) SELECT id, {columns} FROM other.repositories "  # noqa: S608 - names above
                "WHERE number IN (SELECT theirs FROM pairs WHERE newer) "
                f"ON CONFLICT (id) DO UPDATE SET {changes}"
            )
            for table in _PARTS:
                chosen = "newer" if table == "gaps" else "keys_wanted"
                connection.execute(
                    f"DELETE FROM {table} WHERE repository IN (SELECT ours FROM pairs WHERE {chosen})"  # noqa: S608 - names above
                )
                names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")][1:]
                rest = ", ".join(f"part.{name}" for name in names)
                connection.execute(
                    f"INSERT INTO {table} SELECT mine.number, {rest} FROM other.{table} AS part "  # noqa: S608 - names above
                    f"JOIN pairs ON part.repository = theirs AND {chosen} "
                    "JOIN repositories AS mine USING (id)"
                )
            connection.execute("DROP TABLE pairs")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _reporting(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection


def merge(folder: str, others: Sequence[str]) -> None:
    """Join states into a new or an existing one.

    Raises:
        KeyscanError: one of them cannot be used.
    """
    with Store.create(folder) as store:
        for other in others:
            store.merge(other)


def _lock(folder: str) -> int:
    """Lock the state for this driver, until the descriptor is closed or this process ends."""
    descriptor = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | fsutil.NO_LINK, 0o600)
    try:
        fsutil.lock_file(descriptor)
    except OSError as error:
        holder = fsutil.read_at(descriptor, 200, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise KeyscanError(
            f"another fleet scan uses this state{f': {holder}' if holder else ''}",
            "Wait for its end, or give another --state; 'fleet status' shows its progress.",
        ) from error
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode("ascii", "replace"))
    return descriptor


def _uri(path: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - of fleets only

    return f"file:{quote(os.fsencode(path))}"


def _connect(folder: str, mode: str) -> sqlite3.Connection:
    path = os.path.abspath(os.path.join(folder, FILE))
    connection = sqlite3.connect(
        f"{_uri(path)}?mode={mode}", uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None
    )
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(_CACHE)
    connection.execute("PRAGMA temp_store = FILE")
    return connection


def _check(connection: sqlite3.Connection, folder: str) -> None:
    (form,) = connection.execute("PRAGMA user_version").fetchone()
    if form != _FORM:
        raise KeyscanError(
            f"the state in {folder} is of another version of this program", "Give a new folder to --state."
        )


def _unusable(folder: str, reason: str) -> KeyscanError:
    return KeyscanError(f"cannot use the state in {folder}: {reason}", "Check its disk and its permissions.")


@contextlib.contextmanager
def _reporting() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise KeyscanError(
            f"the state of the fleet cannot be read or written: {error}",
            "Check its disk, and repeat the command: what was recorded is kept.",
        ) from error
