"""Agent hooks of VS Code (Preview): https://code.visualstudio.com/docs/copilot/customization/hooks.

It reads the settings of Claude Code, and passes over matchers. An output cannot be replaced, so a file
with a key is not read.
"""

from __future__ import annotations

from boltz_keyscan.agents import claude
from boltz_keyscan.agents.event import Agent, Allow, Answer, Decision, Event, Payload, Stage
from boltz_keyscan.agents.fields import as_text, list_files
from boltz_keyscan.agents.settings import Settings, nested_entry
from boltz_keyscan.records import replace

_READERS = frozenset({"read_file", "readfile", "read"})


def read(payload: Payload) -> Event | None:
    """Return the event of a payload, in either spelling of its fields."""
    name = as_text(payload, "hookEventName") or as_text(payload, "hook_event_name")
    event = claude.read({**payload, "hook_event_name": name})
    if event is None or event.stage is not Stage.ACTION:
        return event
    arguments = payload["tool_input"]
    files = list_files(event.tool, arguments, _READERS)
    return replace(event, files=files)


def answer(_payload: Payload, event: Event, decision: Decision) -> Answer:
    """Return the answer to an event."""
    if isinstance(decision, Allow):
        return Answer({})
    if event.stage is Stage.ACTION:
        return Answer(claude.deny(event, decision.message))
    return Answer({"continue": False, "stopReason": decision.message, "systemMessage": decision.message})


def samples(text: str) -> tuple[Payload, ...]:
    """Return payloads with a text in the prompt and in a command."""
    common = {"timestamp": "2026-01-01T00:00:00Z", "cwd": "/", "sessionId": "none", "transcript_path": "/"}
    return (
        {**common, "hookEventName": "UserPromptSubmit", "prompt": text},
        {
            **common,
            "hookEventName": "PreToolUse",
            "tool_name": "run_in_terminal",
            "tool_input": {"command": text},
        },
    )


AGENT = Agent(
    "vscode",
    "VS Code",
    read,
    answer,
    Settings(
        user="~/.claude/settings.json",
        project=".github/hooks/boltz-keyscan-vscode.json",
        events=claude.EVENTS,
        entry=nested_entry,
        note="VS Code reads the file of Claude Code too. Its hooks are a preview; 'Diagnostics' lists them.",
    ),
    samples,
    quiet=claude.QUIET,
)
