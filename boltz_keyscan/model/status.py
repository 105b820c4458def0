"""Data of the status check: evidence for the status of a key, and the report of a run.

Loaded only by runs that check the status. Every string is redacted and safe to print.
"""

from __future__ import annotations

from enum import StrEnum

from boltz_keyscan.records import dataclass


class By(StrEnum):
    """The kind of evidence for a status."""

    VERIFICATION = "verification"
    """``auth/me`` was called with the key itself."""
    PREFIX = "prefix"
    """A listing whose prefixes distinguish keys."""
    LISTING = "listing"
    """A listing that does not identify a single key."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listed key of the organisation that may be the key of a finding."""

    id: str
    name: str
    state: str
    """``active``, ``inactive`` or ``expired``."""
    workspace_id: str | None
    last_used_at: str | None
    limited: bool
    """True if it works from some IP addresses only."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for the status of a finding."""

    by: By
    reason: str
    """One of a small set of kebab-case words, stable for programs."""
    detail: str
    """One line for people."""
    body_characters: int | None = None
    """Characters of the body in the shortest listed prefix of a candidate; None without candidates."""
    candidate_count: int = 0
    candidates: tuple[Candidate, ...] = ()
    """The first ``cross_reference.MAX_CANDIDATES``, active ones first."""
    key_id: str | None = None
    """The id of the key, proved by verification."""
    used_since: str | None = None
    """The last use of any candidate, if it was after the commit of the key."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The status check of a run: its sources, its totals and its errors."""

    listing: str | None = None
    """``inventory`` or ``check``; None if no listing was requested."""
    organisation: str | None = None
    taken_at: str | None = None
    """The start of the listing, ISO 8601, UTC."""
    complete: bool | None = None
    keys: int = 0
    """Keys in the listing."""
    stale: bool = False
    verified: int | None = None
    """Keys that verification accepted or rejected; None if it was not requested."""
    own_key: str | None = None
    """Fingerprint of the key used for the check, if the scan found that key."""
    trouble: tuple[str, ...] = ()
    """Errors of the API, one line each."""
    notes: tuple[str, ...] = ()
    """Remarks for the reader, one line each."""
