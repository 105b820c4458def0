"""Nothing of a scanned tree is imported, by any process of ours, however it was started.

The tree has a file for every module of the standard library and for every package installed here. Each leaves
a marker when it is imported, with the command line of the process that did it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import cast

import click
import pytest
import yaml

from boltz_keyscan import module_search
from boltz_keyscan.cli.root import COMMANDS, Commands
from boltz_keyscan.exports import EXPORTERS
from boltz_keyscan.report import REPORTERS
from boltz_keyscan.sources.files.shard import FILES_PER_SHARD, FileShard
from boltz_keyscan.workers import scan_pool
from tests.depth import NIGHTLY
from tests.hooked import ISOLATED, PRE_COMMIT, call, manifest
from tests.keys import PREFIXES, fake_key, fingerprint
from tests.processes import until
from tests.repos import Repo
from tests.running import ROOT, Ran
from tests.terminals import Terminal

KEY = fake_key("ws", "live", "module search")
START = "from boltz_keyscan.cli import entry; entry()"
START_MANY = """
import json
import sys
from boltz_keyscan import module_search
from boltz_keyscan.cli import main

module_search.restrict()
with open(sys.argv[1]) as lines, open(sys.argv[2], "w") as codes:
    for line in lines:
        print(main(json.loads(line)), file=codes)
