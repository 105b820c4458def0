"""Text report: leaked keys, their places and exposure, and what to do.

Every line is written by ``_Page.line``, which makes it harmless once more: no string can move the
cursor, reorder text or give the CI runner a command.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from boltz_keyscan import rules
from boltz_keyscan.model.enums import Severity, Shape
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.report.locations import Place, exposure_line, places
from boltz_keyscan.report.status import MAX_CANDIDATES, own_key_warning, status_sentences
from boltz_keyscan.report.summary import summary, verdict, verdict_color
from boltz_keyscan.report.suppressions import suppression_sentences, trust_lines
from boltz_keyscan.sanitize import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable

    from boltz_keyscan.report import ReportOptions

MAX_EXCUSES = 5
"""Limit of insufficient suppressions shown per key, unless verbose."""

MAX_PLACES = 10
"""Limit of paths shown per key, unless verbose."""

_STYLES = {"red": "1;31", "yellow": "33", "green": "32", "bold": "1", "dim": "2"}
_SEVERITY_STYLE = {
    Severity.CRITICAL: "red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "yellow",
    Severity.NOTE: "dim",
}
_WHERE_COLUMN = 36
_NARROWEST = 40
_WIDEST = 100
"""Widest layout: in wider lines the eye loses the verdict at the right end."""


def report(result: ScanResult, stream: TextIO, view: ReportOptions) -> None:
    """Write the report; see ``ReportOptions.verbosity`` for its extent."""
    page = _Page(stream, view)
    quiet = view.verbosity < 0
    if first := own_key_warning(result):
        page.wrapped(first, style="red")
        page.line()
    for finding in result.keys:
        # The summary counts and lists what is suppressed.
        if finding.blocking or not (quiet or (finding.suppression and view.verbosity < 1)):
            _key(page, finding, view)
    if not quiet:
        if view.show_placeholders:
            _placeholders(page, result.placeholders)
        _what_to_do(page, result.keys)
    # Settings of a file in the tree are shown even if that file sets quiet.
    for label, text in trust_lines(result.ground) if quiet else summary(result, view):
        page.labelled(label, text)
    for sentence in verdict(result):
        page.wrapped(sentence, style=verdict_color(result))


_ONE_KEY = "The commands for one key: boltz-keyscan explain FINGERPRINT"


@dataclass(frozen=True, slots=True)
class _Page:
    """Writer of lines: makes them harmless and colours them."""

    stream: TextIO
    view: ReportOptions

    @property
    def width(self) -> int:
        return min(max(self.view.width, _NARROWEST), _WIDEST)

    def line(self, text: str = "", style: str = "") -> None:
        text = harmless(text).rstrip()
        if style and text and self.view.color:
            text = f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
        self.stream.write(text + "\n")

    def wrapped(self, text: str, first: str = "", rest: str = "", style: str = "") -> None:
        # Escape before wrapping: escapes make a line longer.
        for line in textwrap.wrap(
            harmless(text),
            self.width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            self.line(line, style)

    def labelled(self, label: str, text: str) -> None:
        self.wrapped(text, f"{label:<10}", " " * (10 if label else 12))


def _key(page: _Page, finding: Finding, view: ReportOptions) -> None:
    _heading(page, finding)
    page.line(f"  {finding.shown}  {finding.fingerprint}")
    for sentence in suppression_sentences(finding, MAX_EXCUSES if view.verbosity < 1 else None):
        page.wrapped(sentence, "  ", "    ")
    if finding.shape is not Shape.CONFIRMED:
        page.wrapped(f"Shape: {finding.shape}, {finding.reason}", "  ", "    ")
    for sentence in status_sentences(finding, MAX_CANDIDATES if view.verbosity < 1 else None):
        page.wrapped(sentence, "  ", "    ")
    if len(finding.locations) > 1:
        page.wrapped(f"Exposure: {exposure_line(finding.locations)}", "  ", "    ")
    _places(page, places(finding.locations), view)
    page.line()


def _heading(page: _Page, finding: Finding) -> None:
    left = f"{finding.severity.upper():<10}{_title(finding)}"
    right = "FAILS THIS RUN" if finding.blocking else "does not fail this run"
    gap = max(page.width - len(left) - len(right), 2)
    page.line(left + " " * gap + right, _SEVERITY_STYLE[finding.severity])


def _title(finding: Finding) -> str:
    for rule in rules.load():
        if rule.id == finding.rule_id:
            return rule.title
    return f"Boltz {finding.key_type} {finding.mode} key"


def _places(page: _Page, found: list[Place], view: ReportOptions) -> None:
    verbose = view.verbosity > 0
    shown = found if verbose else found[:MAX_PLACES]
    column = min(max((len(harmless(place.where)) for place in shown), default=0), _WHERE_COLUMN)
    for number, place in enumerate(shown):
        where = harmless(place.where)
        row = f"    {where:<{column}}  {place.story}"
        if len(row) <= page.width:
            page.line(row)
        else:
            # A path is never wrapped or cut, so that it can be copied.
            page.line(f"    {where}")
            page.wrapped(place.story, " " * 8, " " * 8)
        if place.context and (verbose or number == 0):
            page.line(f"      | {_window(harmless(place.context), page.width - 8)}", "dim")
    if len(shown) < len(found):
        page.line(f"    +{len(found) - len(shown):,} more paths; see -v or --format json")


def _window(context: str, width: int) -> str:
    """Return the part of a line around its key that fits."""
    if len(context) <= width:
        return context
    key = max(context.find("[REDACTED]"), 0)
    start = min(max(key + len("[REDACTED]") + 3 - width, 0), len(context))
    head = "..." if start else ""
    part = context[start + len(head) :]
    room = width - len(head)
    return head + (part if len(part) <= room else part[: room - 3] + "...")


def _placeholders(page: _Page, findings: Iterable[Finding]) -> None:
    for finding in findings:
        page.line(f"{finding.severity.upper():<10}placeholder  {finding.shown}", "dim")
        page.wrapped(f"{finding.reason}; {exposure_line(finding.locations)}", "  ", "    ")
        _places(page, places(finding.locations), page.view)
        page.line()


def _what_to_do(page: _Page, findings: Iterable[Finding]) -> None:
    leaked = {
        finding.rule_id
        for finding in findings
        if finding.severity is not Severity.NOTE and finding.suppression is None
    }
    if not leaked:
        return
    for rule in rules.load():
        if rule.id in leaked:
            page.line(f"What to do: {rule.title}", "bold")
            for number, step in enumerate(rule.remediation, 1):
                page.wrapped(step, f"  {number}. ", "     ")
            page.line()
    page.wrapped(_ONE_KEY)
    page.line()
