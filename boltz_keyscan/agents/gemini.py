"""Gemini CLI: https://geminicli.com/docs/hooks/reference.

A denied output is replaced by the reason, so the reason is the output without its keys.
"""

from __future__ import annotations

import json

from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Deny, Event, Payload, Replace, Stage
from boltz_keyscan.agents.fields import as_text, drop_old_text, list_mentions
from boltz_keyscan.agents.settings import Settings, nested_entry


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    folder, tool = as_text(payload, "cwd"), as_text(payload, "tool_name")
    match payload["hook_event_name"]:
        case "BeforeAgent":
            return Event(Stage.PROMPT, payload["prompt"], list_mentions(payload["prompt"]), folder)
        case "BeforeTool":
            return Event(Stage.ACTION, drop_old_text(tool, payload["tool_input"]), (), folder, tool)
        case "AfterTool":
            return Event(Stage.OUTPUT, payload["tool_response"], (), folder, tool)
        case _:
            return None


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


def samples(text: str) -> tuple[Payload, ...]:
    """Return payloads with a text in the prompt and in a command."""
    common = {
        "session_id": "boltz-keyscan",
        "transcript_path": "/dev/null",
        "cwd": "/",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    return (
        {**common, "hook_event_name": "BeforeAgent", "prompt": text},
        {
            **common,
            "hook_event_name": "BeforeTool",
            "tool_name": "run_shell_command",
            "tool_input": {"command": text},
        },
    )


AGENT = Agent(
    "gemini",
    "Gemini CLI",
    read,
    answer,
    Settings(
        user="~/.gemini/settings.json",
        project=".gemini/settings.json",
        events=("BeforeAgent", "BeforeTool", "AfterTool"),
        entry=nested_entry,
        note="Gemini CLI reads it in the next session; '/hooks' lists it.",
    ),
    samples,
    replaces_output=True,
    quiet=frozenset({"AfterAgent", "BeforeModel", "AfterModel"}),
)
