"""Audit of an organisation's keys: a table of checks over a listing.

A row has the title, severity, reason and remedy of a check, and the function that finds its
concerns. Only active keys are checked. To add a check, add a row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from boltz_keyscan.model.audit import Check, Concern
from boltz_keyscan.model.enums import KeyType, Mode, Severity
from boltz_keyscan.triage.cross_reference import MIN_DISTINGUISHING_CHARS
from boltz_keyscan.triage.key_record import Record, type_prefix


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds, in days except ``admin_keys``."""

    expires_soon: int = 14
    oldest: int = 365
    unused: int = 90
    never_used: int = 7
    """Days in which a new key need not be used."""
    admin_keys: int = 3
    """Live admin keys that an organisation may have."""


@dataclass(frozen=True, slots=True)
class AuditInput:
    """The input of the checks."""

    now: datetime
    records: tuple[Record, ...]
    """The active keys."""
    archived: Mapping[str, str] = field(default_factory=dict)
    """Names of archived workspaces by id."""
    leaked: Mapping[str, str] = field(default_factory=dict)
    """``yes`` or ``maybe`` by key, from the report of a scan."""
    limits: Limits = Limits()


Finder = Callable[[Check, AuditInput], Iterator[Concern]]


def _about(record: Record, check: Check, detail: str) -> Concern:
    return Concern(check, record.id, record.name, detail)


def _each(finds: Callable[[Record, AuditInput], str]) -> Finder:
    """Return a finder that calls ``finds`` for each key; an empty detail is no concern."""

    def concerns(check: Check, ground: AuditInput) -> Iterator[Concern]:
        for record in ground.records:
            if detail := finds(record, ground):
                yield _about(record, check, detail)

    return concerns


def _days(start: datetime, end: datetime) -> int:
    return (end - start) // timedelta(days=1)


def _leaked(record: Record, ground: AuditInput) -> str:
    return "a scan found it" if ground.leaked.get(record.id) == "yes" else ""


def _perhaps_leaked(record: Record, ground: AuditInput) -> str:
    return "a scan found a key that this may be" if ground.leaked.get(record.id) == "maybe" else ""


def _in_archive(record: Record, ground: AuditInput) -> str:
    if record.workspace_id not in ground.archived:
        return ""
    name = ground.archived[record.workspace_id or ""]
    return f"it works, and its workspace {record.workspace_id} {name!r} is archived"


_TRYING = re.compile(
    r"(?<![a-z])(?:tests?|testing|tmp|temp|temporary|demo|dev|debug|try|trial|example|sandbox|staging|playground|scratch)(?![a-z])",
    re.IGNORECASE,
)


def _named_test(record: Record, _: AuditInput) -> str:
    if record.mode is not Mode.LIVE or not (found := _TRYING.search(record.name)):
        return ""
    return f"a live key, and its name says {found.group()!r}"


def _never_expires(record: Record, _: AuditInput) -> str:
    return "it has no end" if record.expires_at is None else ""


def _expires_soon(record: Record, ground: AuditInput) -> str:
    if record.expires_at is None:
        return ""
    left = _days(ground.now, record.expires_at)
    return f"it expires in {left} days" if left < ground.limits.expires_soon else ""


def _old(record: Record, ground: AuditInput) -> str:
    age = _days(record.created_at, ground.now)
    return f"it is {age:,} days old" if age > ground.limits.oldest else ""


def _unused(record: Record, ground: AuditInput) -> str:
    if record.last_used_at is None:
        return ""
    idle = _days(record.last_used_at, ground.now)
    return f"it was last used {idle:,} days ago" if idle > ground.limits.unused else ""


def _never_used(record: Record, ground: AuditInput) -> str:
    age = _days(record.created_at, ground.now)
    if record.last_used_at is not None or age < ground.limits.never_used:
        return ""
    return f"it was made {age:,} days ago and never used"


def _no_addresses(record: Record, _: AuditInput) -> str:
    return "" if record.allowed_ips else "it works from everywhere"


def _many_admins(check: Check, ground: AuditInput) -> Iterator[Concern]:
    admins = [each for each in ground.records if each.key_type is KeyType.ADMIN and each.mode is Mode.LIVE]
    most = ground.limits.admin_keys
    if len(admins) > most:
        yield Concern(
            check, "admin-keys", "", f"{len(admins):,} live admin keys work; {most:,} are expected at most"
        )


