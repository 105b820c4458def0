"""Inside GitHub Actions: annotations after the report, and the summary of the step.

Boundary: the environment that GitHub documents to what is printed and where; the words are
``report.github``'s and ``report.markdown``'s. Loaded in a job of GitHub Actions only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import TextIO

from boltz_keyscan.cli.error_handler import report_line
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.report import Reporter, ReportOptions, github_summary
from boltz_keyscan.report.github import commands
from boltz_keyscan.report.wording import count


def annotated(  # noqa: PLR0917 - both places, and what they share
    result: ScanResult,
    view: ReportOptions,
    written: ReportOptions,
    files: Iterable[str],
    through: Callable[[Reporter], Reporter],
    show: Callable[[Reporter, ScanResult, ReportOptions], None],
) -> None:
    """Write the annotations to standard output, by ``show``, and the summary to its file.

    ``view`` is for the first, ``written`` for the second. ``files`` are those that reports
    were written to: one of them may be the summary.

    Raises:
        OutputError: the annotations could not be written; the summary is, all the same.
    """
    try:
        if sys.stdout is not None:
            show(annotate, result, view)
    finally:
        _summarize(result, written, files, through)


def annotate(result: ScanResult, stream: TextIO, view: ReportOptions) -> None:
    """Write the annotations, folded away: in the log they would tell the report a second time."""
    told, cut = commands(result, view)
    if not told:
        return
    stream.write("::group::Annotations, the same keys beside their lines\n")
    stream.writelines(f"{command}\n" for command in told)
    stream.write("::endgroup::\n")
    if cut:
        stream.write(f"+{count(cut, 'more annotation')} than GitHub shows\n")


def _summarize(
    result: ScanResult, view: ReportOptions, files: Iterable[str], through: Callable[[Reporter], Reporter]
) -> None:
    """Add to the summary of the step; one that cannot be written changes no verdict."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path or any(_same(path, file) for file in files):
        return
    try:
        github_summary.append(path, result, view, through)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a path"
        report_line(f"warning: the step summary was not written to {path}: {why}")


def _same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):
        return False
