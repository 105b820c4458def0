"""Messages on standard error, without keys and control characters: errors, notes and warnings."""

from __future__ import annotations

import contextlib

import click

from boltz_keyscan.cli.progress import hidden_progress
from boltz_keyscan.redaction import redacted


def report_line(line: str) -> None:
    """Write one line to stderr."""
    # A closed stderr cannot be reported anywhere.
    with contextlib.suppress(OSError), hidden_progress():
        click.echo(redacted(line), err=True)
