"""Codex CLI, from 0.124 on: https://developers.openai.com/codex/hooks and the schemas in its source.

It reads answers strictly: no other fields, a reason that is not blank. An output cannot be replaced
(openai/codex#38135), so a command that prints a file with a key is stopped before it runs.
"""

from __future__ import annotations

from boltz_keyscan.agents import claude
from boltz_keyscan.agents.event import Agent, Event, Payload
from boltz_keyscan.agents.fields import as_text, read_event


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    stage = claude.STAGES.get(as_text(payload, "hook_event_name"))
    is_patch = as_text(payload, "tool_name") == "apply_patch"
    return read_event(payload, stage, readers=None if is_patch else frozenset())


AGENT = Agent("codex", read, claude.answer_without_replacement)
