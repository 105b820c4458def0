"""Mistral Vibe: hooks before and after a tool; it has no event for a prompt.

An empty standard output lets the event pass.
"""

from __future__ import annotations

from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Event, Payload, Stage
from boltz_keyscan.agents.fields import as_text, drop_old_text, list_files
from boltz_keyscan.agents.settings import Settings, table_entry

_READERS = frozenset({"read", "read_file"})


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    folder, tool = as_text(payload, "cwd"), as_text(payload, "tool_name")
    match payload["hook_event_name"]:
        case "pre_tool":
            arguments = payload["tool_input"]
            files = list_files(tool, arguments, _READERS)
            return Event(Stage.ACTION, drop_old_text(tool, arguments), files, folder, tool)
        case "post_tool":
            return Event(Stage.OUTPUT, payload["tool_output_text"], (), folder, tool)
        case _:
            return None


def answer(_payload: Payload, _event: Event, decision: Decision) -> Answer:
    """Return the answer to an event."""
    if isinstance(decision, Allow):
        return Answer()
    return Answer({"decision": "deny", "reason": decision.message})


def samples(text: str) -> tuple[Payload, ...]:
    """Return a payload with a text in a command."""
    arguments = {"command": text}
    return ({"hook_event_name": "pre_tool", "cwd": "/", "tool_name": "bash", "tool_input": arguments},)


AGENT = Agent(
    "vibe",
    "Mistral Vibe",
    read,
    answer,
    Settings(
        user="~/.vibe/hooks.toml",
        home="VIBE_HOME",
        project=".vibe/hooks.toml",
        events=("pre_tool", "post_tool"),
        entry=table_entry,
        by_event=False,
        note="Vibe reads it in the next session.",
    ),
    samples,
    quiet=frozenset({"post_agent"}),
)
