"""Text report: the keys, worst first, with their places and situations; the next command; the verdict.

Every line is written by ``_Page.line``, which makes it harmless once more: no string can move the
cursor, reorder text or give the CI runner a command.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TextIO

from boltz_keyscan.advice import describe_case, describe_situation, numbered_steps
from boltz_keyscan.model.enums import Severity, Shape, Situation
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.model.kinds import describe_kind
from boltz_keyscan.policy import situation
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.locations import Place, exposure_line, places
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.presence import describe_end, presence
from boltz_keyscan.report.sentences import (
    MAX_CANDIDATES,
    own_key_warning,
    status_sentences,
    suppression_sentences,
    trust_lines,
)
from boltz_keyscan.report.summary import (
    explain_command,
    format_code,
    headline,
    severity_counts,
    summary,
    urgent_situations,
    verdict_color,
    verdict_rows,
)
from boltz_keyscan.report.wording import count_secrets, day, describe_rest, earliest, short_fingerprints
from boltz_keyscan.sanitize import harmless

MAX_KEYS = 20
"""Limit of keys shown, unless verbose: the worst ones; the others are counted."""

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
_LABEL_COLUMN = 8
_NARROWEST = 40
_WIDEST = 120
"""Widest layout: in wider lines the eye loses the right end."""


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the report; see ``ReportOptions.verbosity`` for its extent."""
    page = _Page(stream, options)
    quiet = options.verbosity < 0
    if first := own_key_warning(result):
        page.wrapped(first, style="red")
        page.line()
    if not quiet and (first := headline(result)):
        page.wrapped(first, style="bold")
        page.line()
    _keys(page, result, [finding for finding in result.keys if _is_visible(finding, options.verbosity)])
    if not quiet:
        if options.show_placeholders:
            for finding in result.placeholders:
                _placeholder(page, finding)
        _steps(page, result)
    # Settings of a file in the tree are shown even if that file sets quiet.
    for label, text in trust_lines(result.ground) if quiet else summary(result, options):
        page.labelled(label, text)
    for number, (label, text) in enumerate(verdict_rows(result)):
        page.labelled(label, text if number else f"{text} {format_code(result)}", verdict_color(result))


def _is_visible(finding: Finding, verbosity: int) -> bool:
    """Return True for a key with a block of its own; the summary lists the others."""
    if finding.blocking or verbosity > 0:
        return True
    return verbosity == 0 and finding.suppression is None and situation(finding) is not Situation.IN_PLACE


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
        for line in wrap(text, self.width, first, rest):
            self.line(line, style)

    def labelled(self, label: str, text: str, style: str = "") -> None:
        start = f"{label:<{_LABEL_COLUMN - 1}} "
        row = start + harmless(text)
        if len(row) <= self.width:
            # As it is: the blanks between a command and its purpose are kept.
            self.line(row, style)
        elif label == "Next":
            # A command is never wrapped, so that it can be copied.
            self.line(start + text.partition("     ")[0], style)
        else:
            self.wrapped(text, start, " " * (len(start) if label else len(start) + 2), style)


def _keys(page: _Page, result: ScanResult, visible: Sequence[Finding]) -> None:
    """Write one block for each key, up to a limit, and count the others."""
    shown = visible[: page.options.limit(MAX_KEYS)]
    names = short_fingerprints(finding.fingerprint for finding in result.findings)
    column = max((len(finding.severity) for finding in shown), default=0) + 2
    kinds = {describe_kind(finding): None for finding in result.keys}
    kind_column = max(map(len, kinds), default=0) + 2 if len(kinds) > 1 or not headline(result) else 0
    for finding in shown:
        kind = f"{describe_kind(finding):<{kind_column}}" if kind_column else ""
        title = f"{finding.severity.upper():<{column}}{kind}{names[finding.fingerprint]}"
        _key(page, finding, f"{title}  {_describe(finding, result.started_at)}")
    if rest := visible[len(shown) :]:
        page.line(f"+{count_secrets(rest, 'more')}: {severity_counts(rest)}", "bold")
        page.wrapped(f"{explain_command(result)}     lists every key", "  ", "  ")
        page.line()


