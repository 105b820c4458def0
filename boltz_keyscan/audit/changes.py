"""Checks of keys against an older snapshot: new keys, and keys that can do more or work for longer."""

from __future__ import annotations

from datetime import timedelta

from boltz_keyscan.audit.checks import AuditInput, check_each, lies_in, parse_network
from boltz_keyscan.triage.key_record import Record


def _before(record: Record, audit: AuditInput) -> Record | None:
    return audit.older.get(record.id) if audit.older is not None else None


@check_each("new-key")
def _new(record: Record, audit: AuditInput) -> str:
    if audit.older is None or audit.older_at is None or record.id in audit.older:
        return ""
    created = f"it was created on {record.created_at:%Y-%m-%d}"
    if record.created_at < audit.older_at:
        return f"{created}, before the snapshot of {audit.older_at:%Y-%m-%d}, which does not have it"
    return created


@check_each("widened-key")
def _widened(record: Record, audit: AuditInput) -> str:
    before = _before(record, audit)
    if before is None or audit.older_at is None:
        return ""
    found = []
    if not before.live(audit.older_at):
        found.append("it did not work, and works again")
    if record.workspace_id != before.workspace_id:
        found.append(
            f"its workspace was {before.workspace_id or 'none'}, and is {record.workspace_id or 'none'}"
        )
    if before.allowed_ips and not record.allowed_ips:
        found.append("it was limited to addresses, and works from any")
    elif added := [text for text in record.allowed_ips if before.allowed_ips and not _covered(text, before)]:
        found.append(f"its list has also {', '.join(added)}")
    return "; ".join(found)


@check_each("longer-lived-key")
def _longer(record: Record, audit: AuditInput) -> str:
    before = _before(record, audit)
    if before is None or before.expires_at is None:
        return ""
    if record.expires_at is None:
        return f"it expired on {before.expires_at:%Y-%m-%d}, and never expires now"
    # A snapshot has whole seconds.
    if record.expires_at - before.expires_at >= timedelta(seconds=1):
        return f"it expired on {before.expires_at:%Y-%m-%d}, and now on {record.expires_at:%Y-%m-%d}"
    return ""


def _covered(text: str, before: Record) -> bool:
    """Return True if an older list of addresses has an address or network."""
    network = parse_network(text)
    known = [(old, parse_network(old)) for old in before.allowed_ips]
    return any(
        text == old or (network is not None and wide is not None and lies_in(network, wide))
        for old, wide in known
    )
