"""Mistral Vibe: hooks before and after a tool; it has no event for a prompt.

An empty standard output lets the event pass.
"""

from __future__ import annotations

from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Event, Payload, Stage
from boltz_keyscan.agents.fields import as_text, read_event

_READERS = frozenset({"read", "read_file"})
_STAGES = {"pre_tool": Stage.ACTION, "post_tool": Stage.OUTPUT}


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    stage = _STAGES.get(as_text(payload, "hook_event_name"))
    return read_event(payload, stage, readers=_READERS, output="tool_output_text")


def answer(_payload: Payload, _event: Event, decision: Decision) -> Answer:
    """Return the answer to an event."""
    if isinstance(decision, Allow):
        return Answer()
    return Answer({"decision": "deny", "reason": decision.message})


AGENT = Agent("vibe", read, answer)
