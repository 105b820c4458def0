"""Current keys and workspaces of the organisation.

API errors do not raise: they make the listing incomplete, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.errors import ApiError, Failure
from boltz_keyscan.api.pagination import Progress, collect
from boltz_keyscan.api.whoami import KeyIdentity, whoami
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.inventory import Listing
from boltz_keyscan.triage.key_record import Clean, RecordError, identifier, parse_record

_NO_SECOND_REQUEST = frozenset(
    {"unauthorized", "unreachable", "untrusted", "proxy", "timed-out", "deadline", "refused"}
)
"""Failures of the first request after which a second one would fail too."""


@dataclass(frozen=True, slots=True)
class FetchedListing:
    """A listing, with the identity of the key that fetched it."""

    listing: Listing
    own: KeyIdentity | None
    """Identity of the key that fetched it; None when it is unknown."""
    failure: Failure | None = None
    """Reason that the listing is not complete."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace of the organisation."""

    id: str
    name: str
    archived: bool


def fetch(connection: Connection, clean: Clean, progress: Progress = lambda _: None) -> FetchedListing:
    """List all keys of the organisation.

    Args:
        connection: connection with an admin key.
        clean: removes keys and control characters from texts of the API.
        progress: called after each page with the number of keys so far.
    """
    taken_at = datetime.now(UTC)
    own: KeyIdentity | None = None
    try:
        own = whoami(connection)
    except ApiError as error:
        if error.failure.reason in _NO_SECOND_REQUEST:
            empty = Listing(taken_at, complete=False, records=(), trouble=error.failure.detail)
            return FetchedListing(empty, None, error.failure)
    except RecordError:
        # The identity is optional here: the listing has its own checks.
        own = None
    pages = collect(connection.keys, lambda value: parse_record(value, clean), progress)
    failure = pages.failure
    listing = Listing(
        taken_at,
        failure is None,
        pages.items,
        own.organisation if own else None,
        failure.detail if failure else "",
    )
    return FetchedListing(listing, own, failure)


def workspaces(connection: Connection, clean: Clean) -> tuple[tuple[Workspace, ...], Failure | None]:
    """Return all workspaces, and the failure when the list is not complete."""
    pages = collect(connection.workspaces, lambda value: _workspace(value, clean))
    return pages.items, pages.failure


def _workspace(value: object, clean: Clean) -> Workspace:
    if not isinstance(value, Mapping):
        raise RecordError("a workspace is not an object")
    name = value.get("name")
    return Workspace(
        identifier(value.get("id"), "id"),
        clean(name)[:200] if isinstance(name, str) else "",
        value.get("archived_at") is not None,
    )
