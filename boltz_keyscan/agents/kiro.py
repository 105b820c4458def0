"""Kiro, IDE and CLI (v3): https://kiro.dev/docs/hooks.

An event is stopped by exit code 2 and standard error. Not the prompt in the IDE, and no output.
"""

from __future__ import annotations

from boltz_keyscan.agents.event import Agent, Event, Payload, Stage, answer_by_exit_code
from boltz_keyscan.agents.fields import as_text, drop_old_text, list_mentions, list_paths, list_printed_files
from boltz_keyscan.agents.settings import Settings, trigger_entry

_READERS = frozenset({"fs_read", "read", "read_file", "readfile", "read_files"})


def read(payload: Payload) -> Event | None:
    """Return the event of a payload; the CLI spells the events in camelCase."""
    folder, tool = as_text(payload, "cwd"), as_text(payload, "tool_name")
    name = as_text(payload, "hook_event_name")
    match name[:1].upper() + name[1:]:
        case "UserPromptSubmit":
            return Event(Stage.PROMPT, payload["prompt"], list_mentions(payload["prompt"]), folder)
        case "PreToolUse":
            arguments = payload["tool_input"]
            files = list_paths(arguments) if tool.lower() in _READERS else ()
            if isinstance(arguments, dict) and "command" in arguments and not files:
                files = list_printed_files(arguments["command"])
            return Event(Stage.ACTION, drop_old_text(tool, arguments), files, folder, tool)
        case _:
            return None


def samples(text: str) -> tuple[Payload, ...]:
    """Return payloads with a text in the prompt and in a command."""
    return (
        {"hook_event_name": "UserPromptSubmit", "cwd": "/", "prompt": text},
        {
            "hook_event_name": "PreToolUse",
            "cwd": "/",
            "tool_name": "execute_bash",
            "tool_input": {"command": text},
        },
    )


AGENT = Agent(
    "kiro",
    "Kiro",
    read,
    answer_by_exit_code,
    Settings(
        user="~/.kiro/hooks/boltz-keyscan.json",
        project=".kiro/hooks/boltz-keyscan.json",
        events=("UserPromptSubmit", "PreToolUse"),
        entry=trigger_entry,
        base={"version": "v1"},
        by_event=False,
        note="Start a new session. The Kiro CLI reads it with --v3 only.",
    ),
    samples,
    quiet=frozenset(
        {"agentSpawn", "PostFileCreate", "PostFileDelete", "PostFileSave", "PostTaskExec"}
        | {"postToolUse", "PostToolUse", "PreTaskExec", "SessionStart", "stop", "Stop"}
    ),
)
