"""Wording shared by reports for people: counts, sizes, dates, short fingerprints."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from boltz_keyscan import policy
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult
from boltz_keyscan.model.kinds import SHARE_LINK, is_link
from boltz_keyscan.sanitize import harmless

if TYPE_CHECKING:
    from boltz_keyscan.model.suppression import Suppression, SuppressionCandidate

OLD = "Already there: the file had this key before the change that was scanned"
"""Sentence on a key that was there before the change."""

MIN_FINGERPRINT_CHARS = len("bk1:") + 8
"""Characters of a fingerprint in a list."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

NO_MOMENT = datetime.max.replace(tzinfo=UTC)
"""Result of ``moment`` for a malformed time."""


def write_lines(lines: Iterable[str], stream: TextIO) -> None:
    """Write lines, each made harmless once more and without white space at its end."""
    stream.writelines(harmless(line).rstrip() + "\n" for line in lines)


def count(number: int, noun: str) -> str:
    """Format a number with its noun: ``1 file``, ``1,234 files``."""
    return f"{number:,} {noun if number == 1 else pluralize(noun)}"


def and_more(number: int, noun: str) -> str:
    """Return the end of a list that is cut, such as `` and 2 more paths``; empty if nothing is left out."""
    return f" and {count(number, f'more {noun}')}" if number > 0 else ""


def pluralize(noun: str) -> str:
    """Return the plural of a noun: ``files``, ``keys``, ``repositories``."""
    return re.sub("(?<![aeiou])y$", "ie", noun) + "s"


def count_secrets(findings: Iterable[Finding], kind: str = "") -> str:
    """Format the number of keys and of share links: ``2 new keys and 1 new share link``.

    Args:
        findings: the findings to count.
        kind: a word before the noun, such as ``new``.
    """
    links = [is_link(finding) for finding in findings]
    keys = len(links) - sum(links)
    before = f"{kind} " if kind else ""
    parts = [count(keys, f"{before}key")] if keys or not links else []
    parts += [count(sum(links), f"{before}{SHARE_LINK}")] if any(links) else []
    return " and ".join(parts)


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
        yield describe_rest(len(lines) - most, noun)


def describe_rest(number: int, noun: str = "more") -> str:
    """Return the line after a list that is cut, with the number of what is left out."""
    return f"+{number:,} {noun}; see -v or --format json"


def parse_time(text: str | None) -> datetime | None:
    """Parse an ISO 8601 time, in UTC if it has no offset; None for a missing or malformed one."""
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def moment(text: str | None) -> datetime:
    """Parse an ISO 8601 time; a malformed one sorts after all others."""
    return parse_time(text) or NO_MOMENT


def earliest(locations: Iterable[Location]) -> Location | None:
    """Return the location of the first commit, by author date; None if no location has a commit."""
    dated = [location for location in locations if location.commit is not None]
    return min(dated, key=lambda location: (moment(location.author_date), location.commit), default=None)


def day(text: str | None, now: str) -> str:
    """Format the day of an ISO 8601 time: ``28 Nov``, with the year if ``now`` is in another one."""
    when = moment(text)
    if when is NO_MOMENT:
        return "an unknown day"
    short = f"{when.day} {MONTHS[when.month - 1]}"
    return short if now[:4] == f"{when.year:04}" else f"{short} {when.year}"


def format_day(when: datetime) -> str:
    """Format a day with its year: ``3 May 2026``."""
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}"


def format_time(text: str) -> str:
    """Return a time to the minute: ``28 Nov 2026, 12:00 UTC``."""
    when = parse_time(text)
    return f"{format_day(when)}, {when:%H:%M} UTC" if when else text


def leak_mark(leaked: str | None) -> str:
    """Return a mark for a key that leaked (``yes``) or may have (``maybe``), else nothing."""
    return {"yes": "  [LEAKED]", "maybe": "  [may have leaked]"}.get(leaked or "", "")


def _count_shared(one: str, other: str) -> int:
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def short_fingerprints(fingerprints: Iterable[str]) -> dict[str, str]:
    """Return the first digits of each fingerprint, at least eight, that no other of them begins with."""
    ordered = sorted(set(fingerprints))
    shared = [0, *(_count_shared(*pair) for pair in itertools.pairwise(ordered)), 0]
    return {
        name: name[: max(MIN_FINGERPRINT_CHARS, 1 + before, 1 + after)]
        for name, before, after in zip(ordered, shared, shared[1:], strict=False)
    }


def gap_reason(gap: Gap) -> str:
    """Return the reason of a gap, with its detail, the paths of an object, and the entry that accepts it."""
    text = f"{gap.reason}: {gap.detail}" if gap.detail else gap.reason
    if gap.oid is not None and gap.paths and not gap.where.startswith(gap.paths[0]):
        text += f"; at {gap.paths[0]}{and_more(len(gap.paths) - 1, 'path')}"
    if gap.accepted is None:
        return text
    source = f" [{gap.accepted.source}]" if gap.accepted.source else ""
    return f"{text}; accepted by {gap.accepted.kind}: {gap.accepted.reason}{source}"


def is_aside(gap: Gap) -> bool:
    """Return True for a gap by design and an accepted one."""
    return gap.by_design or gap.accepted is not None


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
