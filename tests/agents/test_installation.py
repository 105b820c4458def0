"""Settings of agents: what is installed, that the rest of a file stays, and that the hook is tried."""

from __future__ import annotations

import json
import os
import shlex
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.agents import installation, json_text, registry
from boltz_keyscan.agents.event import Agent
from boltz_keyscan.errors import KeyscanError
from tests.keys import fake_key
from tests.leaks import leaks
from tests.running import Ran, keyscan

COMMAND = "/opt/python -I -c 'from boltz_keyscan.cli import entry; entry()' hook agent || exit 2"
OLD = "/gone/python -I -m boltz_keyscan hook agent"

JSON_AGENTS = [name for name in registry.NAMES if name != "vibe"]

COMMENTED = """{
  // mine
  "model": "opus", /* keep */
  "hooks": {
    "PreToolUse": [
      {"matcher": "Bash", "hooks": [{"type": "command", "command": "mine.sh"}]} // first
    ]
  },
  "env": {"A": 1.50}
}
"""


def agent_settings(name: str) -> Any:
    return registry.find_agent(name).settings


def edit(name: str, path: Path, command: str | None = COMMAND) -> installation.SettingsChange:
    return installation.install(agent_settings(name), str(path), command)


def commands(path: Path) -> list[tuple[str, str]]:
    return installation.installed_commands(str(path))


