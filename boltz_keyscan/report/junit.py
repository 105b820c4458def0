"""JUnit XML: each key is a test case, and so is the scan itself.

A key that fails the run is a ``failure``, a suppressed one is ``skipped``, any other key passes.
The case ``complete`` is an ``error`` for an incomplete run, so that a run without keys does not
look clean. The schema is that of Jenkins' xUnit plugin (github.com/jenkinsci/xunit-plugin,
junit-10.xsd), which Jenkins, GitLab and others read.
"""

from __future__ import annotations

import re
from typing import TextIO

from boltz_keyscan._version import __version__
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.locations import places
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.sentences import key_lines
from boltz_keyscan.report.summary import summary, verdict
from boltz_keyscan.report.wording import is_whole
from boltz_keyscan.sanitize import harmless

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


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the document; placeholders only with ``show_placeholders``."""
    cases = [_scan(result, options), *(_case(finding, options) for finding in options.findings(result))]
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


def _scan(result: ScanResult, options: ReportOptions) -> _Case:
    return _Case(
        group="boltz-keyscan",
        name="complete",
        outcome="system-out" if is_whole(result) else "error",
        kind="incomplete",
        message=" ".join(verdict(result)),
        lines=tuple(f"{label:<10}{text}" for label, text in summary(result, options)),
    )


def _case(finding: Finding, options: ReportOptions) -> _Case:
    found = places(finding)
    outcome = "failure" if finding.blocking else "skipped" if finding.suppression else "system-out"
    return _Case(
        group=f"boltz-keyscan.{finding.rule_id}",
        name=f"{finding.shown} {finding.fingerprint}",
        outcome=outcome,
        kind=finding.severity,
        message=f"{finding.severity}: {finding.shown} at {found[0].where}" if found else finding.shown,
        lines=tuple(key_lines(finding, options, MAX_PLACES)),
    )


def _element(case: _Case) -> str:
    about = (
        "" if case.outcome == "system-out" else f' type="{_text(case.kind)}" message="{_text(case.message)}"'
    )
    lines = "".join(f"{_text(line).rstrip()}\n" for line in (case.message, *case.lines))
    return (
        f'<testcase classname="{_text(case.group)}" name="{_text(case.name)}">\n'
        f"<{case.outcome}{about}>\n{lines}</{case.outcome}>\n</testcase>\n"
    )


def _text(text: str) -> str:
    """Escape text for XML, as content and as the value of an attribute."""
    plain = _FORBIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", harmless(text))
    return plain.translate(_MARKUP)
