"""The nouns of triage: what asks to let a key pass, what came of it, and whose word counted.

Boundary: frozen data beside ``model``, loaded only by runs that found a key or read a
configuration. Nothing here reads or decides; every string is redacted and harmless.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FINGERPRINT = re.compile(r"bk1:[0-9a-f]{32}")
"""How files name a key: ours, and reports that are read back."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark beside a key that asks to let it pass. Whether it counts is for ``triage`` to say."""

    marker: str
    """Whose form it has: ``boltz-keyscan``, ``gitleaks`` or ``detect-secrets``."""
    reason: str
    """Empty when none is given."""


@dataclass(frozen=True, slots=True)
class SuppressionCandidate:
    """Something that asks to let a key pass, whether it counts or not."""

    kind: str
    """``baseline``, ``ignore`` or ``inline``."""
    reason: str
    source: str
    """The file and line it stands in, and whether that is in the tree, at a revision, or was named."""
    covers: tuple[int, ...]
    """Which locations of the finding, by position."""
    refused: str = ""
    """Why it does not count; empty when it does."""
    used: bool = False
    """The finding is suppressed, and this is one of those that do it."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding does not block: the first of the excuses that are used."""

    kind: str
    reason: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """An option that was set elsewhere than on the command line."""

    option: str
    value: str
    """As JSON."""
    file: str
    line: int
    where: str
    """Whose words the file's are: ``in the tree``, ``named``, or at which revision."""

    @property
    def source(self) -> str:
        """As suppressions name theirs."""
        return f"{self.file}:{self.line} ({self.where})"


@dataclass(frozen=True, slots=True)
class TrustReport:
    """Whose word counted in a run, beside that of the command line."""

    trust: str
    """``none``, ``tree`` or ``base:REV``."""
    commit: str | None = None
    """What REV is, in full hex."""
    settings: tuple[Setting, ...] = ()
    unheard: tuple[str, ...] = ()
    """Files in the tree that would have been asked under ``tree``, and were not."""
    unmatched: tuple[str, ...] = ()
    """Entries of baseline and ignore file that name no key, as suppressions name their source; only
    where everything that they may name was scanned."""
    by_default: bool = False
    """Nobody chose the trust: it follows from where the program runs."""
