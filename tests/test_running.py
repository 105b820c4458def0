"""The two ways in which tests run the program, held against each other: every command and every format.

Each is started in full here, and run as a copy of a process that was; at night, as it is about the tests.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from boltz_keyscan.cli.root import Commands
from boltz_keyscan.exports import EXPORTERS
from boltz_keyscan.report import REPORTERS
from tests.boltz_api import Key, Service, running
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import Ran, keyscan

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
    ("keys usage --api-base {base}", 0),
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
    ("fleet scan repo --state fleet", 1),
    ("fleet report --state old-fleet --format json", 1),
    ("fleet status --state old-fleet", 0),
    ("fleet merge --state merged old-fleet", 1),
    ("import found.json --output ours.json", 1),
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
    (stage / "found.json").write_text(json.dumps([{"RuleID": "x", "Secret": FOUND, "File": "a.py"}]))
    options = ("--reason", "known", "--by", "me", "--until", "2999-01-01", "--baseline", "accepted.txt")
    assert keyscan("baseline", "create", *options, "repo", cwd=stage).code == 0
    assert keyscan("repo", "--report", "json=old.json", cwd=stage).code == 1
    assert keyscan("fleet", "scan", "repo", "--state", "old-fleet", cwd=stage).code == 1
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
    # In a page: the minute of the scan, and places on a timeline that ends with it.
    rb'|:[0-9]{5}\b|[0-9]{2}:[0-9]{2} UTC|"[0-9.]+%"'
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
        # The state of a fleet has times and process ids; its reports are compared.
        if path.is_file() and path.name not in {"fleet.sqlite", "lock"}
    }
    requests = [(request.method, request.path) for request in service.requests]
    return Left(Ran(ran.code, _MOMENT.sub(b"", ran.out), _MOMENT.sub(b"", ran.err)), files, requests)


@pytest.mark.parametrize(("line", "code"), RUNS, ids=[line for line, _ in RUNS])
@pytest.mark.sampled(count=0)
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
