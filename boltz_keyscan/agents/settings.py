"""The settings files in which agents look for hooks, and the form of an entry, from ``agents.toml``.

They are read and written by ``installation``. An event that is inspected loads none of this.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

from boltz_keyscan.agents.texts import with_texts
from boltz_keyscan.package_data import read_table
from boltz_keyscan.records import dataclass, field

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """Places and form of the settings of an agent; ``agents.toml`` describes the fields."""

    title: str
    user: str
    project: str
    events: list[str]
    quiet: list[str]
    note: str
    payloads: list[Entry]
    form: Entry
    forms: Mapping[str, Entry] = field(default_factory=dict)
    home: str = ""
    base: Mapping[str, Any] = field(default_factory=dict)
    by_event: bool = True

    def user_file(self) -> str:
        """Return the absolute path of the user's file."""
        given = os.environ.get(self.home, "") if self.home else ""
        if given:
            return os.path.join(os.path.abspath(os.path.expanduser(given)), *self.user.split("/")[2:])
        return os.path.expanduser(self.user)

    def entry(self, event: str, command: str) -> Entry:
        """Return the entry for an event and a command."""
        return _fill(self.forms.get(event, self.form), event=event, command=command)

    def samples(self, text: str) -> list[Entry]:
        """Return payloads with a text in each place that is inspected: the prompt, then an action."""
        return [_fill(payload, text=text) for payload in self.payloads]


def _fill(form: Entry, **values: str) -> Entry:
    """Return a copy of a form with values for its placeholders, such as ``{text}``."""
    return cast("Entry", with_texts(form, lambda text: text.format(**values)))


def load(name: str) -> Settings:
    """Return the settings of an agent."""
    return Settings(**read_table("agents/agents.toml")[name])
