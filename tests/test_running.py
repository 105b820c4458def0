"""The two ways in which tests run the program, held against each other: every command and every format.

Each is started in full here, and run as a copy of a process that was.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from boltz_keyscan.cli.root import Commands
from boltz_keyscan.exports import EXPORTERS
from boltz_keyscan.report import REPORTERS
from tests import running as under_test
from tests.boltz_api import Key, Service, running
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import ROOT, Ran, keyscan

FOUND = fake_key("ws", "live", "found")

RUNS = (
    ("--version", 0),
    ("--help", 0),
    ("--no-such-option", 2),
    ("no/such/path", 2),
    *((f"repo --no-cache --format {name}", 1) for name in REPORTERS),
    ("repo --no-cache -v --jobs 2 " + " ".join(f"--report {name}=out.{name}" for name in REPORTERS), 1),
    ("-", 1),
    ("clean", 0),
    ("repo --no-cache --check --api-base {base}", 1),
    ("repo --no-cache --verify --api-base {base}", 1),
    ("keys list --api-base {base}", 0),
    ("keys audit --api-base {base}", 0),
    ("keys snapshot --output keys.json --api-base {base}", 0),
    ("keys revoke --yes --id key-1 --api-base {base}", 0),
    ("baseline create --reason known --by me --until 2999-01-01 repo", 0),
    ("baseline show --baseline accepted.txt repo", 0),
    ("baseline update --baseline accepted.txt repo", 0),
    ("config show repo", 0),
    ("diff old.json old.json", 0),
    (f"explain {fingerprint(FOUND)} repo", 0),
    ("hook pre-commit", 1),
    ("hook install", 0),
    ("hook doctor", 1),
    ("hook agent", 0),
    ("redact --dry-run clean", 0),
    ("hook pre-push origin", 0),
    ("hook pre-receive", 0),
    ("rules list", 0),
    ("rules check", 0),
    *((f"rules export --for {name}", 0) for name in EXPORTERS),
    ("completion bash", 0),
    ("fingerprint", 0),
)
"""Command lines, and how they end. Those of ``hook`` are run inside of the repository."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command lines are about."""
    stage = tmp_path_factory.mktemp("stage") / "stage"
    repo = Repo(stage / "repo")
    repo.leak("a.py", f"key = '{FOUND}'\n")
    repo.leak("b.bin", bytes(range(256)) * 100 + fake_key("admin", "test").encode())
    repo.add("staged.txt", fake_key("ws", "test", "staged"))
    (stage / "clean").mkdir()
    (stage / "clean/file").write_text("nothing\n")
    options = ("--reason", "known", "--by", "me", "--until", "2999-01-01", "--baseline", "accepted.txt")
    assert keyscan("baseline", "create", *options, "repo", cwd=stage).code == 0
    assert keyscan("repo", "--report", "json=old.json", cwd=stage).code == 1
    return stage


@dataclass(frozen=True)
class Left:
    """What a run left behind, but for what differs from one moment to the next."""

    ran: Ran
    files: dict[str, bytes]
    requests: list[tuple[str, str]]


_MOMENT = re.compile(
    rb'"(?:started_at|duration_s|saved_at)": ?(?:"[^"]*"|[0-9.]+)|in [0-9.]+ s\b|time(?:stamp)?="[^"]*"'
    rb'|"(?:startTimeUtc|endTimeUtc|start_time|end_time)": ?"[^"]*"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?'
    rb"|:[0-9]{5}\b"
)


