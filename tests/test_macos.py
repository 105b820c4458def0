"""macOS, as far as it can be had without one: see ``tests.absences.macos`` for what is acted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.absences.acted import Command, run_on
from tests.keys import fake_key
from tests.repos import Repo
from tests.running import ROOT, scan_json
from tests.test_windows import comparable, tar

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="macOS is acted on Linux")

BACK = (
    "os.memfd_create('x')",
    "os.sched_getaffinity(0)",
    "os.listdir('/proc/self/fd')",
    "os.listxattr('.')",
    "resource.prlimit(0, resource.RLIMIT_CORE)",
    "fcntl.F_SETPIPE_SZ",
    "fcntl.F_SETSIG",
    "os.O_TMPFILE",
    "select.epoll()",
)


def test_all_of_it_is_as_on_this_system(repo: Repo, tmp_path: Path) -> None:
    repo.leak("gone.txt", fake_key() + "\n")
    repo.leak("gone.txt", "clean\n")
    (repo.path / "sub").mkdir()
    (repo.path / "sub/new.txt").write_text(fake_key())
    (repo.path / "logs.tar.gz").write_bytes(tar({"logs/job.log": fake_key()}))
    (repo.path / "link").symlink_to("sub")
    repo.run("add", "sub")
    prompt = {"hook_event_name": "UserPromptSubmit", "session_id": "x", "cwd": "/", "prompt": fake_key()}
    home = tmp_path / "home"
    home.mkdir()

    here = comparable(scan_json("--no-cache", ".", cwd=repo.path))

    def run(*arguments: str, stdin: str = "", changed: tuple[str, ...] = ()) -> Command:
        return Command(arguments, repo.path, stdin, changed=changed)

    scanned, text, staged, installed, doctor, agent, keys, redacted, fleet, *refused = run_on(
        "macos",
        home,
        run("--format", "json", "--no-cache", "--jobs", "2", "."),
        run("-v", "."),
        run("hook", "pre-commit"),
        run("hook", "install"),
        run("hook", "doctor", "pre-commit", "pre-push"),
        run("hook", "agent", stdin=json.dumps(prompt)),
        run("keys", "audit", "--local"),
        run("redact", "sub", "logs.tar.gz"),
        run("fleet", "scan", str(repo.path), "--state", str(tmp_path / "fleet"), "--jobs", "2"),
        *(run("--version", changed=("import fcntl, os, resource, select", call)) for call in BACK),
    )
    assert scanned.errors == ""
    assert comparable(scanned.report) == here
    assert (home / "Library/Caches/boltz-keyscan").is_dir(), text.errors
    assert (staged.code, installed.code, doctor.code, keys.errors) == (1, 0, 0, "")
    assert "redacted  sub/new.txt: 1 place of 1 key" in redacted.text
    assert "left  logs.tar.gz" in redacted.text
    assert (redacted.code, redacted.errors) == (1, "")
    assert (fleet.code, fleet.errors) == (1, "")
    assert "1 repository: 1 scanned" in fleet.text
    assert prompt["prompt"] not in agent.text + agent.errors
    assert "block" in agent.text or agent.code == 2
    assert [call for call, ended in zip(BACK, refused, strict=True) if ended.code != 99] == []


def test_the_guide() -> None:
    """The commands of docs/macos.md: the last is run by the tests above, on macos as it is acted."""
    page = (ROOT / "docs/macos.md").read_text(encoding="utf-8")
    block = page.partition("```console\n")[2].partition("```")[0]
    install, change, hook = block.splitlines()
    assert install == "pipx install ."
    assert change.startswith("cd ")
    assert hook == "boltz-keyscan hook install"
