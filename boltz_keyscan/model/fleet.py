"""Data of a fleet: many repositories scanned as one piece of work, and one finding for each key.

Every string is redacted and safe to print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Protocol

from boltz_keyscan.model.enums import Situation
from boltz_keyscan.model.finding import Finding, Gap, Location
from boltz_keyscan.records import dataclass, replace


class RepositoryStatus(StrEnum):
    """The status of a repository in a fleet; a repository has exactly one."""

    SCANNED = "scanned"
    """Everything was scanned, apart from gaps by design and accepted ones."""
    PARTIAL = "partial"
    """It was scanned, with gaps."""
    FAILED = "failed"
    """It could not be fetched, or its scan did not end."""
    PENDING = "pending"
    """It was listed, and not scanned yet."""


@dataclass(frozen=True, slots=True)
class RepositoryEntry:
    """A repository of a fleet, with its last result."""

    id: str
    """A digest of its address or path."""
    name: str
    """Its address or path, as it was given."""
    status: RepositoryStatus
    fetched: bool = False
    """Its content was available."""
    refs: int = 0
    objects: int = 0
    """git objects that were scanned, in it or in another repository that has them too."""
    keys: int = 0
    blocking: int = 0
    gaps: tuple[Gap, ...] = ()
    """All that was not scanned of it; of a failed repository the reason."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The number of repositories, by what is known of them."""

    discovered: int = 0
    fetched: int = 0
    scanned: int = 0
    partial: int = 0
    failed: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class FirstPlace:
    """The place from which a key came first, of all that are dated."""

    repository: str
    path: str
    commit: str | None
    author_date: str


@dataclass(frozen=True, slots=True)
class FleetKey:
    """One distinct key, over all repositories."""

    finding: Finding
    """The key without its locations, as bad as the worst repository has it."""
    suppressed: bool
    """It is suppressed in every repository."""
    situation: Situation
    """The most urgent situation."""
    repositories: int
    locations: int
    first: FirstPlace | None
    still_present: bool | None
    """True if any repository has it now, False if none has, None if that is unknown."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One key in one repository."""

    repository: str
    """The name of the repository."""
    status: RepositoryStatus
    """The status of the repository."""
    finding: Finding
    """The key, without its locations."""
    pushed: bool | None
    situation: Situation
    first_seen: str | None
    last_seen: str | None
    still_present: bool | None
    locations: Iterable[Location]
    """Read one by one, as often as they are iterated over."""

    def whole(self) -> Finding:
        """Return the key with its locations."""
        return replace(self.finding, locations=tuple(self.locations))


class FleetResult(Protocol):
    """The result of a fleet; it is read piece by piece, so that its size does not matter."""

    @property
    def coverage(self) -> Coverage:
        """Return the number of repositories by status."""

    @property
    def started_at(self) -> str:
        """Return the time of the last scan, ISO 8601, UTC; empty if nothing was scanned."""

    @property
    def complete(self) -> bool:
        """Return True if every repository was scanned, and the list has no gaps."""

    @property
    def exit_code(self) -> int:
        """Return the exit code of a report."""

    def gaps(self) -> tuple[Gap, ...]:
        """Return the gaps of the list itself, such as a folder that cannot be read."""

    def repositories(self, *, incomplete: bool = False) -> Iterator[RepositoryEntry]:
        """Yield the repositories by name; with ``incomplete`` only those with gaps or without a scan."""

    def findings(self) -> Iterator[FleetKey]:
        """Yield the keys, worst first; placeholders last."""

    def occurrences(self, fingerprint: str) -> Iterator[Occurrence]:
        """Yield a key in each repository that has it, by name."""
