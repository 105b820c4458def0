"""What is asked of the keys that a scan finds: a listing, the API, or both; and what came of it.

One ``Inquiry`` serves one scan. It is made before the scan, so that the listed prefixes
go where keys are found, and answers after it, one finding at a time. Whatever the API
does, no finding is lost and no severity falls without proof.

Boundary: puts together ``detect.lookup``, ``triage.join`` and a verifier it is given; the
network is ``api``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from boltz_keyscan import policy
from boltz_keyscan.detect.lookup import Lookup
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Finding, Gap, Match
from boltz_keyscan.model.status import StatusReport
from boltz_keyscan.triage.cross_reference import Answer, ListingContext, join

MOST_VERIFIED = 100
"""Keys verified in a run, the worst first: thousands in a repository must not make thousands of calls."""

Verifier = Callable[[Sequence[tuple[Finding, bytes]]], Iterable[tuple[str, Answer]]]
"""Findings with their sealed keys to answers by fingerprint."""


@dataclass(frozen=True, slots=True)
class StatusCheck:
    """All that one scan asks."""

    known: ListingContext
    asked: StatusReport
    """What is known before the scan: where the listing is from, and what trouble there was."""
    require: bool = False
    """What the API does not answer makes the run incomplete."""
    verifier: Verifier | None = None
    secret: bytes = field(default=b"", repr=False)
    own_key: str | None = None
    """Fingerprint of the key that is used for asking."""

    @property
    def lookup(self) -> Lookup:
        """What is asked of each key where it is found."""
        listing = self.known.listing
        return Lookup.of(listing.prefixes if listing else (), self.secret)

    def answered(
        self, findings: Sequence[Finding], matches: Mapping[str, Match]
    ) -> tuple[tuple[Finding, ...], StatusReport, tuple[Gap, ...]]:
        """The findings with their status, what was asked, and a gap for what was not answered."""
        answers = self._verified(findings, matches)
        joined = tuple(
            join(each, matches[each.fingerprint].listed, self.known, answers.get(each.fingerprint))
            for each in findings
        )
        trouble = list(self.asked.trouble)
        silent = [
            answer for answer in answers.values() if not answer.decides and answer.reason != "forbidden"
        ]
        for detail in dict.fromkeys(answer.detail or answer.reason for answer in silent):
            count = sum((answer.detail or answer.reason) == detail for answer in silent)
            trouble.append(f"{count:,} {'key' if count == 1 else 'keys'} not verified: {detail}")
        own = self.own_key if any(each.fingerprint == self.own_key for each in findings) else None
        asked = replace(
            self.asked,
            trouble=tuple(trouble),
            own_key=own,
            verified=sum(answer.decides for answer in answers.values()) if self.verifier else None,
        )
        gaps = (Gap("the Boltz API", "api-unanswered", line) for line in trouble) if self.require else ()
        return joined, asked, tuple(gaps)

    def _verified(self, findings: Sequence[Finding], matches: Mapping[str, Match]) -> dict[str, Answer]:
        if self.verifier is None:
            return {}
        keys = [each for each in findings if each.shape is not Shape.PLACEHOLDER]
        keys.sort(key=policy.finding_order)
        chosen = [(each, matches[each.fingerprint].sealed) for each in keys[:MOST_VERIFIED]]
        answers = dict(self.verifier(chosen)) if chosen else {}
        limit = Answer("not-asked", f"only {MOST_VERIFIED} keys are verified in a run")
        return {each.fingerprint: answers.get(each.fingerprint, limit) for each in keys}
