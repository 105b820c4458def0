"""Checks of workspaces with keys: spending limits and usage; and of the Boltz CLI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from boltz_keyscan.audit.checks import AuditInput, check, check_each, days
from boltz_keyscan.model.enums import Mode
from boltz_keyscan.triage.key_record import Record

NEARLY_USED = 0.9
"""Part of a spending limit from which it is reported."""

_MILLI_USD = 1000


@check("no-spending-limit")
def _unlimited(audit: AuditInput) -> Iterator[tuple[str, str]]:
    for workspace_id, spending in sorted(audit.spending.items()):
        if spending is None:
            yield workspace_id, f"workspace{_name(workspace_id, audit)} has live keys and no limit"
        elif spending.limit is None:
            yield (
                workspace_id,
                f"workspace{_name(workspace_id, audit)} has live keys, and its limit is unlimited",
            )


@check("spending-limit-nearly-used")
def _nearly_used(audit: AuditInput) -> Iterator[tuple[str, str]]:
    for workspace_id, spending in sorted(audit.spending.items()):
        if spending and spending.limit is not None and spending.accrued >= NEARLY_USED * spending.limit:
            used = f"{_usd(spending.accrued)} of {_usd(spending.limit)} are used"
            yield workspace_id, f"workspace{_name(workspace_id, audit)}: {used}"


@check_each("key-in-unused-workspace")
def _in_unused(record: Record, audit: AuditInput) -> str:
    if audit.usage is None or record.mode is not Mode.LIVE:
        return ""
    if record.workspace_id is None or record.workspace_id in audit.archived:
        return ""
    young = days(record.created_at, audit.now) < audit.limits.never_used
    # A key that is not used itself has a check of its own.
    idle = record.last_used_at is None or audit.now - record.last_used_at > timedelta(
        days=audit.limits.unused
    )
    if audit.usage.get(record.workspace_id) or young or idle:
        return ""
    name = _name(record.workspace_id, audit)
    return f"its workspace {record.workspace_id}{name} had no billed usage in {audit.limits.unused:,} days"


@check("cli-too-old")
def _old_cli(audit: AuditInput) -> Iterator[tuple[str, str]]:
    if audit.cli is not None and _parts(audit.cli.installed) < _parts(audit.cli.minimum):
        yield (
            "boltz-api",
            f"version {audit.cli.installed} is installed; {audit.cli.minimum} is the oldest supported",
        )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _name(workspace_id: str, audit: AuditInput) -> str:
    return f" {audit.names[workspace_id]!r}" if audit.names.get(workspace_id) else ""


def _usd(amount: int) -> str:
    return f"USD {amount / _MILLI_USD:,.2f}"
