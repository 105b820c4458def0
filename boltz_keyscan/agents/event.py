"""Events, decisions and answers, as every agent has them."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from boltz_keyscan.records import dataclass

if TYPE_CHECKING:
    from boltz_keyscan.agents.settings import Settings

STOP_CODE = 2
"""Exit code that stops the event in nearly every agent, whatever is on standard output."""

Payload = dict[str, Any]
"""The JSON object that an agent passes to its hooks."""


class Stage(Enum):
    """The part of an agent's work that an event belongs to."""

    PROMPT = auto()
    ACTION = auto()
    """A command, the arguments of a tool, or a file that is about to be written."""
    READ = auto()
    """A file that is about to be read."""
    OUTPUT = auto()
    """The result of a tool; it was run already."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event, with the content that may hold a key."""

    stage: Stage
    content: object
    """A JSON value."""
    files: tuple[str, ...] = ()
    """Files that reach the model by this event."""
    folder: str = ""
    """Folder that relative paths start from."""
    tool: str = ""


@dataclass(frozen=True, slots=True)
class KeyFound:
    """A key in an event."""

    fingerprint: str
    rule_id: str
    file: str = ""
    """File that it is in, as it was named; empty for the event itself."""


@dataclass(frozen=True, slots=True)
class Allow:
    """No key: the agent goes on."""


@dataclass(frozen=True, slots=True)
class Deny:
    """A key, or a failure of the check: the event is stopped where the agent can."""

    message: str


@dataclass(frozen=True, slots=True)
class Replace:
    """A key in an output, which is replaced before the model sees it."""

    content: Any
    """The content of the event without keys, of the same shape."""
    message: str


Decision = Allow | Deny | Replace


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a hook: at most one JSON object on standard output, and an exit code."""

    output: Payload | None = None
    """None for an empty standard output."""
    error: str = ""
    """Line on standard error."""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Agent:
    """A coding agent."""

    name: str
    read: Callable[[Payload], Event | None]
    """Return the event of a payload; None for one that has nothing to inspect or is unknown."""
    answer: Callable[[Payload, Event, Decision], Answer]
    replaces_output: bool = False
    """True if a hook can replace the output of a tool."""

    @property
    def settings(self) -> Settings:
        """The settings of the agent, and the names of its events."""
        from boltz_keyscan.agents.settings import load  # noqa: PLC0415 - an event that is inspected needs none

        return load(self.name)


def answer_by_exit_code(_payload: Payload, _event: Event, decision: Decision) -> Answer:
    """Return the answer to an agent that reads no JSON: exit code 2 and a line stop an event."""
    return Answer() if isinstance(decision, Allow) else Answer(error=decision.message, code=STOP_CODE)
