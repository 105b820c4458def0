"""``boltz-keyscan import REPORT...``: turn reports of other scanners into a report of ours."""

from __future__ import annotations

import os
import sys

import click

from boltz_keyscan import trust as trusts
from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.messages import report_line
from boltz_keyscan.cli.output import show
from boltz_keyscan.cli.parameters import ANY_FILE, PATH
from boltz_keyscan.errors import KeyscanError, warn
from boltz_keyscan.fsutil import read_regular_file
from boltz_keyscan.imports.formats import MAX_BYTES
from boltz_keyscan.imports.result import import_reports
from boltz_keyscan.plan import STDIN
from boltz_keyscan.report import ReportOptions, load
from boltz_keyscan.report.wording import count
from boltz_keyscan.report.writer import write_report
from boltz_keyscan.scan_roots import Trust, scan_roots
from boltz_keyscan.triage import Step
from boltz_keyscan.trust import SuppressionInputs


@click.command("import", cls=CommandWithExamples, short_help="Turn reports of other scanners into ours.")
@click.argument("reports", metavar="REPORT...", type=PATH, nargs=-1, required=True)
@click.option("--baseline", **ANY_FILE, help="Baseline of accepted keys.")
@click.option("--output", **ANY_FILE, help="Write the report to FILE instead of stdout.")
def import_command(*, reports: tuple[str, ...], baseline: str | None, output: str | None) -> int:
    """Write the Boltz keys in reports of other scanners as a JSON report, without the keys.

    REPORT is JSON of gitleaks, betterleaks, trufflehog, kingfisher, ggshield or secretlint, a
    baseline of detect-secrets, alerts of GitHub, a report of GitLab, or SARIF; - is standard
    input. Formats are detected by content. Secrets that a report leaves out are read at their
    place in the current folder.
    """
    contents = [(name, _read(name)) for name in reports]
    result, summaries = import_reports(contents, os.getcwdb(), _steps(baseline))
    for each in summaries:
        keys = count(len(each.keys), "Boltz key")
        report_line(f"{each.name}: {each.title}, {count(each.entries, 'secret')}, {keys}")
        if each.has_text:
            warn(f"{each.name} holds keys in plain text: delete it, or let only its owner read it")
    if output is None:
        show(load("json"), result, ReportOptions())
    else:
        write_report("json", output, result, ReportOptions())
    return result.exit_code


def _read(name: str) -> bytes:
    if name == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        return read_regular_file(name, MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise KeyscanError(f"cannot read {name}: {why}", "Name a readable file.") from None


def _steps(baseline: str | None) -> tuple[Step, ...]:
    if baseline is None:
        return ()
    roots = scan_roots((".",), Trust.of("none", {}), part=False)
    inputs = SuppressionInputs(trusts.named_text(baseline, roots))
    return (trusts.suppressor(roots, Trust.of("none", {}), inputs),)
