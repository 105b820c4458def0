"""Junie CLI (Early Access): the protocol of Claude Code without an event after a tool.

Its working folder is not the project, which has a field of its own.
"""

from __future__ import annotations

from boltz_keyscan.agents import claude
from boltz_keyscan.agents.event import Agent, Event, Payload, Stage
from boltz_keyscan.agents.fields import as_text, read_event
from boltz_keyscan.records import replace

_READERS = frozenset({"open", "read"})


def read(payload: Payload) -> Event | None:
    """Return the event of a payload."""
    stage = claude.STAGES.get(as_text(payload, "hook_event_name"))
    event = read_event(payload, stage, readers=_READERS) if stage is not Stage.OUTPUT else None
    folder = as_text(payload, "project_path")
    return replace(event, folder=folder) if event is not None and folder else event


AGENT = Agent("junie", read, claude.answer_without_replacement)
