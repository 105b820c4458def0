"""The settings files in which agents look for hooks, and the form of an entry.

They are read and written by ``installation``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from boltz_keyscan.records import dataclass, field

Entry = dict[str, Any]

NAME = "boltz-keyscan"
"""Name of the hook, where hooks have names."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Places and form of the settings of an agent."""

    user: str
    """File of the user; its suffix is the format."""
    project: str
    """File of a project, relative to its root; empty if the agent reads none."""
    events: tuple[str, ...]
    """Events to hook."""
    entry: Callable[[str, str], Entry]
    """Return the entry for an event and a command."""
    note: str
    """Sentence about what is left to do after the installation."""
    home: str = ""
    """Variable that names the folder in place of the first one of ``user`` below the home folder."""
    base: Mapping[str, Any] = field(default_factory=dict)
    """Fields that a new file has besides."""
    by_event: bool = True
    """True if ``hooks`` is an object of lists by event; False for one list."""

    def user_file(self) -> str:
        """Return the absolute path of the user's file."""
        given = os.environ.get(self.home, "") if self.home else ""
        if given:
            return os.path.join(os.path.abspath(os.path.expanduser(given)), *self.user.split("/")[2:])
        return os.path.expanduser(self.user)


def nested_entry(_event: str, command: str) -> Entry:
    """Return an entry of Claude Code's form. Without a matcher it is for every tool, in every agent."""
    return {"hooks": [{"type": "command", "command": command}]}


def plain_entry(_event: str, command: str) -> Entry:
    """Return an entry that is only a command."""
    return {"command": command}


def shell_entry(_event: str, command: str) -> Entry:
    """Return an entry of Copilot's form."""
    return {"type": "command", "bash": command}


def trigger_entry(event: str, command: str) -> Entry:
    """Return an entry of Kiro's form; a matcher is a regular expression, and for prompts of the prompt."""
    matcher = {} if event == "UserPromptSubmit" else {"matcher": ".*"}
    action = {"type": "command", "command": command}
    return {"name": f"{NAME}-{event}", "trigger": event, **matcher, "action": action}


def table_entry(event: str, command: str) -> Entry:
    """Return an entry of Vibe's form, a table of TOML."""
    return {"name": f"{NAME}-{event}", "type": event, "match": "*", "command": command}
