"""Revocation and replacement of keys.

A key is revoked by its exact id only. The result is confirmed by a new listing, not by the response.
A key that cannot be revoked does not stop the others. ``cli`` asks for confirmation and reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.errors import ApiError
from boltz_keyscan.api.listing import fetch
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import KeyType
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.key_record import Clean, Record, RecordError, parse_record

MAX_LIFETIME_DAYS = 365
"""Longest lifetime of a new key
(https://api.boltz.bio/docs/api/resources/admin/subresources/api_keys/methods/create)."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Result of the revocation of one key."""

    record: Record
    word: str
    """``revoked``, ``already-inactive``, ``failed`` or ``not-confirmed``."""
    detail: str = ""

    @property
    def succeeded(self) -> bool:
        """Return True if the key is confirmed to be inactive."""
        return self.word in {"revoked", "already-inactive"}


def revoke(
    connection: Connection, records: Sequence[Record], clean: Clean, own: str | None = None
) -> tuple[Revocation, ...]:
    """Revoke keys, and confirm it with a new listing.

    Args:
        connection: connection with an admin key.
        records: the keys.
        clean: removes keys and control characters from texts of the API.
        own: id of the key of the connection. It is revoked last, as no request works after it.
    """
    others = [key for key in records if key.id != own]
    outcomes = _revoke_others(connection, others, clean) if any(key.is_active for key in others) else {}
    outcomes |= {key.id: Revocation(key, "already-inactive") for key in others if not key.is_active}
    for key in records:
        if key.id == own:
            outcomes[key.id] = _revoke_own(connection, key)
    return tuple(outcomes[key.id] for key in records)


def _revoke_others(connection: Connection, records: Sequence[Record], clean: Clean) -> dict[str, Revocation]:
    failed: dict[str, str] = {}
    for key in records:
        if key.is_active:
            try:
                connection.revoke(key.id)
            except ApiError as error:
                failed[key.id] = error.failure.detail
    now = {key.id: key for key in fetch(connection, clean).listing.records}
    return {key.id: _outcome(key, now.get(key.id), failed.get(key.id)) for key in records}


def _outcome(before: Record, after: Record | None, failure: str | None) -> Revocation:
    if after is not None and not after.is_active:
        return Revocation(before, "revoked")
    if failure is not None:
        return Revocation(before, "failed", failure)
    if after is None:
        return Revocation(before, "not-confirmed", "the API accepted it, but no longer lists the key")
    return Revocation(before, "failed", "the API accepted it, but still lists the key as active")


def _revoke_own(connection: Connection, own: Record) -> Revocation:
    """Revoke the key of the connection; confirmed when the API then refuses it."""
    try:
        connection.revoke(own.id)
    except ApiError as error:
        return Revocation(own, "failed", error.failure.detail)
    try:
        connection.me()
    except ApiError as error:
        if error.failure.reason == "unauthorized":
            return Revocation(own, "revoked")
        return Revocation(own, "not-confirmed", error.failure.detail)
    return Revocation(own, "failed", "the API accepted it, but still accepts the key")


class SuccessorError(Exception):
    """No usable successor, so the old key must stay; the message gives the reason."""


def check_replaceable(old: Record, now: datetime) -> None:
    """Check that a successor of a key can be created.

    Raises:
        KeyscanError: the API cannot create one, or the key is inactive.
    """
    if old.key_type is not KeyType.WORKSPACE:
        raise KeyscanError(
            "the API cannot create admin keys",
            "Create the successor in the Boltz console, put it in place, then revoke without --replace.",
        )
    if not old.live(now):
        raise KeyscanError("it no longer works, so there is nothing to replace", "Leave out --replace.")


def succeed(
    connection: Connection, old: Record, now: datetime, hand_over: Callable[[Secret], None], clean: Clean
) -> Record:
    """Create a key like another one, hand it over, and return its record.

    It has the same name, workspace, mode, addresses and expiry, to the day. The old key is not changed.

    Raises:
        SuccessorError: it was not created, differs from the old key, or could not be handed over.
    """
    details: dict[str, object] = {
        "name": old.name or old.id,
        "mode": old.mode.value,
        "allowed_ips": list(old.allowed_ips),
    }
    if old.workspace_id is not None:
        details["workspace_id"] = old.workspace_id
    if old.expires_at is not None:
        days = math.ceil((old.expires_at - now) / timedelta(days=1))
        details["expires_in_days"] = min(max(days, 1), MAX_LIFETIME_DAYS)
    try:
        answer = connection.create(**details)
    except ApiError as error:
        raise SuccessorError(
            f"a successor may have been created: {error.failure.detail}. See 'keys list'."
        ) from None
    try:
        made = parse_record(answer.get("key_details"), clean)
    except RecordError as error:
        raise SuccessorError(
            f"a key was created, but the response is not as documented: {error}. See 'keys list'."
        ) from None
    try:
        key = _key(answer.get("key"), made)
        _check_same_access(old, made)
        hand_over(key)
    except (SuccessorError, KeyscanError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SuccessorError(f"{why}; the new key {made.id} is not in use: revoke it") from None
    return made


def _key(value: object, made: Record) -> Secret:
    key = Secret(value if isinstance(value, str) else "", "the new key")
    if not key.reveal().startswith(made.type_prefix):
        raise SuccessorError("the API created a key of another type or mode")
    return key


def _check_same_access(old: Record, made: Record) -> None:
    """Check that a successor grants no more access than the key it replaces."""
    if (made.key_type, made.mode) != (old.key_type, old.mode):
        raise SuccessorError("the API created a key of another type or mode")
    if old.workspace_id is not None and made.workspace_id != old.workspace_id:
        raise SuccessorError("the API created a key for another workspace")
    if set(made.allowed_ips) != set(old.allowed_ips):
        raise SuccessorError("the API created a key for other addresses")
    if old.expires_at is not None and made.expires_at is None:
        raise SuccessorError("the API created a key without an expiry date")