def _alike(check: Check, ground: AuditInput) -> Iterator[Concern]:
    """Yield groups of keys that the listing does not distinguish."""
    kinds = Counter((each.key_prefix, each.key_type, each.mode) for each in ground.records)
    for (prefix, key_type, mode), count in sorted(kinds.items()):
        characters = max(len(prefix) - len(type_prefix(key_type, mode)), 0)
        if count > 1 and characters < MIN_DISTINGUISHING_CHARS:
            kind = f"{count:,} {key_type} {mode} keys"
            detail = f"{kind} are listed as {prefix!r}: if one leaks, only --verify can say which"
            yield Concern(check, f"{prefix} {key_type} {mode}", "", detail)


CHECKS: tuple[tuple[Check, Finder], ...] = (
    (
        Check(
            "key-leaked",
            Severity.CRITICAL,
            "Leaked key that works",
            "Whoever read the place it was found in can use it.",
            "Replace it, then revoke it: boltz-keyscan keys revoke.",
        ),
        _each(_leaked),
    ),
    (
        Check(
            "archived-workspace",
            Severity.HIGH,
            "Key of an archived workspace",
            "Nobody looks after it any more, and it works.",
            "Revoke it.",
        ),
        _each(_in_archive),
    ),
    (
        Check(
            "key-may-have-leaked",
            Severity.MEDIUM,
            "Key that may have leaked",
            "What the API lists of it does not tell it from one that leaked.",
            "Scan again with --verify, which says which key it is.",
        ),
        _each(_perhaps_leaked),
    ),
    (
        Check(
            "many-admin-keys",
            Severity.MEDIUM,
            "Many live admin keys",
            "Each of them opens the whole organisation.",
            "Revoke those nobody needs; give jobs workspace keys.",
        ),
        _many_admins,
    ),
    (
        Check(
            "live-key-named-test",
            Severity.MEDIUM,
            "Live key with the name of a test",
            "It is handled like a key that costs nothing, and it is billed.",
            "Replace it by a test key, or give it its right name.",
        ),
        _each(_named_test),
    ),
    (
        Check(
            "never-expires",
            Severity.MEDIUM,
            "Key that never expires",
            "If it leaks unseen, it works for ever.",
            "Replace it by one that expires.",
        ),
        _each(_never_expires),
    ),
    (
        Check(
            "unused-key",
            Severity.MEDIUM,
            "Key that is not used",
            "A key nobody uses can only be misused.",
            "Revoke it.",
        ),
        _each(_unused),
    ),
    (
        Check(
            "old-key",
            Severity.LOW,
            "Old key",
            "The longer a key lives, the more places have seen it.",
            "Replace it.",
        ),
        _each(_old),
    ),
    (
        Check(
            "never-used",
            Severity.LOW,
            "Key that was never used",
            "A key nobody uses can only be misused.",
            "Revoke it, or find out what it was made for.",
        ),
        _each(_never_used),
    ),
    (
        Check(
            "expires-soon",
            Severity.LOW,
            "Key that expires soon",
            "What uses it will stop.",
            "Replace it before that day.",
        ),
        _each(_expires_soon),
    ),
    (
        Check(
            "no-ip-list",
            Severity.LOW,
            "Key without a list of addresses",
            "If it leaks, it works from everywhere.",
            "Replace it by one that is limited to the addresses it is used from.",
        ),
        _each(_no_addresses),
    ),
    (
        Check(
            "indistinguishable-prefix",
            Severity.NOTE,
            "Keys that cannot be told apart",
            "The listing gives too little of a key to say which one leaked.",
            "Scan with --verify where that matters; nobody can change the listing.",
        ),
        _alike,
    ),
)
"""All checks, worst first."""


def examine(ground: AuditInput) -> tuple[Concern, ...]:
    """Return the concerns, worst first, then by check and by id."""
    found: Iterable[Concern] = (concern for check, finds in CHECKS for concern in finds(check, ground))
    return tuple(_marked(concern, ground) for concern in found)


def _marked(concern: Concern, ground: AuditInput) -> Concern:
    leaked = ground.leaked.get(concern.subject)
    if leaked is None:
        return concern
    return Concern(concern.check, concern.subject, concern.name, concern.detail, leaked=leaked)
