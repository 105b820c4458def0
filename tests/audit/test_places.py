"""``keys audit --local``: places of keys by system, what lies in them, and one finding for each key."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan import rules
from boltz_keyscan.audit import local_files, places
from boltz_keyscan.audit.history_source import select_newest
from boltz_keyscan.audit.local import REDIRECTING, SECRETS, examine, keys_in
from boltz_keyscan.audit.places import PLACES, REMEDIES, Kind
from boltz_keyscan.detect import KeyDetector
from tests.keys import fake_key, fingerprint
from tests.leaks import leaks
from tests.running import keyscan

KEY = fake_key("ws", "live", "places")
OTHER = fake_key("admin", "live", "other places")
RUNNING = fake_key("ws", "test", "of a running program")
DETECTOR = KeyDetector.of(rules.load())
PREFIXES = {rule.id: rule.prefix for rule in rules.load()}


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or f"key {KEY}\n")
    path.chmod(0o600)
    return path


def listed(home: Path, project: Path, system: str, deep: bool, **environ: str) -> dict[str, Kind]:  # noqa: FBT001 - a row
    bases = places.base_folders(environ, str(home), str(project), system)
    bases["system"] = ()
    bases.setdefault("tmp", ())
    found = local_files.list_files(bases, deep=deep, user="me")
    return {os.path.relpath(os.fsdecode(path), home): place.kind for path, place in found}


SHALLOW = {
    ".zshenv": Kind.STARTUP,
    ".config/boltz-lab/config.json": Kind.CREDENTIALS,
    ".cache/boltz-api/session.json": Kind.CREDENTIALS,
    ".config/boltz-api/config.yaml": Kind.SETTINGS,
    ".netrc": Kind.STORE,
    ".config/gh/hosts.yml": Kind.STORE,
    ".ssh/environment": Kind.STORE,
    ".local/share/direnv/allow/1": Kind.STORE,
    ".config/systemd/user/boltz.service": Kind.STORE,
    ".config/Code/User/settings.json": Kind.TOOL,
    ".claude.json": Kind.TOOL,
}
DEEP = {
    ".claude/projects/p/s.jsonl": Kind.TRANSCRIPT,
    ".claude/projects/p/s/subagents/a.jsonl": Kind.TRANSCRIPT,
    ".claude/projects/p/s/tool-results/t.txt": Kind.TRANSCRIPT,
    ".claude/paste-cache/p.txt": Kind.TRANSCRIPT,
    ".claude/history.jsonl": Kind.TRANSCRIPT,
    ".codex/sessions/2026/01/02/rollout-1.jsonl": Kind.TRANSCRIPT,
    ".codex/history.jsonl": Kind.TRANSCRIPT,
    ".gemini/tmp/1/chats/session-1.json": Kind.TRANSCRIPT,
    ".copilot/session-state/1/events.jsonl": Kind.TRANSCRIPT,
    ".config/Code/User/workspaceStorage/1/chatSessions/1.jsonl": Kind.TRANSCRIPT,
    ".config/Cursor/User/globalStorage/state.vscdb-wal": Kind.TRANSCRIPT,
    ".config/Code/User/globalStorage/saoudrizwan.claude-dev/tasks/1/api_conversation_history.json": (
        Kind.TRANSCRIPT
    ),
    ".local/share/opencode/opencode.db": Kind.TRANSCRIPT,
    ".local/share/goose/sessions/1.jsonl": Kind.TRANSCRIPT,
    ".local/share/zed/threads/threads.db": Kind.TRANSCRIPT,
    ".kiro/sessions/1/sess_1/messages.jsonl": Kind.TRANSCRIPT,
    ".junie/sessions/1/events.jsonl": Kind.TRANSCRIPT,
    ".windsurf/transcripts/1.jsonl": Kind.TRANSCRIPT,
    ".bash_history": Kind.HISTORY,
    ".local/share/fish/fish_history": Kind.HISTORY,
    ".ipython/profile_default/history.sqlite": Kind.HISTORY,
    ".viminfo": Kind.HISTORY,
    ".config/Code/User/History/1/2.txt": Kind.EDITOR,
    ".jupyter/a": Kind.LOG,
}
OF_A_PROJECT = {
    ".env.local": (Kind.ENVIRONMENT, False),
    "terraform.tfstate": (Kind.STATE, False),
    "infra/terraform.tfstate.backup": (Kind.STATE, False),
    ".mcp.json": (Kind.TOOL, False),
    ".aider.chat.history.md": (Kind.TRANSCRIPT, True),
    "slurm-12.out": (Kind.LOG, True),
    ".nextflow.log.1": (Kind.LOG, True),
    "work/ab/cd/.command.sh": (Kind.LOG, True),
    "wandb/run-1/files/output.log": (Kind.LOG, True),
    "mlruns/0/meta.yaml": (Kind.LOG, True),
    "boltz-experiments/1/log": (Kind.LOG, True),
    "notes/.ipynb_checkpoints/a.ipynb": (Kind.LOG, True),
}


def test_the_files_of_each_place(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "home/src"
    for name in (*SHALLOW, *DEEP):
        put(home / name)
    for name in OF_A_PROJECT:
        put(project / name)
    for deep, rows in ((False, SHALLOW), (True, DEEP)):
        of_project = {f"src/{name}": kind for name, (kind, at) in OF_A_PROJECT.items() if at is deep}
        assert listed(home, project, "linux", deep) == {**rows, **of_project}


@pytest.mark.parametrize(
    ("system", "environ", "name", "kind", "deep"),
    [
        ("darwin", {}, "Library/Application Support/boltz-api/credentials.json", Kind.CREDENTIALS, False),
        ("darwin", {}, "Library/Caches/boltz-api/session.json", Kind.CREDENTIALS, False),
        ("darwin", {}, ".config/boltz-lab/config.json", Kind.CREDENTIALS, False),
        ("darwin", {}, "Library/LaunchAgents/x.plist", Kind.STORE, False),
        (
            "darwin",
            {},
            "Library/Application Support/Cursor/User/globalStorage/state.vscdb",
            Kind.TRANSCRIPT,
            True,
        ),
        ("win32", {}, "AppData/Local/boltz-api/session.json", Kind.CREDENTIALS, False),
        ("win32", {"APPDATA": "{}/R"}, "R/boltz-api/credentials.json", Kind.CREDENTIALS, False),
        ("win32", {}, "AppData/Roaming/Code/User/mcp.json", Kind.TOOL, False),
        (
            "win32",
            {},
            "AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt",
            Kind.HISTORY,
            True,
        ),
        ("linux", {"XDG_CACHE_HOME": "{}/c"}, "c/boltz-api/session.json", Kind.CREDENTIALS, False),
        ("linux", {"CLAUDE_CONFIG_DIR": "{}/cl"}, "cl/projects/a/b.jsonl", Kind.TRANSCRIPT, True),
        ("linux", {"CODEX_HOME": "{}/cx"}, "cx/sessions/1.jsonl", Kind.TRANSCRIPT, True),
        ("linux", {"BOLTZ_OUTPUT_DIR": "{}/o"}, "o/a/b", Kind.LOG, True),
        ("linux", {"TMPDIR": "{}/t"}, "t/boltz-mcpb/p.json", Kind.LOG, True),
    ],
)
def test_folders_by_system_and_variable(  # noqa: PLR0917 - a row
    system: str,
    environ: dict[str, str],
    name: str,
    kind: Kind,
    deep: bool,  # noqa: FBT001 - a row
    tmp_path: Path,
) -> None:
    put(tmp_path / name)
    moved = {key: value.format(tmp_path) for key, value in environ.items()}
    assert listed(tmp_path, tmp_path / "src", system, deep, **moved) == {name: kind}


def test_each_kind_has_places_and_a_remedy() -> None:
    assert set(REMEDIES) == set(Kind)
    assert {place.kind for place in PLACES} == set(Kind) - {Kind.PROCESS}
    assert all(remedy.endswith(".") for remedy in REMEDIES.values())
    bases = places.base_folders({}, "/h", "/p", "linux")
    for place in PLACES:
        for pattern in place.patterns.split():
            assert pattern.partition(":")[0] in bases


def read(path: Path, kind: Kind) -> local_files.LocalFile:
    (place, *_) = (each for each in PLACES if each.kind is kind)
    (file,) = local_files.read_files([(os.fsencode(path), place)], DETECTOR)
    return file


@pytest.mark.parametrize("name", sorted(REDIRECTING))
def test_variables_that_redirect(name: str, tmp_path: Path) -> None:
    file = read(put(tmp_path / ".profile", f"A=1\nexport {name}=x\n"), Kind.STARTUP)
    (concern,) = examine([file], ())
    assert (concern.check.id, concern.line) == ("sdk-diverted", 2)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_variables_that_carry_a_key(name: str, tmp_path: Path) -> None:
    file = read(put(tmp_path / ".profile", f"export {name}=x\n"), Kind.STARTUP)
    assert [each.check.id for each in examine([file], ())] == ["key-in-startup-file"]


@pytest.mark.parametrize(
    ("line", "check"),
    [
        ("export BOLTZ_LOG=debug", "sdk-writes-secrets"),
        ("BOLTZ_LOG='trace'", "sdk-writes-secrets"),
        ("export BOLTZ_LOG=info", None),
        ("export BOLTZ_API_TEST_DISABLE_KEYRING=1", "sdk-writes-secrets"),
        ("export BOLTZ_API_PATH=$HOME/bin/boltz", None),
    ],
)
def test_variables_that_write_secrets(line: str, check: str | None, tmp_path: Path) -> None:
    file = read(put(tmp_path / ".profile", f"{line}\n"), Kind.STARTUP)
    assert [each.check.id for each in examine([file], ())] == [check] * (check is not None)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("issuer_url: https://lab.boltz.bio\nclient_id: boltz-cli\n", []),
        ("token_url: https://lab.boltz.bio.evil.example/t\n", ["token_url"]),
        ("issuer_url: http://lab.boltz.bio\n", ["issuer_url"]),
        ('{"api_key": "x", "endpoint": "https://api.boltz.bio/v1"}', []),
        ('{\n "endpoint": "https://elsewhere.example"}', ["endpoint"]),
    ],
)
def test_settings_that_redirect(text: str, names: list[str], tmp_path: Path) -> None:
    file = read(put(tmp_path / "config", text), Kind.SETTINGS)
    assert [name for name, _ in file.addresses] == names
    assert [each.check.id for each in examine([file], ())] == ["sdk-diverted"] * len(names)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system has no /proc")
def test_environments_of_running_programs(tmp_path: Path) -> None:
    """A key in the environment of a program is no concern by itself, but one of its places."""
    child = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={"BOLTZ_API_KEY": RUNNING},
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        own = {b"BOLTZ_BASE_URL": b"http://x\nBOLTZ_API_KEY=x"}
        read_all = list(local_files.read_environments(own, DETECTOR))
        child.communicate(b"\n")
    programs = [file for file in read_all if str(child.pid) in file.path or file.path == "this program"]
    (at,) = keys_in(programs, PREFIXES)
    assert (at.fingerprint, at.line) == (fingerprint(RUNNING), None)
    assert at.path.startswith(f"process {child.pid} (")
    (redirected,) = examine(programs, [at])
    assert (redirected.subject, redirected.detail) == ("this program", "BOLTZ_BASE_URL is set")
    history = read(put(tmp_path / "h", RUNNING), Kind.HISTORY)
    concerns = examine(programs, [at, *keys_in([history], PREFIXES)])
    assert concerns[0].detail == "in 1 running program and 1 command history of a shell"


def test_the_newest_files_within_a_budget(tmp_path: Path) -> None:
    files = [put(tmp_path / str(number), "x" * 100) for number in range(4)]
    for age, path in enumerate(files):
        os.utime(path, (1000 + age, 1000 + age))
    paths = [os.fsencode(path) for path in files]
    selection = select_newest(paths, 250)
    assert selection.files.paths == (paths[3], paths[2])
    assert (selection.files.size, selection.left, selection.left_bytes) == (200, 2, 200)
    assert len(select_newest(paths, 1).files.paths) == 1
    assert select_newest([b"/nowhere"], 1).files.paths == (b"/nowhere",)
    assert select_newest([], 1).left == 0


class TestCommand:
    """The command, as a person runs it."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        (tmp_path / "src").mkdir()
        return tmp_path / "home"

    @staticmethod
    def audit(home: Path, *arguments: str, code: int) -> Any:
        moved = {"XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "", "XDG_CACHE_HOME": "", "TMPDIR": str(home / "t")}
        (home / "t").mkdir(exist_ok=True)
        ran = keyscan(
            "keys", "audit", "--local", "--format", "json", *arguments,
            cwd=home.parent / "src", env={"HOME": str(home), **moved},
        )  # fmt: skip
        assert ran.code == code, ran
        assert leaks(ran.out + ran.err, KEY, OTHER) == []
        return json.loads(ran.out)

    def test_one_finding_for_each_key(self, home: Path) -> None:
        put(home / ".claude/projects/p/a.jsonl", json.dumps({"text": KEY}))
        hidden = base64.b64encode(f"key {KEY}\n".encode()).decode()
        put(home / ".claude/projects/p/b.jsonl", f"\n\n{hidden}\n")
        put(home / ".codex/sessions/2026/1.jsonl")
        put(home / ".zsh_history", f": 1:0;export BOLTZ_API_KEY={KEY}\n{OTHER}\n")
        put(home.parent / "src/terraform.tfstate", json.dumps({"key": KEY}))
        database = home / ".config/Cursor/User/globalStorage/state.vscdb"
        database.parent.mkdir(parents=True)
        with contextlib.closing(sqlite3.connect(database)) as opened, opened:
            opened.execute("CREATE TABLE cursorDiskKV (key, value)")
            # Over several pages, so that the bytes of the file do not have it in one piece.
            opened.execute("INSERT INTO cursorDiskKV VALUES ('bubbleId:1', ?)", ("x" * 4050 + KEY,))
        assert self.audit(home, code=1)["concerns"][0]["detail"] == "in 1 Terraform state"

        document = self.audit(home, "--history", code=1)
        assert document["trouble"] == []
        found = {each["subject"]: each for each in document["concerns"] if each["places"]}
        assert set(found) == {fingerprint(KEY), fingerprint(OTHER)}
        assert found[fingerprint(OTHER)]["detail"] == "in 1 command history of a shell"
        assert found[fingerprint(KEY)]["detail"] == (
            "in 1 Terraform state, 2 transcripts of Claude Code, 1 transcript of Codex CLI, "
            "1 transcript of Cursor or VS Code and 1 command history of a shell"
        )
        key_places = found[fingerprint(KEY)]["places"]
        assert len(key_places) == 6
        assert all(place["remedy"] == REMEDIES[kind] for place in key_places for kind in [_kind(place)])
        # The commands that it names do it: what remains is the state, whose key is to be replaced.
        for command in {place["fix"] for each in found.values() for place in each["places"] if place["fix"]}:
            ran = keyscan(*shlex.split(command)[1:], "--no-backup", cwd=home.parent)
            assert ran.code == 0, ran
        (left,) = self.audit(home, "--history", code=1)["concerns"]
        assert left["detail"] == "in 1 Terraform state"

    def test_parts_that_are_not_read_are_named(self, home: Path) -> None:
        transcript = put(home / ".claude/projects/p/a.jsonl", "nothing\n")
        os.mkfifo(home / ".claude/projects/p/pipe")
        (home / ".claude/projects/p/link").symlink_to(put(home / "elsewhere"))
        assert self.audit(home, "--history", code=0)["concerns"] == []
        (home / ".bash_history").mkdir()
        document = self.audit(home, "--history", code=3)
        assert [line.partition(":")[0] for line in document["trouble"]] == [str(home / ".bash_history")]
        (home / ".bash_history").rmdir()
        for number in range(2):
            with Path(f"{transcript}{number}").open("wb") as file:
                file.truncate(600 << 20)
        (line,) = self.audit(home, "--history", "--budget", "1", code=3)["trouble"]
        assert line.startswith("3 older files of 629.1 MB beyond the budget of 1 GiB")

    def test_the_options_belong_together(self, home: Path) -> None:
        home.mkdir()
        ran = keyscan("keys", "audit", "--history", cwd=home)
        assert (ran.code, "Add --local" in ran.errors) == (2, True)


def _kind(place: dict[str, Any]) -> Kind:
    (kind,) = {each.kind for each in PLACES if REMEDIES[each.kind] == place["remedy"]}
    return kind
