"""``boltz-keyscan redact``: keys go, everything else stays, and what is left is named."""

from __future__ import annotations

import base64
import gzip
import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.keys import fake_key, fingerprint, short_fingerprint
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import Ran, keyscan

KEY = fake_key("ws", "live", "redact")
ADMIN = fake_key("admin", "live", "redact")
SHORT = short_fingerprint(KEY)
BACKUP = ".boltz-keyscan-backup"


def redact(folder: Path, *arguments: str, code: int, changed: str = "") -> Ran:
    ran = keyscan("redact", *arguments, cwd=folder, changed=changed)
    assert ran.code == code, ran.text + ran.errors
    assert leaks(ran.out + ran.err, KEY, ADMIN) == []
    assert list(folder.rglob("*.tmp")) == []
    return ran


def contents(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def notebook() -> str:
    output = {"name": "stdout", "output_type": "stream", "text": [f"key: {KEY}\n", "done\n"]}
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "id": "a1",
        "metadata": {},
        "outputs": [output],
        "source": [f"client = Boltz(api_key='{ADMIN}')"],
    }
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def database(path: Path, *, wal: bool = False) -> Path:
    """A database with keys in text, in a long blob, in a table without rowid, and in deleted rows."""
    with closing(sqlite3.connect(path, isolation_level=None)) as data:
        if wal:
            data.execute("PRAGMA journal_mode=WAL")
        data.execute("CREATE TABLE kept (name TEXT UNIQUE, value BLOB, n INT)")
        data.execute("CREATE TABLE odd (name TEXT PRIMARY KEY, value) WITHOUT ROWID")
        data.execute("CREATE TABLE gone (value)")
        wide = b"a" * 9000 + base64.b64encode(f"user:{KEY}".encode()) + b"z" * 9000
        data.executemany("INSERT INTO kept VALUES (?, ?, ?)", [(KEY, b"\0\1", 1), ("long", wide, 2)])
        data.execute("INSERT INTO odd VALUES (?, ?)", (f"x-{KEY}", ADMIN))
        data.executemany("INSERT INTO gone VALUES (?)", [(f"{number} {KEY}",) for number in range(200)])
        data.execute("DELETE FROM gone")
    return path


def make_folder(folder: Path) -> None:
    """A folder with everything that is replaced, and everything that is left."""
    (folder / "sub").mkdir(parents=True)
    encoded = base64.b64encode(f"user:{KEY}".encode()).decode()
    transcript = [{"text": f"export BOLTZ_API_KEY={KEY}\n"}, {"auth": f"Basic {encoded}", "n": 1}]
    (folder / "sub/a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in transcript))
    (folder / "sub/a.jsonl").chmod(0o640)
    os.utime(folder / "sub/a.jsonl", ns=(10**18, 10**18 + 5))
    (folder / "n.ipynb").write_text(notebook())
    (folder / "crlf.log").write_bytes(f"a\r\n{KEY}\r\nb\xff".encode("latin-1"))
    (folder / "wide.txt").write_bytes(f"x {KEY} y".encode("utf-16"))
    (folder / "clean.txt").write_text("nothing\n")
    database(folder / "s.db")
    (folder / "b.gz").write_bytes(gzip.compress(KEY.encode()))
    (folder / "binary").write_bytes(b"\0\1" + KEY.encode())
    (folder / "dump.txt").write_text(
        "\n".join(
            f"{at:08x}: {part.hex(' ', -2):<39}  {part.decode()}"
            for at in range(0, len(KEY), 16)
            for part in (KEY.encode()[at : at + 16],)
        )
    )
    (folder / "one").write_text(KEY)
    (folder / "other").hardlink_to(folder / "one")
    (folder / "fixed").write_text(KEY)
    (folder / "fixed").chmod(0o444)
    (folder.parent / "outside").write_text(KEY)
    (folder / "link").symlink_to("../outside")
    (folder / f"name-{ADMIN}").write_text("nothing")
    (folder / f"before.txt{BACKUP}").write_text(KEY)
    os.mkfifo(folder / "fifo")


Before = dict[str, tuple[bytes, int, int]]


def test_a_folder_with_everything(tmp_path: Path) -> None:
    folder = tmp_path / "top"
    make_folder(folder)
    before = contents(folder)
    with (folder / "open.log").open("w") as log:
        log.write(KEY)
        log.flush()
        dry = redact(tmp_path, "top", "--dry-run", code=1)
        assert contents(folder) == before | {"open.log": contents(folder)["open.log"]}
        ran = redact(tmp_path, "top", code=1)
        assert (folder / "open.log").read_text() == KEY
    check_counts(dry, ran)
    check_replaced(folder, before, ran)
    check_rows(folder)
    check_left(folder, before, ran)


def check_counts(dry: Ran, ran: Ran) -> None:
    lines = [line.partition("; backup")[0] for line in ran.text.splitlines()]
    announced = dry.text.replace("would redact", "redacted").replace("to redact", "redacted").splitlines()
    assert [line for line in lines if "backups" not in line] == [
        line for line in announced if "backup" not in line
    ]


def check_replaced(folder: Path, before: Before, ran: Ran) -> None:
    for name, places in (("sub/a.jsonl", "2 places of 1 key"), ("n.ipynb", "2 places of 2 keys")):
        assert f"redacted  top/{name}: {places}; backup top/{name}{BACKUP}\n" in ran.text
    for name in ("sub/a.jsonl", "n.ipynb", "crlf.log", "wide.txt", "s.db"):
        now = (folder / name).read_bytes()
        assert leaks(now, KEY, ADMIN) == [], name
        assert name == "s.db" or len(now) == len(before[name][0]), name
        backup = folder / (name + BACKUP)
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        assert name == "s.db" or backup.read_bytes() == before[name][0]
        assert (folder / name).stat().st_mode == before[name][1]
    lines = [json.loads(line) for line in (folder / "sub/a.jsonl").read_text().splitlines()]
    shown = f"{KEY[:14]}[REDACTED][{fingerprint(KEY)[:31]}]"
    assert lines[0] == {"text": f"export BOLTZ_API_KEY={shown}\n"}
    assert base64.b64decode(lines[1]["auth"].removeprefix("Basic ")).decode() == f"user:{shown}"
    # Later, for programs that copy what changed: the size is the same.
    assert (folder / "sub/a.jsonl").stat().st_mtime_ns == 10**18 + 5 + 10**9
    assert (folder / "crlf.log").read_bytes() == f"a\r\n{shown}\r\nb\xff".encode("latin-1")
    assert (folder / "wide.txt").read_bytes().decode("utf-16") == f"x {shown} y"
    # A notebook is JSON with text: the same but for the keys.
    admin = f"{ADMIN[:17]}[REDACTED][{fingerprint(ADMIN)[:31]}]"
    assert (folder / "n.ipynb").read_text() == notebook().replace(KEY, shown).replace(ADMIN, admin)


def check_rows(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "s.db")) as data:
        data.text_factory = bytes
        rows = data.execute("SELECT * FROM kept ORDER BY n").fetchall()
        assert data.execute("PRAGMA integrity_check").fetchone() == (b"ok",)
        assert data.execute(
            "SELECT count(*) FROM kept WHERE name = ?", (rows[0][0].decode(),)
        ).fetchone() == (1,)
        (odd,) = data.execute("SELECT * FROM odd").fetchall()
    assert (rows[0][1:], rows[1][0]) == ((b"\0\1", 1), b"long")
    assert f"[{SHORT}".encode() in rows[0][0]
    assert base64.b64decode(rows[1][1][9000:-9000]).startswith(b"user:" + KEY[:14].encode() + b"[REDACTED]")
    assert odd[0].startswith(b"x-" + KEY[:14].encode() + b"[")


