"""Cross-reference of found keys with listed ones: candidates and status.

A listed key is a candidate for a found key if the found key begins with its ``key_prefix``
and type and mode agree. The API documents that prefix as 12 characters, which is shorter than
every type prefix and so distinguishes no keys. Therefore a key gets a status only if the
prefixes of all candidates have ``MIN_DISTINGUISHING_CHARS`` characters of the body, and is
never called inactive while any candidate is active.

The tables are in docs/cross-reference.md; each of their rows is a test. ``cross_reference.toml`` has the
words.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from boltz_keyscan.model.enums import Shape, Status
from boltz_keyscan.model.finding import Finding
from boltz_keyscan.model.status import By, Candidate, Evidence
from boltz_keyscan.package_data import read_table
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.triage.inventory import Listing
from boltz_keyscan.triage.key_record import Record, moment, stamp

MIN_DISTINGUISHING_CHARS = 4
"""Characters of the body from which a prefix distinguishes keys: 64^4 is 17 million."""

_TABLE: Final = read_table("triage/cross_reference.toml")

MAX_CANDIDATES = 100
"""Candidates listed for one key; all are counted."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of verifying one key."""

    reason: str
    """``accepted``, ``rejected`` (401), ``forbidden`` (403), or the error that prevented an answer.

    ``not-found`` (404) is the rejection of a share link.
    """
    detail: str = ""
    key_id: str | None = None
    organisation: str | None = None

    @property
    def decides(self) -> bool:
        """True if the key was accepted or rejected."""
        return self.reason in {"accepted", "rejected", "not-found"}


@dataclass(frozen=True, slots=True)
class ListingContext:
    """The listing to compare with, and the time of the comparison."""

    now: datetime
    listing: Listing | None = None
    stale: bool = False
    """True if the listing is older than the user allows."""


def candidate_records(finding: Finding, listed: Iterable[str], listing: Listing) -> tuple[Record, ...]:
    """Return the listed keys that a found one may be.

    Args:
        finding: the key.
        listed: the listed prefixes it begins with.
        listing: the organisation's keys.
    """
    begins = frozenset(listed)
    kind = (finding.key_type, finding.mode)
    return tuple(record for record in listing.records if record.key_prefix in begins and record.kind == kind)


def join(
    finding: Finding, listed: Iterable[str], context: ListingContext, answer: Verification | None = None
) -> Finding:
    """Return the finding with its status, its candidates and the evidence.

    Placeholders are returned unchanged, because they are no keys; and share links that were not verified,
    because no listing has them.
    """
    if finding.key_type is None:
        return finding if answer is None else _join_share_link(finding, answer)
    if finding.shape is Shape.PLACEHOLDER or (context.listing is None and answer is None):
        return finding
    found: tuple[Record, ...] = ()
    status: Status | None = None
    evidence: Evidence | None = None
    if context.listing is not None:
        found = candidate_records(finding, listed, context.listing)
        status, evidence = _by_listing(finding, found, context.listing, context)
    if answer is not None:
        if answer.reason == "rejected" and finding.shape is not Shape.CONFIRMED:
            # A key cut by a line break would be rejected too, although the whole key works.
            answer = Verification(
                "rejected-in-part", "the API rejected it (401), but it may be a part of a key"
            )
        is_limited = answer.reason == "rejected" and not _is_address_ruled_out(finding, found, context)
        answer = replace(answer, reason="rejected-here") if is_limited else answer
        status, evidence = _by_answer(answer, context, status, evidence)
    if status is None or evidence is None:
        return finding
    if evidence.key_id is not None and context.listing is not None:
        # Verification identified the key: other candidates do not matter.
        found = tuple(record for record in context.listing.records if record.id == evidence.key_id)
    evidence = _with_candidates(evidence, finding, found, context)
    return replace(
        finding,
        status=status,
        candidates=tuple(record.id for record in evidence.candidates),
        evidence=evidence,
    )


def _join_share_link(finding: Finding, answer: Verification) -> Finding:
    """Return a share link with its status: the API opens it, or not."""
    if answer.reason in _TABLE["share_link"]:
        status, evidence = _judge("share_link", answer.reason, detail=answer.detail)
    else:
        status, evidence = _judge_unverified(answer)
    return replace(finding, status=status, evidence=evidence)


def _judge(case: str, reason: str, **values: str) -> tuple[Status, Evidence]:
    """Return the status and the evidence for a reason, as ``cross_reference.toml`` has them."""
    row = _TABLE[case][reason]
    return Status(row["status"]), Evidence(By(row["by"]), reason, row["detail"].format(**values))


def _judge_unverified(answer: Verification) -> tuple[Status, Evidence]:
    detail = f"it could not be verified: {answer.detail or answer.reason}"
    return Status.UNKNOWN, Evidence(By.VERIFICATION, answer.reason, detail)