@pytest.mark.parametrize("name", registry.NAMES)
def test_install_again_and_remove(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"settings{Path(agent_settings(name).user).suffix}"
    edit(name, path)
    first = path.read_bytes()
    assert commands(path) == [(event, COMMAND) for event in agent_settings(name).events]
    for key, value in agent_settings(name).base.items():
        assert json.loads(first)[key] == value
    assert edit(name, path).new == first
    # An older command is replaced, not joined by another.
    edit(name, path, OLD)
    edit(name, path)
    assert path.read_bytes() == first
    assert edit(name, path, None).new is None
    assert not path.exists()
    assert edit(name, path, None).new is None


def test_everything_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(COMMENTED)
    path.chmod(0o640)
    edit("claude", path)
    text = path.read_text()
    plain = [line.replace(",", "") for line in text.splitlines()]
    assert [line for line in COMMENTED.splitlines() if line.replace(",", "") not in plain] == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    edit("claude", path, None)
    assert path.read_text() == COMMENTED
    # A group that someone has added to keeps the rest.
    path.write_text(
        json.dumps(
            {"hooks": {"PreToolUse": [{"matcher": "X", "hooks": [{"command": "a"}, {"command": OLD}]}]}}
        )
    )
    edit("claude", path)
    first = json.loads(path.read_text())["hooks"]["PreToolUse"][0]
    assert first == {"matcher": "X", "hooks": [{"command": "a"}]}
    # Windows line ends, and a table of TOML.
    path.write_bytes(b'{\r\n  "a": 1\r\n}\r\n')
    edit("claude", path)
    assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")
    toml = tmp_path / "hooks.toml"
    toml.write_text('# mine\n[[hooks]]\nname = "a"\n')
    edit("vibe", toml)
    assert tomllib.loads(toml.read_text())["hooks"][0] == {"name": "a"}
    edit("vibe", toml, None)
    assert toml.read_text() == '# mine\n[[hooks]]\nname = "a"\n'


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
_HOOKS = st.dictionaries(
    st.sampled_from(["PreToolUse", "PostToolUse", "Stop"]),
    st.lists(
        st.builds(lambda text: {"hooks": [{"command": text}]}, st.text(max_size=5)), min_size=1, max_size=3
    ),
    min_size=1,
)
_SETTINGS = st.builds(
    lambda rest, hooks: {**{name: each for name, each in rest.items() if name != "hooks"}, **hooks},
    st.dictionaries(st.text(max_size=5), _VALUES, max_size=4),
    st.builds(lambda hooks: {"hooks": hooks}, _HOOKS) | st.just({}),
)


@given(
    value=_SETTINGS,
    indent=st.sampled_from([None, 0, 2, "\t"]),
    comment=st.sampled_from(["", "// c\n", "/* , */"]),
)
def test_any_settings_survive(value: dict[str, Any], indent: int | str | None, comment: str) -> None:
    """Installed and removed, any settings are what they were; a comment stays."""
    text = comment + json.dumps(value, indent=indent) + comment
    settings = agent_settings("claude")
    installed = installation._edit_json(text, settings, COMMAND)
    assert installed is not None
    parsed = json_text.parse(installed).value
    assert {key: each for key, each in parsed.items() if key != "hooks"} == {
        key: each for key, each in value.items() if key != "hooks"
    }
    for event in settings.events:
        assert settings.entry(event, COMMAND) in parsed["hooks"][event]
    for event, listed in value.get("hooks", {}).items():
        assert parsed["hooks"][event][: len(listed)] == listed
    assert installation._edit_json(installed, settings, COMMAND) == installed
    removed = installation._edit_json(installed, settings, None)
    assert (json_text.parse(removed).value if removed else {}) == value
    assert removed is None or not comment or removed.count(comment) == text.count(comment)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"hooks": ', "line 1: a value was expected"),
        ('{\n"a": 1\n"b": 2}', "line 3: a comma was expected"),
        ('{"hooks": {}, "hooks": {}}', "a name is twice"),
        ('{"hooks": []}', "its hooks have another form"),
        ('{"hooks": {"PreToolUse": {}}}', "its hooks have another form"),
        ("[]", "an object was expected"),
        ("{} x", "the end of the file was expected"),
        ("{a: 1}", "a name in quotes was expected"),
        ('{"a" 1}', "a colon was expected"),
        ("[" * 200, "nested too deep"),
        (b"\xff{}", "not UTF-8"),
    ],
)
def test_a_file_that_does_not_parse_is_refused(text: str | bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = path.read_bytes()
    for command in (COMMAND, None):
        with pytest.raises(KeyscanError, match=reason):
            edit("claude", path, command)
    assert path.read_bytes() == before
    toml = tmp_path / "hooks.toml"
    toml.write_text("hooks = [")
    with pytest.raises(KeyscanError):
        edit("vibe", toml)


def test_links_and_files_that_must_not_be_written(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "settings.json", tmp_path / "settings.json"
    real.parent.mkdir()
    real.write_text("{}")
    link.symlink_to(real)
    edit("claude", link)
    assert link.is_symlink()
    assert commands(real)
    project = tmp_path / "project"
    project.mkdir()
    (project / "s.json").symlink_to(real)
    with pytest.raises(KeyscanError, match="leads out of the project"):
        installation.plan(agent_settings("claude"), str(project / "s.json"), COMMAND, str(project))
    real.chmod(0o444)
    with pytest.raises(KeyscanError, match="read-only"):
        edit("claude", link, None)
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    nowhere = tmp_path / "nowhere.json"
    nowhere.symlink_to("gone")
    for path, reason in (
        (fifo, "not a regular file"),
        (tmp_path, "not a regular file"),
        (nowhere, "link to nothing"),
    ):
        with pytest.raises(KeyscanError, match=reason):
            edit("claude", path)


def test_a_file_that_is_edited_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{}")
    plan, edits = installation.plan, iter(['{"a": 1}'])

    def interrupted(*arguments: Any) -> installation.SettingsChange:
        change = plan(*arguments)
        if (text := next(edits, None)) is not None:
            path.write_text(text)
        return change

    monkeypatch.setattr(installation, "plan", interrupted)
    edit("claude", path)
    assert json.loads(path.read_text())["a"] == 1
    assert commands(path)
    path.write_text("{}")
    edits = iter([f'{{"a": {number}}}' for number in range(99)])
    with pytest.raises(KeyscanError, match="another program keeps changing it"):
        edit("claude", path)
    assert [each.name for each in tmp_path.iterdir()] == ["settings.json"]


class TestCommand:
    """``hook install`` and ``hook doctor`` as programs."""

    @staticmethod
    def run(folder: Path, *arguments: str) -> Ran:
        return keyscan("hook", *arguments, cwd=folder)

    def test_from_installation_to_removal(self, tmp_path: Path) -> None:
        home = Path(os.environ["HOME"])
        agents: dict[str, Agent] = {name: registry.find_agent(name) for name in registry.NAMES}
        secret = fake_key("ws", "live", "settings")
        path = home / ".claude/settings.json"
        path.parent.mkdir()
        path.write_text(json.dumps({"env": {"BOLTZ_API_KEY": secret}}, indent=2))

        ran = self.run(tmp_path, "install", "claude", "--dry-run")
        assert (ran.code, leaks(ran.out, secret), len(path.read_text().splitlines())) == (0, [], 5)
        assert "+++ " in ran.text

        ran = self.run(tmp_path, "install", *agents)
        assert ran.code == 0, ran
        for agent in agents.values():
            assert agent.settings.user_file() in ran.text
            assert agent.settings.note in ran.text
        (command,) = {text for _, text in commands(path)}
        assert Path(shlex.split(command)[0]).is_absolute()
        assert self.run(tmp_path, "install", "codex").text.startswith("Codex CLI: installed already")

        ran = self.run(tmp_path, "doctor")
        assert (ran.code, ran.text.count(": works\n")) == (0, len(agents)), ran

        # Each trouble by itself.
        broken = Path(agents["cursor"].settings.user_file())
        broken.write_text(broken.read_text().replace("entry; entry()", "entry; print(1)"))
        gone = Path(agents["gemini"].settings.user_file())
        gone.write_text(gone.read_text().replace(shlex.split(command)[0], "/gone/python"))
        part = Path(agents["windsurf"].settings.user_file())
        part.write_text(part.read_text().replace("pre_read_code", "pre_nothing"))
        off = Path(agents["copilot"].settings.user_file())
        off.write_text(off.read_text().replace("{", '{"disableAllHooks": true,', 1))
        Path(agents["codex"].settings.user_file()).unlink()
        ran = self.run(tmp_path, "doctor", "cursor", "gemini", "windsurf", "copilot", "codex", "claude")
        assert ran.code == 1
        for trouble in (
            "Cursor: not tried: 'hook install' did not write this command",
            "Gemini CLI: does NOT work: its interpreter does not exist: /gone/python",
            "Windsurf: does NOT work: not hooked: pre_read_code",
            "Copilot CLI: does NOT work: disableAllHooks",
            "Codex CLI: does NOT work: there is no hook",
            "Claude Code: works",
        ):
            assert trouble in ran.text
        assert leaks(ran.out, secret) == []

        ran = self.run(tmp_path, "install", "--remove", "claude", "vscode", "cursor", "gemini", "windsurf")
        assert ran.code == 0
        assert json.loads(path.read_text()) == {"env": {"BOLTZ_API_KEY": secret}}

    def test_a_project_and_an_interpreter_in_it(self, tmp_path: Path) -> None:
        ran = self.run(tmp_path, "install", "claude", "--project")
        assert "do not commit it" in ran.text
        path = tmp_path / ".claude/settings.local.json"
        planted = tmp_path / "python"
        planted.write_text("#!/bin/sh\ntouch ran\n")
        planted.chmod(0o755)
        python = shlex.split(commands(path)[0][1])[0]
        path.write_text(path.read_text().replace(python, str(planted)))
        ran = self.run(tmp_path, "doctor", "claude")
        assert (ran.code, "inside this project, so it was not run" in ran.text) == (0, True)
        assert not (tmp_path / "ran").exists()
        assert self.run(tmp_path, "install", "junie", "--project").code == 2

    @pytest.mark.parametrize(
        "arguments",
        [
            ("claude", "pre-commit"),
            ("claude", "--yes"),
            ("--user",),
            ("pre-push", "--dry-run"),
            ("--remove",),
        ],
    )
    def test_options_that_do_not_fit(self, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        assert self.run(tmp_path, "install", *arguments).code == 2
