"""The nouns of asking: what is known of a key beyond its text, how, and what was asked in a run.

Boundary: frozen data beside ``model``, loaded only by runs that ask. Nothing here decides
or reaches the network; every string is redacted and harmless. A key is in none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class By(StrEnum):
    """What a status rests on."""

    VERIFICATION = "verification"
    """``auth/me`` was called with the key itself."""
    PREFIX = "prefix"
    """A listing whose prefixes tell keys apart."""
    LISTING = "listing"
    """A listing, of which more cannot be said of one key."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key of the organisation that a found key may be."""

    id: str
    name: str
    state: str
    """``active``, ``inactive`` or ``expired``."""
    workspace_id: str | None
    last_used_at: str | None
    limited: bool
    """It works from some addresses only."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a finding has its status."""

    by: By
    reason: str
    """One of a small set of kebab-case words, stable for programs."""
    detail: str
    """One line for people."""
    body_characters: int | None = None
    """Characters of the body that the listed prefixes of all candidates carry; None without candidates."""
    candidate_count: int = 0
    candidates: tuple[Candidate, ...] = ()
    """The first ``join.MOST`` of them, active ones first."""
    key_id: str | None = None
    """Whose key it is beyond doubt: what verification answered."""
    used_since: str | None = None
    """When a key that it may be was last used, if that was after it was committed."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What a run asked of whom, and what came of it."""

    listing: str | None = None
    """``inventory`` or ``check``; None when no listing was wanted."""
    organisation: str | None = None
    taken_at: str | None = None
    """When the listing was begun, ISO 8601, UTC."""
    complete: bool | None = None
    keys: int = 0
    """Keys in the listing."""
    stale: bool = False
    verified: int | None = None
    """Keys that verification said yes or no to; None when it was not wanted."""
    own_key: str | None = None
    """Fingerprint of the key used for checking, when it was found in what was scanned."""
    trouble: tuple[str, ...] = ()
    """What the API did not answer, one line each."""
    notes: tuple[str, ...] = ()
    """What a reader should know, one line each."""
