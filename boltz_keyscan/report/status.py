"""Sentences on the status of a key, and on the status check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boltz_keyscan.model.enums import Status
from boltz_keyscan.report.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boltz_keyscan.model.finding import Finding, ScanResult
    from boltz_keyscan.model.status import Candidate, StatusReport

MAX_CANDIDATES = 5
"""Limit of candidates per key, unless verbose."""


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
    for each in shown:
        yield f"{'Is' if each.id == evidence.key_id else 'May be'} {_candidate(each)}"
    if evidence.candidate_count > len(shown):
        yield f"+{evidence.candidate_count - len(shown):,} more listed keys; see -v or --format json"


def _candidate(each: Candidate) -> str:
    place = each.workspace_id or "the whole organisation"
    used = f"last used {each.last_used_at[:10]}" if each.last_used_at else "never used"
    limited = ", from some addresses only" if each.limited else ""
    return f"{each.id} {each.name!r}: {each.state}, {place}, {used}{limited}"


def own_key_warning(result: ScanResult) -> str:
    """Return a warning if the admin key used for checking was found, else nothing."""
    if result.asked is None or result.asked.own_key is None:
        return ""
    return (
        f"THE KEY THAT WAS USED FOR CHECKING LEAKED: {result.asked.own_key} is in what was scanned. "
        "Replace and revoke it first."
    )


def status_check_lines(found: StatusReport | None) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line on the status check."""
    if found is None:
        return
    if found.listing is not None and found.taken_at is not None:
        whose = f" of {found.organisation}" if found.organisation else ""
        whole = "complete" if found.complete else "NOT complete"
        old = ", OLDER THAN ALLOWED" if found.stale else ""
        yield (
            "Compared",
            f"{found.listing}{whose}, {count(found.keys, 'key')}, {whole}, of {found.taken_at}{old}",
        )
    if found.verified is not None:
        yield "Verified", f"{count(found.verified, 'key')} with a yes or no"
    for number, line in enumerate(found.trouble):
        yield ("API" if number == 0 else ""), line
    for number, line in enumerate(found.notes):
        yield ("Note" if number == 0 else ""), line
