"""CSV of a fleet: the verdict, one row per repository, and one per location of a key in a repository."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.fleet import FleetResult
from boltz_keyscan.report.csv_report import COLUMNS as SCAN_COLUMNS
from boltz_keyscan.report.csv_report import format_cell, location_rows
from boltz_keyscan.report.fleet_text import describe_coverage
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.wording import gap_reason

COLUMNS = ("repository", "repository_status", *SCAN_COLUMNS)
"""Columns. ``record`` is ``run``, ``repository``, ``gap``, ``key`` or ``placeholder``."""


def report(result: FleetResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the table; placeholders only with ``show_placeholders``."""
    table = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in _rows(result, options):
        table.writerow([format_cell(row.get(column)) for column in COLUMNS])


def _rows(result: FleetResult, options: ReportOptions) -> Iterator[dict[str, object]]:
    fails = "yes" if result.exit_code != 0 else "no"
    yield {"record": "run", "fails_run": fails, "detail": describe_coverage(result)}
    for gap in result.gaps():
        yield {"record": "gap", "path": gap.where, "detail": gap_reason(gap)}
    for entry in result.repositories():
        common: dict[str, object] = {"repository": entry.name, "repository_status": entry.status.value}
        detail = f"{entry.keys} keys, {entry.blocking} blocking"
        yield common | {"record": "repository", "detail": detail}
        for gap in entry.gaps:
            yield common | {"record": "gap", "path": gap.where, "detail": gap_reason(gap)}
    for key in result.findings():
        if key.shape is Shape.PLACEHOLDER and not options.show_placeholders:
            continue
        for each in result.occurrences(key.fingerprint):
            common = {"repository": each.repository, "repository_status": each.status.value}
            yield from (common | row for row in location_rows(each.finding, each.locations))
