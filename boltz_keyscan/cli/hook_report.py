"""Suppression and report of a hook that found keys; loaded only then.

From a configuration hooks take only the baseline and ``foreign-comments``: they block on any key, whatever
``fail-on`` is.
"""

from __future__ import annotations

import click

from boltz_keyscan.cli.options import AUTO, ScanOptions
from boltz_keyscan.cli.output import emit, report_options
from boltz_keyscan.cli.resolve import ResolvedOptions, resolve
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.wording import count, is_old
from boltz_keyscan.triage.suppress import Suppressor

_DIGITS = len("bk1:") + 8
"""Characters of a fingerprint in a list."""

_MAX_NAMED = 5
"""Old keys listed by fingerprint; the rest is counted."""


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
        typed = {
            name: value for name, value in (("baseline", baseline), ("trust", trust)) if value is not None
        }
        given = {"baseline": None, "trust": None, "foreign_comments": False, **typed}
        resolved = resolve(given, typed, part=True)
        return cls(resolved, resolved.suppressor())


def write(result: ScanResult, change: str, looked_at: str) -> None:
    """Write two lines if all keys were there before the change, otherwise the report.

    Args:
        result: the result of the hook's scan.
        change: ``commit`` or ``push``.
        looked_at: the amount scanned, as text.

    Raises:
        OutputError: the report could not be written.
    """
    clean = result.exit_code == ExitCode.CLEAN and not result.gaps
    if clean and all(map(is_old, result.keys)):
        names = ", ".join(finding.fingerprint[:_DIGITS] for finding in result.keys[:_MAX_NAMED])
        more = len(result.keys) - _MAX_NAMED
        names += f" and {more:,} more" if more > 0 else ""
        one = len(result.keys) == 1
        click.echo(f"boltz-keyscan: no new key in {looked_at}")
        click.echo(
            f"{count(len(result.keys), 'key')} {'was' if one else 'were'} there before and "
            f"{'does' if one else 'do'} not stop this {change}: {names}; boltz-keyscan . shows all places"
        )
        return
    emit(result, AUTO, (), report_options(ScanOptions()))