"""
"""What ``entry`` does at its start, once for many command lines, whose exit codes it writes down."""
ENOUGH = scan_pool.MIN_BYTES_SPAWNED // FileShard(b"", b"", (b"one",)).weight + 2 * FILES_PER_SHARD


@dataclass(frozen=True)
class Trap:
    """A repository whose modules leave markers, and what is needed to work with it."""

    repo: Repo
    markers: Path
    program: Path
    """The console script, as pip writes it."""

    @property
    def path(self) -> Path:
        return self.repo.path

    def imported(self) -> dict[str, str]:
        """What was imported of it, and by which process; afterwards that is forgotten."""
        found = {marker.name: marker.read_text() for marker in self.markers.iterdir()}
        for name in found:
            (self.markers / name).unlink()
        return found

    def run(self, *arguments: str, stdin: bytes = b"") -> Ran:
        """The console script, off a terminal."""
        ran = subprocess.run(
            [self.program, *arguments],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)


def _top_levels() -> set[str]:
    names = {*sys.stdlib_module_names, *packages_distributions(), "boltz_api", "httpx", "git", "dulwich"}
    return {name for name in names if name.isidentifier()} | {"sitecustomize", "usercustomize"}


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Trap:
    base = tmp_path_factory.mktemp("trap")
    markers = base / "markers"
    markers.mkdir()
    repo = Repo(base / "repo")
    told = "open(__file__ and {!r}, 'w').write(repr(__import__('sys').orig_argv))\n"
    for name in sorted(_top_levels() - {"boltz_keyscan", "tests"}):
        repo.write(f"{name}.py", told.format(str(markers / name)))
    for part in ("__init__", "__main__"):
        repo.write(f"boltz_keyscan/{part}.py", told.format(str(markers / f"boltz_keyscan.{part}")))
    with zipfile.ZipFile(repo.path / "a.zip", "w") as archive:
        archive.writestr("settings.env", f"BOLTZ_API_KEY={KEY}\n")
    repo.write("settings.env", f"BOLTZ_API_KEY={KEY}\n")
    repo.run("add", "--all")
    repo.run("commit", "--quiet", "--no-verify", "-m", "one")
    repo.add("second.txt", "nothing\n")
    repo.run("commit", "--quiet", "--no-verify", "-m", "two")
    # Beside it, so much that workers are started, in whatever way.
    for name, count in (("many", ENOUGH), ("more", 3 * FILES_PER_SHARD)):
        (base / name).mkdir()
        for number in range(count):
            (base / name / f"{number}.txt").touch()
    program = base / "bin" / "boltz-keyscan"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys\n{START}\n")
    program.chmod(0o755)
    made = Trap(repo, markers, program)
    for kind in ("json", "other"):
        (base / f"{kind}.json").write_bytes(made.run("settings.env", "--format", "json").out)
    return made


@pytest.fixture(autouse=True)
def _no_marker(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "trap" in request.fixturenames:
        assert cast("Trap", request.getfixturevalue("trap")).imported() == {}


SCANS = [
    (".", "../many", "--jobs", "2"),
    (".", "../many", "--jobs", "2", "--no-cache", "-v", "--no-history"),
    (".", "--history-only", "--no-cache"),
    (".", "--jobs", "1", "--no-cache"),
    ("settings.env", *(word for form in REPORTERS for word in ("--report", f"{form}=../report.{form}"))),
    ("--range", "HEAD~1..HEAD"),
    ("--staged",),
    ("-",),
]
OTHERS = [
    ("--version",),
    ("--help",),
    ("--colour",),
    ("nowhere",),
    ("baseline", "create", "--reason", "known", "--baseline", "../known"),
    ("baseline", "update", "--baseline", "../known"),
    ("baseline", "show", "--baseline", "../known"),
    *(("completion", shell) for shell in ("bash", "zsh", "fish")),
    ("config", "show"),
    ("diff", "../json.json", "../other.json"),
    ("explain", fingerprint(KEY)),
    ("hook", "pre-commit"),
    ("hook", "pre-push"),
    ("hook", "pre-receive"),
    ("hook", "install"),
    ("hook", "doctor"),
    ("hook", "agent"),
    ("redact", "--dry-run", "../json.json"),
    ("fingerprint",),
    ("fleet", "scan", ".", "--state", "../fleet"),
    *(("fleet", name, "--state", "../fleet") for name in ("report", "status")),
    ("fleet", "merge", "--state", "../merged", "../fleet"),
    ("import", "app/no-such-report.json"),
    ("keys", "audit", "--local"),
    ("rules", "list"),
    ("rules", "check"),
    *(("rules", "export", "--for", name) for name in (EXPORTERS if NIGHTLY else EXPORTERS[:1])),
]
READING = {("-",), ("fingerprint",)}
"""Those that read standard input."""
ASKING = [
    (".", "--no-history", "--check"),
    *(("keys", command) for command in ("list", "audit", "snapshot", "usage")),
    ("keys", "revoke", "--id", "key_1"),
]
"""Those that load the SDK of the API, which takes seconds; all of them in the same way."""


def _every_command(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _every_command(below, (*words, name))
    else:
        yield words


def test_every_command_is_run_here() -> None:
    assert set(Commands().list_commands(click.Context(Commands()))) == {*COMMANDS} - {"scan"}
    run = {arguments[:length] for arguments in OTHERS + ASKING for length in (1, 2)}
    assert [words for words in _every_command(Commands()) if words not in run] == []


def test_one_after_the_other(trap: Trap, tmp_path: Path) -> None:
    """Every command off a terminal: what follows the start is all that differs between them."""
    program, lines, codes = (tmp_path / name for name in ("program", "lines", "codes"))
    program.write_text(f"#!{sys.executable}\n{START_MANY}")
    program.chmod(0o755)
    several = [arguments for arguments in SCANS + OTHERS if arguments not in READING]
    lines.write_text("".join(f"{json.dumps(arguments)}\n" for arguments in several))
    ran = replace(trap, program=program).run(str(lines), str(codes))
    assert (ran.code, "internal error" in ran.errors) == (0, False), ran
    ended = dict(zip(several, codes.read_text().split(), strict=True))
    assert {arguments: code for arguments, code in ended.items() if code not in {"0", "1", "2"}} == {}


@pytest.mark.parametrize("arguments", [*SCANS, *OTHERS], ids=" ".join)
@pytest.mark.sampled(count=6)
def test_off_a_terminal(trap: Trap, arguments: tuple[str, ...]) -> None:
    ran = trap.run(*arguments, stdin=f"{KEY}\n".encode() if arguments in READING else b"")
    assert ran.code in {0, 1, 2}, ran
    assert "internal error" not in ran.errors


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
@pytest.mark.sampled(count=1)
def test_when_the_api_is_asked(trap: Trap, arguments: tuple[str, ...]) -> None:
    test_off_a_terminal(trap, arguments)


@pytest.mark.parametrize(
    "arguments", [*SCANS[:4], ("explain", fingerprint(KEY)), ("baseline", "show")], ids=" ".join
)
@pytest.mark.sampled(count=2)
def test_on_a_terminal(trap: Trap, arguments: tuple[str, ...]) -> None:
    """Where a thread shows how far it is, so that workers cannot be copies."""
    terminal = Terminal([trap.program, *arguments], cwd=trap.path)
    try:
        assert terminal.end() in {0, 1, 2}, terminal.screen
    finally:
        terminal.close()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looking at other processes takes /proc")
def test_when_workers_are_killed(trap: Trap, tmp_path: Path) -> None:
    """What comes after them is always a new process."""
    endless = tmp_path / "endless"
    with endless.open("wb") as file:
        file.write(PREFIXES["ws", "live"].encode())
        file.truncate(4 << 40)
    # Both workers are killed: the other one would be given the file, if it had nothing else to do.
    command = [str(trap.program), "../many", str(tmp_path), "../more", ".", "--no-history", "--no-cache"]
    process = subprocess.Popen(
        [*command, "--format", "json", "--jobs", "2"],
        cwd=trap.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        first = until(lambda: _reader(process.pid, endless), "a worker at the endless file")
        for child in list(_children(process.pid)):
            if _command(child) == _command(process.pid):
                os.kill(child, signal.SIGKILL)
        until(lambda: any("-I" in _command(child) for child in _children(process.pid)), "a new process")
        second = until(
            lambda: (found := _reader(process.pid, endless)) != first and found, "another worker there"
        )
        os.kill(second, signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert b'"reason": "worker-died"' in out or b'"reason":"worker-died"' in out
    assert process.returncode == 1


def _children(parent: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    yield int(entry.name)


def _command(process: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")
    return []


def _reader(parent: int, path: Path) -> int | None:
    """The child that has a file open."""
    for child in _children(parent):
        with contextlib.suppress(OSError):
            if any(link.readlink() == path for link in Path(f"/proc/{child}/fd").iterdir()):
                return child
    return None


@pytest.mark.parametrize("folder", [".", "$PWD"])
@pytest.mark.sampled(count=1)
def test_plain_hooks_in_an_environment_that_adds_the_worktree(trap: Trap, folder: str) -> None:
    """direnv does this."""
    trap.run("hook", "install")
    environment = {"PYTHONPATH": str(trap.path) if folder == "$PWD" else folder}
    trap.repo.add("new.env", f"K={fake_key('ws', 'live', folder)}\n")
    ran = call(trap.path, "git", "commit", "-qm", "leak", env=environment)
    assert ran.code == 1
    assert "sk_bc_ws_live_[REDACTED]" in ran.text + ran.errors
    trap.repo.run("commit", "--quiet", "--no-verify", "-m", "leak")
    server = trap.path.parent / "server.git"
    if not server.exists():
        trap.repo.run("init", "--quiet", "--bare", str(server))
    ran = call(trap.path, "git", "push", "--quiet", str(server), "HEAD:refs/heads/main", env=environment)
    assert ran.code == 1
    assert "sk_bc_ws_live_[REDACTED]" in ran.text + ran.errors


def test_a_hook_on_a_server(trap: Trap) -> None:
    server = trap.path.parent / "guarded.git"
    trap.repo.run("init", "--quiet", "--bare", str(server))
    call(server, str(trap.program), "hook", "install", "pre-receive")
    command = ("git", "push", "--no-verify", "--quiet", str(server), "HEAD:refs/heads/main")
    ran = call(trap.path, *command, env={"PYTHONPATH": str(trap.path)})
    assert ran.code == 1
    assert "PUSH REFUSED" in ran.errors


def test_the_hooks_of_pre_commit(trap: Trap) -> None:
    """pre-commit itself is told to look nowhere else: what it imports is its own affair."""
    hooks = [{**hook, "language": "system"} for hook in manifest() if hook["language"] == "python"]
    for hook in hooks:
        assert hook["entry"].startswith(f"{ISOLATED} ")
        hook["entry"] = hook["entry"].replace("python", sys.executable, 1)
        hook.pop("minimum_pre_commit_version")
    config = trap.path.parent / "hooks.yaml"
    config.write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]}))
    isolated = (PRE_COMMIT[0], "-I", *PRE_COMMIT[1:])
    for extra in (["--all-files"], ["--all-files", "--hook-stage", "manual", "boltz-keyscan-all"]):
        command = (*isolated, "run", "--config", str(config), *extra)
        ran = call(trap.path, *command, env={"PYTHONPATH": "."})
        assert ran.code == 1
        assert "bk1:" + fingerprint(KEY)[4:12] in ran.text


@pytest.mark.parametrize(
    "arguments",
    [
        (".", "--no-cache", "--report", "sarif=../report"),
        ("explain", fingerprint(KEY)),
        ("rules", "check"),
        ("baseline", "show", "--baseline", "../known"),
        ("hook", "doctor"),
        ("fingerprint",),
        *([("keys", "list")] if NIGHTLY else []),
    ],
    ids=" ".join,
)
@pytest.mark.sampled(count=1)
def test_the_working_folder_is_dropped_from_the_path(trap: Trap, arguments: tuple[str, ...]) -> None:
    """It is there with a PYTHONPATH that is relative, for one."""
    code = f"import boltz_keyscan.cli, os, sys; os.chdir({str(trap.path)!r}); boltz_keyscan.cli.entry()"
    ran = call(trap.path.parent, sys.executable, "-c", code, *arguments)
    assert ran.code in {0, 1, 2}
    assert "internal error" not in ran.errors


LIBRARY = """
import os, sys, threading
import boltz_keyscan
os.chdir({tree!r})
{before}
from boltz_keyscan import scan, write_report
from boltz_keyscan.report import REPORTERS
result = scan([".", "../many"], jobs=2)
for name in {reporters}:
    with open(os.devnull, "w") as nowhere:
        write_report(result, name, nowhere)
