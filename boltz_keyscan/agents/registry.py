"""The agents, with the payloads that each sends. To add one, write its file and a row.

The first row that fits a payload wins, so the agents with a mark of their own come first. Only the
module of the agent that called is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from boltz_keyscan.agents.event import Agent, Payload
from boltz_keyscan.agents.fields import as_text

_VIBE = frozenset({"pre_tool", "post_tool", "post_agent"})
_GEMINI = ("BeforeAgent", "AfterAgent", "BeforeModel", "AfterModel", "BeforeTool", "AfterTool")
_MARKS = ("transcript_path", "cursor_version", "turn_id", "project_path")
"""Fields that Kiro and Copilot CLI never send."""

_COPILOT = ("hook_event_name", "session_id", "timestamp", "cwd")
"""Fields of every payload of Copilot CLI with events in PascalCase."""


def _sends_kiro(payload: Payload) -> bool:
    marked = any(mark in payload for mark in (*_MARKS, "timestamp", "sessionId", "permission_mode"))
    return bool(as_text(payload, "hook_event_name")) and not marked


def _sends_copilot(payload: Payload) -> bool:
    if "sessionId" in payload:
        return True
    return all(name in payload for name in _COPILOT) and not any(mark in payload for mark in _MARKS)


SENDERS: dict[str, Callable[[Payload], bool]] = {
    "vibe": lambda sent: sent.get("hook_event_name") in _VIBE,
    "windsurf": lambda sent: "agent_action_name" in sent,
    "cursor": lambda sent: "cursor_version" in sent,
    "codex": lambda sent: "turn_id" in sent or ".codex" in as_text(sent, "transcript_path").lower(),
    "vscode": lambda sent: (
        "hookEventName" in sent or "copilot-chat" in as_text(sent, "transcript_path").lower()
    ),
    "gemini": lambda sent: sent.get("hook_event_name") in _GEMINI,
    "junie": lambda sent: "project_path" in sent and "transcript_path" not in sent,
    "kiro": _sends_kiro,
    "copilot": _sends_copilot,
    # Without a mark of its own; its transcripts may be anywhere (CLAUDE_CONFIG_DIR).
    "claude": lambda sent: "session_id" in sent and bool(as_text(sent, "hook_event_name")),
}
"""Return True for the payloads of an agent, by its name, which is that of its module."""

NAMES: tuple[str, ...] = tuple(sorted(SENDERS))


def find_sender(payload: Payload) -> Agent | None:
    """Return the agent that sends such a payload; None for an unknown one."""
    return next((find_agent(name) for name, sends in SENDERS.items() if sends(payload)), None)


def find_agent(name: str) -> Agent:
    """Return the agent of a name in ``NAMES``."""
    return cast("Agent", import_module(f"boltz_keyscan.agents.{name}").AGENT)
