"""Which listed keys a JSON report says leaked: for audits, and for revoking them.

Boundary: bytes to ids; a report may come from anywhere, so ids are ids and nothing else
is taken from it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.status import By
from boltz_keyscan.report.json_report import SCHEMA_VERSION
from boltz_keyscan.sanitize import harmless


@dataclass(frozen=True, slots=True)
class ReportedKeys:
    """Ids of keys."""

    proved: tuple[str, ...]
    """The API said itself that the key that was found is this one."""
    possible: tuple[str, ...]
    """Keys that one which was found may be."""
    unproved: int
    """Keys that were found and of which nobody can say which they are."""


def read(name: str, raw: bytes) -> ReportedKeys:
    """The keys a report speaks of, in its order, each once.

    Raises:
        KeyscanError: it is no report.
    """
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise _broken(name, "not JSON") from None
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        raise _broken(name, f"no report of schema_version {SCHEMA_VERSION}")
    proved: dict[str, None] = {}
    possible: dict[str, None] = {}
    unproved = 0
    try:
        for finding in document["findings"]:
            if finding["shape"] == "placeholder":
                continue
            evidence = finding.get("evidence")
            key_id = evidence["key_id"] if evidence else None
            if key_id is not None and evidence["by"] == By.VERIFICATION:
                proved[_id(key_id)] = None
                continue
            unproved += 1
            possible |= dict.fromkeys(map(_id, finding["candidates"]))
    except (KeyError, TypeError, AttributeError):
        raise _broken(name, "not as the schema has it") from None
    return ReportedKeys(tuple(proved), tuple(each for each in possible if each not in proved), unproved)


def _id(value: object) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise TypeError
    return harmless(value)


def _broken(name: str, why: str) -> KeyscanError:
    return KeyscanError(f"{name}: {why}", "Give a report made with --format json or --report json=FILE.")
