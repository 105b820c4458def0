r"""Windows, as far as it can be had without one: see ``tests.absences.windows`` for what is acted.

The same repositories are scanned on the system of the test: reports have to be the same.
"""

from __future__ import annotations

import contextlib
import ctypes
import gzip
import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.report import REPORTERS
from boltz_keyscan.system import windows_jobs, windows_paths
from tests.absences.acted import Command, Ended, run_on
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import ROOT, scan_json

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Windows is acted on Linux")


def there(path: Path) -> str:
    """The path of a file on the acted Windows."""
    return "C:" + str(path).replace("/", "\\")


@pytest.fixture
def windows(tmp_path: Path) -> Callable[..., list[Ended]]:
    home = tmp_path / "home"
    home.mkdir()
    return lambda *commands: run_on("windows", home, *commands)


def run(folder: Path, *arguments: str, **more: Any) -> Command:
    return Command(arguments, folder, **more)


def comparable(report: Any) -> Any:
    """A report without what differs between two runs."""
    for changing in ("started_at", "duration_s", "targets"):
        del report["scan"][changing]
    return report


def tar(names: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in names.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue())


@pytest.fixture
def lived_in(repo: Repo) -> Repo:
    """A repository with keys in files, folders, an archive, a database of packs and the history."""
    repo.leak("gone.txt", fake_key() + "\n")
    repo.leak("gone.txt", "clean\n")
    repo.leak("src/deep/crlf.env", f"A=1\r\nK={fake_key()}\r\n")
    repo.run("gc", "-q")
    (repo.path / "src" / "new.txt").write_text(fake_key())
    (repo.path / ".gitignore").write_text("*.local\n")
    (repo.path / "src" / "mine.local").write_text(fake_key())
    (repo.path / "logs.tar.gz").write_bytes(tar({"logs/job.log": fake_key()}))
    return repo


def test_files_and_history_are_reported_as_on_this_system(
    lived_in: Repo, windows: Callable[..., list[Ended]]
) -> None:
    jobs = ("--jobs", "2", "--format", "json", "--no-cache")
    whole, part, history = windows(
        run(lived_in.path, *jobs, "."),
        run(lived_in.path, *jobs, there(lived_in.path / "src")),
        run(lived_in.path, *jobs, "--history-only", "."),
    )
    for ended, arguments in ((whole, ["."]), (part, ["src"]), (history, ["--history-only", "."])):
        here = scan_json(*arguments, "--no-cache", cwd=lived_in.path)
        assert ended.errors.count("note: ") == ended.errors.count("\n") == int(ended is part)
        assert comparable(ended.report) == comparable(here)


def test_a_scan_is_remembered_in_the_folder_of_the_user(
    lived_in: Repo, windows: Callable[..., list[Ended]], tmp_path: Path
) -> None:
    first, second = windows(run(lived_in.path, "-v", "."), run(lived_in.path, "-v", "."))
    assert (first.code, second.code) == (1, 1)
    assert "0 new since the last scan" in second.text
    assert (tmp_path / "home/AppData/Local/boltz-keyscan/Cache").is_dir()


def test_every_report_is_written(lived_in: Repo, windows: Callable[..., list[Ended]], tmp_path: Path) -> None:
    wanted = {name: tmp_path / f"report.{name}" for name in REPORTERS}
    options = [f"--report={name}={there(path)}" for name, path in wanted.items()]
    # Over a file that exists, too.
    wanted["text"].write_text("old")
    (ended,) = windows(run(lived_in.path, *options, "."))
    assert (ended.code, ended.errors) == (1, "")
    for path in wanted.values():
        content = path.read_bytes()
        assert content
        assert b"\r\n" not in content.replace(b"\r\n", b"", content.count(b"\r\n") * (path.suffix == ".csv"))


