"""Findings of a JSON report, as a scan has them: for explaining the keys of a report that was imported.

A report may come from an untrusted source: every text is made printable and redacted. What a report does
not hold, such as the branches of a key, is unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Severity, Shape, Status
from boltz_keyscan.model.finding import Finding, Location, ScanResult, Tally
from boltz_keyscan.model.suppression import FINGERPRINT, Suppression
from boltz_keyscan.report.json_reader import checked
from boltz_keyscan.report.json_report import SCHEMA_VERSION

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

Clean = Callable[[str], str]
Choice = TypeVar("Choice", bound=StrEnum)


def read_findings(name: str, raw: bytes, rule_ids: dict[str, str], clean: Clean) -> ScanResult:
    """Return the keys of a JSON report as the result of a scan.

    Args:
        name: the name of the file, for errors.
        raw: its content.
        rule_ids: type prefix by rule.
        clean: the redaction applied to its texts.

    Raises:
        KeyscanError: it is not a report, or of another version.
    """
    try:
        document = json.loads(raw)
        _equal(document["schema_version"], SCHEMA_VERSION)
        findings = tuple(_finding(each, rule_ids, clean) for each in document["findings"])
        complete = checked(document["scan"]["complete"], bool)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise KeyscanError(
            f"{name}: not a report of boltz-keyscan, or of another version",
            "Give one of 'import --output FILE' or of a scan with --report json=FILE.",
        ) from None
    code = ExitCode.CLEAN if complete else ExitCode.INCOMPLETE
    return ScanResult((".",), "", 0.0, findings, (), Tally(), complete, code)


def _finding(value: dict[str, object], rule_ids: dict[str, str], clean: Clean) -> Finding:
    rule_id = checked(value["rule_id"], str)
    fingerprint = checked(value["fingerprint"], str)
    if not FINGERPRINT.fullmatch(fingerprint):
        raise ValueError
    pushed = value.get("pushed")
    return Finding(
        fingerprint=fingerprint,
        rule_id=rule_id,
        key_type=_choice(KeyType, value["key_type"]),
        mode=_choice(Mode, value["mode"]),
        type_prefix=rule_ids[rule_id],
        shape=_choice(Shape, value["shape"]),
        reason="as the report has it",
        severity=_choice(Severity, value["severity"]),
        confidence=clean(checked(value["confidence"], str)),
        status=_choice(Status, value["status"]),
        exposure=_choice(Exposure, value["exposure"]),
        blocking=checked(value["blocking"], bool),
        locations=tuple(
            _location(each, clean, pushed=None if pushed is None else checked(pushed, bool))
            for each in checked(value["locations"], list)
        ),
        suppression=_suppression(value["suppression"], clean),
        candidates=_texts(value["candidates"], clean),
    )


def _suppression(value: object, clean: Clean) -> Suppression | None:
    if value is None:
        return None
    fields = checked(value, dict)
    kind, reason, source = (clean(checked(fields[each], str)) for each in ("kind", "reason", "source"))
    return Suppression(kind, reason, source)


def _location(value: dict[str, object], clean: Clean, *, pushed: bool | None) -> Location:
    line, column = checked(value["line"], int), checked(value["column"], int)
    commit = value["commit"]
    if commit is not None and not _HASH.fullmatch(checked(commit, str)):
        raise ValueError
    date = value["author_date"]
    return Location(
        path=clean(checked(value["path"], str)),
        line=line,
        column=column,
        column_utf16=column,
        offset=0,
        length=0,
        exposure=_choice(Exposure, value["exposure"]),
        context=clean(checked(value["context"], str)),
        commit=None if commit is None else checked(commit, str),
        author_date=None if date is None else clean(checked(date, str)),
        members=_texts(value["members"], clean),
        decoded=_texts(value["decoded"], clean),
        pushed=pushed,
    )


def _texts(value: object, clean: Clean) -> tuple[str, ...]:
    return tuple(clean(checked(each, str)) for each in checked(value, list))


def _choice(kind: type[Choice], value: object) -> Choice:
    return kind(checked(value, str))


def _equal(value: object, wanted: str) -> None:
    if value != wanted:
        raise ValueError
