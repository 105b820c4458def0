"""Ids of leaked keys in a JSON report, for audits and for revoking.

A report may come from an untrusted source: only ids are read from it, and they are checked.
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
    """Ids of the keys in a report."""

    proved: tuple[str, ...]
    """Keys identified by verification: the API returned the id for the key that was found."""
    possible: tuple[str, ...]
    """Candidates for the other keys."""
    unproved: int
    """Number of keys that were found and not identified."""


def read(name: str, raw: bytes) -> ReportedKeys:
    """Return the ids in a report, in its order, each once.

    Raises:
        KeyscanError: the file is not a report.
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
