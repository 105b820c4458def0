"""The agents: a row for each, with the payloads that it sends. To add one, write its file and a row.

The first row that fits a payload wins, so the agents with a mark of their own come first. Only the
module of the agent that called is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from boltz_keyscan.agents.event import Agent, Payload
from boltz_keyscan.agents.fields import as_text
from boltz_keyscan.records import dataclass

_VIBE = frozenset({"pre_tool", "post_tool", "post_agent"})
_GEMINI = ("BeforeAgent", "AfterAgent", "BeforeModel", "AfterModel", "BeforeTool", "AfterTool")
_MARKS = ("transcript_path", "cursor_version", "turn_id", "project_path")
"""Fields that Kiro and Copilot CLI never send."""

_COPILOT = ("hook_event_name", "session_id", "timestamp", "cwd")
"""Fields of every payload of Copilot CLI with events in PascalCase."""


@dataclass(frozen=True, slots=True)
class Row:
    """One agent."""

    name: str
    sends: Callable[[Payload], bool]
    """Return True for its payloads."""
    agent: str
    """Module and variable."""


def _sends_vscode(payload: Payload) -> bool:
    return "hookEventName" in payload or "copilot-chat" in as_text(payload, "transcript_path").lower()


def _sends_junie(payload: Payload) -> bool:
    return "project_path" in payload and "transcript_path" not in payload


def _sends_kiro(payload: Payload) -> bool:
    marked = any(mark in payload for mark in (*_MARKS, "timestamp", "sessionId", "permission_mode"))
    return bool(as_text(payload, "hook_event_name")) and not marked


def _sends_copilot(payload: Payload) -> bool:
    if "sessionId" in payload:
        return True
    return all(name in payload for name in _COPILOT) and not any(mark in payload for mark in _MARKS)


def _sends_claude(payload: Payload) -> bool:
    # Without a mark of its own; its transcripts may be anywhere (CLAUDE_CONFIG_DIR).
    return "session_id" in payload and bool(as_text(payload, "hook_event_name"))


ROWS: tuple[Row, ...] = (
    Row("vibe", lambda sent: sent.get("hook_event_name") in _VIBE, "boltz_keyscan.agents.vibe:AGENT"),
    Row("windsurf", lambda sent: "agent_action_name" in sent, "boltz_keyscan.agents.windsurf:AGENT"),
    Row("cursor", lambda sent: "cursor_version" in sent, "boltz_keyscan.agents.cursor:AGENT"),
    Row(
        "codex",
        lambda sent: "turn_id" in sent or ".codex" in as_text(sent, "transcript_path").lower(),
        "boltz_keyscan.agents.codex:AGENT",
    ),
    Row("vscode", _sends_vscode, "boltz_keyscan.agents.vscode:AGENT"),
    Row("gemini", lambda sent: sent.get("hook_event_name") in _GEMINI, "boltz_keyscan.agents.gemini:AGENT"),
    Row("junie", _sends_junie, "boltz_keyscan.agents.junie:AGENT"),
    Row("kiro", _sends_kiro, "boltz_keyscan.agents.kiro:AGENT"),
    Row("copilot", _sends_copilot, "boltz_keyscan.agents.copilot:AGENT"),
    Row("claude", _sends_claude, "boltz_keyscan.agents.claude:AGENT"),
)

NAMES: tuple[str, ...] = tuple(sorted(row.name for row in ROWS))


def load(row: Row) -> Agent:
    """Import and return the agent of a row."""
    module, _, name = row.agent.partition(":")
    return cast("Agent", getattr(import_module(module), name))


def find_sender(payload: Payload) -> Agent | None:
    """Return the agent that sends such a payload; None for an unknown one."""
    row = next((row for row in ROWS if row.sends(payload)), None)
    return load(row) if row is not None else None


def find_agent(name: str) -> Agent:
    """Return the agent of a name in ``NAMES``."""
    return load(next(row for row in ROWS if row.name == name))
