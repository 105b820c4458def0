"""Text report: leaked keys, their places and exposure, and what to do.

Every line is written by ``_Page.line``, which makes it harmless once more: no string can move the
cursor, reorder text or give the CI runner a command.
"""

from __future__ import annotations

import textwrap
from typing import TextIO

from boltz_keyscan import rules
from boltz_keyscan.model.enums import Severity, Shape
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.locations import Place, exposure_line, places
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.sentences import (
    MAX_CANDIDATES,
    key_title,
    own_key_warning,
    status_sentences,
    suppression_sentences,
    trust_lines,
)
from boltz_keyscan.report.summary import leaked_rules, summary, verdict, verdict_color
from boltz_keyscan.sanitize import harmless

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


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the report; see ``ReportOptions.verbosity`` for its extent."""
    page = _Page(stream, options)
    quiet = options.verbosity < 0
    if first := own_key_warning(result):
        page.wrapped(first, style="red")
        page.line()
    for finding in result.keys:
        # The summary counts and lists what is suppressed.
        if finding.blocking or not (quiet or (finding.suppression and options.verbosity < 1)):
            _key(page, finding)
    if not quiet:
        if options.show_placeholders:
            for finding in result.placeholders:
                _placeholder(page, finding)
        _what_to_do(page, result)
    # Settings of a file in the tree are shown even if that file sets quiet.
    for label, text in trust_lines(result.ground) if quiet else summary(result, options):
        page.labelled(label, text)
    for sentence in verdict(result):
        page.wrapped(sentence, style=verdict_color(result))


_ONE_KEY = "The commands for one key: boltz-keyscan explain FINGERPRINT"


@dataclass(frozen=True, slots=True)
class _Page:
    """Writer of lines: makes them harmless and colours them."""

    stream: TextIO
    options: ReportOptions

    @property
    def width(self) -> int:
        return min(max(self.options.width, _NARROWEST), _WIDEST)

    def line(self, text: str = "", style: str = "") -> None:
        text = harmless(text).rstrip()
        if style and text and self.options.color:
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


def _key(page: _Page, finding: Finding) -> None:
    most = page.options.limit(MAX_CANDIDATES)
    _heading(page, finding)
    page.line(f"  {finding.shown}  {finding.fingerprint}")
    facts = [*suppression_sentences(finding, most)]
    if finding.shape is not Shape.CONFIRMED:
        facts.append(f"Shape: {finding.shape}, {finding.reason}")
    facts += status_sentences(finding, most)
    if len(finding.locations) > 1:
        facts.append(f"Exposure: {exposure_line(finding.locations)}")
    for fact in facts:
        page.wrapped(fact, "  ", "    ")
    _places(page, places(finding.locations))
    page.line()


def _heading(page: _Page, finding: Finding) -> None:
    left = f"{finding.severity.upper():<10}{_title(finding)}"
    right = "FAILS THIS RUN" if finding.blocking else "does not fail this run"
    gap = max(page.width - len(left) - len(right), 2)
    page.line(left + " " * gap + right, _SEVERITY_STYLE[finding.severity])


def _title(finding: Finding) -> str:
    titles = {rule.id: rule.title for rule in rules.load()}
    return titles.get(finding.rule_id) or key_title(finding)


def _places(page: _Page, found: list[Place]) -> None:
    verbose = page.options.verbosity > 0
    shown = found[: page.options.limit(MAX_PLACES)]
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


def _placeholder(page: _Page, finding: Finding) -> None:
    page.line(f"{finding.severity.upper():<10}placeholder  {finding.shown}", "dim")
    page.wrapped(f"{finding.reason}; {exposure_line(finding.locations)}", "  ", "    ")
    _places(page, places(finding.locations))
    page.line()


def _what_to_do(page: _Page, result: ScanResult) -> None:
    leaked = leaked_rules(result)
    for rule in leaked:
        page.line(f"What to do: {rule.title}", "bold")
        for number, step in enumerate(rule.remediation, 1):
            page.wrapped(step, f"  {number}. ", "     ")
        page.line()
    if leaked:
        page.wrapped(_ONE_KEY)
        page.line()
