"""Output inside GitHub Actions: annotations after the report, and the step summary."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

from boltz_keyscan.cli.messages import report_line
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.report import ReportOptions, github_summary
from boltz_keyscan.report.github import annotation_lines
from boltz_keyscan.report.wording import count


def annotate(result: ScanResult, stream: TextIO, view: ReportOptions) -> None:
    """Write the annotations in a folded group: in the log they repeat the report."""
    lines, cut = annotation_lines(result, view)
    if not lines:
        return
    stream.write("::group::Annotations, the same keys beside their lines\n")
    stream.writelines(f"{command}\n" for command in lines)
    stream.write("::endgroup::\n")
    if cut:
        stream.write(f"+{count(cut, 'more annotation')} than GitHub shows\n")


def summarize(result: ScanResult, view: ReportOptions, files: Iterable[str]) -> None:
    """Append the report to the step summary, unless it is one of ``files``; a failure is a warning only."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path or any(_same(path, file) for file in files):
        return
    try:
        github_summary.append(path, result, view)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a path"
        report_line(f"warning: the step summary was not written to {path}: {why}")


def _same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):
        return False