def _describe(finding: Finding, now: str) -> str:
    """Return the situation of a key, since when, and why it does not fail the run."""
    text = describe_situation(finding)
    first = earliest(finding.locations)
    # The situation names the branch.
    if stay := describe_end(presence(finding), lambda date: day(date, now), with_branch=False):
        text += f", {stay}"
    elif first is not None and first.author_date:
        text += f", since {day(first.author_date, now)}"
    if finding.suppression is not None:
        return f"{text}; accepted"
    return text if finding.blocking else f"{text}; does not fail this run"


def _key(page: _Page, finding: Finding, title: str) -> None:
    page.wrapped(title, "", "  ", _SEVERITY_STYLE[finding.severity])
    most = page.options.limit(MAX_CANDIDATES)
    if page.options.verbosity > 0:
        page.line(f"  {finding.shown}  {finding.fingerprint}")
        page.wrapped(f"Exposure: {exposure_line(finding)}", "  ", "    ")
    facts = [*suppression_sentences(finding, most)]
    if finding.shape is not Shape.CONFIRMED:
        facts.append(f"Shape: {finding.shape}, {finding.reason}")
    facts += status_sentences(finding, most)
    for fact in facts:
        page.wrapped(fact, "  ", "    ")
    _places(page, places(finding))
    page.line()


def _places(page: _Page, found: Sequence[Place]) -> None:
    shown = found[: page.options.limit(MAX_PLACES)]
    verbs = max((len(place.verb) for place in shown), default=0)
    verb_column = max(verbs + 1, _LABEL_COLUMN)
    widths = [len(harmless(place.where)) for place in shown]
    fitting = [
        width
        for width, place in zip(widths, shown, strict=True)
        if 4 + verb_column + width + len(harmless(place.story)) <= page.width
    ]
    column = max(fitting, default=0)
    for place in shown:
        where = harmless(place.where)
        row = f"  {place.verb:<{verb_column}}{where:<{column}}  {place.story}"
        if len(harmless(row)) <= page.width:
            page.line(row)
        else:
            # A path is never wrapped or cut, so that it can be copied.
            page.line(f"  {place.verb:<{verb_column}}{where}")
            indent = " " * (4 + verb_column)
            page.wrapped(place.story, indent, indent)
        if place.context and page.options.verbosity > 0:
            page.line(f"    | {clip(harmless(place.context), page.width - 6)}", "dim")
    if len(shown) < len(found):
        page.line(f"  {describe_rest(len(found) - len(shown), 'more paths')}")


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Return a text in lines of a width, with a beginning of the first and of the others."""
    # Escape before wrapping: escapes make a line longer.
    return textwrap.wrap(
        harmless(text),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def clip(context: str, width: int) -> str:
    """Return the part of a line around its key that fits into a width in columns."""
    if len(context) <= width:
        return context
    key = max(context.find("[REDACTED]"), 0)
    start = min(max(key + len("[REDACTED]") + 3 - width, 0), len(context))
    head = "..." if start else ""
    part = context[start + len(head) :]
    room = width - len(head)
    return head + (part if len(part) <= room else part[: room - 3] + "...")


def _placeholder(page: _Page, finding: Finding) -> None:
    page.line(f"{finding.severity.upper()}  placeholder  {finding.shown}", "dim")
    page.wrapped(f"{finding.reason}; {exposure_line(finding)}", "  ", "    ")
    _places(page, places(finding))
    page.line()


def _steps(page: _Page, result: ScanResult) -> None:
    """Write the steps once for each situation: always for pushed keys, for the others when verbose."""
    for kind, is_link in urgent_situations(result):
        if kind is Situation.PUSHED or page.options.verbosity > 0:
            page.line(f"What to do: {describe_case(kind, is_link=is_link)}", "bold")
            for step in numbered_steps(kind, is_link=is_link):
                page.wrapped(step, "  ", "     ")
            page.line()
