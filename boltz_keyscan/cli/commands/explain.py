"""``boltz-keyscan explain FINGERPRINT [PATH]...``: everything known about one key, and what to do."""

from __future__ import annotations

import io
import os

import click

from boltz_keyscan import rules
from boltz_keyscan.cli.options import FILE_OPTIONS
from boltz_keyscan.cli.resolve import ResolvedOptions, ScanCommand
from boltz_keyscan.cli.scanning import plan_scan, run_scan
from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.report.explain import explain as write_explanation
from boltz_keyscan.report.remediation import History, expression, steps
from boltz_keyscan.report.wording import count
from boltz_keyscan.report.writer import write_text
from boltz_keyscan.sources.git.repo.push_status import PushStatus, push_status


@click.command(
    "explain",
    cls=ScanCommand,
    names=("fail_on", "fail_on_unexposed", *FILE_OPTIONS),
    short_help="Show everything about one key, and what to do.",
)
@click.argument("fingerprint", metavar="FINGERPRINT")
@click.option(
    "--replace-text",
    type=click.Path(),
    metavar="FILE",
    help="Write the expressions for 'git filter-repo --replace-text' to FILE. They contain no key.",
)
def explain(*, resolved: ResolvedOptions, fingerprint: str, replace_text: str | None) -> int:
    """Show everything about one key: why it does or does not fail a run, where it is, what to do.

    FINGERPRINT is bk1: and 32 hex digits, copied from a report. PATH is as for a scan.
    """
    plan = plan_scan(resolved.options)
    step = resolved.suppressor(unexposed=resolved.options.fail_on_unexposed)
    result = run_scan(plan, resolved, step)
    finding = next((each for each in result.findings if each.fingerprint == fingerprint), None)
    if finding is None:
        raise _not_found_error(fingerprint, result)
    rule = next(rule for rule in rules.load() if rule.id == finding.rule_id)
    if replace_text is not None:
        _write(replace_text, expression(rule))
        # The command is run in another folder, a fresh clone.
        replace_text = os.path.abspath(replace_text)
    text = io.StringIO()
    write_explanation(
        finding, rule, plan.terms, steps(finding, rule, _history(resolved, finding), replace_text), text
    )
    click.echo(text.getvalue(), nl=False)
    return ExitCode.CLEAN if result.complete else ExitCode.INCOMPLETE


def _not_found_error(fingerprint: str, result: ScanResult) -> KeyscanError:
    if not result.complete:
        return KeyscanError(
            f"key {fingerprint} was not found, but the scan is incomplete",
            "Run 'boltz-keyscan' to see what was not scanned.",
        )
    return KeyscanError(
        f"key {fingerprint} was not found; the scan found {count(len(result.findings), 'other')}",
        "Copy the whole fingerprint from a report.",
    )


def _history(resolved: ResolvedOptions, finding: Finding) -> History:
    """Return what is known of the commits with the key; unknown commits count as pushed."""
    commits = {place.commit for place in finding.locations if place.commit is not None}
    known: PushStatus | None = None
    for root in resolved.roots:
        known = known or push_status(root.folder, commits)
    if known is None:
        return History(pushed=bool(commits))
    if not commits or not commits <= set(known.unpushed):
        return History(pushed=True, head=known.head)
    return History(
        pushed=False, head=known.head, commits=known.unpushed, root=known.unpushed[0] in known.roots
    )


def _write(path: str, text: str) -> None:
    try:
        write_text(os.fspath(path), text)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", "Name another file.") from error
