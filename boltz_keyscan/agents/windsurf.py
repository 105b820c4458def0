"""Windsurf Cascade: https://docs.windsurf.com/windsurf/cascade/hooks.

An event is stopped by exit code 2 and standard error; JSON is not read. Only events before an action can
be stopped.
"""

from __future__ import annotations

from boltz_keyscan.agents.event import Agent, Event, Payload, Stage, answer_by_exit_code
from boltz_keyscan.agents.fields import as_text, drop_old_text, list_mentions, list_printed_files
from boltz_keyscan.agents.settings import Settings, plain_entry


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    given = payload["tool_info"]
    folder = as_text(given, "cwd")
    match payload["agent_action_name"]:
        case "pre_user_prompt":
            return Event(Stage.PROMPT, given["user_prompt"], list_mentions(given["user_prompt"]), folder)
        case "pre_read_code":
            return Event(Stage.READ, None, (given["file_path"],), folder, given["file_path"])
        case "pre_write_code":
            return Event(
                Stage.ACTION, drop_old_text("edit", given["edits"]), (), folder, as_text(given, "file_path")
            )
        case "pre_run_command":
            command = given["command_line"]
            return Event(Stage.ACTION, command, list_printed_files(command), folder, "the command")
        case "pre_mcp_tool_use":
            return Event(
                Stage.ACTION, given["mcp_tool_arguments"], (), folder, as_text(given, "mcp_tool_name")
            )
        case _:
            return None


def samples(text: str) -> tuple[Payload, ...]:
    """Return payloads with a text in the prompt and in a command."""
    common = {"trajectory_id": "boltz-keyscan", "execution_id": "none", "timestamp": "2026-01-01T00:00:00Z"}
    return (
        {**common, "agent_action_name": "pre_user_prompt", "tool_info": {"user_prompt": text}},
        {**common, "agent_action_name": "pre_run_command", "tool_info": {"command_line": text, "cwd": "/"}},
    )


AGENT = Agent(
    "windsurf",
    "Windsurf",
    read,
    answer_by_exit_code,
    Settings(
        user="~/.codeium/windsurf/hooks.json",
        project=".windsurf/hooks.json",
        events=("pre_user_prompt", "pre_read_code", "pre_write_code", "pre_run_command", "pre_mcp_tool_use"),
        entry=plain_entry,
        note="Restart Windsurf.",
    ),
    samples,
    quiet=frozenset(
        {"post_cascade_response", "post_mcp_tool_use", "post_read_code", "post_run_command"}
        | {"post_write_code"}
    ),
)
