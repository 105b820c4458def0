"""The form of answers, by agent: what its reference accepts, and what stops an event.

The schemas of Codex are written here from its published ones, which are in its source and in no package.
Answers are held against those as well when the environment names their folder:
``CODEX_SCHEMAS=codex-rs/hooks/schema/generated``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

Schema = dict[str, Any]

TEXT = {"type": "string", "pattern": r"\S"}


def _object(required: tuple[str, ...] = (), **properties: Any) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


BLOCK = _object(("decision", "reason"), decision={"const": "block"}, reason=TEXT)
DENIAL = _object(
    ("hookSpecificOutput",),
    hookSpecificOutput=_object(
        ("hookEventName", "permissionDecision", "permissionDecisionReason"),
        hookEventName={"const": "PreToolUse"},
        permissionDecision={"const": "deny"},
        permissionDecisionReason=TEXT,
    ),
)
EMPTY = _object()
UPDATE = _object(
    ("hookSpecificOutput",),
    systemMessage=TEXT,
    hookSpecificOutput=_object(
        ("hookEventName", "updatedToolOutput"),
        hookEventName={"const": "PostToolUse"},
        updatedToolOutput={},
        additionalContext=TEXT,
    ),
)
DECISION = _object(("decision", "reason"), decision={"const": "deny"}, reason=TEXT, systemMessage=TEXT)
HALT = _object(("continue",), **{"continue": {"const": False}}, stopReason=TEXT, systemMessage=TEXT)
RESULT = _object(
    ("resultType", "textResultForLlm"), resultType={"const": "success"}, textResultForLlm={"type": "string"}
)

STOPS: dict[str, list[Schema]] = {
    "claude": [BLOCK, DENIAL],
    "codex": [BLOCK, DENIAL],
    "junie": [BLOCK, DENIAL],
    "cursor": [
        _object(("continue", "user_message"), **{"continue": {"const": False}}, user_message=TEXT),
        _object(("permission",), permission={"const": "deny"}, user_message=TEXT, agent_message=TEXT),
    ],
    "copilot": [
        BLOCK,
        _object(
            ("permissionDecision", "permissionDecisionReason"),
            permissionDecision={"const": "deny"},
            permissionDecisionReason=TEXT,
            hookSpecificOutput=DENIAL["properties"]["hookSpecificOutput"],
        ),
    ],
    "vscode": [HALT, DENIAL],
    "gemini": [DECISION],
    "vibe": [DECISION],
}
"""The answers that stop an event, of agents that read them from standard output."""

REPLACEMENTS: dict[str, Schema] = {
    "claude": UPDATE,
    "gemini": DECISION,
    "copilot": _object(("modifiedResult",), modifiedResult=RESULT, additionalContext=TEXT),
}

PASSES: dict[str, list[Schema]] = {
    "cursor": [
        EMPTY,
        _object(("continue",), **{"continue": {"const": True}}),
        _object(("permission",), permission={"const": "allow"}),
    ],
}
"""The answers that let an event pass, where they are not an empty object."""

BY_EXIT_CODE = ("windsurf", "kiro")
SILENT = (*BY_EXIT_CODE, "vibe")
"""Agents whose standard output is empty where an event passes."""

_CODEX = {
    "UserPromptSubmit": "user-prompt-submit.command.output.schema.json",
    "PreToolUse": "pre-tool-use.command.output.schema.json",
    "PostToolUse": "post-tool-use.command.output.schema.json",
}


def _fits(value: object, schemas: list[Schema]) -> bool:
    return any(Draft7Validator(schema).is_valid(value) for schema in schemas)


def _parsed(out: bytes) -> Any:
    """The one JSON object on standard output."""
    return json.loads(out)


def stops(agent: str, code: int, out: bytes, err: bytes) -> bool:
    """Whether an answer stops its event, and is valid."""
    if agent in BY_EXIT_CODE:
        return (code, out) == (2, b"") and bool(err.strip())
    return code == 0 and bool(out) and _fits(_parsed(out), STOPS[agent])


def passes(agent: str, code: int, out: bytes) -> bool:
    """Whether an answer lets its event pass, and is valid."""
    if agent in SILENT:
        return (code, out) == (0, b"")
    return code == 0 and _fits(_parsed(out), PASSES.get(agent, [EMPTY]))


def replaced(agent: str, code: int, out: bytes) -> Any:
    """The output that a model gets instead, of a valid answer."""
    answer = _parsed(out)
    assert code == 0
    Draft7Validator(REPLACEMENTS[agent]).validate(answer)
    match agent:
        case "claude":
            return answer["hookSpecificOutput"]["updatedToolOutput"]
        case "copilot":
            return answer["modifiedResult"]["textResultForLlm"]
        case _:
            return answer["reason"]


def check_published(event: str, out: bytes) -> None:
    """Hold an answer to Codex against its published schemas."""
    schema = json.loads((Path(os.environ["CODEX_SCHEMAS"]) / _CODEX[event]).read_text(encoding="utf-8"))
    Draft7Validator(schema).validate(_parsed(out))