def check_left(folder: Path, before: Before, ran: Ran) -> None:
    for name, reason in {
        "b.gz!content": "it is an archive or a compound file",
        "binary": "it is binary, and a change may damage it",
        "dump.txt": "encoded as dump, which is not replaced",
        "one": "it has 2 names (hard links), and the others would keep the key",
        "other": "it has 2 names (hard links), and the others would keep the key",
        "fixed": "it is read-only",
        f"name-{ADMIN[:17]}[REDACTED]": "in the name",
    }.items():
        assert f"left  top/{name}: 1 place: {reason}\n" in ran.text, name
        own = name.partition("!")[0].replace("[REDACTED]", ADMIN[17:])
        assert contents(folder)[own] == before[own]
    assert "left  top/open.log: 1 place: it is in use by " in ran.text
    assert (folder.parent / "outside").read_text() == KEY
    assert "LEFT: 10 places in 5 files redacted, 8 places left (exit 1).\n" in ran.text
    assert "note: the keys are still in 6 backups (*.boltz-keyscan-backup)" in ran.text
    assert f"key  {KEY[:14]}[REDACTED]  {SHORT}\n" in ran.text


def test_a_clean_end_without_backups_and_what_git_still_has(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.leak("notes.md", f"{KEY}\n", "a key")
    repo.write("later.log", f"{ADMIN}\n")
    ran = redact(repo.path, ".", "--no-backup", code=0)
    assert "redacted  notes.md: 1 place of 1 key\n" in ran.text
    assert f"note: git still has {SHORT}: boltz-keyscan explain {SHORT}\n" in ran.text
    assert fingerprint(ADMIN)[:12] not in ran.text.partition("note:")[2]
    assert sorted(path.name for path in repo.path.iterdir()) == [".git", "later.log", "notes.md"]
    again = redact(repo.path, ".", code=0)
    assert again.text == "Done: 0 places in 0 files redacted, 0 places left (exit 0).\n"


CHANGED_MEANWHILE = """
import boltz_keyscan.redactor.text_file as module
keep_facts = module._keep_facts
module._keep_facts = lambda *given: (keep_facts(*given), open("a.log", "ab").write(b"more"))
"""
CHANGED_AT_THE_END = """
import os
replace = os.replace
def replace_and_write(*given):
    os.replace = replace
    with open("a.log", "ab") as log:
        replace(*given)
        log.write(b"more")
os.replace = replace_and_write
"""
NO_LINKS = """
import os
def link(*given):
    raise PermissionError(1, "no")
os.link = link
"""
NO_REPLACEMENT = """
import os
replace = os.replace
def refuse(source, target):
    if os.fsencode(source).endswith(b".tmp"):
        raise PermissionError(13, "Permission denied")
    replace(source, target)
os.replace = refuse
"""
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))"

