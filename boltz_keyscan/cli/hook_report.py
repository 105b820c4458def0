"""Suppression and report of a hook that found keys; loaded only then.

From a configuration hooks take only the baseline and ``foreign-comments``: they block on any key, whatever
``fail-on`` is.
"""

from __future__ import annotations

import click

from boltz_keyscan.cli.hook_text import Change, passed_lines, stopped_lines
from boltz_keyscan.cli.options import AUTO, ScanOptions
from boltz_keyscan.cli.output import emit, in_actions, report_options
from boltz_keyscan.cli.resolve import ResolvedOptions, resolve
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ScanResult


def resolve_for_hook(baseline: str | None, trust: str | None) -> ResolvedOptions:
    """Return the options of a hook for the repository that it runs in.

    Raises:
        KeyscanError: a file is broken, or a revision is unknown.
    """
    given = {"baseline": baseline, "trust": trust, "foreign_comments": False}
    typed = [name for name in ("baseline", "trust") if given[name] is not None]
    return resolve(given, typed, part=True)


def write(result: ScanResult, change: Change, looked_at: str) -> None:
    """Write the outcome of a hook that found keys or gaps: keys that stop the change, or those that do not.

    Args:
        result: the result of the hook's scan.
        change: the change that the hook checks.
        looked_at: the amount scanned, as text.

    Raises:
        OutputError: the report could not be written.
    """
    if result.exit_code == ExitCode.BLOCKING:
        for line in stopped_lines(result, change, looked_at, report_options(ScanOptions())):
            click.echo(line)
        if in_actions():
            # With annotations and a step summary, as a scan there.
            emit(result, AUTO, (), report_options(ScanOptions()))
    elif result.exit_code == ExitCode.CLEAN and not result.gaps:
        click.echo(f"boltz-keyscan: no new key in {looked_at}")
        for line in passed_lines(result, change):
            click.echo(line)
    else:
        emit(result, AUTO, (), report_options(ScanOptions()))
