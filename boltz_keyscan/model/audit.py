"""Data of an audit: checks, concerns and the result.

Every string is redacted and safe to print.
"""

from __future__ import annotations

from boltz_keyscan.model.enums import ExitCode, Severity
from boltz_keyscan.records import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One check of an audit."""

    id: str
    """Kebab-case, stable for programs."""
    severity: Severity
    title: str
    reason: str
    """One sentence: why it matters."""
    remedy: str
    """One sentence: the fix."""


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """One place of a key on a machine."""

    path: str
    """The path of a file, with the members that lead to the key, or the name of a running program."""
    line: int | None
    """Counted from 1; None where there are no lines."""
    place: str
    """The kind of place, such as ``transcript of Claude Code``."""
    remedy: str
    """One sentence: the fix."""
    fix: str = ""
    """The command that fixes it, if there is one."""


@dataclass(frozen=True, slots=True)
class Concern:
    """A check that did not pass."""

    check: Check
    subject: str
    """The id of a key, the path of a file, or another identifier."""
    name: str
    """The display name; may be empty."""
    detail: str
    """One line: what was found."""
    fix: str = ""
    """The command that fixes it, if there is one."""
    line: int | None = None
    """The line of the file, counted from 1."""
    leaked: str | None = None
    """``yes`` if a scan proved that this key leaked, ``maybe`` if it may be a leaked key."""
    places: tuple[KeyPlace, ...] = ()
    """All places of a key on this machine, for a concern about a key."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit."""

    scope: str
    """``organisation`` or ``local``."""
    organisation: str | None
    taken_at: str
    """ISO 8601, UTC."""
    examined: int
    """The number of keys of the organisation, or of files on this machine."""
    checks: tuple[Check, ...]
    concerns: tuple[Concern, ...]
    """Worst first."""
    trouble: tuple[str, ...]
    """Reasons for which the audit may be incomplete."""
    exit_code: ExitCode = ExitCode.CLEAN

    @property
    def complete(self) -> bool:
        """True if everything was examined."""
        return not self.trouble

    @property
    def sections(self) -> tuple[tuple[Check, list[Concern]], ...]:
        """The checks that did not pass, each with its concerns."""
        found: dict[str, list[Concern]] = {}
        for concern in self.concerns:
            found.setdefault(concern.check.id, []).append(concern)
        return tuple((check, found[check.id]) for check in self.checks if check.id in found)
