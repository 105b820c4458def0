"""Summary of the text report: findings, receipt, gaps, verdict.

An incomplete run never reads as clean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from boltz_keyscan import rules
from boltz_keyscan.model.enums import ExitCode, Severity
from boltz_keyscan.model.finding import Gap, ScanResult
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.sentences import (
    format_suppression,
    spread_sentence,
    status_check_lines,
    trust_lines,
)
from boltz_keyscan.report.wording import (
    accepted_gaps,
    capped,
    count,
    gap_reason,
    is_old,
    size,
    suppressed,
    suppressors,
)

MAX_LINES = 10
"""Limit of gaps listed per kind, and of suppressions and entries without effect, unless verbose."""


def summary(result: ScanResult, options: ReportOptions) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line; an empty label continues the one before."""
    if result.keys:
        yield "Keys", _counts(result)
    yield "Scanned", _receipt(result)
    yield from status_check_lines(result.asked)
    limit = options.limit(MAX_LINES)
    accepted = [gap for gap in result.gaps if gap.accepted is not None]
    rest = [gap for gap in result.gaps if gap.accepted is None]
    yield from _gaps("Gaps", "not scanned", [gap for gap in rest if not gap.by_design], limit)
    yield from _gaps("By design", "left out", [gap for gap in rest if gap.by_design], limit)
    yield from _gaps("Accepted", "not scanned, as agreed", accepted, limit)
    yield from _suppressed(result, limit)
    yield from trust_lines(result.ground)
    unmatched = result.ground.unmatched if result.ground else ()
    yield from _listed(
        "Unused", [f"{source}: this entry matches no key or gap" for source in unmatched], limit
    )
    hidden = len(result.placeholders)
    if hidden and not options.show_placeholders:
        yield "Notes", f"{count(hidden, 'placeholder')} not shown; --show-placeholders"


def leaked_rules(result: ScanResult) -> list[rules.Rule]:
    """Return the rules of the keys that call for a remediation."""
    leaked = {
        finding.rule_id
        for finding in result.keys
        if finding.severity is not Severity.NOTE and finding.suppression is None
    }
    return [rule for rule in rules.load() if rule.id in leaked] if leaked else []


def verdict(result: ScanResult) -> Iterator[str]:
    """Yield the verdict in one sentence, or two if a failed run is also incomplete."""
    blocking = sum(finding.blocking for finding in result.findings)
    code = f"(exit {int(result.exit_code)})"
    match result.exit_code:
        case ExitCode.CLEAN if result.complete:
            yield _passed(result, code)
        case ExitCode.CLEAN | ExitCode.INCOMPLETE:
            yield f"INCOMPLETE: {_missed(result)}; no key that was seen fails this run {code}."
        case ExitCode.BLOCKING:
            verb = "fails" if blocking == 1 else "fail"
            yield f"FAILED: {count(blocking, 'key')} {verb} this run {code}."
            if not result.complete:
                yield f"INCOMPLETE: {_missed(result)}; there may be more."
        case ExitCode.INTERRUPTED:
            yield f"INTERRUPTED: the scan was stopped; the rest was not scanned {code}."
        case _:
            yield f"ERROR: the scan failed; it has no result {code}."


def verdict_color(result: ScanResult) -> str:
    """Return the colour of the verdict: green only for a complete run without keys."""
    if result.exit_code != ExitCode.CLEAN or not result.complete:
        return "red"
    return "yellow" if result.keys or result.gaps else "green"


def _passed(result: ScanResult, code: str) -> str:
    accepted = accepted_gaps(result)
    aside = sum(gap.by_design and gap.accepted is None for gap in result.gaps)
    parts = [f"{count(aside, 'gap')} by design"] if aside else []
    parts += [f"{count(accepted, 'gap')} accepted"] if accepted else []
    but = f" in what was scanned, {', '.join(parts)}" if parts else ""
    if not result.keys:
        return f"Clean: no Boltz key{but} {code}."
    return f"Passed: {count(len(result.keys), 'key')}{but}, none fails this run {code}."


def _missed(result: ScanResult) -> str:
    # Under --require-complete the run fails on the gaps by design.
    unread = [gap for gap in result.gaps if gap.accepted is None]
    real = sum(not gap.by_design for gap in unread) or len(unread)
    return f"{count(real, 'gap')}, so not everything was scanned"


def _counts(result: ScanResult) -> str:
    found = [finding.severity for finding in result.keys]
    parts = [f"{found.count(severity)} {severity}" for severity in Severity if severity in found]
    blocking = sum(finding.blocking for finding in result.keys)
    text = f"{', '.join(parts)}; {blocking} {'fails' if blocking == 1 else 'fail'} this run"
    old = sum(map(is_old, result.keys))
    excused = suppressed(result)
    text += f"; {excused} suppressed" if excused else ""
    return f"{text}; {old} there before the change" if old else text


def _receipt(result: ScanResult) -> str:
    tally = result.tally
    parts = [count(tally.files, "file")]
    if tally.blobs or tally.commits or tally.refs or tally.objects_missing:
        inside = [count(tally.commits, "commit"), count(tally.refs, "ref")]
        if tally.objects_missing:
            inside.append(f"{tally.objects_missing:,} missing")
        parts.append(f"{count(tally.blobs, 'git object')} ({', '.join(inside)})")
    if tally.cached:
        parts.append(f"{tally.cached:,} more seen by an earlier scan")
    if tally.excluded:
        parts.append(f"{tally.excluded:,} excluded")
    parts.append(f"{size(tally.bytes)} in {result.duration_s:.1f} s")
    return ", ".join(parts)


def _gaps(label: str, what: str, gaps: Sequence[Gap], limit: int | None) -> Iterator[tuple[str, str]]:
    if gaps:
        yield label, f"{len(gaps):,} {what}:"
        yield from _listed("", [f"{gap.where}: {gap_reason(gap)}" for gap in gaps], limit)


def _suppressed(result: ScanResult, limit: int | None) -> Iterator[tuple[str, str]]:
    """Yield each suppression that was used, with its source, so that a green run is explained."""
    used = [
        f"{finding.fingerprint} {format_suppression(suppressor)}"
        for finding in result.findings
        for suppressor in suppressors(finding)
    ]
    if used:
        shown = "" if limit is None else ", shown with -v"
        yield "Excused", f"{count(suppressed(result), 'key')} suppressed{shown}:"
        yield from _listed("", used, limit)
    yield from _listed("Spread", list(_list_spread(result)), limit)


def _list_spread(result: ScanResult) -> Iterator[str]:
    """Yield a line for each accepted key that is in places which its baseline entry does not name."""
    for finding in result.findings:
        if finding.suppression is not None and finding.suppression.spread:
            yield f"{finding.fingerprint} {spread_sentence(finding.suppression.spread)}"


def _listed(label: str, lines: Sequence[str], limit: int | None) -> Iterator[tuple[str, str]]:
    """Yield the lines up to a limit; only the first has the label."""
    for number, line in enumerate(capped(lines, limit)):
        yield ("" if number else label), line
