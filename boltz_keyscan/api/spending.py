"""Spending limits of workspaces, their recent usage, and the versions of the Boltz CLI."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.errors import ApiError
from boltz_keyscan.api.usage import MAX_QUANTITY, MAX_WINDOW, fetch_usage, whole_number
from boltz_keyscan.audit.checks import CliVersion, SpendingLimit
from boltz_keyscan.model.usage import Period, Unit
from boltz_keyscan.triage.key_record import RecordError

_CURRENCY = "MILLI_USD"
_VERSION = re.compile(r"v?[0-9]{1,9}(?:\.[0-9]{1,9}){1,3}")


def fetch_limits(
    connection: Connection, workspace_ids: Sequence[str]
) -> tuple[dict[str, SpendingLimit | None], str]:
    """Return the spending limits of workspaces, and the reason that some of them are not known.

    Args:
        connection: connection with an admin key.
        workspace_ids: the workspaces.
    """
    limits: dict[str, SpendingLimit | None] = {}
    for workspace_id in workspace_ids:
        try:
            limits[workspace_id] = _limit(connection.spending_limit(workspace_id))
        except ApiError as error:
            if error.failure.reason == "not-found":
                detail = f"the API has none for {workspace_id} (404): the feature is off"
                return limits, f"spending limits: {detail}"
            return limits, f"spending limits: {error.failure.detail}"
        except RecordError as error:
            return limits, f"spending limits: the answer for {workspace_id} is not as documented: {error}"
    return limits, ""


def _limit(answer: object) -> SpendingLimit | None:
    if not isinstance(answer, dict):
        raise RecordError("a limit is not an object")
    if not answer:
        return None
    limit, accrued = (_amount(answer.get(field), field) for field in ("limit", "accrued_usage"))
    # Amounts at or above half the sentinel are normalized to it (model ``Limit`` of the SDK).
    return SpendingLimit(None if limit >= MAX_QUANTITY // 2 else limit, accrued)


def _amount(value: object, field: str) -> int:
    if not isinstance(value, dict) or value.get("currency") != _CURRENCY:
        raise RecordError(f"{field} is not an amount in {_CURRENCY}")
    amount = value.get("amount")
    return MAX_QUANTITY if amount == MAX_QUANTITY else whole_number(amount, field)


def fetch_recent_usage(connection: Connection, now: datetime, days: int) -> tuple[dict[str, int] | None, str]:
    """Return the billed usage by workspace in the last days, and the reason that it is not known.

    Args:
        connection: connection with an admin key.
        now: the time.
        days: the number of days; the API has at most 365 in one answer.
    """
    start = now - min(timedelta(days=max(days, 1)), MAX_WINDOW[Unit.DAY])
    start = start.replace(hour=0, minute=0, second=0, microsecond=0)
    buckets, trouble = fetch_usage(connection, Period(start, start, now, Unit.DAY), ())
    if trouble:
        return None, f"{trouble}; so keys of unused workspaces are not known"
    usage: dict[str, int] = {}
    for bucket in buckets:
        if bucket.workspace_id is not None:
            usage[bucket.workspace_id] = usage.get(bucket.workspace_id, 0) + bucket.quantity
    return usage, ""


def fetch_cli_version(connection: Connection, installed: str) -> tuple[CliVersion | None, str]:
    """Return the versions of the CLI, and the reason that they are not known."""
    try:
        minimum = connection.cli_version().get("minimum_supported")
    except ApiError as error:
        return None, f"oldest version of the Boltz CLI: {error.failure.detail}"
    if not isinstance(minimum, str) or not _VERSION.fullmatch(minimum):
        return None, "oldest version of the Boltz CLI: minimum_supported is not a version"
    return CliVersion(installed, minimum), ""
