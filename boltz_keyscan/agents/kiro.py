"""Kiro, IDE and CLI (v3): https://kiro.dev/docs/hooks.

An event is stopped by exit code 2 and standard error. Not the prompt in the IDE, and no output.
"""

from __future__ import annotations

from boltz_keyscan.agents.event import Agent, Event, Payload, Stage, answer_by_exit_code
from boltz_keyscan.agents.fields import as_text, read_event

_READERS = frozenset({"fs_read", "read", "read_file", "readfile", "read_files"})
_STAGES = {"UserPromptSubmit": Stage.PROMPT, "PreToolUse": Stage.ACTION}


def read(payload: Payload) -> Event | None:
    """Return the event of a payload; the CLI spells the events in camelCase."""
    name = as_text(payload, "hook_event_name")
    return read_event(payload, _STAGES.get(name[:1].upper() + name[1:]), readers=_READERS)


AGENT = Agent("kiro", read, answer_by_exit_code)
