"""SARIF 2.1.0 report, in the form GitHub code scanning accepts.

There are always two runs: ``boltz-keyscan/tree/`` for keys in files and ``boltz-keyscan/history/``
for keys in git objects. Each is a category of its own, and an empty run closes the alerts of keys
that are gone.

Snippets and absolute paths are never written. Suppressed findings have ``suppressions``, which
GitHub ignores; ``options.drop_suppressed`` leaves them out. Sources: OASIS SARIF 2.1.0, and
docs.github.com, "SARIF support for code scanning".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TextIO

import sarif_om as om

from boltz_keyscan import rules
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import Gap, Location, ScanResult
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.sarif_log import MAX_RESULTS, descriptor, notification, plain_message, run, write
from boltz_keyscan.report.sarif_results import MAX_RELATED, Builder, by_path
from boltz_keyscan.report.sentences import own_key_warning
from boltz_keyscan.report.wording import gap_reason, is_aside, is_whole, moment

MAX_RELATED_IN_RUN = 20_000
"""Limit of related locations; keeps a large report under GitHub's 10 MB, compressed."""

MAX_NOTIFICATIONS = 1000

_CUT_RESULTS = "results-cut"
_CUT_GAPS = "gaps-cut"
_VERDICT: dict[int, str] = {
    ExitCode.CLEAN: "No key fails this run, and everything was scanned.",
    ExitCode.BLOCKING: "At least one key fails this run.",
    ExitCode.INCOMPLETE: "No key that was seen fails this run, but not everything was scanned.",
}


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the report; placeholders only with ``options.show_placeholders``."""
    runs = [
        _run(result, options, "tree", lambda location: location.blob is None),
        _run(result, options, "history", lambda location: location.blob is not None),
    ]
    write(stream, runs)


def _run(
    result: ScanResult, options: ReportOptions, category: str, belongs: Callable[[Location], bool]
) -> om.Run:
    known = rules.load()
    findings = options.findings(result)
    if options.drop_suppressed:
        findings = tuple(finding for finding in findings if finding.suppression is None)
    pairs = list(by_path(findings, belongs))
    kept = pairs[:MAX_RESULTS]
    builder = Builder(
        rule_index={rule.id: index for index, rule in enumerate(known)},
        suppressing=any(finding.suppression for finding, _ in kept),
        most_related=min(MAX_RELATED, MAX_RELATED_IN_RUN // max(len(kept), 1)),
    )
    notifications = [*_status_notifications(result), *_notifications(result.gaps, cut=len(pairs) - len(kept))]
    return run(
        category,
        "The root of what was scanned: the repository or the folder.",
        [_rule(rule) for rule in known],
        _invocation(result, notifications),
        [builder.result(finding, locations) for finding, locations in kept],
        redaction_tokens=["[REDACTED]"],
    )


def _rule(rule: rules.Rule) -> om.ReportingDescriptor:
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(rule.remediation, 1))
    rule_descriptor = descriptor(
        rule.id,
        rule.title.split(),
        rule.severity,
        f"{rule.title} leaked",
        rule.summary,
        text=rule.help,
        markdown=f"**{rule.title}** (`{rule.prefix}...`)\n\n{rule.summary}\n\n**What to do**\n\n{steps}\n",
    )
    rule_descriptor.properties |= {"precision": "very-high", "tags": ["security", "external/cwe/cwe-798"]}
    return rule_descriptor


def _notifications(gaps: tuple[Gap, ...], cut: int) -> list[om.Notification]:
    # Real gaps first: a cut list must not lose them.
    listed = sorted(gaps, key=is_aside)[:MAX_NOTIFICATIONS]
    notifications = [
        notification(gap.reason, "note" if is_aside(gap) else "error", _gap_text(gap)) for gap in listed
    ]
    if len(gaps) > MAX_NOTIFICATIONS:
        more = len(gaps) - MAX_NOTIFICATIONS
        notifications.append(notification(_CUT_GAPS, "warning", f"{more} more gaps are not listed here."))
    if cut:
        text = f"{cut} more results are not listed here; the {MAX_RESULTS} worst are."
        notifications.append(notification(_CUT_RESULTS, "warning", text))
    return notifications


def _status_notifications(result: ScanResult) -> Iterator[om.Notification]:
    """Yield the notifications of the status check, the worst first."""
    if first := own_key_warning(result):
        yield notification("own-key-leaked", "error", plain_message(first))
    for line in result.asked.trouble if result.asked else ():
        yield notification("api-unanswered", "warning", plain_message(line))
    for line in result.asked.notes if result.asked else ():
        yield notification("asked", "note", plain_message(line))


def _gap_text(gap: Gap) -> str:
    return f"Not scanned: {plain_message(gap.where)} ({plain_message(gap_reason(gap))})."


def _invocation(result: ScanResult, notifications: list[om.Notification]) -> om.Invocation:
    code = int(result.exit_code)
    start = moment(result.started_at)
    return om.Invocation(
        execution_successful=is_whole(result),
        exit_code=code,
        exit_code_description=_VERDICT.get(code, "The scan did not end as it should."),
        start_time_utc=_utc(start),
        end_time_utc=_utc(start + timedelta(seconds=result.duration_s)),
        tool_execution_notifications=notifications or None,
    )


def _utc(when: datetime) -> str:
    """Format a time by SARIF 2.1.0 section 3.9."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