def test_the_commit_hook(repo: Repo, windows: Callable[..., list[Ended]]) -> None:
    key = fake_key()
    repo.leak("old.txt", "clean\n")
    (repo.path / "sub").mkdir()
    (repo.path / "sub/new.txt").write_bytes(f"K={key}\r\n".encode())
    clean, *_ = windows(run(repo.path, "hook", "pre-commit"))
    repo.run("add", ".")
    staged, named, elsewhere = windows(
        run(repo.path, "hook", "pre-commit"),
        run(repo.path / "sub", "hook", "pre-commit", "..\\sub\\new.txt"),
        run(repo.path, "hook", "pre-commit", there(repo.path.parent / "home")),
    )
    assert (clean.code, clean.errors) == (0, "")
    for ended in (staged, named):
        assert ended.code == 1
        assert "sub/new.txt:1" in ended.text + ended.errors
    assert "a folder" in " ".join((elsewhere.text + elsewhere.errors).split())


def test_the_push_hook(repo: Repo, windows: Callable[..., list[Ended]]) -> None:
    repo.leak("a.txt", "clean\n")
    key = fake_key()
    oid = repo.leak("b.txt", key)
    line = f"refs/heads/main {oid} refs/heads/main {'0' * 40}\n"
    (ended,) = windows(run(repo.path, "hook", "pre-push", "origin", "https://example.com/x", stdin=line))
    assert ended.code == 1
    assert "b.txt:1" in ended.text + ended.errors


def test_installed_hooks_are_for_the_shell_of_git(repo: Repo, windows: Callable[..., list[Ended]]) -> None:
    installed, again, doctor = windows(
        run(repo.path, "hook", "install"),
        run(repo.path, "hook", "install"),
        run(repo.path, "hook", "doctor", "pre-commit", "pre-push"),
    )
    assert (installed.code, again.code) == (0, 0), installed.errors
    script = (repo.path / ".git/hooks/pre-commit").read_bytes()
    assert script.startswith(b"#!/bin/sh\n")
    assert b"\r" not in script
    assert b"\npython=C:/" in script
    assert b"\\" not in script
    assert doctor.text.count("would run") == 2
    assert doctor.code == 0


def test_the_hook_of_an_agent(repo: Repo, windows: Callable[..., list[Ended]], tmp_path: Path) -> None:
    key = fake_key()
    payload = {
        "hook_event_name": "UserPromptSubmit",
        "session_id": "x",
        "cwd": there(repo.path),
        "prompt": key,
    }
    installed, doctor, stopped = windows(
        run(repo.path, "hook", "install", "claude"),
        run(repo.path, "hook", "doctor", "claude"),
        run(repo.path, "hook", "agent", stdin=json.dumps(payload)),
    )
    assert installed.code == 0, installed.errors
    (command,) = {
        entry["command"]
        for groups in json.loads((tmp_path / "home/.claude/settings.json").read_text())["hooks"].values()
        for group in groups
        for entry in group["hooks"]
    }
    # One form for cmd, PowerShell and sh: no quotes around the program, double ones around the code.
    assert command.startswith("C:/")
    assert command.count('"') == 2
    assert "\\" not in command
    assert "Claude Code: works" in doctor.text
    assert key not in stopped.text + stopped.errors
    assert "block" in stopped.text or stopped.code == 2


def test_keys_of_this_user(repo: Repo, windows: Callable[..., list[Ended]]) -> None:
    key = fake_key()
    (repo.path / ".env").write_text(f"BOLTZ_API_KEY={key}\n")
    (ended,) = windows(run(repo.path, "keys", "audit", "--local"))
    assert ended.errors == ""
    assert "with 1 file" in ended.text
    # The permissions of Windows are not those of ``st_mode``.
    assert "others can read" not in ended.text


