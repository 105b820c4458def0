"""Claude Code: https://code.claude.com/docs/en/hooks; outputs are replaced from 2.1.121 on.

A replacement must have the shape of the tool's own output, or it is ignored. A decision to allow is never
given: it would pass over the user's own permissions.
"""

from __future__ import annotations

from typing import Any

from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Deny, Event, Payload, Replace, Stage
from boltz_keyscan.agents.fields import as_text, read_event

STAGES = {
    "UserPromptSubmit": Stage.PROMPT,
    "PreToolUse": Stage.ACTION,
    "PostToolUse": Stage.OUTPUT,
}
"""Events of Claude Code, and of agents with the same names."""


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    return read_event(payload, STAGES.get(as_text(payload, "hook_event_name")))


def answer(_payload: Payload, event: Event, decision: Decision) -> Answer:
    """Return the answer to an event."""
    match decision:
        case Allow():
            return Answer({})
        case Replace(content, message):
            new = {
                "hookEventName": "PostToolUse",
                "updatedToolOutput": content,
                "additionalContext": message,
            }
            return Answer({"hookSpecificOutput": new, "systemMessage": message})
        case Deny(message):
            return Answer(deny(event, message))


def answer_without_replacement(_payload: Payload, event: Event, decision: Decision) -> Answer:
    """Return the answer of an agent with these events that never replaces an output."""
    return Answer({} if isinstance(decision, Allow) else deny(event, decision.message))


def deny(event: Event, message: str) -> dict[str, Any]:
    """Return the object that stops an event."""
    if event.stage in {Stage.PROMPT, Stage.OUTPUT}:
        return {"decision": "block", "reason": message}
    return {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "deny",
            "permissionDecisionReason": message,
        }
    }


AGENT = Agent("claude", read, answer, replaces_output=True)
