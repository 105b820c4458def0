"""Markdown for a step summary, a comment or an issue.

Scanned text is put into code only, fenced or in a span, where links, mentions, images and markup
have no effect. The verdict comes first, and the report ends before the size at which GitHub
would drop all of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TextIO

from boltz_keyscan import rules
from boltz_keyscan.model.enums import Severity
from boltz_keyscan.report.locations import exposure_line, places
from boltz_keyscan.report.status import MAX_CANDIDATES, own_key_warning, status_sentences
from boltz_keyscan.report.summary import summary, verdict
from boltz_keyscan.report.suppressions import suppression_sentences
from boltz_keyscan.report.wording import count
from boltz_keyscan.sanitize import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from boltz_keyscan.model.finding import Finding, ScanResult
    from boltz_keyscan.report.options import ReportOptions

MAX_BYTES = 900 * 1024
"""Limit of the report: a step summary of more than 1 MiB is not shown at all (docs.github.com,
"Workflow commands for GitHub Actions", "Step isolation and limits"); each step has its own."""

MAX_EXCUSES = 5
MAX_PLACES = 10
"""Limit of paths per key, unless verbose."""

_LAST = 200
"""Bytes reserved for the line with the number of omitted keys."""

_NO_ROOM = "The keys do not fit here. See the log, or another format."

_FENCE = re.compile("`+")


def report(result: ScanResult, stream: TextIO, view: ReportOptions) -> None:
    """Write the report; keys that do not fit are counted."""
    write_fitting(result, stream, view, MAX_BYTES)


def write_fitting(result: ScanResult, stream: TextIO, view: ReportOptions, most: int) -> None:
    """Write as much of the report as fits into ``most`` bytes, at least the verdict."""
    head = _head(result)
    tail = _tail(result, view, most)
    room = most - _size(head) - _size(tail)
    if room < _LAST:
        stream.write(f"{head}\n{_NO_ROOM}\n")
        return
    stream.write(head)
    shown = _visible_findings(result, view)
    for number, finding in enumerate(shown):
        text = _key(finding, view)
        if _size(text) > room - _LAST:
            left = count(len(shown) - number, "more key")
            stream.write(f"\n{left} not shown here: they do not fit. See another format.\n")
            break
        room -= _size(text)
        stream.write(text)
    stream.write(tail)


def _visible_findings(result: ScanResult, view: ReportOptions) -> list[Finding]:
    """Return the findings to show, as in the text report: the summary lists suppressed ones."""
    found = result.findings if view.show_placeholders else result.keys
    if view.verbosity < 0:
        return [finding for finding in found if finding.blocking]
    return [finding for finding in found if view.verbosity > 0 or finding.suppression is None]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


def _head(result: ScanResult) -> str:
    lines = ["## Boltz keys", "", f"**{' '.join(verdict(result))}**", ""]
    if first := own_key_warning(result):
        lines += [_code(first), ""]
    return "\n".join(lines)


def _key(finding: Finding, view: ReportOptions) -> str:
    verbose = view.verbosity > 0
    fails = "fails this run" if finding.blocking else "does not fail this run"
    facts = [
        *suppression_sentences(finding, None if verbose else MAX_EXCUSES),
        f"Shape: {finding.shape}, {finding.reason}",
        *status_sentences(finding, None if verbose else MAX_CANDIDATES),
        f"Exposure: {exposure_line(finding.locations)}",
    ]
    found = places(finding.locations)
    kept = found if verbose else found[:MAX_PLACES]
    facts += [f"  {place.where}  {place.story}" for place in kept]
    if len(kept) < len(found):
        facts.append(f"  +{len(found) - len(kept):,} more paths; see --format json")
    lines = ["", f"### {finding.severity.capitalize()}: {_code(finding.shown)}, {fails}", ""]
    return "\n".join([*lines, _code(finding.fingerprint), "", _block(facts)])


def _tail(result: ScanResult, view: ReportOptions, most: int) -> str:
    rows = [f"{label:<10}{text}" for label, text in summary(result, view)]
    parts = [*_what_to_do(result), "", "### Scan", "", _block(_first(rows, most // 2))]
    return "\n".join(parts)


def _first(rows: list[str], room: int) -> Iterator[str]:
    """Yield the rows that fit: with -v there may be any number of gaps."""
    for number, row in enumerate(rows):
        room -= _size(harmless(row)) + 1
        if room < 0:
            yield f"+{len(rows) - number:,} more lines; see another format"
            return
        yield row


def _what_to_do(result: ScanResult) -> Iterator[str]:
    leaked = {
        finding.rule_id
        for finding in result.keys
        if finding.severity is not Severity.NOTE and finding.suppression is None
    }
    for rule in rules.load() if leaked else ():
        if rule.id in leaked:
            yield from ("", f"### What to do: {rule.title}", "")
            yield from (f"{number}. {step}" for number, step in enumerate(rule.remediation, 1))


def _block(lines: Iterable[str]) -> str:
    """Return a fenced block, with a fence longer than any run of backquotes in it."""
    escaped = [harmless(line).rstrip() for line in lines]
    fence = "`" * max(3, 1 + _longest(escaped))
    return "\n".join([f"{fence}text", *escaped, fence, ""])


def _code(text: str) -> str:
    """Return text as a code span."""
    text = harmless(text).strip() or "-"
    ticks = "`" * (1 + _longest([text]))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _longest(lines: Iterable[str]) -> int:
    """Return the length of the longest run of backquotes."""
    return max((len(run) for line in lines for run in _FENCE.findall(line)), default=0)
