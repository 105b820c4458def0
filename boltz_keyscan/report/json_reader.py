"""Reader of JSON reports, for comparing two of them.

A report is read whole or rejected; its strings are untrusted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import Exposure, Severity, Shape, Status
from boltz_keyscan.model.suppression import FINGERPRINT
from boltz_keyscan.report.json_report import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """Finding in a report."""

    fingerprint: str
    rule_id: str
    severity: Severity
    status: Status
    exposure: Exposure
    blocking: bool
    suppressed: bool
    paths: frozenset[str]


@dataclass(frozen=True, slots=True)
class Report:
    """Report as read."""

    targets: tuple[str, ...]
    complete: bool
    keys: dict[str, ReportedFinding]
    """Findings by fingerprint, without placeholders."""


def read(name: str, raw: bytes) -> Report:
    """Read a JSON report.

    Raises:
        KeyscanError: it is not a report, or of another version; with file, line if known, and reason.
    """
    try:
        document = json.loads(raw)
    except json.JSONDecodeError as error:
        raise _broken(f"{name}:{error.lineno}", "not JSON") from None
    except (UnicodeDecodeError, RecursionError):
        raise _broken(name, "not JSON") from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        what = "no report" if version is None else "a report of another version"
        raise _broken(name, f"{what}: expected schema_version {SCHEMA_VERSION}")
    number = -1
    try:
        scan = document["scan"]
        keys: dict[str, ReportedFinding] = {}
        for number, finding in enumerate(document["findings"]):
            reported = _read_finding(finding)
            if reported.fingerprint in keys:
                raise _broken(name, f"findings[{number}]: the same key twice")
            if finding["shape"] != Shape.PLACEHOLDER:
                keys[reported.fingerprint] = reported
        number = -1
        return Report(tuple(map(_text, scan["targets"])), _flag(scan["complete"]), keys)
    except (KeyError, TypeError, ValueError, AttributeError):
        where = f"findings[{number}]" if number >= 0 else "scan"
        raise _broken(name, f"{where}: not as the schema has it") from None


def _read_finding(finding: Any) -> ReportedFinding:  # noqa: ANN401 - JSON, checked here
    fingerprint = _text(finding["fingerprint"])
    if not FINGERPRINT.fullmatch(fingerprint):
        raise ValueError(fingerprint)
    return ReportedFinding(
        fingerprint,
        _text(finding["rule_id"]),
        Severity(finding["severity"]),
        Status(finding["status"]),
        Exposure(finding["exposure"]),
        _flag(finding["blocking"]),
        finding["suppression"] is not None,
        frozenset(_text(place["path"]) for place in finding["locations"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _broken(where: str, why: str) -> KeyscanError:
    return KeyscanError(f"{where}: {why}", "Give reports made with --format json or --report json=FILE.")
