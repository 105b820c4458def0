"""Findings: the located matches of a scan, grouped by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from boltz_keyscan import policy
from boltz_keyscan.model.enums import Exposure, Status
from boltz_keyscan.model.finding import Finding, Gap, Location, Match, Tally
from boltz_keyscan.records import dataclass
from boltz_keyscan.rules import Rule


@dataclass(frozen=True, slots=True)
class Gathered:
    """Matches, gaps and counts of all sources of a plan, before findings are judged."""

    started: datetime
    clock: float
    """Monotonic time of the start."""
    pairs: tuple[tuple[Match, Location], ...]
    gaps: frozenset[Gap]
    tally: Tally


def group_findings(pairs: Sequence[tuple[Match, Location]], loaded: tuple[Rule, ...]) -> Iterator[Finding]:
    """Yield one finding per distinct key, with its distinct locations, sorted."""
    by_id = {rule.id: rule for rule in loaded}
    groups: dict[str, list[tuple[Match, Location]]] = {}
    for match, location in pairs:
        groups.setdefault(match.fingerprint, []).append((match, location))
    for fingerprint, members in groups.items():
        shape = policy.strongest(match.shape for match, _ in members)
        strongest = min(
            (match for match, _ in members if match.shape is shape), key=lambda match: match.reason
        )
        rule = by_id[strongest.rule_id]
        locations = _distinct_locations(location for _, location in members)
        yield Finding(
            fingerprint=fingerprint,
            rule_id=rule.id,
            key_type=rule.key_type,
            mode=rule.mode,
            type_prefix=rule.prefix,
            shape=shape,
            reason=strongest.reason,
            severity=rule.severity,
            confidence=policy.CONFIDENCE[shape],
            status=Status.UNCHECKED,
            exposure=policy.widest(location.exposure for location in locations),
            blocking=False,
            locations=locations,
        )


def _distinct_locations(locations: Iterable[Location]) -> tuple[Location, ...]:
    """Return each location once, with its widest exposure: a branch name is a reference and a file.

    What is staged stays beside what a commit has: each is taken out in its own way.
    """
    places: dict[tuple[object, ...], Location] = {}
    for location in sorted(locations, key=_location_order):
        place = (
            *(location.path, location.members, location.offset, location.blob, location.decoded),
            # Of imported places the offset is unknown.
            *(location.line, location.column, location.exposure is Exposure.STAGED),
        )
        places.setdefault(place, location)
    return tuple(sorted(places.values(), key=_location_order))


def _location_order(location: Location) -> tuple[int, str, bool, str, int, str, tuple[str, ...]]:
    """Return a sort key: widest exposure first, working files before history."""
    return (
        location.exposure.rank,
        location.path,
        location.blob is not None,
        location.author_date or "",
        location.offset,
        location.blob or "",
        location.members,
    )