FAULTS = {
    "a full disk": (FULL, "cannot be replaced: File too large"),
    "a change while it is redacted": (CHANGED_MEANWHILE, "it changed while it was redacted"),
    "a change in the last moment": (CHANGED_AT_THE_END, "it changed while it was redacted"),
    "another program that holds it": (NO_REPLACEMENT, "cannot be replaced: Permission denied"),
    "no hard links": (NO_LINKS, ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_the_file_is_whole(fault: str, tmp_path: Path) -> None:
    changed, reason = FAULTS[fault]
    text = f"{KEY} {'x' * 200}\n"
    (tmp_path / "a.log").write_text(text)
    ran = redact(tmp_path, "a.log", code=1 if reason else 0, changed=changed)
    names = sorted(path.name for path in tmp_path.iterdir())
    if reason:
        assert f"left  a.log: 1 place: {reason}" in ran.text
        assert (tmp_path / "a.log").read_text().removesuffix("more") == text
        assert names == ["a.log"]
    else:
        assert (tmp_path / f"a.log{BACKUP}").read_text() == text
        assert names == ["a.log", f"a.log{BACKUP}"]


def test_a_kill_at_any_step_loses_nothing(tmp_path: Path) -> None:
    text = f"{KEY}\n"
    for step in ("fsync", "link", "replace", "chmod"):
        folder = tmp_path / step
        folder.mkdir()
        (folder / "a.log").write_text(text)
        kill = f"import os\nos.{step} = lambda *a, **k: os.kill(os.getpid(), 9)"
        assert keyscan("redact", "a.log", cwd=folder, changed=kill).code not in {0, 1, 2, 3, 4}
        old = (folder / "a.log").read_text() == text
        assert old or (folder / f"a.log{BACKUP}").read_text() == text
        for path in folder.iterdir():
            assert path.read_text() == text or leaks(path.read_bytes(), KEY) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("link", "a symbolic link: link"),
        ("missing", "no such file or folder: missing"),
        ("fifo", "not a file or"),
    ],
)
def test_paths_that_are_refused(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(KEY)
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    assert reason in redact(tmp_path, name, code=2).errors
    assert (tmp_path / "file").read_text() == KEY


def test_databases_in_use_and_those_a_change_would_break(tmp_path: Path) -> None:
    used = database(tmp_path / "used.db", wal=True)
    for name, script in {
        "trigger.db": "CREATE TRIGGER t AFTER UPDATE ON kept BEGIN INSERT INTO gone VALUES (new.name); END",
        "words.db": f"CREATE VIRTUAL TABLE w USING fts4(text); INSERT INTO w VALUES ('{KEY}')",
    }.items():
        with closing(sqlite3.connect(database(tmp_path / name))) as data:
            data.executescript(script)
    (tmp_path / "damaged.db").write_bytes(used.read_bytes()[:-5000])
    with closing(sqlite3.connect(used, isolation_level=None)) as data:
        data.execute("INSERT INTO gone VALUES (?)", (ADMIN,))
        before = contents(tmp_path)
        ran = redact(tmp_path, ".", "--no-backup", code=1)
        assert contents(tmp_path) == before
    for name, reason in {
        "used.db": "in use by",
        "trigger.db": "its tables have triggers, which are not run here",
        "words.db": "an index of words has the key too, and would be broken",
        "damaged.db": "",
    }.items():
        assert any(line.startswith(f"left  {name}") and reason in line for line in ran.text.splitlines()), (
            name
        )
    # Closed by its program: the log goes with the redaction.
    redact(tmp_path, "used.db", "--no-backup", code=0)
    assert leaks(used.read_bytes(), KEY, ADMIN) == []
    assert not list(tmp_path.glob("used.db-*"))


def test_keys_at_the_seams_of_a_long_file(tmp_path: Path) -> None:
    """A file is read, searched and copied in pieces, of 1 and of 4 MiB."""
    places = [(1 << 20) - 30, (4 << 20) - 30, (4 << 20) + (32 << 10) - 10, (8 << 20) - 57]
    data = bytearray(b"0123456789abcde\n" * (9 << 16))
    for number, at in enumerate(places):
        form = KEY.encode() if number % 2 else base64.b64encode(b" " + KEY.encode() + b" ")
        data[at - 1 : at + len(form) + 1] = b" " + form + b" "
    (tmp_path / "long.log").write_bytes(data)
    ran = redact(tmp_path, "long.log", "--no-backup", code=0)
    after = (tmp_path / "long.log").read_bytes()
    assert f"redacted  long.log: {len(places)} places of 1 key\n" in ran.text
    assert len(after) == len(data)
    assert sum(one != other for one, other in zip(data, after, strict=True)) < 4 * 80
