"""Outcome of one repository, in the form that travels from a worker to the driver and into the state.

Boundary: it is made of redacted records and counts only. Nothing in it can hold a raw key.
"""

from __future__ import annotations

from boltz_keyscan import policy
from boltz_keyscan.fleet import codec
from boltz_keyscan.model.finding import Finding, Gap, ScanResult
from boltz_keyscan.model.fleet import RepositoryStatus
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.report.presence import presence
from boltz_keyscan.report.wording import NO_MOMENT, earliest, moment


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key in one repository: the encoded finding, and what a report over all repositories sorts by."""

    fingerprint: str
    severity: int
    shape: int
    situation: int
    blocking: bool
    suppressed: bool
    pushed: bool | None
    first_seen: str | None
    last_seen: str | None
    still_present: bool | None
    first_time: int | None
    """Author date of its first dated location, seconds since 1970; None if none is dated."""
    first_date: str
    first_path: str
    first_commit: str
    document: str
    """The finding without its locations, encoded."""
    locations: tuple[str, ...]
    """Its locations, encoded."""

    @classmethod
    def of(cls, finding: Finding) -> FoundKey:
        """Return the form of a finding."""
        first = earliest(finding.locations)
        time = NO_MOMENT if first is None else moment(first.author_date)
        if time is NO_MOMENT:
            first = None
        known = presence(finding)
        return cls(
            finding.fingerprint,
            finding.severity.rank,
            finding.shape.rank,
            policy.situation(finding).rank,
            finding.blocking,
            finding.suppression is not None,
            policy.pushed(finding),
            *(known.first_seen, known.last_seen, known.still_present),
            int(time.timestamp()) if first is not None else None,
            *(
                (first.author_date or "", first.path, first.commit or "")
                if first is not None
                else ("", "", "")
            ),
            codec.encode(replace(finding, locations=())),
            tuple(map(codec.encode, finding.locations)),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one repository."""

    id: str
    status: RepositoryStatus
    digest: str = ""
    """Digest of what was scanned; empty if it has to be scanned again."""
    unchanged: bool = False
    """It is as the last scan left it: nothing was read, and the last result counts."""
    fetched: bool = False
    refs: int = 0
    objects: int = 0
    objects_read: int = 0
    bytes_read: int = 0
    seconds: float = 0.0
    gaps: tuple[str, ...] = ()
    """Encoded gaps."""
    keys: tuple[FoundKey, ...] = ()

    @classmethod
    def of(cls, id_: str, result: ScanResult, digest: str) -> Outcome:
        """Return the outcome of a scan; ``digest`` is that of what was scanned."""
        tally, gaps = result.tally, result.gaps
        whole = all(gap.by_design or gap.accepted is not None for gap in gaps)
        return cls(
            id_,
            RepositoryStatus.SCANNED if whole else RepositoryStatus.PARTIAL,
            # What could not be read may be readable the next time.
            digest=digest if whole else "",
            fetched=True,
            refs=tally.refs,
            objects=tally.blobs + tally.cached,
            objects_read=tally.blobs,
            bytes_read=tally.bytes,
            seconds=result.duration_s,
            gaps=tuple(map(codec.encode, gaps)),
            keys=tuple(map(FoundKey.of, result.findings)),
        )

    @classmethod
    def failure(cls, id_: str, gap: Gap) -> Outcome:
        """Return the outcome of a repository that was not scanned."""
        return cls(id_, RepositoryStatus.FAILED, gaps=(codec.encode(gap),))
