"""Suppression of keys that a hook found; loaded only when it found one.

From a configuration hooks take only the baseline: they block on any key, whatever ``fail-on`` is.
"""

from __future__ import annotations

from dataclasses import dataclass

import click

from boltz_keyscan.cli.resolve import ResolvedOptions, resolve_options
from boltz_keyscan.triage.suppress import Suppressor


@dataclass(frozen=True, slots=True)
class HookSuppression:
    """Suppressor of a hook, with the options it was made from."""

    resolved: ResolvedOptions
    suppressor: Suppressor

    @classmethod
    def of(cls, baseline: str | None, trust: str | None) -> HookSuppression:
        """Return the suppression for the repository that the hook runs in.

        Raises:
            KeyscanError: a file is broken, or a revision is unknown.
        """
        given = {"baseline": baseline, "trust": trust, "foreign_comments": False}
        resolved = resolve_options(click.get_current_context(), given, (".",), parts=True)
        return cls(resolved, resolved.suppressor(unexposed=False))
