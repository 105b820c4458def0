"""CSV of a fleet: the verdict, one row per repository, and one per location of a key in a repository."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from boltz_keyscan.model.fleet import FleetResult
from boltz_keyscan.report.csv_report import COLUMNS as SCAN_COLUMNS
from boltz_keyscan.report.csv_report import gap_row, location_rows, write_table, yes_or_no
from boltz_keyscan.report.fleet_text import describe_coverage
from boltz_keyscan.report.options import ReportOptions

COLUMNS = ("repository", "repository_status", *SCAN_COLUMNS)
"""Columns. ``record`` is ``run``, ``repository``, ``gap``, ``key`` or ``placeholder``."""


def report(result: FleetResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the table; placeholders only with ``show_placeholders``."""
    write_table(stream, COLUMNS, _rows(result, options))


def _rows(result: FleetResult, options: ReportOptions) -> Iterator[dict[str, object]]:
    fails = yes_or_no(result.exit_code != 0)
    yield {"record": "run", "fails_run": fails, "detail": describe_coverage(result)}
    yield from map(gap_row, result.gaps())
    for entry in result.repositories():
        common: dict[str, object] = {"repository": entry.name, "repository_status": entry.status.value}
        detail = f"{entry.keys} keys, {entry.blocking} blocking"
        yield common | {"record": "repository", "detail": detail}
        yield from (common | gap_row(gap) for gap in entry.gaps)
    for key in options.fleet_keys(result):
        for each in result.occurrences(key.finding.fingerprint):
            common = {"repository": each.repository, "repository_status": each.status.value}
            yield from (common | row for row in location_rows(each.finding, each.locations))
