"""Handler that writes the package's warnings to stderr."""

from __future__ import annotations

import logging

from boltz_keyscan.cli.error_handler import report_line


class _StderrHandler(logging.Handler):
    """Log handler that redacts each line as errors are."""

    def emit(self, record: logging.LogRecord) -> None:
        report_line(f"{record.levelname.lower()}: {record.getMessage()}")


def report_warnings() -> None:
    """Send the package's warnings to stderr; the root logger stays as it is."""
    logger = logging.getLogger("boltz_keyscan")
    logger.handlers[:] = [_StderrHandler()]
    logger.propagate = False
