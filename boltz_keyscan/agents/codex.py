"""Codex CLI, from 0.124 on: https://developers.openai.com/codex/hooks and the schemas in its source.

It reads answers strictly: no other fields, a reason that is not blank. An output cannot be replaced
(openai/codex#38135), so a command that prints a file with a key is stopped before it runs.
"""

from __future__ import annotations

from boltz_keyscan.agents import claude
from boltz_keyscan.agents.event import Agent, Event, Payload, Stage
from boltz_keyscan.agents.fields import as_text, list_printed_files
from boltz_keyscan.agents.settings import Settings, nested_entry
from boltz_keyscan.records import replace


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    event = claude.read(payload)
    if event is None or event.stage is not Stage.ACTION:
        return event
    arguments = payload["tool_input"]
    command = arguments.get("command") if isinstance(arguments, dict) else None
    files = () if as_text(payload, "tool_name") == "apply_patch" else list_printed_files(command)
    return replace(event, files=files)


def samples(text: str) -> tuple[Payload, ...]:
    """Return payloads with a text in the prompt and in a command."""
    common = {"turn_id": "boltz-keyscan", "model": "none", "transcript_path": None}
    return tuple({**payload, **common} for payload in claude.samples(text))


AGENT = Agent(
    "codex",
    "Codex CLI",
    read,
    claude.answer_without_replacement,
    Settings(
        user="~/.codex/hooks.json",
        home="CODEX_HOME",
        project=".codex/hooks.json",
        events=claude.EVENTS,
        entry=nested_entry,
        note="Codex passes over a new or changed hook until you trust it: start codex, and open '/hooks'.",
    ),
    samples,
    quiet=claude.QUIET,
)
