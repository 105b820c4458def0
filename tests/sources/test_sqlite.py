"""Rows of databases: what pages cut, what is a container, and what is hostile."""

from __future__ import annotations

import contextlib
import gzip
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from boltz_keyscan.model.enums import Shape
from conformance import databases
from conformance.databases import rows
from tests.depth import NIGHTLY
from tests.keys import fake_key, fake_link, fingerprint
from tests.repos import Repo
from tests.running import scan_json
from tests.sources.containers import DETECTOR, reasons_of, scan_container

KEY = fake_key()


def scanned(content: bytes, **limits: float) -> tuple[set[tuple[bytes, ...]], list[str]]:
    """Members in which the key is, and the reasons of gaps."""
    result = scan_container(content, **limits)
    assert {hit.match.fingerprint for hit in result.hits} <= {fingerprint(KEY)}
    return {hit.origin.members for hit in result.hits}, reasons_of(result)


LONG = "x" * 5000
PLACES: dict[str, tuple[bytes, set[tuple[bytes, ...]]]] = {
    "short": (rows(("a", KEY)), {(b"t[1].v",)}),
    "long": (rows(("a", "x"), ("b", LONG + KEY + LONG)), {(b"t[2].v",)}),
    "blob": (rows(("a", (LONG + KEY).encode())), {(b"t[1].v",)}),
    "name": (rows((LONG + KEY, "")), {(b"t[1].k",)}),
    "utf-16": (rows(("a", "é" * 3000 + KEY), encoding="UTF-16le"), {(b"t[1].v",)}),
    "utf-16be": (rows(("a", "é" * 3000 + KEY), encoding="UTF-16be"), {(b"t[1].v",)}),
    "small pages": (rows(("a", LONG + KEY), page=512), {(b"t[1].v",)}),
    "large pages": (rows(("a", LONG * 30 + KEY), page=65536), {(b"t[1].v",)}),
    "without rowid": (
        rows(("a", LONG + KEY), schema="CREATE TABLE t(k PRIMARY KEY, v) WITHOUT ROWID"),
        {(b"t.v",)},
    ),
    "rowid is a name": (rows(("a", LONG + KEY), schema="CREATE TABLE t(rowid, oid)"), {(b"t[1].oid",)}),
    "quoted names": (
        rows(("a", LONG + KEY), schema='CREATE TABLE "t""[x]"("k;", "v ""é")'),
        {('t"[x][1].v "é'.encode(),)},
    ),
    "many columns": (
        rows(
            (*map(str, range(120)), LONG + KEY),
            schema=f"CREATE TABLE t({','.join(f'c{n}' for n in range(121))})",
        ),
        {(b"t[1].c120",)},
    ),
    "gzip": (rows(("a", gzip.compress((os.urandom(9000).hex() + KEY).encode()))), {(b"t[1].v", b"content")}),
    "short gzip": (rows(("a", gzip.compress(KEY.encode()))), {(b"content",)}),
    "a database in a row": (rows(("a", rows(("b", LONG + KEY)))), {(b"t[1].v", b"t[1].v")}),
    "full text": (
        rows((LONG + " " + KEY,), schema="CREATE VIRTUAL TABLE t USING fts5(a)"),
        {(b"t_content[1].c0",)},
    ),
    "default of a column": (
        rows(schema=f"CREATE TABLE t(k, v DEFAULT '{LONG}{KEY}')"),
        {(b"sqlite_master[1].sql",)},
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_row_is_a_member(name: str) -> None:
    content, members = PLACES[name]
    assert scanned(content) == (members, [])


LINK = fake_link()
BESIDE: dict[str, bytes] = {
    "before a text": rows((f"https://example.org/{LINK}", "A title")),
    "behind a text": rows(("mine", LINK)),
    "in UTF-16": rows(("mine", LINK), ("", ""), encoding="UTF-16le"),
    "in UTF-16, the other way": rows(("mine", LINK), ("", ""), encoding="UTF-16be"),
    "without rowid": rows(("mine", LINK), schema="CREATE TABLE t(k PRIMARY KEY, v) WITHOUT ROWID"),
    "beside long rows": rows(("mine", LINK), ("", LONG)),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_share_link_beside_another_value_is_found(name: str, tmp_path: Path) -> None:
    """Values have no boundary between them: in a file, in history, and in another container."""
    repo = Repo(tmp_path / "repo")
    (repo.path / "a.db").write_bytes(BESIDE[name])
    (repo.path / "b.gz").write_bytes(gzip.compress(BESIDE[name]))
    repo.run("add", ".")
    repo.commit("a database")
    for report in (
        scan_json(repo.path, "--no-history"),
        scan_json(repo.path, "--history-only", "--no-cache"),
    ):
        (finding,) = report["findings"]
        assert (finding["fingerprint"], finding["confidence"]) == (fingerprint(LINK), "high")
        assert {place["path"] for place in finding["locations"]} == {"a.db", "b.gz"}


@pytest.mark.parametrize("is_journal", [False, True])
@pytest.mark.parametrize("secret", [KEY, LINK], ids=["key", "link"])
def test_values_of_a_log_are_parted(secret: str, tmp_path: Path, *, is_journal: bool) -> None:
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete=OFF")
        database.execute("CREATE TABLE t(k, v, w)")
        if is_journal:
            database.execute("INSERT INTO t VALUES ('mine', ?, 'A title')", (secret,))
            database.execute("BEGIN")
            database.execute("PRAGMA cache_spill=1")
            database.execute("UPDATE t SET v = ''")
            database.execute("PRAGMA cache_size=1")
            database.executemany("INSERT INTO t VALUES (?, '', '')", [(LONG,)] * 99)
        else:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("INSERT INTO t VALUES ('mine', ?, 'A title')", (secret,))
        log = Path(f"{path}-{'journal' if is_journal else 'wal'}").read_bytes()
    for content in (log, gzip.compress(log)):
        result = scan_container(content)
        shapes = {(hit.match.fingerprint, hit.match.shape) for hit in result.hits}
        assert (shapes, reasons_of(result)) == ({(fingerprint(secret), Shape.CONFIRMED)}, [])


def test_a_log_with_a_damaged_row_is_read_whole() -> None:
    """The header of the row is longer than the row."""
    page = bytes([13, 0, 0, 0, 1, 0, 0, 0]) + (600).to_bytes(2, "big")
    page = page.ljust(600, b"\0") + bytes([100, 1, 126]) + LINK.encode()
    head = b"7\x7f\x06\x82\0-\xe2\x18" + (1024).to_bytes(4, "big") + bytes(20)
    log = head + (2).to_bytes(4, "big") + bytes(20) + page.ljust(1024, b"\0")
    result = scan_container(log)
    assert {hit.match.fingerprint for hit in result.hits} == {fingerprint(LINK)}


MORE_PAGES = [(512, 2100), (4096, 12_500)] if NIGHTLY else []


@pytest.mark.parametrize(("page", "size"), [(512, 2000), (4096, 9000), *MORE_PAGES])
def test_no_edge_of_a_page_cuts_a_key(page: int, size: int) -> None:
    """The key begins everywhere in texts of a size, less than its length apart."""
    places = range(0, size, 41)
    content = rows(*(("", "x" * at + KEY + "x" * (size - at)) for at in places), page=page)
    result = scan_container(content)
    assert content.count(KEY.encode()) < len(places), "no page ends in a key"
    assert {hit.origin.members for hit in result.hits} == {
        (b"t[%d].v" % n,) for n in range(1, len(places) + 1)
    }


SECURE_OFF = "PRAGMA secure_delete=OFF"


@pytest.mark.parametrize(
    "how", ["DELETE FROM t", "DELETE FROM t WHERE rowid > 1", "DELETE FROM t WHERE rowid = 3", "DROP TABLE t"]
)
@pytest.mark.parametrize(("page", "lead"), [(512, 0), (512, 1), (512, 3), (4096, 0), (4096, 2)])
@pytest.mark.parametrize("at", [5, 30, 50])
@pytest.mark.sampled
def test_pieces_of_a_deleted_row_are_joined(page: int, at: int, lead: int, how: str) -> None:
    """The pages of the row that was deleted before are the first free ones."""
    content = databases.deleted(KEY, at, page, how, lead)
    assert KEY.encode() not in content
    assert all_keys(content) == {fingerprint(KEY)}


def all_keys(content: bytes) -> set[str]:
    """All keys, also those in its own bytes that no row explains."""
    result = scan_container(content)
    assert result.gaps == ()
    explained = {offset for _, _, offset in result.explained}
    own = {match.fingerprint for match in DETECTOR.find([content]) if match.offset not in explained}
    return {hit.match.fingerprint for hit in result.hits} | own


def test_a_key_behind_the_end_of_a_page_is_not_cut() -> None:
    """Around an end of a page there are 508 bytes of the next one, which end within the second key."""
    more = [SECURE_OFF, "DELETE FROM t WHERE rowid = 1", "DELETE FROM t WHERE rowid = 2"]
    for place in range(400, 508, 9):
        content = rows(("", "y" * 1500), ("", "x" * (508 + place) + KEY + "x" * 3000), page=512, more=more)
        assert scanned(content)[1] == []


def test_what_a_page_cuts_of_a_row_is_no_key_of_its_own() -> None:
    contents = [rows(("", "x" * at + KEY + " " + "x" * (9000 - at))) for at in range(770, 890, 13)]
    assert any(KEY.encode() not in content for content in contents)
    assert [all_keys(content) for content in contents] == [{fingerprint(KEY)}] * len(contents)


def _list_of_free_pages(numbers: list[int], following: int = 0) -> bytes:
    """Return a database whose second page lists free pages."""
    content = bytearray(rows(("", LONG), ("", LONG), page=512))
    content[32:36] = (2).to_bytes(4, "big")
    page = b"".join(n.to_bytes(4, "big") for n in (following, len(numbers), *numbers))[:512]
    content[512 : 512 + len(page)] = page
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        _list_of_free_pages([2, 2, 2], 2),
        _list_of_free_pages([0, 1, 3, (1 << 32) - 1], (1 << 32) - 1),
        _list_of_free_pages([1 << 31] * 126, 3),
        _list_of_free_pages([3] * 500),
    ],
    ids=range(4),
)
def test_a_list_of_free_pages_is_not_trusted(content: bytes) -> None:
    assert len(scan_container(content).gaps) <= 1


def test_numbers_of_free_pages_by_chance_cost_little() -> None:
    """Pages of nothing but the number of one free page."""
    content = rows(("", "y" * 2000), ("", "y" * 2000), page=512, more=[SECURE_OFF, "DELETE FROM t"])
    page = b"\x0d\0\0\0\0\1\xff\0" + (4).to_bytes(4, "big") * 126
    members, output = scan_container(content + page * 500).unpacked
    assert output < 20_000, members


def damaged(change: Callable[[bytearray], object]) -> bytes:
    content = bytearray(rows(*(("a", LONG + KEY) for _ in range(50))))
    change(content)
    return bytes(content)


def _no_page_size(content: bytearray) -> None:
    content[16:18] = b"\3\3"


def _random_pages(content: bytearray) -> None:
    content[4096 * 20 : 4096 * 40] = os.urandom(4096 * 20)


def _cut(content: bytearray) -> None:
    del content[4096 * 30 :]


def _misspell(content: bytearray) -> None:
    content[:] = content.replace(b"CREATE TABLE", b"CREATE TABEL")


def _tree_of_itself(content: bytearray) -> None:
    """Make the root of the table an inner page whose only child is the page."""
    content[4096:4108] = b"\5\0\0\0\0\0\0\0\0\0\0\2"


@pytest.mark.parametrize("change", [_no_page_size, _random_pages, _cut, _misspell, _tree_of_itself])
def test_damage_is_one_gap(change: Callable[[bytearray], object]) -> None:
    assert set(scanned(damaged(change))[1]) == {"corrupt-container"}


def test_views_triggers_and_functions_do_not_run() -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    content = rows(
        ("a", LONG + KEY),
        more=[
            f"CREATE VIEW w AS {endless}",
            "CREATE TABLE g(a, b AS (zeroblob(1000000000)))",
            f"INSERT INTO g VALUES ('{LONG}')",
        ],
    )
    assert scanned(content) == ({(b"t[1].v",)}, [])


def test_time_is_limited() -> None:
    content = rows(*(("a", LONG) for _ in range(50)))
    assert scanned(content, seconds=0.0)[1] == ["timed-out"]


def test_a_large_one_is_read_as_a_file(tmp_path: Path) -> None:
    """In the mode of a log, with a log that holds something else."""
    path = tmp_path / "large.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t(k, v)")
        edges = [("", "x" * at + KEY + LONG) for at in range(4000, 4200, 8)]
        database.executemany("INSERT INTO t VALUES (?, ?)", [*[("", bytes(8 << 20))] * 5, *edges])
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.stat()
        report = scan_json(tmp_path)
    (found,) = report["findings"]
    assert (found["fingerprint"], report["gaps"]) == (fingerprint(KEY), [])
    assert {place["members"][0] for place in found["locations"]} == {f"t[{n}].v" for n in range(6, 31)}
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)


def test_a_large_one_in_another_container_is_a_gap_by_design() -> None:
    content = gzip.compress(rows(("", bytes(2 << 20))))
    (gap,) = scan_container(content, spool=1 << 20).gaps
    assert (gap.reason, gap.by_design) == ("not-decoded", True)


def test_the_row_is_named_wherever_the_database_is(tmp_path: Path) -> None:
    """One whose bytes show all rows: in a file, on standard input, in the index, in objects and in packs."""
    content, _ = PLACES["short"]
    repo = Repo(tmp_path / "repo")
    (repo.path / "a.db").write_bytes(content)
    repo.run("add", "a.db")
    reports = [scan_json(repo.path), scan_json("--staged", cwd=repo.path), scan_json("-", stdin=content)]
    repo.commit("a database")
    reports.append(scan_json(repo.path, "--history-only", "--no-cache"))
    repo.run("gc", "--quiet")
    reports.append(scan_json(repo.path, "--history-only", "--no-cache"))
    for report in reports:
        (finding,) = report["findings"]
        assert {tuple(place["members"]) for place in finding["locations"]} == {("t[1].v",)}
