"""Wording shared by reports for people: exposures, counts, sizes, dates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boltz_keyscan import policy
from boltz_keyscan.model.enums import ExitCode, Exposure
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult

if TYPE_CHECKING:
    from boltz_keyscan.model.suppression import Suppression, SuppressionCandidate

EXPOSURE: dict[Exposure, str] = {
    Exposure.TRACKED: "in HEAD",
    Exposure.STAGED: "staged",
    Exposure.HISTORY: "in history",
    Exposure.MODIFIED: "changed, not committed",
    Exposure.UNTRACKED: "untracked",
    Exposure.FILE: "in a file outside git",
    Exposure.UNREACHABLE: "in git objects no reference reaches",
    Exposure.LOCAL: "git-ignored or inside .git",
}

OLD = "Already there: the file had this key before the change that was scanned"
"""Sentence on a key that was there before the change."""

PAST = frozenset({Exposure.HISTORY, Exposure.UNREACHABLE})
"""Exposures of keys in git objects only, not in files on disk."""

_EPOCH_END = datetime.max.replace(tzinfo=UTC)


def count(number: int, noun: str) -> str:
    """Format a number with its noun: ``1 file``, ``1,234 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Format bytes in the decimal unit with the fewest digits."""
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        # By the rounded value: 999,960 bytes are 1.0 MB, never 1000.0 kB.
        if round(value, 1) < 1000:
            return f"{number} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def capped(lines: Sequence[str], most: int | None, noun: str = "more") -> Iterator[str]:
    """Yield the first lines, and one with the number of the others.

    Args:
        lines: the lines.
        most: limit of lines; None for all.
        noun: the words after the number.
    """
    yield from lines[:most]
    if most is not None and len(lines) > most:
        yield f"+{len(lines) - most:,} {noun}; see -v or --format json"


def moment(text: str | None) -> datetime:
    """Parse an ISO 8601 time; a malformed one sorts after all others."""
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError:
        return _EPOCH_END
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def earliest(locations: Iterable[Location]) -> Location | None:
    """Return the location of the first commit, by author date; None if no location has a commit."""
    dated = [location for location in locations if location.commit is not None]
    return min(dated, key=lambda location: (moment(location.author_date), location.commit), default=None)


def commit(location: Location) -> str:
    """Format the commit of a location: seven digits and the author's day."""
    return f"{(location.commit or '')[:7]} {(location.author_date or '')[:10]}".strip()


def gap_reason(gap: Gap) -> str:
    """Return the reason of a gap, with its detail, the paths of an object, and the entry that accepts it."""
    text = f"{gap.reason}: {gap.detail}" if gap.detail else gap.reason
    if gap.oid is not None and gap.paths and not gap.where.startswith(gap.paths[0]):
        more = f" and {count(len(gap.paths) - 1, 'more path')}" if len(gap.paths) > 1 else ""
        text += f"; at {gap.paths[0]}{more}"
    if gap.accepted is None:
        return text
    source = f" [{gap.accepted.source}]" if gap.accepted.source else ""
    return f"{text}; accepted by {gap.accepted.kind}: {gap.accepted.reason}{source}"


def is_aside(gap: Gap) -> bool:
    """Return True for a gap by design and an accepted one."""
    return gap.by_design or gap.accepted is not None


def accepted_gaps(result: ScanResult) -> int:
    """Return the number of accepted gaps."""
    return sum(gap.accepted is not None for gap in result.gaps)


def is_whole(result: ScanResult) -> bool:
    """Return True for a scan that ended as it should and left out nothing but by design."""
    return result.complete and result.exit_code in {ExitCode.CLEAN, ExitCode.BLOCKING}


def is_old(finding: Finding) -> bool:
    """Return True for a key that does not fail the run because its files had it before the change."""
    return finding.suppression is None and not finding.blocking and policy.is_old(finding)


def suppressed(result: ScanResult) -> int:
    """Return the number of suppressed keys."""
    return sum(finding.suppression is not None for finding in result.findings)


def suppressors(finding: Finding) -> tuple[SuppressionCandidate | Suppression, ...]:
    """Return everything that suppresses a finding, the effective one first; empty if nothing does."""
    if finding.suppression is None:
        return ()
    return tuple(excuse for excuse in finding.excuses if excuse.used) or (finding.suppression,)
