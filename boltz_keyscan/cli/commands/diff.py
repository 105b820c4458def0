"""``boltz-keyscan diff OLD.json NEW.json``: what changed between two reports.

Boundary: two files in, lines and an exit code out.
"""

from __future__ import annotations

import os

import click

from boltz_keyscan.cli.examples import Shown
from boltz_keyscan.cli.redaction import redacted
from boltz_keyscan.report.diff import compare, exit_code, lines
from boltz_keyscan.report.json_reader import Report, read
from boltz_keyscan.sources.trusted_files import read_whole_file


@click.command("diff", cls=Shown, short_help="Compare two JSON reports.")
@click.argument("old", metavar="OLD.json")
@click.argument("new", metavar="NEW.json")
def diff(*, old: str, new: str) -> int:
    """Compare two JSON reports: keys that are new, gone, spread further, or changed.

    Exits with 1 when a key fails the run of NEW that did not fail the run of OLD.
    """
    before, after = _report(old), _report(new)
    changes = compare(before, after)
    for line in lines(before, after, changes):
        click.echo(redacted(line))
    return exit_code(changes, after)


def _report(path: str) -> Report:
    return read(path, read_whole_file(os.path.abspath(os.fsencode(path)), shown=path))
