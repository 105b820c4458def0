"""Report of a hook that found keys; loaded only then."""

from __future__ import annotations

import click

from boltz_keyscan.cli.output import AUTO, emit, view
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.report.wording import count, is_old

_DIGITS = len("bk1:") + 8
"""Characters of a fingerprint in a list."""

_MAX_NAMED = 5
"""Old keys listed by fingerprint; the rest is counted."""


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
    emit(result, AUTO, (), view("auto", 0, placeholders=False))
