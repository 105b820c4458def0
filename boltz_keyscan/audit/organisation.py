"""Audit of an organisation's keys: checks over a listing.

A check is a function here, or in ``workspaces`` or ``changes``, and a table of ``organisation.toml`` with its
severity and texts. Only active keys are checked.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Final

from boltz_keyscan.audit import changes, workspaces  # noqa: F401 - they register their checks
from boltz_keyscan.audit.checks import (
    CHECKS,
    AuditInput,
    Limits,
    check,
    check_each,
    days,
    examine,
    lies_in,
    parse_network,
)
from boltz_keyscan.model.enums import KeyType, Mode
from boltz_keyscan.triage.cross_reference import MIN_DISTINGUISHING_CHARS
from boltz_keyscan.triage.key_record import Record, type_prefix

__all__ = ["CHECKS", "AuditInput", "Limits", "examine"]


@check_each("key-leaked")
def _leaked(record: Record, audit: AuditInput) -> str:
    return "a scan found it" if audit.leaked.get(record.id) == "yes" else ""


@check_each("key-older-than-leak")
def _not_replaced(record: Record, audit: AuditInput) -> str:
    seen = audit.first_seen.get(record.id)
    if seen is None or audit.leaked.get(record.id) != "yes" or record.created_at > seen:
        return ""
    since = days(seen, audit.now)
    created = f"it was created on {record.created_at:%Y-%m-%d}"
    return f"{created}, leaked on {seen:%Y-%m-%d}, {since:,} days ago, and still works"


@check_each("archived-workspace")
def _in_archive(record: Record, audit: AuditInput) -> str:
    if record.workspace_id not in audit.archived:
        return ""
    name = audit.archived[record.workspace_id or ""]
    return f"it is listed as active, and its workspace {record.workspace_id} {name!r} is archived"


@check_each("key-may-have-leaked")
def _perhaps_leaked(record: Record, audit: AuditInput) -> str:
    return "a scan found a key that this may be" if audit.leaked.get(record.id) == "maybe" else ""


@check("many-admin-keys")
def _many_admins(audit: AuditInput) -> Iterator[tuple[str, str]]:
    admins = sum(record.key_type is KeyType.ADMIN and record.mode is Mode.LIVE for record in audit.records)
    most = audit.limits.admin_keys
    if admins > most:
        yield "admin-keys", f"{admins:,} live admin keys work; {most:,} are expected at most"


_TEST_NAME = re.compile(
    r"(?<![a-z])(?:tests?|testing|tmp|temp|temporary|demo|dev|debug|try|trial|example|sandbox|staging|playground|scratch)(?![a-z])",
    re.IGNORECASE,
)


@check_each("admin-key-in-use")
def _admin_in_use(record: Record, audit: AuditInput) -> str:
    # The key of this audit was used by the audit itself.
    if record.key_type is not KeyType.ADMIN or record.mode is not Mode.LIVE or audit.own in {None, record.id}:
        return ""
    if record.last_used_at is None or audit.now - record.last_used_at > timedelta(days=1):
        return ""
    return "a live admin key that was used within the last day"


@check_each("live-key-named-test")
def _named_test(record: Record, _: AuditInput) -> str:
    if record.mode is not Mode.LIVE or not (found := _TEST_NAME.search(record.name)):
        return ""
    return f"a live key whose name contains {found.group()!r}"


@check_each("never-expires")
def _never_expires(record: Record, _: AuditInput) -> str:
    return "it has no expiry date" if record.expires_at is None else ""


@check_each("unused-key")
def _unused(record: Record, audit: AuditInput) -> str:
    if record.last_used_at is None:
        return ""
    idle = days(record.last_used_at, audit.now)
    return f"it was last used {idle:,} days ago" if idle > audit.limits.unused else ""


@check_each("old-key")
def _old(record: Record, audit: AuditInput) -> str:
    age = days(record.created_at, audit.now)
    return f"it is {age:,} days old" if age > audit.limits.oldest else ""


@check_each("never-used")
def _never_used(record: Record, audit: AuditInput) -> str:
    age = days(record.created_at, audit.now)
    if record.last_used_at is not None or age < audit.limits.never_used:
        return ""
    return f"it was created {age:,} days ago and never used"


@check_each("expires-soon")
def _expires_soon(record: Record, audit: AuditInput) -> str:
    if record.expires_at is None:
        return ""
    left = days(audit.now, record.expires_at)
    return f"it expires in {left} days" if left < audit.limits.expires_soon else ""


@check_each("no-ip-list")
def _no_addresses(record: Record, _: AuditInput) -> str:
    return "" if record.allowed_ips else "it works from any address"


_PRIVATE: Final = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12",
            "192.168.0.0/16", "fc00::/7", "fe80::/10",
        ),
    )
)  # fmt: skip
"""Networks whose addresses no request over the internet comes from (RFC 1918, 3927, 4193, 4291, 6598).

Loopback is left out: an API for tests on the same machine receives requests from it.
"""


@check_each("catch-all-ip-list")
def _every_address(record: Record, _: AuditInput) -> str:
    every = [text for text in record.allowed_ips if (found := parse_network(text)) and found.prefixlen == 0]
    return f"its list has {', '.join(every)}" if every else ""


@check_each("private-ip-list")
def _private_addresses(record: Record, _: AuditInput) -> str:
    found = [text for text in record.allowed_ips if _is_private(text)]
    return f"its list has {', '.join(found)}" if found else ""


def _is_private(text: str) -> bool:
    network = parse_network(text)
    if network is None:
        return False
    if network.is_unspecified and network.prefixlen == network.max_prefixlen:
        return True
    return any(lies_in(network, private) for private in _PRIVATE)


@check("shared-name")
def _shared_names(audit: AuditInput) -> Iterator[tuple[str, str]]:
    named: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for record in audit.records:
        if record.mode is Mode.LIVE and record.name:
            named[record.name, record.workspace_id].append(record.id)
    for (name, _), ids in sorted(named.items(), key=lambda item: item[1]):
        if len(ids) > 1:
            yield min(ids), f"{len(ids):,} live keys have the name {name!r}: {', '.join(sorted(ids))}"


@check("indistinguishable-prefix")
def _indistinguishable(audit: AuditInput) -> Iterator[tuple[str, str]]:
    kinds = Counter((record.key_prefix, record.key_type, record.mode) for record in audit.records)
    for (prefix, key_type, mode), number in sorted(kinds.items()):
        characters = max(len(prefix) - len(type_prefix(key_type, mode)), 0)
        if number > 1 and characters < MIN_DISTINGUISHING_CHARS:
            keys = f"{number:,} {key_type} {mode} keys"
            detail = f"{keys} are listed as {prefix!r}: if one leaks, only --verify can identify it"
            yield f"{prefix} {key_type} {mode}", detail
