"""Installation into the settings of agents: merged, taken out again, refused, and tried by the doctor."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from boltz_keyscan.agents import registry
from tests.running import Ran, keyscan

OTHER = {"model": "m", "hooks": {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": "true"}]}]}}


class Home:
    """A user with a home folder and a project."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.project = folder, folder / "project"
        self.project.mkdir()
        self.env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / ".config")}

    def hook(self, *arguments: str, changed: str = "") -> Ran:
        return keyscan("hook", *arguments, cwd=self.project, env=self.env, changed=changed)

    def files(self) -> dict[str, bytes]:
        found = [path for path in self.folder.rglob("*") if path.is_file() and "cache" not in path.parts]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def settings_of(home: Home) -> Path:
    return home.folder / ".claude/settings.json"


@pytest.mark.parametrize("name", registry.NAMES)
def test_an_installed_hook_works_and_goes_without_a_trace(name: str, home: Home) -> None:
    before = home.files()
    dry = home.hook("install", name, "--user", "--dry-run")
    assert dry.code == 0, dry.errors
    assert b"hook agent" in dry.out
    assert home.files() == before
    assert home.hook("install", name, "--user").code == 0
    once = home.files()
    (new,) = set(once) - set(before)
    assert b"hook agent" in once[new]
    again = home.hook("install", name, "--user")
    assert (again.code, home.files()) == (0, once)
    tried = home.hook("doctor", name)
    assert tried.code == 0, tried.text
    assert "works" in tried.text
    assert home.hook("install", name, "--user", "--remove").code == 0
    assert home.files() == before
    assert home.hook("doctor", name).code == 1


def test_everything_else_in_the_settings_stays(home: Home) -> None:
    path = settings_of(home)
    path.parent.mkdir()
    text = json.dumps(OTHER, indent=3).replace("\n", "\r\n") + "\r\n"
    path.write_bytes(text.encode())
    path.chmod(0o640)
    assert home.hook("install", "claude", "--user").code == 0
    merged = json.loads(path.read_bytes())
    assert merged["model"] == "m"
    assert merged["hooks"]["UserPromptSubmit"][0] == OTHER["hooks"]["UserPromptSubmit"][0]  # type: ignore[index]
    assert path.stat().st_mode & 0o777 == 0o640
    assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")
    assert home.hook("install", "claude", "--user", "--remove").code == 0
    assert json.loads(path.read_bytes()) == OTHER


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"hooks": []}', b"\xff", b'{"a": 1, "a": 2}'],
    ids=["cut", "list", "hooks", "bytes", "twice"],
)
def test_settings_that_do_not_parse_are_refused(content: bytes, home: Home) -> None:
    path = settings_of(home)
    path.parent.mkdir()
    path.write_bytes(content)
    ran = home.hook("install", "claude", "--user")
    assert ran.code == 2
    assert str(path).encode() in ran.err
    assert path.read_bytes() == content


def test_settings_that_are_a_link_are_changed_at_their_place(home: Home) -> None:
    path, target = settings_of(home), home.folder / "dotfiles.json"
    path.parent.mkdir()
    target.write_text("{}")
    path.symlink_to(target)
    assert home.hook("install", "claude", "--user").code == 0
    assert path.is_symlink()
    assert b"hook agent" in target.read_bytes()


def test_a_link_of_a_project_is_not_followed_out_of_it(home: Home) -> None:
    target = home.folder / "elsewhere.json"
    target.write_text("{}")
    (home.project / ".claude").mkdir()
    (home.project / ".claude/settings.local.json").symlink_to(target)
    assert home.hook("install", "claude", "--project").code == 2
    assert target.read_text() == "{}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only folders")
def test_a_folder_that_is_read_only_is_reported(home: Home) -> None:
    settings_of(home).parent.mkdir()
    settings_of(home).parent.chmod(0o500)
    ran = home.hook("install", "claude", "--user")
    assert ran.code == 2
    assert b"settings.json" in ran.err


def test_a_hook_whose_python_is_gone_does_not_work(home: Home) -> None:
    assert home.hook("install", "claude", "--user").code == 0
    path = settings_of(home)
    text = path.read_text()
    command = json.loads(text)["hooks"]["PreToolUse"][0]["hooks"][0]["command"]
    python = command.split(" ", 1)[0]
    path.write_text(text.replace(python, "/nowhere/python"))
    ran = home.hook("doctor", "claude")
    assert ran.code == 1
    assert "/nowhere/python" in ran.text


def test_a_command_of_a_project_is_not_run(home: Home) -> None:
    marker = home.folder / "marker"
    program = home.project / "python"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    code = "from boltz_keyscan.cli import entry; entry()"
    command = f"{program} -I -c '{code}' hook agent || exit 2"
    entries = [{"hooks": [{"type": "command", "command": command}]}]
    settings = {"hooks": dict.fromkeys(("UserPromptSubmit", "PreToolUse", "PostToolUse"), entries)}
    (home.project / ".claude").mkdir()
    (home.project / ".claude/settings.local.json").write_text(json.dumps(settings))
    ran = home.hook("doctor", "claude")
    assert "inside this project" in ran.text
    assert not marker.exists()


def test_a_table_of_toml_parses(home: Home) -> None:
    assert home.hook("install", "vibe", "--user").code == 0
    (path,) = [path for path in home.folder.rglob("*.toml") if path.is_file()]
    assert "hook agent" in str(tomllib.loads(path.read_text()))
