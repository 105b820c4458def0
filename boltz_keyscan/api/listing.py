"""The organisation's keys and workspaces, as the API lists them now.

Boundary: a connection to a ``Listing``, complete or not and why; never an exception for
what the API does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.errors import ApiError, Failure
from boltz_keyscan.api.pagination import collect
from boltz_keyscan.api.whoami import KeyIdentity, whoami
from boltz_keyscan.triage.inventory import Listing
from boltz_keyscan.triage.key_record import Clean, RecordError, identifier, record

_VAIN = frozenset({"unauthorized", "unreachable", "untrusted", "proxy", "timed-out", "deadline", "refused"})
"""Failures of the first question after which the second one is not worth the wait."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A listing, and what was learnt on the way."""

    listing: Listing
    own: KeyIdentity | None
    """Whose the key is that listed; None when the API did not say."""
    failure: Failure | None = None
    """Why the listing is not complete."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace of the organisation."""

    id: str
    name: str
    archived: bool


def fetch(connection: Connection, clean: Clean, progress: Progress = lambda _: None) -> Fetched:
    """All keys of the organisation.

    Args:
        connection: with an admin key.
        clean: for the texts in it.
        progress: is told how many there are so far.
    """
    taken_at = datetime.now(UTC)
    own: KeyIdentity | None = None
    try:
        own = whoami(connection)
    except ApiError as error:
        if error.failure.reason in _VAIN:
            return Fetched(_nothing(taken_at, error.failure), None, error.failure)
    except RecordError:
        # Only a convenience here: the listing has its own checks.
        own = None
    found = collect(connection.keys, lambda value: record(value, clean), progress)
    failure = found.failure
    listing = Listing(
        taken_at,
        found.complete,
        found.items,
        own.organisation if own else None,
        failure.detail if failure else "",
    )
    return Fetched(listing, own, failure)


def workspaces(connection: Connection, clean: Clean) -> tuple[tuple[Workspace, ...], Failure | None]:
    """All workspaces, and why these may not be all."""
    found = collect(connection.workspaces, lambda value: _workspace(value, clean))
    return found.items, found.failure


def _workspace(value: object, clean: Clean) -> Workspace:
    if not isinstance(value, Mapping):
        raise RecordError("a workspace is not an object")
    name = value.get("name")
    return Workspace(
        identifier(value.get("id"), "id"),
        clean(name)[:200] if isinstance(name, str) else "",
        value.get("archived_at") is not None,
    )


def _nothing(taken_at: datetime, failure: Failure) -> Listing:
    return Listing(taken_at, complete=False, records=(), trouble=failure.detail)
