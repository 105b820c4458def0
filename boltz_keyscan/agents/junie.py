"""Junie CLI (Early Access): the protocol of Claude Code without an event after a tool.

Its working folder is not the project, which has a field of its own.
"""

from __future__ import annotations

from boltz_keyscan.agents import claude
from boltz_keyscan.agents.event import Agent, Event, Payload, Stage
from boltz_keyscan.agents.fields import as_text, list_files
from boltz_keyscan.agents.settings import Settings, nested_entry
from boltz_keyscan.records import replace

_READERS = frozenset({"open", "read"})


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    event = claude.read(payload)
    if event is None or event.stage is Stage.OUTPUT:
        return None
    folder = as_text(payload, "project_path") or event.folder
    if event.stage is Stage.PROMPT:
        return replace(event, folder=folder)
    arguments = payload["tool_input"]
    files = list_files(event.tool, arguments, _READERS)
    return replace(event, folder=folder, files=files)


def samples(text: str) -> tuple[Payload, ...]:
    """Return payloads with a text in the prompt and in a command."""
    found = []
    for payload in claude.samples(text):
        changed = {**payload, "project_path": "/"}
        del changed["transcript_path"]
        found.append(changed)
    return tuple(found)


AGENT = Agent(
    "junie",
    "Junie CLI",
    read,
    claude.answer_without_replacement,
    Settings(
        user="~/.junie/config.json",
        project="",
        events=("UserPromptSubmit", "PreToolUse"),
        entry=nested_entry,
        note="Restart Junie. Hooks are in Early Access, and prompts are checked in interactive mode only.",
    ),
    samples,
    quiet=claude.QUIET,
)
