"""Markdown for a step summary, a comment or an issue.

Scanned text is put into code only, fenced or in a span, where links, mentions, images and markup
have no effect. The verdict comes first, and the report ends before the size at which GitHub
would drop all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TextIO

from boltz_keyscan.advice import describe_case, numbered_steps
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.sentences import key_lines, own_key_warning
from boltz_keyscan.report.summary import headline, summary, urgent_situations, verdict
from boltz_keyscan.report.wording import count
from boltz_keyscan.sanitize import harmless

MAX_BYTES = 900 * 1024
"""Limit of the report: a step summary of more than 1 MiB is not shown at all (docs.github.com,
"Workflow commands for GitHub Actions", "Step isolation and limits"); each step has its own."""

MAX_PLACES = 10
"""Limit of paths per key, unless verbose."""

_LAST = 200
"""Bytes reserved for the line with the number of omitted keys."""

_NO_ROOM = "The keys do not fit here. See the log, or another format."

_FENCE = re.compile("`+")


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the report; keys that do not fit are counted."""
    write_fitting(result, stream, options, MAX_BYTES)


def write_fitting(result: ScanResult, stream: TextIO, options: ReportOptions, most: int) -> None:
    """Write as much of the report as fits into ``most`` bytes, at least the verdict."""
    head = _head(result)
    tail = _tail(result, options, most)
    room = most - _size(head) - _size(tail)
    if room < _LAST:
        stream.write(f"{head}\n{_NO_ROOM}\n")
        return
    stream.write(head)
    shown = _visible_findings(result, options)
    for number, finding in enumerate(shown):
        text = _key(finding, options)
        if _size(text) > room - _LAST:
            left = count(len(shown) - number, "more key")
            stream.write(f"\n{left} not shown here: they do not fit. See another format.\n")
            break
        room -= _size(text)
        stream.write(text)
    stream.write(tail)


def _visible_findings(result: ScanResult, options: ReportOptions) -> list[Finding]:
    """Return the findings to show, as in the text report: the summary lists suppressed ones."""
    found = options.findings(result)
    if options.verbosity < 0:
        return [finding for finding in found if finding.blocking]
    return [finding for finding in found if options.verbosity > 0 or finding.suppression is None]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


def _head(result: ScanResult) -> str:
    lines = ["## Boltz keys", "", f"**{' '.join(verdict(result))}**", ""]
    if facts := headline(result):
        lines += [f"{facts}.", ""]
    if first := own_key_warning(result):
        lines += [_code(first), ""]
    return "\n".join(lines)


def _key(finding: Finding, options: ReportOptions) -> str:
    fails = "fails this run" if finding.blocking else "does not fail this run"
    lines = ["", f"### {finding.severity.capitalize()}: {_code(finding.shown)}, {fails}", ""]
    block = _block(key_lines(finding, options, MAX_PLACES))
    return "\n".join([*lines, _code(finding.fingerprint), "", block])


def _tail(result: ScanResult, options: ReportOptions, most: int) -> str:
    rows = [f"{label:<10}{text}" for label, text in summary(result, options)]
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
    for kind, is_link in urgent_situations(result):
        yield from ("", f"### What to do: {describe_case(kind, is_link=is_link)}", "")
        yield from numbered_steps(kind, is_link=is_link)


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
