"""Status of the keys that a scan finds, from an inventory, the API, or both.

One ``StatusCheck`` serves one scan: it gives the detector the listed prefixes before the scan, and sets
the status of each finding after it. Errors of the API lose no finding and lower no severity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from boltz_keyscan import policy
from boltz_keyscan.detect.lookup import Lookup
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Finding, Gap, Match
from boltz_keyscan.model.status import StatusReport
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.triage.cross_reference import ListingContext, Verification, join

MAX_VERIFIED = 100
"""Keys verified in a run, the most severe first: thousands of keys must not make thousands of requests."""

Verifier = Callable[[Sequence[tuple[Finding, bytes]]], Iterable[tuple[str, Verification]]]
"""Function from findings with sealed keys to answers by fingerprint."""


@dataclass(frozen=True, slots=True)
class StatusCheck:
    """Status check of one scan."""

    context: ListingContext
    asked: StatusReport
    """Origin of the listing, and the trouble before the scan."""
    require: bool = False
    """A key without an answer makes the run incomplete."""
    verifier: Verifier | None = None
    secret: bytes = field(default=b"", repr=False)
    own_key: str | None = None
    """Fingerprint of the key that authenticates the requests."""

    @property
    def lookup(self) -> Lookup:
        """Return the lookup that the detector makes for each key."""
        listing = self.context.listing
        return Lookup.of(listing.prefixes if listing else (), self.secret)

    def apply(
        self, findings: Sequence[Finding], matches: Mapping[str, Match]
    ) -> tuple[tuple[Finding, ...], StatusReport, tuple[Gap, ...]]:
        """Return the findings with their status, a report of the check, and a gap for each missing answer."""
        answers = self._verify(findings, matches)
        joined = tuple(
            join(
                finding,
                matches[finding.fingerprint].listed,
                self.context,
                answers.get(finding.fingerprint),
            )
            for finding in findings
        )
        trouble = list(self.asked.trouble)
        undecided = Counter(
            answer.detail or answer.reason
            for answer in answers.values()
            if not answer.decides and answer.reason != "forbidden"
        )
        for detail, count in undecided.items():
            trouble.append(f"{count:,} {'key' if count == 1 else 'keys'} not verified: {detail}")
        is_own_key_found = any(finding.fingerprint == self.own_key for finding in findings)
        report = replace(
            self.asked,
            trouble=tuple(trouble),
            own_key=self.own_key if is_own_key_found else None,
            verified=sum(answer.decides for answer in answers.values()) if self.verifier else None,
        )
        gaps = (Gap("the Boltz API", "api-unanswered", line) for line in trouble) if self.require else ()
        return joined, report, tuple(gaps)

    def _verify(self, findings: Sequence[Finding], matches: Mapping[str, Match]) -> dict[str, Verification]:
        if self.verifier is None:
            return {}
        keys = [finding for finding in findings if finding.shape is not Shape.PLACEHOLDER]
        keys.sort(key=policy.finding_order)
        chosen = [(finding, matches[finding.fingerprint].sealed) for finding in keys[:MAX_VERIFIED]]
        answers = dict(self.verifier(chosen)) if chosen else {}
        limit = Verification("not-asked", f"only {MAX_VERIFIED} keys are verified in a run")
        return {finding.fingerprint: answers.get(finding.fingerprint, limit) for finding in keys}
