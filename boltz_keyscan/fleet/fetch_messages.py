"""Messages between ``mirror`` and the process that fetches for it."""

from __future__ import annotations

from boltz_keyscan.records import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """Something to fetch."""

    url: str
    variables: dict[str, str]
    """Variables of git for this request, besides those of the process."""
    folder: str
    """Folder of the mirror; it may exist."""
    digest: str
    """Digest of the references that need not be fetched; empty to fetch in any case."""
    prune: bool
    """Remove references that are gone on the other side."""
    max_bytes: int
    """Bytes of the largest file."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a fetch, in the units of git's current stage."""

    done: int
    whole: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a fetch."""

    unchanged: bool = False
    """Nothing was fetched: the digest is that of the request."""
    error: str = ""
    """Output of git when it failed."""
