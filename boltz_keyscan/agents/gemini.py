"""Gemini CLI: https://geminicli.com/docs/hooks/reference.

A denied output is replaced by the reason, so the reason is the output without its keys.
"""

from __future__ import annotations

import json

from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Deny, Event, Payload, Replace, Stage
from boltz_keyscan.agents.fields import as_text, read_event

_STAGES = {"BeforeAgent": Stage.PROMPT, "BeforeTool": Stage.ACTION, "AfterTool": Stage.OUTPUT}


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    return read_event(payload, _STAGES.get(as_text(payload, "hook_event_name")))


def answer(_payload: Payload, _event: Event, decision: Decision) -> Answer:
    """Return the answer to an event."""
    match decision:
        case Allow():
            return Answer({})
        case Replace(content, message):
            return Answer({"decision": "deny", "reason": _result(content), "systemMessage": message})
        case Deny(message):
            return Answer({"decision": "deny", "reason": message})


def _result(content: object) -> str:
    """Return what the model would have seen of an output."""
    shown = content
    if isinstance(content, dict):
        shown = content.get("llmContent") or content.get("error") or content
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


AGENT = Agent("gemini", read, answer, replaces_output=True)
