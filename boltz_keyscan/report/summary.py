"""Summary of the text report: findings, receipt, gaps, verdict.

An incomplete run never reads as clean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boltz_keyscan.model.enums import ExitCode, Severity
from boltz_keyscan.model.finding import Gap, ScanResult
from boltz_keyscan.report.status import status_check_lines
from boltz_keyscan.report.suppressions import format_suppression, trust_lines
from boltz_keyscan.report.wording import count, is_old, size, suppressors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boltz_keyscan.report.options import ReportOptions

MAX_GAPS = 10
"""Limit of gaps listed per kind, unless verbose."""


def summary(result: ScanResult, view: ReportOptions) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line; an empty label continues the one before."""
    if result.keys:
        yield "Keys", _counts(result)
    yield "Scanned", _receipt(result)
    yield from status_check_lines(result.asked)
    yield from _gaps("Gaps", "not scanned", [gap for gap in result.gaps if not gap.by_design], view)
    yield from _gaps("By design", "left out", [gap for gap in result.gaps if gap.by_design], view)
    yield from _suppressed(result, view)
    yield from trust_lines(result.ground)
    yield from _unmatched(result, view)
    hidden = len(result.placeholders)
    if hidden and not view.show_placeholders:
        yield "Notes", f"{count(hidden, 'placeholder')} not shown; --show-placeholders"


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
            yield f"INTERRUPTED: the scan was stopped; what it had not reached is not known {code}."
        case _:
            yield f"ERROR: the scan did not end as it should; nothing can be said {code}."


def verdict_color(result: ScanResult) -> str:
    """Return the colour of the verdict: green only for a complete run without keys."""
    if result.exit_code != ExitCode.CLEAN or not result.complete:
        return "red"
    return "yellow" if result.keys or result.gaps else "green"


def _passed(result: ScanResult, code: str) -> str:
    aside = sum(gap.by_design for gap in result.gaps)
    but = f" in what was scanned, {count(aside, 'gap')} by design" if aside else ""
    if not result.keys:
        return f"Clean: no Boltz key{but} {code}."
    return f"Passed: {count(len(result.keys), 'key')}{but}, none fails this run {code}."


def _missed(result: ScanResult) -> str:
    # Under --require-complete the run fails on the gaps by design.
    real = sum(not gap.by_design for gap in result.gaps) or len(result.gaps)
    return f"{count(real, 'gap')}, so not everything was scanned"


def _counts(result: ScanResult) -> str:
    found = [finding.severity for finding in result.keys]
    parts = [f"{found.count(severity)} {severity}" for severity in Severity if severity in found]
    blocking = sum(finding.blocking for finding in result.keys)
    text = f"{', '.join(parts)}; {blocking} {'fails' if blocking == 1 else 'fail'} this run"
    suppressed = sum(finding.suppression is not None for finding in result.keys)
    old = sum(map(is_old, result.keys))
    text += f"; {suppressed} suppressed" if suppressed else ""
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
    parts.append(f"{size(tally.bytes)} in {result.duration_s:.1f} s")
    return ", ".join(parts)


def _gaps(label: str, what: str, gaps: list[Gap], view: ReportOptions) -> Iterator[tuple[str, str]]:
    if not gaps:
        return
    yield label, f"{len(gaps):,} {what}:"
    shown = gaps if view.verbosity > 0 else gaps[:MAX_GAPS]
    for gap in shown:
        yield "", f"{gap.where}: {gap.reason}{f': {gap.detail}' if gap.detail else ''}"
    if len(shown) < len(gaps):
        yield "", f"+{len(gaps) - len(shown):,} more; see -v or --format json"


def _unmatched(result: ScanResult, view: ReportOptions) -> Iterator[tuple[str, str]]:
    """Yield the entries without effect, such as misspelt ones."""
    found = result.ground.unmatched if result.ground else ()
    shown = found if view.verbosity > 0 else found[:MAX_GAPS]
    for number, source in enumerate(shown):
        yield ("Unused" if number == 0 else ""), f"{source}: this entry matches no key"
    if len(shown) < len(found):
        yield "", f"+{len(found) - len(shown):,} more; see -v or --format json"


def _suppressed(result: ScanResult, view: ReportOptions) -> Iterator[tuple[str, str]]:
    """Yield each suppression that was used, with its source, so that a green run is explained."""
    used = [(finding, each) for finding in result.findings for each in suppressors(finding)]
    if not used:
        return
    keys = sum(finding.suppression is not None for finding in result.findings)
    yield "Excused", f"{count(keys, 'key')} suppressed{'' if view.verbosity > 0 else ', shown with -v'}:"
    shown = used if view.verbosity > 0 else used[:MAX_GAPS]
    for finding, each in shown:
        yield "", f"{finding.fingerprint} {format_suppression(each)}"
    if len(shown) < len(used):
        yield "", f"+{len(used) - len(shown):,} more; see -v or --format json"
