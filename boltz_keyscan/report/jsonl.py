"""JSON Lines: the JSON report with one object per line, for log stores and streams.

The members are those of the JSON report. ``record`` is the kind of a line: first ``scan`` with
the verdict, so that an incomplete run without findings does not look clean; then each
``finding``, then each ``gap``.
"""

from __future__ import annotations

from typing import TextIO

from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.report.json_encode import TOOL, dumps
from boltz_keyscan.report.json_report import SCHEMA_VERSION, finding_object, gap_object, scan_object
from boltz_keyscan.report.options import ReportOptions


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:  # noqa: ARG001 - programs see everything
    """Write the report, placeholders always included."""
    head = {"record": "scan", "schema_version": SCHEMA_VERSION, "tool": TOOL}
    stream.write(dumps(head | scan_object(result)) + "\n")
    stream.writelines(
        dumps({"record": "finding"} | finding_object(finding)) + "\n" for finding in result.findings
    )
    stream.writelines(dumps({"record": "gap"} | gap_object(gap)) + "\n" for gap in result.gaps)
