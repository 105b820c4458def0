"""Agent hooks of VS Code (Preview): https://code.visualstudio.com/docs/copilot/customization/hooks.

It reads the settings of Claude Code, and passes over matchers. An output cannot be replaced, so a file
with a key is not read.
"""

from __future__ import annotations

from boltz_keyscan.agents import claude
from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Event, Payload, Stage
from boltz_keyscan.agents.fields import as_text, read_event

_READERS = frozenset({"read_file", "readfile", "read"})


def read(payload: Payload) -> Event | None:
    """Return the event of a payload, in either spelling of its fields."""
    name = as_text(payload, "hookEventName") or as_text(payload, "hook_event_name")
    return read_event(payload, claude.STAGES.get(name), readers=_READERS)


def answer(_payload: Payload, event: Event, decision: Decision) -> Answer:
    """Return the answer to an event."""
    if isinstance(decision, Allow):
        return Answer({})
    if event.stage is Stage.ACTION:
        return Answer(claude.deny(event, decision.message))
    return Answer({"continue": False, "stopReason": decision.message, "systemMessage": decision.message})


AGENT = Agent("vscode", read, answer)
