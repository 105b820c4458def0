"""Sentences shared by reports: on the status and the suppressions of a key, and on the checks of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from boltz_keyscan.advice import describe_situation
from boltz_keyscan.model.enums import Shape, Status
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.model.kinds import describe_kind, describe_secret
from boltz_keyscan.report.locations import exposure_line, places
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.wording import OLD, and_more, capped, count, describe_rest, is_old, suppressors

if TYPE_CHECKING:
    from boltz_keyscan.model.status import Candidate, StatusReport
    from boltz_keyscan.model.suppression import Suppression, SuppressionCandidate, TrustReport

MAX_CANDIDATES = 5
"""Limit of candidates per key, for its status and for its suppression, unless verbose."""

STATUS_WORDS = {
    Status.UNCHECKED: "not checked",
    Status.ACTIVE: "it works",
    Status.INACTIVE: "it no longer works",
    Status.AMBIGUOUS: "it may be one of several keys of the organisation",
    Status.NOT_LISTED: "the organisation has no such key",
    Status.UNKNOWN: "the check gave no answer",
}
"""The words for a status in reports on one key."""


def key_title(finding: Finding) -> str:
    """Return the kind of a key: ``Boltz admin live key``."""
    if finding.shape is Shape.PLACEHOLDER:
        return f"Boltz {describe_kind(finding)} placeholder"
    return f"Boltz {describe_secret(finding)}"


def key_lines(finding: Finding, options: ReportOptions, max_places: int) -> list[str]:
    """Return the lines on one key: shape, status, suppression, exposure and places."""
    most = options.limit(MAX_CANDIDATES)
    rows = [f"{place.verb:<8} {place.where}  {place.story}" for place in places(finding)]
    return [
        f"Shape: {finding.shape}, {finding.reason}",
        *status_sentences(finding, most),
        *suppression_sentences(finding, most),
        f"Situation: {describe_situation(finding)}",
        f"Exposure: {exposure_line(finding)}",
        *(f"  {row}" for row in capped(rows, options.limit(max_places), "more paths")),
    ]


def status_sentence(finding: Finding) -> str:
    """Return the status and its evidence, in one sentence; empty if the key is unchecked."""
    if finding.status is Status.UNCHECKED:
        return ""
    if finding.evidence is None:
        named = f"; candidates: {', '.join(finding.candidates)}" if finding.candidates else ""
        return f"Status: {finding.status}{named}"
    return f"Status: {finding.status} (by {finding.evidence.by}): {finding.evidence.detail}"


def use_warning(finding: Finding) -> str:
    """Return a sentence if the key was used after it was committed, else nothing."""
    evidence = finding.evidence
    if evidence is None or evidence.used_since is None:
        return ""
    it = "It" if evidence.key_id or evidence.candidate_count == 1 else "A key that it may be"
    day = evidence.used_since[:10]
    return f"{it} was used after it was committed: last on {day}. Look at what was done with it."


def status_sentences(finding: Finding, most: int | None) -> Iterator[str]:
    """Yield status, use and candidates, one sentence each.

    Args:
        finding: the key.
        most: limit of candidates; None for all.
    """
    yield from filter(None, (status_sentence(finding), use_warning(finding)))
    evidence = finding.evidence
    if evidence is None:
        return
    shown = evidence.candidates[:most]
    for candidate in shown:
        yield f"{'Is' if candidate.id == evidence.key_id else 'May be'} {_format_candidate(candidate)}"
    if evidence.candidate_count > len(shown):
        yield describe_rest(evidence.candidate_count - len(shown), "more listed keys")


def _format_candidate(candidate: Candidate) -> str:
    scope = candidate.workspace_id or "the whole organisation"
    used = f"last used {candidate.last_used_at[:10]}" if candidate.last_used_at else "never used"
    limited = ", from some addresses only" if candidate.limited else ""
    return f"{candidate.id} {candidate.name!r}: {candidate.state}, {scope}, {used}{limited}"


def own_key_warning(result: ScanResult) -> str:
    """Return a warning if the admin key used for checking was found, else nothing."""
    if result.asked is None or result.asked.own_key is None:
        return ""
    return (
        f"THE KEY THAT WAS USED FOR CHECKING LEAKED: {result.asked.own_key} is in what was scanned. "
        "Replace and revoke it first."
    )


def status_check_lines(report: StatusReport | None) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line on the status check."""
    if report is None:
        return
    if report.listing is not None and report.taken_at is not None:
        owner = f" of {report.organisation}" if report.organisation else ""
        extent = "complete" if report.complete else "NOT complete"
        age = ", OLDER THAN ALLOWED" if report.stale else ""
        keys = count(report.keys, "key")
        yield "Compared", f"{report.listing}{owner}, {keys}, {extent}, of {report.taken_at}{age}"
    if report.verified is not None:
        yield "Verified", f"{count(report.verified, 'key')} with a yes or no"
    for label, lines in (("API", report.trouble), ("Note", report.notes)):
        for number, line in enumerate(lines):
            yield ("" if number else label), line


def format_suppression(suppression: SuppressionCandidate | Suppression) -> str:
    """Format a suppression that was used."""
    source = f" [{suppression.source}]" if suppression.source else ""
    return f"{suppression.kind}: {suppression.reason}{source}"


def suppression_sentences(finding: Finding, most: int | None = None) -> Iterator[str]:
    """Yield the suppressions of a finding; or each candidate that did not suffice, and why.

    Args:
        finding: the finding.
        most: limit of candidates that did not suffice; None for all.
    """
    for used in suppressors(finding):
        yield f"Suppressed ({used.kind}): {used.reason}" + (f" [{used.source}]" if used.source else "")
        if used.spread:
            yield spread_sentence(used.spread).capitalize()
    if is_old(finding):
        yield f"{OLD}. 'boltz-keyscan .' shows all its places"
    if finding.suppression is None:
        spare = [
            f"Not excused by {excuse.kind} [{excuse.source}]: {_insufficiency(excuse, finding)}"
            for excuse in finding.excuses
            if not excuse.used
        ]
        yield from capped(spare, most, "more excuses")


def spread_sentence(paths: Sequence[str]) -> str:
    """Return the sentence on the places of an accepted key that its baseline entry does not name."""
    listed = f"{', '.join(paths[:3])}{and_more(len(paths) - 3, 'path')}"
    return f"spread since it was accepted: {listed}; 'baseline update --add' accepts that"


def _insufficiency(excuse: SuppressionCandidate, finding: Finding) -> str:
    total = count(len(finding.locations), "location")
    return excuse.refused or f"it covers {len(excuse.covers):,} of {total}"


def trust_lines(report: TrustReport | None) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line on trust and configuration; none for the defaults."""
    if report is None:
        return
    if report.trust != "tree":
        commit = f", which is {report.commit[:12]}" if report.commit else ""
        why = " (the default in CI)" if report.by_default else ""
        yield "Trust", f"{report.trust}{commit}{why}"
    if report.unheard:
        yield "", f"not asked: {', '.join(report.unheard)}; --trust base:REV takes them from commit REV"
    sources: dict[str, list[str]] = {}
    for setting in report.settings:
        source = f"{setting.file} ({setting.where})"
        sources.setdefault(source, []).append(f"{setting.option} = {setting.value}")
    for source, options in sources.items():
        yield "Config", f"{source}: {', '.join(options)}"
