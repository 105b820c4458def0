"""``boltz-keyscan diff OLD.json NEW.json``: compare two reports."""

from __future__ import annotations

import os

import click

from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.options import PATH
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.diff import compare, exit_code, lines
from boltz_keyscan.report.json_reader import Report, read
from boltz_keyscan.sources.trusted_files import read_whole_file


@click.command("diff", cls=CommandWithExamples, short_help="Compare two JSON reports.")
@click.argument("old", metavar="OLD.json", type=PATH)
@click.argument("new", metavar="NEW.json", type=PATH)
def diff(*, old: str, new: str) -> int:
    """Compare two JSON reports: show keys that are new, gone, spread further or changed.

    Exits with 1 if a key fails the run in NEW but not in OLD.
    """
    before, after = _report(old), _report(new)
    changes = compare(before, after)
    for line in lines(before, after, changes):
        click.echo(redacted(line))
    return exit_code(changes, after)


def _report(path: str) -> Report:
    return read(path, read_whole_file(os.path.abspath(os.fsencode(path)), shown=path))
