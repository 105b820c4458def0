"""Copilot CLI and cloud agent: https://docs.github.com/en/copilot/reference/hooks-reference.

An event in camelCase has no name in its payload: the fields show it. In PascalCase, as in settings of
Claude Code that Copilot reads too, it has one, and fields in snake_case. A command that fails is a denial,
so the exit code is 0. By the reference the answer to a prompt has no effect; 1.0.61 obeys it.
"""

from __future__ import annotations

from typing import Any

from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Deny, Event, Payload, Replace, Stage
from boltz_keyscan.agents.fields import as_text, drop_old_text, list_mentions


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    name = as_text(payload, "hook_event_name")
    folder = as_text(payload, "cwd")
    tool = as_text(payload, "tool_name") or as_text(payload, "toolName")
    result = payload.get("tool_result", payload.get("toolResult"))
    arguments = payload.get("tool_input", payload.get("toolArgs"))
    if name not in {"", "UserPromptSubmit", "PreToolUse", "PostToolUse"} or "error" in payload:
        return None
    if isinstance(result, dict):
        return Event(Stage.OUTPUT, result, (), folder, tool)
    if tool:
        return Event(Stage.ACTION, drop_old_text(tool, arguments), (), folder, tool)
    if name in {"", "UserPromptSubmit"} and "prompt" in payload:
        return Event(Stage.PROMPT, payload["prompt"], list_mentions(payload["prompt"]), folder)
    return None


def answer(payload: Payload, event: Event, decision: Decision) -> Answer:
    """Return the answer to an event."""
    match decision:
        case Allow():
            return Answer({})
        case Replace(content, message):
            return Answer({"modifiedResult": _result(content), "additionalContext": message})
        case Deny(message) if event.stage is Stage.ACTION:
            denial: dict[str, Any] = {"permissionDecision": "deny", "permissionDecisionReason": message}
            if "hook_event_name" in payload:
                denial["hookSpecificOutput"] = {"hookEventName": "PreToolUse", **denial}
            return Answer(denial)
        case Deny(message):
            return Answer({"decision": "block", "reason": message})


def _result(content: Payload) -> dict[str, str]:
    """Return a replaced result; its type must be success."""
    text = content.get("text_result_for_llm", content.get("textResultForLlm"))
    return {"resultType": "success", "textResultForLlm": text if isinstance(text, str) else str(text)}


AGENT = Agent("copilot", read, answer, replaces_output=True)
