"""Data of ``keys usage``: usage of workspaces before and since a leak.

Every string is redacted and safe to print.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.records import dataclass


class Unit(StrEnum):
    """The length of a bucket of usage."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        """The length as a duration."""
        return timedelta(hours=1) if self is Unit.HOUR else timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """The time since a leak, and the time before it that is compared with it; in UTC."""

    start: datetime
    """Begin of the time before the leak."""
    since: datetime
    """The leak, rounded down to a whole unit."""
    end: datetime
    unit: Unit

    @property
    def columns_before(self) -> int:
        """Number of units before the leak."""
        return (self.since - self.start) // self.unit.length

    @property
    def columns(self) -> int:
        """Number of units, the one that has begun included."""
        return self.columns_before + max(-((self.since - self.end) // self.unit.length), 1)

    def column(self, when: datetime) -> int:
        """Return the number of the unit that a time is in."""
        return min(max((when - self.start) // self.unit.length, 0), self.columns - 1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Billed quantity of an application in a workspace, in one unit of time."""

    start: datetime
    workspace_id: str | None
    application: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was created since the leak."""

    id: str
    application: str
    workspace_id: str
    created_at: datetime
    status: str
    live: bool


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key of the organisation that was used since the leak."""

    id: str
    name: str
    kind: str
    """Type and mode, such as ``workspace live``."""
    workspace_id: str | None
    """None for admin keys, which can use every workspace."""
    last_used_at: datetime
    leaked: str | None
    """``yes`` if the report of a scan proved that it leaked, ``maybe`` if it may be the leaked key."""


@dataclass(frozen=True, slots=True)
class Series:
    """Usage of one application in one workspace."""

    workspace_id: str | None
    application: str | None
    quantities: tuple[int, ...]
    """Quantity of each unit of the period."""
    before: int
    since: int


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Usage since the leak that differs from the usage before it."""

    kind: str
    """``first-use``, ``jump`` or ``night``."""
    workspace_id: str | None
    application: str | None
    """None if it is about all applications of the workspace."""
    detail: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The result of ``keys usage``."""

    organisation: str | None
    taken_at: datetime
    period: Period
    workspace_ids: tuple[str, ...]
    """Workspaces that were asked for; empty for all of them."""
    names: dict[str, str]
    """Names of workspaces by id."""
    series: tuple[Series, ...]
    """By workspace, then by application."""
    anomalies: tuple[Anomaly, ...]
    keys: tuple[KeyUse, ...]
    """Keys with access to these workspaces that were used since the leak, the latest use first."""
    jobs: tuple[Job, ...]
    """Jobs since the leak, newest first."""
    unlisted: tuple[str, ...]
    """Applications whose jobs the API does not list."""
    trouble: tuple[str, ...]
    """Reasons for which something may be missing."""

    @property
    def complete(self) -> bool:
        """True if nothing is missing."""
        return not self.trouble

    @property
    def exit_code(self) -> ExitCode:
        """0, or 3 if something may be missing."""
        return ExitCode.CLEAN if self.complete else ExitCode.INCOMPLETE
