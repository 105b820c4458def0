"""CSV for spreadsheets: one row per location of a key, and one per gap.

The first row, ``run``, has the verdict, so that the empty table of a failed run does not look
clean. Every cell is quoted. A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or
``@`` as a formula (owasp.org, "CSV Injection"): such a cell gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult
from boltz_keyscan.report.json_report import members
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.sentences import format_suppression
from boltz_keyscan.report.summary import verdict
from boltz_keyscan.report.wording import gap_reason, suppressors
from boltz_keyscan.sanitize import harmless

_NAMES = """
    record severity fails_run key fingerprint shape status exposure path members line column cell decoded
    commit author_date suppressed_by detail old
"""
COLUMNS = tuple(_NAMES.split())
"""Columns. ``record`` is ``run``, ``key``, ``placeholder`` or ``gap``; ``exposure`` is the location's."""

# Some locales accept the full-width forms. A spreadsheet whose list separator is the semicolon
# may split there, quoted or not.
_FORMULA = re.compile('(^|;)([\\s"]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])')


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the table; placeholders only with ``show_placeholders``."""
    write_table(stream, COLUMNS, _rows(result, options))


def write_table(stream: TextIO, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> None:
    """Write the columns and the rows."""
    table = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    table.writerow(columns)
    table.writerows([_format_cell(row.get(column)) for column in columns] for row in rows)


def _format_cell(value: object) -> str:
    """Return the text of a cell, which no spreadsheet runs as a formula."""
    return _FORMULA.sub(r"\1'\2", harmless("" if value is None else str(value)))


def _rows(result: ScanResult, options: ReportOptions) -> Iterator[dict[str, object]]:
    yield {
        "record": "run",
        "fails_run": yes_or_no(result.exit_code != 0),
        "path": " ".join(result.targets),
        "detail": " ".join(verdict(result)),
    }
    for finding in options.findings(result):
        yield from location_rows(finding, finding.locations)
    yield from map(gap_row, result.gaps)


def gap_row(gap: Gap) -> dict[str, object]:
    """Return the row of a gap."""
    return {"record": "gap", "path": gap.where, "detail": gap_reason(gap)}


def location_rows(finding: Finding, locations: Iterable[Location]) -> Iterator[dict[str, object]]:
    """Yield the row of each location of a key.

    Args:
        finding: the key; its locations are not used.
        locations: its locations.
    """
    common = members(finding, "severity fingerprint shape status") | {
        "record": "placeholder" if finding.shape is Shape.PLACEHOLDER else "key",
        "fails_run": yes_or_no(finding.blocking),
        "key": finding.shown,
        "suppressed_by": ", ".join(map(format_suppression, suppressors(finding))),
    }
    for location in locations:
        row = members(location, "exposure path line column cell commit author_date")
        yield (
            common
            | row
            | {
                "members": "!".join(location.members),
                "decoded": " > ".join(location.decoded),
                "detail": location.context,
                "old": yes_or_no(location.old),
            }
        )


def yes_or_no(value: bool) -> str:  # noqa: FBT001 - one value to its word
    """Return the word for a truth."""
    return "yes" if value else "no"
