"""Windsurf Cascade: https://docs.windsurf.com/windsurf/cascade/hooks.

An event is stopped by exit code 2 and standard error; JSON is not read. Only events before an action can
be stopped.
"""

from __future__ import annotations

from boltz_keyscan.agents.event import Agent, Event, Payload, Stage, answer_by_exit_code
from boltz_keyscan.agents.fields import as_text, drop_old_text, list_mentions, list_printed_files


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


AGENT = Agent("windsurf", read, answer_by_exit_code)