write_report(result, "sarif", {base!r} + "/report.sarif")
print(int(result.exit_code), len(result.keys), sys.path[0] == "", len(sys.meta_path) == before)
"""


@pytest.mark.parametrize(
    "before",
    ["", "held = open(os.devnull)", "threading.Thread(target=threading.Event().wait, daemon=True).start()"],
    ids=["copied", "opened", "threads"],
)
def test_the_library_with_the_working_folder_first_on_the_path(trap: Trap, before: str) -> None:
    """As in a notebook."""
    code = LIBRARY.format(
        tree=str(trap.path),
        base=str(trap.path.parent),
        before=f"{before}\nbefore = len(sys.meta_path)",
        # All of them once: how workers are started is no matter of theirs.
        reporters="[]" if before else "REPORTERS",
    )
    ran = call(trap.path.parent, sys.executable, "-c", code)
    assert re.fullmatch(r"1 \d True True\n", ran.text), ran


def test_the_trap_does_work(trap: Trap, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nsys.path.insert(0, sys.argv[1])\nimport zstandard, click, multiprocessing\n"
    )
    ran = call(tmp_path, sys.executable, str(script), str(trap.path))
    assert ran.code == 0
    assert set(trap.imported()) == {"zstandard", "click", "multiprocessing"}


# Which folders count.


def test_other_threads_import_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_in_the_working_folder.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    path, finders = list(sys.path), list(sys.meta_path)
    found = []

    def look() -> None:
        import only_in_the_working_folder  # type: ignore[import-not-found]  # noqa: PLC0415 - made above

        found.append(only_in_the_working_folder)

    with module_search.Guard():
        with pytest.raises(ModuleNotFoundError):
            look()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        beside = threading.Thread(target=module_search.carry_guard(look))
        monkeypatch.delitem(sys.modules, "only_in_the_working_folder")
        errors: list[object] = []
        monkeypatch.setattr(threading, "excepthook", lambda given: errors.append(given.exc_type))
        beside.start()
        beside.join()
    assert len(found) == 1
    assert errors == [ModuleNotFoundError]
    assert (sys.path, sys.meta_path) == (path, finders)


def test_folders_that_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, elsewhere = tmp_path / "tree", tmp_path / "elsewhere"
    (tree / "src").mkdir(parents=True)
    elsewhere.mkdir()
    library, packages = sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")
    monkeypatch.setattr(module_search, "HOME", str(tree / "src"))
    given = ["", ".", "lib", str(tree), str(tree / "src"), str(tree / "lib"), str(tmp_path), "/"]
    monkeypatch.setattr(sys, "path", [*given, str(elsewhere), library, packages])
    monkeypatch.chdir(tree)
    # What holds this program comes last: it may be a checkout of it that is scanned.
    assert module_search.trusted_folders() == [str(elsewhere), library, packages, str(tree / "src")]
    monkeypatch.chdir("/")
    with module_search.Guard([str(elsewhere)]):
        assert module_search.trusted_folders() == [
            str(tree),
            str(tree / "src"),
            str(tree / "lib"),
            library,
            packages,
        ]
    with module_search.Guard(["/"]):
        assert module_search.trusted_folders() == [library, packages, str(tree / "src")]
