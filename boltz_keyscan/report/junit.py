"""JUnit XML: each key is a test case, and so is the scan itself.

A key that fails the run is a ``failure``, a suppressed one is ``skipped``, any other key passes.
The case ``complete`` is an ``error`` for an incomplete run, so that a run without keys does not
look clean. The schema is that of Jenkins' xUnit plugin (github.com/jenkinsci/xunit-plugin,
junit-10.xsd), which Jenkins, GitLab and others read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from boltz_keyscan._version import __version__
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.report.locations import exposure_line, places
from boltz_keyscan.report.status import MAX_CANDIDATES, status_sentences
from boltz_keyscan.report.summary import summary, verdict
from boltz_keyscan.report.suppressions import suppression_sentences
from boltz_keyscan.sanitize import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable

    from boltz_keyscan.model.finding import Finding, ScanResult
    from boltz_keyscan.report import ReportOptions

MAX_PLACES = 100
"""Limit of paths per key, unless verbose."""

# XML 1.0 section 2.2 "Characters": forbidden ones that ``harmless`` leaves.
_FORBIDDEN = re.compile("[\ufffe\uffff]")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


@dataclass(frozen=True, slots=True)
class _Case:
    """Test case; ``outcome`` is the name of its result element."""

    group: str
    name: str
    outcome: str
    kind: str
    message: str
    lines: tuple[str, ...]


def report(result: ScanResult, stream: TextIO, view: ReportOptions) -> None:
    """Write the document; placeholders only with ``show_placeholders``."""
    shown = result.findings if view.show_placeholders else result.keys
    cases = [_scan(result, view), *(_case(finding, view) for finding in shown)]
    outcomes = [case.outcome for case in cases]
    totals = f'tests="{len(cases)}" failures="{outcomes.count("failure")}" errors="{outcomes.count("error")}"'
    time = f'time="{result.duration_s:.3f}"'
    started = _text(result.started_at)
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write(f'<testsuites name="boltz-keyscan" {totals} {time}>\n')
    stream.write(
        f'<testsuite name="boltz-keyscan" {totals} skipped="{outcomes.count("skipped")}"'
        f' {time} timestamp="{started}">\n'
    )
    stream.write(f'<properties>\n<property name="version" value="{__version__}"/>\n</properties>\n')
    stream.writelines(_element(case) for case in cases)
    stream.write("</testsuite>\n</testsuites>\n")


def _scan(result: ScanResult, view: ReportOptions) -> _Case:
    seen = result.complete and result.exit_code in {ExitCode.CLEAN, ExitCode.BLOCKING}
    return _Case(
        group="boltz-keyscan",
        name="complete",
        outcome="system-out" if seen else "error",
        kind="incomplete",
        message=" ".join(verdict(result)),
        lines=tuple(f"{label:<10}{text}" for label, text in summary(result, view)),
    )


def _case(finding: Finding, view: ReportOptions) -> _Case:
    verbose = view.verbosity > 0
    found = places(finding.locations)
    kept = found if verbose else found[:MAX_PLACES]
    lines = [
        f"Shape: {finding.shape}, {finding.reason}",
        *status_sentences(finding, None if verbose else MAX_CANDIDATES),
        *suppression_sentences(finding, None if verbose else MAX_CANDIDATES),
        f"Exposure: {exposure_line(finding.locations)}",
        *(f"  {place.where}  {place.story}" for place in kept),
    ]
    if len(kept) < len(found):
        lines.append(f"  +{len(found) - len(kept):,} more paths; see -v or --format json")
    outcome = "failure" if finding.blocking else "skipped" if finding.suppression else "system-out"
    return _Case(
        group=f"boltz-keyscan.{finding.rule_id}",
        name=f"{finding.shown} {finding.fingerprint}",
        outcome=outcome,
        kind=finding.severity,
        message=f"{finding.severity}: {finding.shown} at {found[0].where}" if found else finding.shown,
        lines=tuple(lines),
    )


def _element(case: _Case) -> str:
    about = (
        "" if case.outcome == "system-out" else f' type="{_text(case.kind)}" message="{_text(case.message)}"'
    )
    return (
        f'<testcase classname="{_text(case.group)}" name="{_text(case.name)}">\n'
        f"<{case.outcome}{about}>\n{_lines([case.message, *case.lines])}</{case.outcome}>\n</testcase>\n"
    )


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{_text(line).rstrip()}\n" for line in lines)


def _text(text: str) -> str:
    """Escape text for XML, as content and as the value of an attribute."""
    plain = _FORBIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", harmless(text))
    return plain.translate(_MARKUP)
