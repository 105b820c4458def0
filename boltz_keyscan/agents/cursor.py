"""Cursor, from 1.7 on: https://cursor.com/docs/agent/hooks.

``preToolUse`` came later than the events for commands, MCP tools and files, so all are hooked. Commands are
never allowed explicitly: that would pass over the user's own approval.
"""

from __future__ import annotations

from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Event, Payload, Stage
from boltz_keyscan.agents.fields import (
    as_text,
    drop_old_text,
    list_files,
    list_mentions,
    list_printed_files,
)

_READERS = frozenset({"read", "read_file"})
_ALLOWED: dict[Stage, Payload] = {Stage.PROMPT: {"continue": True}, Stage.READ: {"permission": "allow"}}
"""Answers to events without a key."""


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    roots = payload.get("workspace_roots")
    folder = as_text(payload, "cwd") or (str(roots[0]) if isinstance(roots, list) and roots else "")
    tool = as_text(payload, "tool_name")
    match payload.get("hook_event_name"):
        case "beforeSubmitPrompt":
            prompt = payload["prompt"]
            return Event(Stage.PROMPT, prompt, (*list_mentions(prompt), *_attached(payload)), folder)
        case "beforeShellExecution":
            return Event(
                Stage.ACTION,
                payload["command"],
                list_printed_files(payload["command"]),
                folder,
                "the command",
            )
        case "beforeMCPExecution":
            return Event(Stage.ACTION, payload["tool_input"], (), folder, tool)
        case "beforeReadFile" | "beforeTabFileRead":
            return Event(
                Stage.READ, payload["content"], _attached(payload), folder, as_text(payload, "file_path")
            )
        case "preToolUse":
            arguments = payload["tool_input"]
            files = list_files(tool, arguments, _READERS)
            return Event(Stage.ACTION, drop_old_text(tool, arguments), files, folder, tool)
        case _:
            return None


def _attached(payload: Payload) -> tuple[str, ...]:
    """Return the attached files, whose field has two spellings."""
    attachments = payload.get("attachments")
    found = [each for each in attachments if isinstance(each, dict)] if isinstance(attachments, list) else []
    return tuple(as_text(each, "filePath") or as_text(each, "file_path") for each in found)


def answer(payload: Payload, event: Event, decision: Decision) -> Answer:
    """Return the answer to an event."""
    if isinstance(decision, Allow):
        return Answer(_ALLOWED.get(event.stage, {}))
    message = decision.message
    if event.stage is Stage.PROMPT:
        return Answer({"continue": False, "user_message": message})
    if payload.get("hook_event_name") == "beforeTabFileRead":
        return Answer({"permission": "deny"})
    return Answer({"permission": "deny", "user_message": message, "agent_message": message})


AGENT = Agent("cursor", read, answer)
