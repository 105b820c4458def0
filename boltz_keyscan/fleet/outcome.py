"""Outcome of one repository, in the form that travels from a worker to the driver and into the state.

Boundary: it is made of redacted records and counts only. Nothing in it can hold a raw key.
"""

from __future__ import annotations

from collections.abc import Mapping

from boltz_keyscan import policy
from boltz_keyscan.fleet import codec
from boltz_keyscan.model.finding import Finding, Gap, ScanResult
from boltz_keyscan.model.fleet import RepositoryStatus
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.report.presence import presence
from boltz_keyscan.report.wording import NO_MOMENT, earliest, moment


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key in one repository."""

    fingerprint: str
    columns: Mapping[str, object]
    """The encoded finding without its locations, and what a report over all repositories sorts by, by the
    names of ``tables.sql``."""
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
        columns = {
            "severity": finding.severity.rank,
            "shape": finding.shape.rank,
            "situation": policy.situation(finding).rank,
            "blocking": finding.blocking,
            "suppressed": finding.suppression is not None,
            "pushed": policy.pushed(finding),
            "first_seen": known.first_seen,
            "last_seen": known.last_seen,
            "still_present": known.still_present,
            # Seconds since 1970; None if no location is dated.
            "first_time": int(time.timestamp()) if first is not None else None,
            "first_date": (first and first.author_date) or "",
            "first_path": first.path if first is not None else "",
            "first_commit": (first and first.commit) or "",
            "locations": len(finding.locations),
            "document": codec.encode(replace(finding, locations=())),
        }
        return cls(finding.fingerprint, columns, tuple(map(codec.encode, finding.locations)))


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
