"""SARIF 2.1.0 report, in the form GitHub code scanning accepts.

There are always two runs: ``boltz-keyscan/tree/`` for keys in files and ``boltz-keyscan/history/``
for keys in git objects. Each is a category of its own, and an empty run closes the alerts of keys
that are gone.

Snippets and absolute paths are never written. Suppressed findings have ``suppressions``, which
GitHub ignores; ``view.drop_suppressed`` leaves them out. Sources: OASIS SARIF 2.1.0, and
docs.github.com, "SARIF support for code scanning".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TextIO

import sarif_om as om

from boltz_keyscan import rules
from boltz_keyscan._version import __version__
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import Gap, Location, ScanResult
from boltz_keyscan.policy import SECURITY_SEVERITY
from boltz_keyscan.report.json_encode import dumps
from boltz_keyscan.report.sarif_json import to_json
from boltz_keyscan.report.sarif_results import (
    LEVEL,
    MAX_RELATED,
    ROOT,
    Builder,
    by_path,
    plain_message,
)
from boltz_keyscan.report.status import own_key_warning
from boltz_keyscan.report.wording import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from boltz_keyscan.report import ReportOptions

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

KEY_DOCS = "https://api.boltz.bio/docs/guides/authentication/"
"""Boltz' documentation of its keys: the help URI of rules, and, as this program has no home page
yet, the information URI that validators require."""

MAX_RESULTS = 5000
"""Limit of results: GitHub keeps 5,000 of a run and rejects a file with a run of more than 25,000."""

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


def report(result: ScanResult, stream: TextIO, view: ReportOptions) -> None:
    """Write the report; placeholders only with ``view.show_placeholders``."""
    runs = [
        _run(result, view, "tree", lambda location: location.blob is None),
        _run(result, view, "history", lambda location: location.blob is not None),
    ]
    log = to_json(om.SarifLog(schema_uri=SCHEMA, version="2.1.0", runs=runs))
    # Section 3.13.2: the version should precede everything that depends on it.
    stream.write(dumps({name: log[name] for name in ("$schema", "version", "runs")}) + "\n")


def _run(
    result: ScanResult, view: ReportOptions, category: str, belongs: Callable[[Location], bool]
) -> om.Run:
    known = rules.load()
    findings = result.findings if view.show_placeholders else result.keys
    if view.drop_suppressed:
        findings = tuple(finding for finding in findings if finding.suppression is None)
    pairs = list(by_path(findings, belongs))
    kept = pairs[:MAX_RESULTS]
    builder = Builder(
        rule_index={rule.id: index for index, rule in enumerate(known)},
        suppressing=any(finding.suppression for finding, _ in kept),
        most_related=min(MAX_RELATED, MAX_RELATED_IN_RUN // max(len(kept), 1)),
    )
    notifications = [*_status_notifications(result), *_notifications(result.gaps, cut=len(pairs) - len(kept))]
    return om.Run(
        tool=om.Tool(
            driver=om.ToolComponent(
                name="boltz-keyscan",
                version=__version__,
                semantic_version=__version__,
                information_uri=KEY_DOCS,
                rules=[_rule(rule) for rule in known],
            )
        ),
        automation_details=om.RunAutomationDetails(id=f"boltz-keyscan/{category}/"),
        invocations=[_invocation(result, notifications)],
        # Without a URI: the path of the repository on the scanning machine is private.
        original_uri_base_ids={
            ROOT: om.ArtifactLocation(
                description=om.Message(text="The root of what was scanned: the repository or the folder.")
            )
        },
        column_kind="utf16CodeUnits",
        redaction_tokens=["[REDACTED]"],
        results=[builder.result(finding, locations) for finding, locations in kept],
    )


def _rule(rule: rules.Rule) -> om.ReportingDescriptor:
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(rule.remediation, 1))
    return om.ReportingDescriptor(
        id=rule.id,
        name="".join(word.capitalize() for word in rule.title.split()),
        short_description=om.MultiformatMessageString(text=f"{rule.title} leaked."),
        help_uri=KEY_DOCS,
        full_description=om.MultiformatMessageString(text=rule.summary),
        help=om.MultiformatMessageString(
            text=rule.help,
            markdown=(
                f"**{rule.title}** (`{rule.prefix}...`)\n\n{rule.summary}\n\n**What to do**\n\n{steps}\n"
            ),
        ),
        default_configuration=om.ReportingConfiguration(level=LEVEL[rule.severity]),
        properties={
            "security-severity": SECURITY_SEVERITY[rule.severity],
            "precision": "very-high",
            "tags": ["security", "external/cwe/cwe-798"],
        },
    )


def _notifications(gaps: tuple[Gap, ...], cut: int) -> list[om.Notification]:
    # Real gaps first: a cut list must not lose them.
    listed = sorted(gaps, key=lambda gap: gap.by_design)[:MAX_NOTIFICATIONS]
    notifications = [
        _notification(gap.reason, "note" if gap.by_design else "error", _gap_text(gap)) for gap in listed
    ]
    if len(gaps) > MAX_NOTIFICATIONS:
        more = len(gaps) - MAX_NOTIFICATIONS
        notifications.append(_notification(_CUT_GAPS, "warning", f"{more} more gaps are not listed here."))
    if cut:
        text = f"{cut} more results are not listed here; the {MAX_RESULTS} worst are."
        notifications.append(_notification(_CUT_RESULTS, "warning", text))
    return notifications


def _status_notifications(result: ScanResult) -> Iterator[om.Notification]:
    """Yield the notifications of the status check, the worst first."""
    if first := own_key_warning(result):
        yield _notification("own-key-leaked", "error", plain_message(first))
    for line in result.asked.trouble if result.asked else ():
        yield _notification("api-unanswered", "warning", plain_message(line))
    for line in result.asked.notes if result.asked else ():
        yield _notification("asked", "note", plain_message(line))


def _gap_text(gap: Gap) -> str:
    why = f"{gap.reason}: {gap.detail}" if gap.detail else gap.reason
    return f"Not scanned: {plain_message(gap.where)} ({plain_message(why)})."


def _notification(reason: str, level: str, text: str) -> om.Notification:
    return om.Notification(
        descriptor=om.ReportingDescriptorReference(id=reason), level=level, message=om.Message(text=text)
    )


def _invocation(result: ScanResult, notifications: list[om.Notification]) -> om.Invocation:
    code = int(result.exit_code)
    ended = result.exit_code in {ExitCode.CLEAN, ExitCode.BLOCKING}
    start = moment(result.started_at)
    return om.Invocation(
        execution_successful=result.complete and ended,
        exit_code=code,
        exit_code_description=_VERDICT.get(code, "The scan did not end as it should."),
        start_time_utc=_utc(start),
        end_time_utc=_utc(start + timedelta(seconds=result.duration_s)),
        tool_execution_notifications=notifications or None,
    )


def _utc(when: datetime) -> str:
    """Format a time by SARIF 2.1.0 section 3.9."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
