"""Registry of the checks of an organisation's keys, their input, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, TypeAlias

from boltz_keyscan.model.audit import Check, Concern
from boltz_keyscan.model.enums import Severity
from boltz_keyscan.package_data import read_table
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.triage.key_record import Record


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds, in days except ``admin_keys``."""

    expires_soon: int = 14
    oldest: int = 365
    unused: int = 90
    never_used: int = 7
    """Days in which a new key need not be used."""
    admin_keys: int = 3
    """Live admin keys that an organisation may have."""


@dataclass(frozen=True, slots=True)
class SpendingLimit:
    """The spending limit of a workspace, in thousandths of a US dollar."""

    limit: int | None
    """None if it is set to "unlimited"."""
    accrued: int


@dataclass(frozen=True, slots=True)
class CliVersion:
    """Versions of the Boltz CLI."""

    installed: str
    minimum: str


@dataclass(frozen=True, slots=True)
class AuditInput:
    """The input of the checks."""

    now: datetime
    records: tuple[Record, ...]
    """The active keys."""
    archived: Mapping[str, str] = field(default_factory=dict)
    """Names of archived workspaces by id."""
    leaked: Mapping[str, str] = field(default_factory=dict)
    """``yes`` or ``maybe`` by key, from the report of a scan."""
    limits: Limits = Limits()
    first_seen: Mapping[str, datetime] = field(default_factory=dict)
    """Date of the first commit with a key, by key, from the report of a scan."""
    own: str | None = None
    """The key that fetched the listing."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of workspaces by id."""
    spending: Mapping[str, SpendingLimit | None] = field(default_factory=dict)
    """Spending limit by workspace, None if it has none; without the workspaces for which it is not known."""
    usage: Mapping[str, int] | None = None
    """Billed usage by workspace within ``Limits.unused`` days; None if it is not known."""
    cli: CliVersion | None = None
    """None if the CLI is not installed, or its versions are not known."""
    older: Mapping[str, Record] | None = None
    """Keys of an older snapshot by id, to compare with."""
    older_at: datetime | None = None
    """Time of that snapshot."""


Network: TypeAlias = IPv4Network | IPv6Network

Found: TypeAlias = Iterator[tuple[str, str, str]]
"""Subject, name and detail of concerns."""


def load_checks(file_name: str) -> dict[str, Check]:
    """Return the checks of a file of this folder by id, in its order."""
    rows = read_table(f"audit/{file_name}").items()
    return {name: Check(name, **row | {"severity": Severity(row["severity"])}) for name, row in rows}


CHECKS: Final = load_checks("organisation.toml")

_FINDERS: Final[dict[str, Callable[[AuditInput], Found]]] = {}


def check(name: str) -> Callable[[Callable[[AuditInput], Iterator[tuple[str, str]]]], None]:
    """Register the function of a check of all keys, which yields a subject and a detail for each concern."""

    def register(find: Callable[[AuditInput], Iterator[tuple[str, str]]]) -> None:
        _FINDERS[name] = lambda audit: ((subject, "", detail) for subject, detail in find(audit))

    return register


def check_each(name: str) -> Callable[[Callable[[Record, AuditInput], str]], None]:
    """Register the function of a check of one key, which returns a detail; an empty one is no concern."""

    def register(find: Callable[[Record, AuditInput], str]) -> None:
        _FINDERS[name] = lambda audit: (
            (record.id, record.name, detail) for record in audit.records if (detail := find(record, audit))
        )

    return register


def examine(audit: AuditInput) -> tuple[Concern, ...]:
    """Return the concerns, worst first, then by check and by id."""
    return tuple(
        Concern(check, subject, name, detail, leaked=audit.leaked.get(subject))
        for check in CHECKS.values()
        for subject, name, detail in _FINDERS[check.id](audit)
    )


def days(start: datetime, end: datetime) -> int:
    """Return the whole days from one time to another."""
    return (end - start) // timedelta(days=1)


def lies_in(network: Network, wide: Network) -> bool:
    """Return True if a network is a part of another one; of the two versions only one can be compared."""
    return (
        network.version == wide.version
        and network.prefixlen >= wide.prefixlen
        and network.network_address in wide
    )


def parse_network(text: str) -> Network | None:
    """Return an address or network as a network, or None if it is neither."""
    try:
        return ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return None
