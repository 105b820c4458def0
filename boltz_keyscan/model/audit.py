"""The nouns of key hygiene: what is looked for, what was found, and the whole of an audit.

Boundary: frozen data; the checks are ``triage.hygiene`` and ``triage.lodging``, how an
audit is told is ``report``. Every string is redacted and harmless.
"""

from __future__ import annotations

from dataclasses import dataclass

from boltz_keyscan.model.enums import Severity


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked for."""

    id: str
    """Kebab-case, stable for programs."""
    severity: Severity
    title: str
    reason: str
    """Why it matters, in a sentence."""
    remedy: str
    """What to do, in a sentence."""


@dataclass(frozen=True, slots=True)
class Concern:
    """A check that did not pass."""

    check: Check
    subject: str
    """Whose it is: the id of a key, the path of a file, or what else the check is about."""
    name: str
    """What people call it; may be empty."""
    detail: str
    """One line: what was found."""
    fix: str = ""
    """A command, where one does it."""
    line: int | None = None
    """In a file, counted from 1."""
    leaked: str | None = None
    """``yes`` when a scan proved that this key leaked, ``maybe`` when it may be one that did."""


@dataclass(frozen=True, slots=True)
class Audit:
    """All that an audit saw, and its verdict."""

    scope: str
    """``organisation`` or ``local``."""
    organisation: str | None
    taken_at: str
    """ISO 8601, UTC."""
    examined: int
    """Keys of the organisation, or files of this machine."""
    checks: tuple[Check, ...]
    concerns: tuple[Concern, ...]
    """Worst first."""
    complete: bool
    trouble: tuple[str, ...]
    """Why it may not be all."""
    exit_code: int