def _left(stage: Path, folder: Path, line: str, *, started: bool) -> Left:
    service = Service(
        Key("key-1", FOUND, "one"), Key("key-2", fake_key("ws", "test"), "two", is_active=False)
    )
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stage, folder, symlinks=True)
    with running(service) as up:
        ran = keyscan(
            *line.format(base=up.url).split(),
            cwd=folder / "repo" if line.startswith("hook") else folder,
            stdin=f"{FOUND}\n".encode() if line in {"-", "fingerprint"} else b"",
            env={"BOLTZ_API_KEY": service.admin.raw},
            started=started,
        )
    files = {
        str(path.relative_to(folder)): _MOMENT.sub(b"", path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    requests = [(request.method, request.path) for request in service.requests]
    return Left(Ran(ran.code, _MOMENT.sub(b"", ran.out), _MOMENT.sub(b"", ran.err)), files, requests)


@pytest.mark.parametrize(("line", "code"), RUNS, ids=[line for line, _ in RUNS])
@pytest.mark.sampled(count=3)
def test_both_ways_come_to_the_same(line: str, code: int, stage: Path, tmp_path: Path) -> None:
    full = _left(stage, tmp_path / "at", line, started=True)
    assert full.ran.code == code, full.ran
    assert _left(stage, tmp_path / "at", line, started=False) == full


def _commands(command: click.Command, ctx: click.Context, path: str = "") -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield path.strip()
        return
    for name in command.list_commands(ctx):
        sub = command.get_command(ctx, name)
        assert sub is not None
        yield from _commands(sub, ctx, f"{path} {name}")


def test_every_command_is_started_in_full_by_one_of_them() -> None:
    command = Commands()
    every = list(_commands(command, click.Context(command)))
    assert "keys revoke" in every
    assert [name for name in every if not any(line.startswith(name) for line, _ in RUNS)] == []


# -- a run is a process of its own ----------------------------------------------------------


def test_a_run_has_its_own_environment_folder_and_mask(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{FOUND}\n")
    for name, mask in (("one", 0o077), ("two", 0o022)):
        before = os.umask(mask)
        try:
            ran = keyscan("a.txt", "--report", f"text={name}", cwd=tmp_path, env={"FORCE_COLOR": "1"})
        finally:
            os.umask(before)
        assert ran.code == 1
        assert "\x1b[" in ran.text
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~mask
    assert "\x1b[" not in keyscan("a.txt", cwd=tmp_path).text


def test_runs_at_the_same_time_do_not_meet() -> None:
    texts = [f"{fake_key('ws', 'live', number)}\n" * (1 + number * 100) for number in range(6)]
    with ThreadPoolExecutor(6) as threads:
        runs = list(threads.map(lambda text: keyscan("-", "--format", "json", stdin=text.encode()), texts))
    for text, ran in zip(texts, runs, strict=True):
        (finding,) = ran.report["findings"]
        assert finding["fingerprint"] == fingerprint(text[: text.index("\n")])
        assert len(finding["locations"]) == text.count("\n")


def test_a_run_may_write_more_than_a_pipe_holds_and_leave_its_input_alone() -> None:
    ran = keyscan("-", "--format", "json", stdin=f"{FOUND}\n".encode() * 1_000)
    assert len(ran.report["findings"][0]["locations"]) == 1_000
    assert keyscan("--version", stdin=bytes(1 << 20)).code == 0


def test_what_is_read_at_the_start_is_started() -> None:
    """The SDK writes to standard error what it does, when it is told so before it is loaded."""
    warm = under_test._warm()
    assert warm is not None or sys.platform != "linux"
    if warm is not None:
        for name in ("PYTHONDEVMODE", "LC_ALL", "BOLTZ_LOG", "BOLTZ_BASE_URL", "SSL_CERT_FILE", "TZ"):
            assert not warm.suits({**os.environ, "PYTHONPATH": str(ROOT), name: "another"}), name
        assert warm.suits({**os.environ, "PYTHONPATH": str(ROOT), "BOLTZ_API_KEY": "x", "HOME": "/x"})
    ran = keyscan("--version", env={"PYTHONVERBOSE": "1"})
    assert "import 'click'" in ran.errors


@pytest.mark.skipif(
    not under_test.COPIES, reason="needs Linux with pidfd_open: elsewhere each run is started in full"
)
@pytest.mark.parametrize("ends", [True, False], ids=["killed", "endless"])
def test_a_run_that_does_not_end_well_is_told(
    ends: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The program waits for git, which kills it, or waits for its end."""
    program = tmp_path / "git"
    program.write_text(
        "#!/bin/sh\nkill -9 $PPID\n" if ends else "#!/bin/sh\nwhile kill -0 $PPID; do sleep 0.1; done\n"
    )
    program.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    if ends:
        assert keyscan("--history-only", ROOT, env=path).code == -signal.SIGKILL
    else:
        monkeypatch.setattr(under_test, "PATIENCE", 0.2)
        with pytest.raises(TimeoutError):
            keyscan("--history-only", ROOT, env=path)


@pytest.mark.parametrize("last", ["", "os._exit(0)"], ids=["in order", "at once"])
@pytest.mark.sampled(count=1)
def test_it_ends_with_whoever_started_it(last: str, tmp_path: Path) -> None:
    code = f"import os\nfrom tests.running import keyscan\nassert keyscan('--version').code == 0\n{last}"
    ran = subprocess.run(
        # Its standard error is that of what it starts too: it is read until both have ended.
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert ran.stderr == b""
    assert list(tmp_path.iterdir()) == []


def test_a_program_for_a_shell_is_the_program(stage: Path, tmp_path: Path) -> None:
    """Its streams, folder, arguments, exit code; and what ends it."""
    script = (
        'cd repo; printf "%s" "$KEY" | "$0" - --format json 3<"$0"; echo $?; "$0" --no-such-option; echo $?'
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "KEY": FOUND}
    command = ["bash", "-c", script, str(under_test.program())]
    for more in ({}, {"PYTHONVERBOSE": "1"}):
        ran = subprocess.run(
            command, cwd=stage, env={**env, **more}, capture_output=True, check=False, timeout=60
        )
        report, first, second = ran.stdout.rsplit(b"\n", 3)[:3]
        assert (first, second) == (b"1", b"2"), ran
        assert fingerprint(FOUND).encode() in report
        assert ran.stderr.count(b"No such option") == 1
        assert (b"import 'click'" in ran.stderr) == bool(more)
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\nkill -9 $PPID\n")
    git.chmod(0o755)
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    killed = subprocess.run([under_test.program(), "--history-only", ROOT], env=env, check=False)
    assert killed.returncode in {128 + signal.SIGKILL, -signal.SIGKILL}
