"""Ending keys, and making their successors.

A key is ended by its exact id and never by anything that merely fits it. Whether it
ended is not taken from the answer but looked up in a new listing. One that cannot be
ended does not keep the others alive.

Boundary: records to outcomes; who is asked before, and how it is told, is ``cli``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.errors import ApiError
from boltz_keyscan.api.listing import fetch
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import KeyType
from boltz_keyscan.triage.key_record import Clean, Record, RecordError, record

LONGEST_LIFE = 365
"""Days that the API lets a new key live
(https://api.boltz.bio/docs/api/resources/admin/subresources/api_keys/methods/create)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one key."""

    record: Record
    word: str
    """``revoked``, ``already-inactive``, ``failed`` or ``not-confirmed``."""
    detail: str = ""

    @property
    def well(self) -> bool:
        """Whether it is known not to work any more."""
        return self.word in {"revoked", "already-inactive"}


def revoke(
    connection: Connection, records: Sequence[Record], clean: Clean, own: str | None = None
) -> tuple[Outcome, ...]:
    """End keys, and look whether they ended.

    Args:
        connection: with an admin key.
        records: the keys.
        clean: for texts of the API.
        own: id of the connection's own key. It goes last: after it nothing can be asked.
    """
    others = [each for each in records if each.id != own]
    outcomes = _ended(connection, others, clean) if any(each.is_active for each in others) else {}
    outcomes |= {each.id: Outcome(each, "already-inactive") for each in others if not each.is_active}
    for each in records:
        if each.id == own:
            outcomes[each.id] = _ended_itself(connection, each)
    return tuple(outcomes[each.id] for each in records)


def _ended(connection: Connection, records: Sequence[Record], clean: Clean) -> dict[str, Outcome]:
    failed: dict[str, str] = {}
    for each in records:
        if each.is_active:
            try:
                connection.revoke(each.id)
            except ApiError as error:
                failed[each.id] = error.failure.detail
    now = {each.id: each for each in fetch(connection, clean).listing.records}
    return {each.id: _outcome(each, now.get(each.id), failed.get(each.id)) for each in records}


def _outcome(before: Record, after: Record | None, failure: str | None) -> Outcome:
    if after is not None and not after.is_active:
        return Outcome(before, "revoked")
    if failure is not None:
        return Outcome(before, "failed", failure)
    if after is None:
        return Outcome(before, "not-confirmed", "the API took it, but does not list the key any more")
    return Outcome(before, "failed", "the API took it, but lists the key as active still")


def _ended_itself(connection: Connection, own: Record) -> Outcome:
    """End the key that asks: that it ended shows when it is refused."""
    try:
        connection.revoke(own.id)
    except ApiError as error:
        return Outcome(own, "failed", error.failure.detail)
    try:
        connection.me()
    except ApiError as error:
        if error.failure.reason == "unauthorized":
            return Outcome(own, "revoked")
        return Outcome(own, "not-confirmed", error.failure.detail)
    return Outcome(own, "failed", "the API took it, but accepts the key still")


@dataclass(frozen=True, slots=True)
class Successor:
    """A key that takes the place of another."""

    key: Secret
    record: Record


class SuccessorError(Exception):
    """There is no successor that could be handed over, so the old key must stay; says why."""


def check_replaceable(old: Record, now: datetime) -> None:
    """Whether a successor can be made.

    Raises:
        KeyscanError: not by the API, or there is nothing to succeed to.
    """
    if old.key_type is not KeyType.WORKSPACE:
        raise KeyscanError(
            "the API cannot make admin keys",
            "Make the successor in the Boltz console, put it in place, then revoke without --replace.",
        )
    if not old.live(now):
        raise KeyscanError("it works no longer, so there is nothing to replace", "Leave out --replace.")


def succeed(
    connection: Connection, old: Record, now: datetime, hand_over: Callable[[Secret], None], clean: Clean
) -> Successor:
    """Make a key like another one, and hand it over.

    The same name, workspace, mode, addresses and end, to the day. The old key is not touched.

    Raises:
        SuccessorError: there is none, or not one like the old key, or it could not be handed over.
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
        details["expires_in_days"] = min(max(days, 1), LONGEST_LIFE)
    try:
        answer = connection.create(**details)
    except ApiError as error:
        raise SuccessorError(
            f"whether a successor was made is not known: {error.failure.detail}. Look at 'keys list'."
        ) from None
    try:
        made = record(answer.get("key_details"), clean)
    except RecordError as error:
        raise SuccessorError(
            f"a key was made, but the API told of it in another form than it documents: {error}. "
            "Look at 'keys list'."
        ) from None
    try:
        key = _key(answer.get("key"), made)
        _same(old, made)
        hand_over(key)
    except (SuccessorError, KeyscanError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SuccessorError(f"{why}; the new key {made.id} is not in use: revoke it") from None
    return Successor(key, made)


def _key(value: object, made: Record) -> Secret:
    key = Secret(value if isinstance(value, str) else "", "what the API made")
    if not key.reveal().startswith(made.type_prefix):
        raise SuccessorError("the API made a key of another type or mode")
    return key


def _same(old: Record, made: Record) -> None:
    """Look that a successor opens no more than the key it succeeds."""
    if (made.key_type, made.mode) != (old.key_type, old.mode):
        raise SuccessorError("the API made a key of another type or mode")
    if old.workspace_id is not None and made.workspace_id != old.workspace_id:
        raise SuccessorError("the API made a key for another workspace")
    if set(made.allowed_ips) != set(old.allowed_ips):
        raise SuccessorError("the API made a key for other addresses")
    if old.expires_at is not None and made.expires_at is None:
        raise SuccessorError("the API made a key without an end")
