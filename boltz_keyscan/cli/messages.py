"""Messages on standard error, without keys and control characters: errors, notes and warnings."""

from __future__ import annotations

import contextlib
import logging

import click

from boltz_keyscan.cli.progress import hidden_progress
from boltz_keyscan.redaction import redacted


def report_line(line: str) -> None:
    """Write one line to stderr."""
    # A closed stderr cannot be reported anywhere.
    with contextlib.suppress(OSError), hidden_progress():
        click.echo(redacted(line), err=True)


class _StderrHandler(logging.Handler):
    """Log handler that writes warnings as errors are written."""

    def emit(self, record: logging.LogRecord) -> None:
        report_line(f"{record.levelname.lower()}: {record.getMessage()}")


def report_warnings() -> None:
    """Send the package's warnings to stderr; the root logger stays as it is."""
    logger = logging.getLogger("boltz_keyscan")
    logger.handlers[:] = [_StderrHandler()]
    logger.propagate = False
