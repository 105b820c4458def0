"""The SARIF 2.1.0 report, in the form GitHub code scanning accepts.

Two runs, always both: ``boltz-keyscan/tree/`` for what stands in files and
``boltz-keyscan/history/`` for what stands in git objects. Each is a category of its own,
and an empty run is what closes the alerts of keys that are gone.

No snippet and no absolute path is written. Suppressed findings carry ``suppressions``;
GitHub ignores them, other readers do not;
``view.drop_suppressed`` leaves such findings out. Placeholders are left out unless asked for.

Boundary: runs, rules and notifications; results are ``sarif_results``, the JSON is
``sarif_json``. Sources: OASIS SARIF 2.1.0, and docs.github.com, "SARIF support for code
scanning".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TextIO

import sarif_om as om

from boltz_keyscan import __version__, rules
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import Gap, Location, ScanResult
from boltz_keyscan.policy import SECURITY_SEVERITY
from boltz_keyscan.report.json_encode import dumps
from boltz_keyscan.report.sarif_json import to_json
from boltz_keyscan.report.sarif_results import (
    LEVEL,
    MOST_RELATED,
    ROOT,
    Builder,
    by_path,
    plain_message,
)
from boltz_keyscan.report.status import own_key
from boltz_keyscan.report.wording import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from boltz_keyscan.report import ReportOptions

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

KEY_DOCS = "https://api.boltz.bio/docs/guides/authentication/"
"""Where Boltz documents its keys: help for a reader of a rule, and, as this program has no
home page yet, the information URI that validators ask for."""

MOST_RESULTS = 5000
"""GitHub keeps 5,000 results of a run and rejects a file with a run of more than 25,000."""

MOST_RELATED_IN_RUN = 20_000
"""Keeps a report of many results under the 10 MB that GitHub takes, compressed."""

MOST_NOTIFICATIONS = 1000

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
    # Section 3.13.2: a reader should meet the version before anything that depends on it.
    stream.write(dumps({name: log[name] for name in ("$schema", "version", "runs")}) + "\n")


def _run(
    result: ScanResult, view: ReportOptions, category: str, belongs: Callable[[Location], bool]
) -> om.Run:
    known = rules.load()
    told = result.findings if view.show_placeholders else result.keys
    if view.drop_suppressed:
        told = tuple(finding for finding in told if finding.suppression is None)
    pairs = list(by_path(told, belongs))
    kept = pairs[:MOST_RESULTS]
    builder = Builder(
        rule_index={rule.id: index for index, rule in enumerate(known)},
        suppressing=any(finding.suppression for finding, _ in kept),
        most_related=min(MOST_RELATED, MOST_RELATED_IN_RUN // max(len(kept), 1)),
    )
    notifications = [*_asked(result), *_notifications(result.gaps, cut=len(pairs) - len(kept))]
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
        # Without a URI: where the repository lay on the scanning machine is nobody's business.
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
    # Real gaps first: they are what a cut list must not lose.
    listed = sorted(gaps, key=lambda gap: gap.by_design)[:MOST_NOTIFICATIONS]
    notifications = [
        _notification(gap.reason, "note" if gap.by_design else "error", _told(gap)) for gap in listed
    ]
    if len(gaps) > MOST_NOTIFICATIONS:
        more = len(gaps) - MOST_NOTIFICATIONS
        notifications.append(_notification(_CUT_GAPS, "warning", f"{more} more gaps are not listed here."))
    if cut:
        text = f"{cut} more results are not listed here; the {MOST_RESULTS} worst are."
        notifications.append(_notification(_CUT_RESULTS, "warning", text))
    return notifications


def _asked(result: ScanResult) -> Iterator[om.Notification]:
    """What came of asking, the worst first."""
    if first := own_key(result):
        yield _notification("own-key-leaked", "error", plain_message(first))
    for line in result.asked.trouble if result.asked else ():
        yield _notification("api-unanswered", "warning", plain_message(line))
    for line in result.asked.notes if result.asked else ():
        yield _notification("asked", "note", plain_message(line))


def _told(gap: Gap) -> str:
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
    """A time as SARIF 2.1.0 section 3.9 wants it."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