def _by_listing(
    finding: Finding, found: tuple[Record, ...], listing: Listing, context: ListingContext
) -> tuple[Status, Evidence]:
    """Return the status and the evidence from the listing alone."""
    if not found:
        return _judge("unlisted", _unlisted_reason(finding, listing, stale=context.stale))
    characters = min(record.body_characters for record in found)
    states = {record.live(context.now) for record in found}
    if characters < MIN_DISTINGUISHING_CHARS:
        reason = "prefix-too-short"
    elif not listing.complete:
        reason = "listing-incomplete"
    elif len(states) > 1:
        reason = "candidates-differ"
    else:
        reason = "candidates-active" if True in states else "candidates-inactive"
    carries = f"the listed prefix carries {characters} character{'' if characters == 1 else 's'}"
    one, several = len(found) == 1, f"{len(found):,} listed keys"
    return _judge(
        "candidates",
        reason,
        carries=carries,
        may_be="it may be 1 listed key" if one else f"it may be any of {several}",
        all_of="the one listed key" if one else f"each of the {several}",
    )


def _unlisted_reason(finding: Finding, listing: Listing, *, stale: bool) -> str:
    """Return the reason for the status of a key without candidates: not listed, or unknown."""
    kind = (finding.key_type, finding.mode)
    if not listing.complete:
        return "listing-incomplete"
    if stale:
        return "listing-stale"
    if any(not record.understood and record.kind == kind for record in listing.records):
        return "prefix-not-understood"
    return "not-listed"


def _by_answer(
    answer: Verification,
    context: ListingContext,
    status: Status | None,
    evidence: Evidence | None,
) -> tuple[Status, Evidence]:
    """Return the status from verification, or from the listing if verification did not decide."""
    if answer.reason == "accepted":
        elsewhere = _elsewhere(answer, context)
        status, evidence = _judge("key", "accepted", key_id=str(answer.key_id), elsewhere=elsewhere)
        return status, replace(evidence, key_id=answer.key_id)
    # That a key is rejected here does not outweigh a listing that has it as inactive.
    is_outweighed = answer.reason == "rejected-here" and status is Status.INACTIVE
    if answer.reason in _TABLE["key"] and not is_outweighed:
        return _judge("key", answer.reason)
    if evidence is not None and status in {Status.ACTIVE, Status.INACTIVE, Status.NOT_LISTED}:
        return status, evidence
    return _judge_unverified(answer)


def _is_address_ruled_out(finding: Finding, found: tuple[Record, ...], context: ListingContext) -> bool:
    """Return True if the listing proves that a rejection is not due to the address of the request.

    A key that is not in the listing may be limited in another organisation. A key that was
    created or limited after the listing was taken is not in it either.
    """
    listing = context.listing
    if listing is None or not listing.complete or context.stale or not found:
        return False
    kind = (finding.key_type, finding.mode)
    unclear = [record for record in listing.records if not record.understood and record.kind == kind]
    return not any(record.live(context.now) and record.allowed_ips for record in (*found, *unclear))


def _elsewhere(answer: Verification, context: ListingContext) -> str:
    """Return a remark if a working key is not in the listing, or is inactive there."""
    listing = context.listing
    if listing is None:
        return ""
    if listing.organisation and answer.organisation and listing.organisation != answer.organisation:
        return f" of another organisation, {answer.organisation}"
    record = next((record for record in listing.records if record.id == answer.key_id), None)
    if record is None:
        return ", which is not in the listing"
    return "" if record.live(context.now) else ", although the listing has it as " + record.state(context.now)


def _with_candidates(
    evidence: Evidence, finding: Finding, found: tuple[Record, ...], context: ListingContext
) -> Evidence:
    """Return the evidence with the candidates: active ones first, then the most recently used."""
    ordered = sorted(
        found,
        key=lambda record: (
            not record.live(context.now),
            -(record.last_used_at.timestamp() if record.last_used_at else 0),
            record.id,
        ),
    )
    return replace(
        evidence,
        body_characters=min((record.body_characters for record in found), default=None),
        candidate_count=len(found),
        candidates=tuple(_candidate(record, context.now) for record in ordered[:MAX_CANDIDATES]),
        used_since=_used_since(finding, found),
    )


def _candidate(record: Record, now: datetime) -> Candidate:
    used = stamp(record.last_used_at) if record.last_used_at else None
    return Candidate(
        record.id, record.name, record.state(now), record.workspace_id, used, bool(record.allowed_ips)
    )


def _used_since(finding: Finding, meant: Iterable[Record]) -> str | None:
    """Return the last use of any candidate, if it was after the commit of the key."""
    leaked = []
    for location in finding.locations:
        try:
            leaked.append(moment(location.author_date or ""))
        except (ValueError, OverflowError):
            continue
    uses = [record.last_used_at for record in meant if record.last_used_at is not None]
    if not leaked or not uses or max(uses) <= min(leaked):
        return None
    return stamp(max(uses))
