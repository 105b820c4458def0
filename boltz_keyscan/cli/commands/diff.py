"""``boltz-keyscan diff OLD.json NEW.json``: compare two reports."""

from __future__ import annotations

import io
import os

import click

from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.parameters import PATH, format_of
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report import DIFF_REPORTERS
from boltz_keyscan.report.diff import compare
from boltz_keyscan.report.json_reader import Report, read
from boltz_keyscan.sources.trusted_files import read_whole_file


@click.command("diff", cls=CommandWithExamples, short_help="Compare two JSON reports.")
@click.argument("old", metavar="OLD.json", type=PATH)
@click.argument("new", metavar="NEW.json", type=PATH)
@click.option("--format", "format_", **format_of(DIFF_REPORTERS), help="Format of the comparison.")
def diff(*, old: str, new: str, format_: str) -> int:
    """Compare two JSON reports: show keys that are new, gone, spread further or changed.

    Exits with 1 if a key fails the run in NEW but not in OLD.
    """
    found = compare(_report(old), _report(new))
    text = io.StringIO()
    DIFF_REPORTERS.load(format_)(found, text, redacted)
    click.echo(text.getvalue(), nl=False)
    return found.exit_code


def _report(path: str) -> Report:
    return read(path, read_whole_file(os.path.abspath(os.fsencode(path)), shown=path))