def test_keys_in_files_are_replaced(tmp_path: Path, windows: Callable[..., list[Ended]]) -> None:
    """Where no open file can be replaced or deleted."""
    tree = tmp_path / "tree"
    tree.mkdir()
    key = fake_key()
    (tree / "job.log").write_bytes(f"K={key}\r\nrest\r\n".encode())
    with contextlib.closing(sqlite3.connect(tree / "notes.db")) as database, database:
        database.execute("CREATE TABLE t(x)")
        database.execute("INSERT INTO t VALUES (?)", (key,))
    (tree / "held.locked").write_text(key)
    tried, done, again = windows(
        run(tree, "redact", "--dry-run", "."),
        run(tree, "redact", "."),
        run(tree, "redact", "--no-backup", "job.log", "notes.db"),
    )
    for ended, written in ((tried, "would redact"), (done, "redacted")):
        assert ended.errors == ""
        assert ended.text.count(f"{written}  ") == 2
        assert "another program has opened it for itself only" in " ".join(ended.text.split())
        assert "this system does not report which programs write to a file" in ended.text
    assert (again.code, again.errors) == (0, "")
    assert (tree / "job.log").read_bytes().endswith(b"]\r\nrest\r\n")
    assert key.encode() not in (tree / "job.log").read_bytes() + (tree / "notes.db").read_bytes()
    assert key.encode() in (tree / "job.log.boltz-keyscan-backup").read_bytes()


def test_a_fleet(tmp_path: Path, windows: Callable[..., list[Ended]]) -> None:
    """All repositories, then in two parts that are merged: the same keys each time."""
    keys = {}
    for name in ("a", "b", "c"):
        keys[name] = fake_key("ws", "live", name)
        Repo(tmp_path / "repos" / name).leak("a.txt", keys[name])
    scan = ("fleet", "scan", there(tmp_path / "repos"), "--jobs", "2")
    whole, again, part, other, merged, report, status = windows(
        run(tmp_path, *scan, "--state", "whole"),
        run(tmp_path, *scan, "--state", "whole"),
        run(tmp_path, *scan, "--state", "one", "--shard", "1/2"),
        run(tmp_path, *scan, "--state", "two", "--shard", "2/2"),
        run(tmp_path, "fleet", "merge", "one", "two", "--state", "both"),
        run(tmp_path, "fleet", "report", "--state", "both", "--format", "json"),
        run(tmp_path, "fleet", "status", "--state", "both"),
    )
    for ended in (whole, again, merged):
        assert (ended.code, ended.errors) == (1, "")
        assert "3 repositories: 3 scanned" in ended.text
    assert (part.errors, other.errors) == ("", "")
    assert {each["fingerprint"] for each in report.report["findings"]} == set(map(fingerprint, keys.values()))
    assert "3 repositories: 3 scanned" in status.text


def test_names_that_windows_reads_differently(tmp_path: Path, windows: Callable[..., list[Ended]]) -> None:
    """A tree that another system wrote: each file is read, by its literal name."""
    tree = tmp_path / "tree"
    deep = tree.joinpath(*["d" * 60] * 5)
    deep.mkdir(parents=True)
    keys = [fake_key() for _ in range(5)]
    for name, key in zip(("NUL", "con.txt", "dot.", "trailing "), keys, strict=False):
        (tree / name).write_text(key)
    (deep / "long.txt").write_text(keys[4])
    surrogate = os.fsencode(tree) + b"/lone \xed\xa0\x80.txt"
    Path(os.fsdecode(surrogate)).write_text("clean")
    (ended,) = windows(run(tree, "--format", "json", "."))
    assert (ended.errors, ended.report["scan"]["complete"]) == ("", True)
    found = {each["fingerprint"] for each in ended.report["findings"]}
    assert found == set(map(fingerprint, keys))


