"""Reader of JSON reports: for comparing two of them, and for the ids of leaked keys.

A report may come from an untrusted source. It is read whole or rejected; ids are checked.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import Exposure, Severity, Shape, Status
from boltz_keyscan.model.status import By
from boltz_keyscan.model.suppression import FINGERPRINT
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.json_report import SCHEMA_VERSION
from boltz_keyscan.sanitize import harmless

_MAX_ID_CHARS = 200

Value = TypeVar("Value")


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
    key_id: str | None
    """Id of the key, if verification proved it: the API returned it for the key that was found."""
    candidates: tuple[str, ...]
    """Ids of the keys that it may be."""
    first_seen: datetime | None = None
    """Author date of the first commit that added it, in UTC."""
    is_link: bool = False
    """True for a share link: it has no id, and nothing is billed to it."""


@dataclass(frozen=True, slots=True)
class Report:
    """Report as read."""

    targets: tuple[str, ...]
    complete: bool
    keys: dict[str, ReportedFinding]
    """Findings by fingerprint, without placeholders."""

    @property
    def api_keys(self) -> tuple[ReportedFinding, ...]:
        """The findings that are no share links."""
        return tuple(key for key in self.keys.values() if not key.is_link)

    @property
    def links(self) -> tuple[str, ...]:
        """Fingerprints of the share links."""
        return tuple(key.fingerprint for key in self.keys.values() if key.is_link)

    @property
    def proved_ids(self) -> tuple[str, ...]:
        """Ids of the keys that verification identified, in the order of the report, each once."""
        return tuple(dict.fromkeys(key.key_id for key in self.api_keys if key.key_id is not None))

    @property
    def possible_ids(self) -> tuple[str, ...]:
        """Candidates for the other keys, each once."""
        others = [key for key in self.api_keys if key.key_id is None]
        return tuple(dict.fromkeys(name for key in others for name in key.candidates))

    @property
    def leaked_ids(self) -> dict[str, str]:
        """``yes`` for each key that verification identified, ``maybe`` for the other candidates, by id."""
        return dict.fromkeys(self.possible_ids, "maybe") | dict.fromkeys(self.proved_ids, "yes")

    @property
    def first_seen(self) -> datetime | None:
        """Earliest date of a key; None if no key has one."""
        return min((key.first_seen for key in self.api_keys if key.first_seen is not None), default=None)

    @property
    def first_seen_by_id(self) -> dict[str, datetime]:
        """Earliest date of the finding that is or may be a key, by id."""
        dates: dict[str, datetime] = {}
        for key in self.api_keys:
            if key.first_seen is not None:
                for name in (key.key_id,) if key.key_id is not None else key.candidates:
                    dates[name] = min(key.first_seen, dates.get(name, key.first_seen))
        return dates

    @property
    def unproved(self) -> int:
        """Number of keys that were not identified."""
        return sum(key.key_id is None for key in self.api_keys)


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
    part = "scan"
    try:
        targets = tuple(checked(target, str) for target in document["scan"]["targets"])
        complete = checked(document["scan"]["complete"], bool)
        part = "findings"
        keys: dict[str, ReportedFinding] = {}
        for number, finding in enumerate(document["findings"]):
            part = f"findings[{number}]"
            reported = _read_finding(finding)
            if reported.fingerprint in keys:
                raise _broken(name, f"{part}: the same key twice")
            if finding["shape"] != Shape.PLACEHOLDER:
                keys[reported.fingerprint] = reported
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise _broken(name, f"{part}: not as the schema has it") from None
    return Report(targets, complete, keys)


def _read_finding(finding: Any) -> ReportedFinding:  # noqa: ANN401 - JSON, checked here
    if not FINGERPRINT.fullmatch(finding["fingerprint"]):
        raise ValueError
    # Reports of the first version have no evidence.
    evidence = finding.get("evidence") or {}
    key_id = evidence.get("key_id") if evidence.get("by") == By.VERIFICATION else None
    return ReportedFinding(
        finding["fingerprint"],
        checked(finding["rule_id"], str),
        Severity(finding["severity"]),
        Status(finding["status"]),
        Exposure(finding["exposure"]),
        checked(finding["blocking"], bool),
        finding["suppression"] is not None,
        frozenset(checked(place["path"], str) for place in finding["locations"]),
        None if key_id is None else _id(key_id),
        tuple(map(_id, finding["candidates"])),
        _time(finding.get("first_seen")),
        finding.get("key_type", "") is None,
    )


def _time(value: object) -> datetime | None:
    """Return a time in UTC; a date of git without an offset is read as UTC."""
    if value is None:
        return None
    when = datetime.fromisoformat(checked(value, str))
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def _id(value: object) -> str:
    text = checked(value, str)
    if len(text) > _MAX_ID_CHARS:
        raise ValueError
    return harmless(text)


def checked(value: object, kind: type[Value]) -> Value:
    """Return a value of a type.

    Raises:
        TypeError: it is of another one.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError
    return value


def _broken(where: str, why: str) -> KeyscanError:
    return KeyscanError(f"{where}: {why}", "Give a report made with --format json or --report json=FILE.")
