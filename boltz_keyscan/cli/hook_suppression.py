"""What may excuse a key that a hook found; loaded only when it found one.

Hooks take no other options from a configuration than which keys are known: they stop at
any key, whatever a scan is told to fail on.

Boundary: the options of a hook to the step that knows.
"""

from __future__ import annotations

from dataclasses import dataclass

import click

from boltz_keyscan.cli.resolve import ResolvedOptions, resolve_options
from boltz_keyscan.triage.suppress import Suppressor


@dataclass(frozen=True, slots=True)
class HookSuppression:
    """The step, and whose word it goes by."""

    settled: ResolvedOptions
    excuser: Suppressor

    @classmethod
    def of(cls, baseline: str | None, trust: str | None) -> HookSuppression:
        """What counts in the repository the hook runs in.

        Raises:
            KeyscanError: a file is broken, or a revision unknown.
        """
        given = {"baseline": baseline, "trust": trust, "foreign_comments": False}
        settled = resolve_options(click.get_current_context(), given, (".",), parts=True)
        return cls(settled, settled.excuser(unexposed=False))