def test_what_leads_elsewhere_is_not_followed(tmp_path: Path, windows: Callable[..., list[Ended]]) -> None:
    """Junctions, and paths of other machines in ``.git`` and in alternates, which would end the program."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(fake_key())
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "junction").symlink_to(f"{outside}/./")
    (tree / "link").symlink_to(outside)
    (tree / "worktree").mkdir()
    (tree / "worktree/.git").write_text("gitdir: //evil.example/share/repo\n")
    lender = Repo(tree / "lender")
    lender.leak("a.txt", "clean\n")
    info = lender.path / ".git/objects/info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text("\\\\evil.example\\share\\objects\n")
    (ended,) = windows(run(tree, "--format", "json", "."))
    assert ended.errors == ""
    assert ended.report["findings"] == []
    gaps = {(gap["where"], gap["reason"]) for gap in ended.report["gaps"]}
    assert gaps == {("worktree", "repository-unreadable"), ("lender", "alternate-outside")}


def test_names_in_a_commit_lead_nowhere(repo: Repo, windows: Callable[..., list[Ended]]) -> None:
    """Names that git on another system committed: each key is reported, and no such path is opened."""
    keys = [fake_key() for _ in range(4)]
    names = (
        "//evil.example/share/a".replace("//", "\\\\").replace("/", "\\"),
        "C:evil",
        "a:stream",
        "caf\udce9",
    )
    for name, key in zip(names, keys, strict=True):
        (repo.path / name).write_text(key)
    repo.run("add", "-A")
    repo.run("commit", "-qm", "names")
    for name in names:
        (repo.path / name).unlink()
    scanned, hook = windows(
        run(repo.path, "--format", "json", "--history-only", "."), run(repo.path, "hook", "pre-commit")
    )
    assert scanned.errors == ""
    assert {each["fingerprint"] for each in scanned.report["findings"]} == set(map(fingerprint, keys))
    assert hook.code == 0, hook.errors


def test_a_file_that_another_program_holds_is_a_gap(
    tmp_path: Path, windows: Callable[..., list[Ended]]
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "job.locked").write_text("held")
    (ended,) = windows(run(tree, "."))
    assert ended.code == 3
    assert "another program has opened it for itself only" in " ".join(ended.text.split())


def test_devices_and_shares_as_arguments(tmp_path: Path, windows: Callable[..., list[Ended]]) -> None:
    device, stream = windows(run(tmp_path, "NUL"), run(tmp_path, "a.txt:stream"))
    assert device.code == 3
    assert "keeps this name for a device" in " ".join(device.text.split())
    assert stream.code == 2


def test_git_is_never_that_of_the_scanned_tree(lived_in: Repo, windows: Callable[..., list[Ended]]) -> None:
    planted = lived_in.path / "git.exe"
    planted.write_text(f"#!/bin/sh\ntouch {lived_in.path}/ran\n")
    planted.chmod(0o755)
    beside, without = windows(
        run(lived_in.path, "."), run(lived_in.path, ".", variables={"PATH": f".;{there(lived_in.path)[2:]}"})
    )
    assert not (lived_in.path / "ran").exists()
    assert beside.code == 1
    assert "scan files only with --no-history" in " ".join(without.text.split())


BACK = (
    "import fcntl",
    "import resource",
    "os.fork",
    "os.getuid()",
    "os.killpg(1, 9)",
    "os.pread(0, 1, 0)",
    "os.readv(0, [])",
    "os.set_blocking(0, False)",
    "os.open('x', os.O_RDONLY | os.O_NOFOLLOW)",
    "os.open('x', os.O_BINARY, dir_fd=3)",
    "os.scandir(3)",
    "os.symlink('a', 'b')",
    "os.kill(os.getpid(), 0)",
    "select.poll()",
    "signal.pthread_sigmask(0, set())",
    "signal.SIGKILL",
    "subprocess.Popen(['git'], pass_fds=(3,))",
    "subprocess.Popen(['git'], env={})",
    "subprocess.Popen(['git'], creationflags=0x200, env={})",
)


def test_a_call_of_posix_that_is_put_back_fails(tmp_path: Path, windows: Callable[..., list[Ended]]) -> None:
    """Each is refused by the acted Windows; the last lines put one back into the program itself."""
    imports = "import os, select, signal, subprocess"
    back = "from boltz_keyscan.system import pipes; pipes.open_reader = pipes.PolledReader"
    (tmp_path / "a.txt").write_text("clean")
    repo = Repo(tmp_path / "repo")
    repo.leak("a.txt", "clean\n")
    *refused, unchanged, changed = windows(
        *(run(tmp_path, "--version", changed=(imports, call)) for call in BACK),
        run(repo.path, "."),
        run(repo.path, ".", changed=(back,)),
    )
    assert [call for call, ended in zip(BACK, refused, strict=True) if ended.code != 99] == []
    assert (unchanged.code, changed.code) == (0, 4)
    assert "AttributeError" in changed.errors


@pytest.mark.parametrize(
    ("path", "device"),
    [
        ("NUL", True),
        ("C:\\x\\con.txt", True),
        ("C:/x/aux", True),
        ("com1", True),
        ("COM¹.log", True),
        ("lpt9:", True),
        ("nul  .txt", True),
        ("\\\\.\\PhysicalDrive0", True),
        ("\\\\?\\GLOBALROOT\\Device\\x", True),
        ("\\\\?\\C:\\x\\NUL", False),
        ("null", False),
        ("C:\\con\\a.txt", False),
        ("console.txt", False),
        ("com10", False),
    ],
)
def test_device_names(path: str, *, device: bool) -> None:
    assert windows_paths.is_device(path.encode()) is device


@pytest.mark.parametrize(
    ("path", "literal"),
    [
        ("C:\\x\\y", "\\\\?\\C:\\x\\y"),
        ("C:/x/./y/../z", "\\\\?\\C:\\x\\z"),
        ("\\\\server\\share\\x", "\\\\?\\UNC\\server\\share\\x"),
        ("//server/share/x", "\\\\?\\UNC\\server\\share\\x"),
        ("\\\\?\\C:\\x", "\\\\?\\C:\\x"),
        ("\\\\.\\pipe\\x", "\\\\.\\pipe\\x"),
        ("C:x", "C:x"),
        ("x\\y", "x\\y"),
    ],
)
def test_literal_paths(path: str, literal: str) -> None:
    assert windows_paths.literal(path.encode()) == literal.encode()


@pytest.mark.parametrize(
    ("path", "origin", "away"),
    [
        ("\\\\evil\\share\\x", "C:\\repo", True),
        ("//evil/share/x", "C:\\repo", True),
        ("\\\\?\\UNC\\evil\\share\\x", "C:\\repo", True),
        ("\\\\.\\pipe\\x", "C:\\repo", True),
        ("\\\\files\\team\\x", "\\\\FILES\\team\\repo", False),
        ("\\\\evil\\share\\x", "\\\\files\\team\\repo", True),
        ("D:\\x", "C:\\repo", False),
        ("\\\\?\\C:\\x", "C:\\repo", False),
    ],
)
def test_paths_of_other_machines(path: str, origin: str, *, away: bool) -> None:
    assert windows_paths.leads_away(path.encode(), origin.encode()) is away


@pytest.mark.parametrize(
    ("name", "good"),
    [("a/b.txt", True), ("a/..b", True), ("a/../b", False), ("C:x", False), ("a:b", False), ("a\\b", False)],
)
def test_names_below_a_folder(name: str, *, good: bool) -> None:
    assert windows_paths.is_name(name.encode()) is good


def test_the_structures_of_job_objects_have_the_size_that_windows_expects() -> None:
    if ctypes.sizeof(ctypes.c_void_p) == 8:
        assert ctypes.sizeof(windows_jobs.BasicLimits) == 64
        assert ctypes.sizeof(windows_jobs.ExtendedLimits) == 144


def test_the_guide() -> None:
    """The commands of docs/windows.md: the last is run by the tests above, on windows as it is acted."""
    page = (ROOT / "docs/windows.md").read_text(encoding="utf-8")
    block = page.partition("```console\n")[2].partition("```")[0]
    install, change, hook = block.splitlines()
    assert install == "pipx install ."
    assert change.startswith("cd ")
    assert hook == "boltz-keyscan hook install"
