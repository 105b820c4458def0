"""Data of triage: comments, suppressions and their candidates, settings and the trust report.

Loaded only by runs that found a key or read a configuration. Every string is redacted and
safe to print.
"""

from __future__ import annotations

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass

FINGERPRINT = late_pattern(r"bk1:[0-9a-f]{32}")
"""A fingerprint, as the baseline, the ignore file and reports write it."""

OBJECT_ID = late_pattern(r"object:(?:[0-9a-f]{40}|[0-9a-f]{64})")
"""A git object, as the baseline and the ignore file write it."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A suppression comment beside a key; ``triage`` decides if it is accepted."""

    marker: str
    """The scanner it is written for: ``boltz-keyscan``, ``gitleaks`` or ``detect-secrets``."""
    reason: str
    """The reason in the comment; empty if it has none."""


@dataclass(frozen=True, slots=True)
class SuppressionCandidate:
    """A possible suppression of a finding, accepted or refused."""

    kind: str
    """``baseline``, ``ignore`` or ``inline``."""
    reason: str
    source: str
    """Its file and line, and the origin of the file: the tree, a revision, or the command line."""
    covers: tuple[int, ...]
    """Positions of the covered locations of the finding."""
    refused: str = ""
    """The reason for refusing it; empty if it is accepted."""
    used: bool = False
    """True if the finding is suppressed and this candidate contributes to it."""
    spread: tuple[str, ...] = ()
    """Exposed paths of the key that its baseline entry does not name."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """The reason for which a finding or a gap does not fail the run: the first candidate that is used."""

    kind: str
    reason: str
    source: str = ""
    spread: tuple[str, ...] = ()
    """As of ``SuppressionCandidate``."""


@dataclass(frozen=True, slots=True)
class Setting:
    """An option set in a configuration file."""

    option: str
    value: str
    """The value as JSON."""
    file: str
    line: int
    where: str
    """The origin of the file: ``in the tree``, ``named``, or the revision."""

    @property
    def source(self) -> str:
        """The source in the form that suppressions use."""
        return f"{self.file}:{self.line} ({self.where})"


@dataclass(frozen=True, slots=True)
class TrustReport:
    """The files that a run trusted besides the command line, and those it did not."""

    trust: str
    """``none``, ``tree`` or ``base:REV``."""
    commit: str | None = None
    """The commit of REV, in full hex."""
    settings: tuple[Setting, ...] = ()
    unheard: tuple[str, ...] = ()
    """Files in the tree that would be read under ``tree`` and were ignored."""
    unmatched: tuple[str, ...] = ()
    """Sources of baseline and ignore entries that match no key and no gap; only if all they may match was
    scanned."""
    by_default: bool = False
    """True if the user did not choose the trust: it follows from the environment of the process."""
