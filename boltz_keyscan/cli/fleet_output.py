"""Output of the commands on fleets: the report on standard output, and progress."""

from __future__ import annotations

import time

from boltz_keyscan.cli.output import write_stdout
from boltz_keyscan.cli.progress import Progress
from boltz_keyscan.model.fleet import FleetResult
from boltz_keyscan.report import FLEET_REPORTERS, ReportOptions


def print_report(
    result: FleetResult, name: str = "text", options: ReportOptions | None = None, *, verbosity: int = 0
) -> int:
    """Write a report to standard output, and return the exit code.

    Raises:
        OutputError: it could not be written; a closed pipe is no error.
    """
    chosen = options or ReportOptions(verbosity=verbosity)
    write_stdout(lambda stream: FLEET_REPORTERS.load(name)(result, stream, chosen))
    return result.exit_code


class FleetProgress(Progress):
    """Progress bar of a fleet scan. Use as a context manager."""

    def __init__(self) -> None:
        super().__init__("Scanning repositories")
        self._start = time.monotonic()

    def on_done(self, done: int, whole: int) -> None:
        """Draw the bar; click adds the time that is left."""
        rate = done / max(time.monotonic() - self._start, 0.001)
        self.show(done, whole, detail=f"{rate:.1f}/s")
