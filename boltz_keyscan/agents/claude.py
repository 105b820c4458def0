"""Claude Code: https://code.claude.com/docs/en/hooks; outputs are replaced from 2.1.121 on.

A replacement must have the shape of the tool's own output, or it is ignored. A decision to allow is never
given: it would pass over the user's own permissions.
"""

from __future__ import annotations

from typing import Any

from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Deny, Event, Payload, Replace, Stage
from boltz_keyscan.agents.fields import as_text, drop_old_text, list_mentions
from boltz_keyscan.agents.settings import Settings, nested_entry

EVENTS = ("UserPromptSubmit", "PreToolUse", "PostToolUse")

QUIET = frozenset(
    {"Notification", "PermissionRequest", "PostCompact", "PostToolUseFailure", "PreCompact"}
    | {"SessionEnd", "SessionStart", "Stop", "StopFailure", "SubagentStart", "SubagentStop"}
)


def read(payload: Payload) -> Event | None:
    """Return the event of a payload with the names of Claude Code."""
    folder, tool = as_text(payload, "cwd"), as_text(payload, "tool_name")
    match payload.get("hook_event_name"):
        case "UserPromptSubmit":
            prompt = payload["prompt"]
            return Event(Stage.PROMPT, prompt, list_mentions(prompt), folder)
        case "PreToolUse":
            return Event(Stage.ACTION, drop_old_text(tool, payload["tool_input"]), (), folder, tool)
        case "PostToolUse":
            return Event(Stage.OUTPUT, payload["tool_response"], (), folder, tool)
        case _:
            return None


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


def samples(text: str) -> tuple[Payload, ...]:
    """Return payloads with a text in the prompt and in a command."""
    common = {
        "session_id": "boltz-keyscan",
        "transcript_path": "/dev/null",
        "cwd": "/",
        "permission_mode": "default",
    }
    return (
        {**common, "hook_event_name": "UserPromptSubmit", "prompt": text},
        {**common, "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": text}},
    )


AGENT = Agent(
    "claude",
    "Claude Code",
    read,
    answer,
    Settings(
        user="~/.claude/settings.json",
        home="CLAUDE_CONFIG_DIR",
        project=".claude/settings.local.json",
        events=EVENTS,
        entry=nested_entry,
        note="Claude Code reads it in the next session; '/hooks' lists it.",
    ),
    samples,
    replaces_output=True,
    quiet=QUIET,
)
