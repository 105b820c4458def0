"""Warnings of the package on stderr.

Boundary: loaded only by runs that can have something to warn of.
"""

from __future__ import annotations

import logging

from boltz_keyscan.cli.error_handler import report_line


class _Told(logging.Handler):
    """One line each, through the same filter as errors."""

    def emit(self, record: logging.LogRecord) -> None:
        report_line(f"{record.levelname.lower()}: {record.getMessage()}")


def report_warnings() -> None:
    """Let the package's own warnings reach stderr; the root logger is not ours to touch."""
    logger = logging.getLogger("boltz_keyscan")
    logger.handlers[:] = [_Told()]
    logger.propagate = False
