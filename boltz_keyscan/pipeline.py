"""The pipeline: sources into shards, shards through an executor, hits into findings, a verdict.

Boundary: the only module that knows all stages; it does no reading, matching or
deciding of its own.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, cast

from boltz_keyscan import policy, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.enums import Exposure, Part, Status
from boltz_keyscan.model.finding import (
    Detector,
    Finding,
    Gap,
    Hit,
    Located,
    Location,
    Match,
    ScanResult,
    Shard,
    ShardResult,
    Source,
    Tally,
)
from boltz_keyscan.policy import FailPolicy
from boltz_keyscan.rules import Rule
from boltz_keyscan.sources.blob import display_members, failure_gap, scan_shard
from boltz_keyscan.sources.shards import ResultShard
from boltz_keyscan.triage import Step, apply

if TYPE_CHECKING:
    from boltz_keyscan.detect.lookup import Lookup
    from boltz_keyscan.model.status import StatusReport

INLINE = 8 << 20
"""Bytes up to which worker processes are not even thought of."""

MOST_MET = 1000
"""Sources met in reading (git bundles) that are scanned: each starts git many times, however small it is."""

Work = tuple[int, Shard]

_EXPOSURES = list(Exposure)

_NOTHING = ShardResult().tally
"""What a shard of names gives, and there is one for each folder."""


@dataclass(slots=True)
class _Gathered:
    """What one source gave."""

    source: Source
    hits: list[Hit] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    met: list[Source] = field(default_factory=list)
    explained: set[tuple[bytes, str | None, int]] = field(default_factory=set)

    def add(self, result: ShardResult) -> None:
        """Take what one shard gave."""
        self.hits += result.hits
        self.gaps += result.gaps
        self.met += result.sources
        self.explained.update(result.explained)
        if result.tally is not _NOTHING:
            self.tally += result.tally

    def whole(self) -> ShardResult:
        """What all shards gave together; what a member of a container tells, its bytes need not."""
        hits = [
            hit
            for hit in self.hits
            if (hit.origin.path, hit.origin.oid, hit.match.offset) not in self.explained
            or hit.origin.members
            or hit.origin.part is not Part.CONTENT
        ]
        return ShardResult(tuple(hits), tuple(self.gaps), self.tally)


class ProgressListener(Protocol):
    """Who wants to know how far a scan is; nothing it does changes anything."""

    def read(self, tally: Tally) -> None:
        """So much more was scanned."""

    def opened(self, done: int, whole: int) -> None:
        """So many containers of those that were met, or 0 when that begins."""

    def placing(self) -> None:
        """All was read; now it is looked where the keys stand."""


class Inquirer(Protocol):
    """What a scan can ask of the keys it finds; see ``inquiry``."""

    @property
    def lookup(self) -> Lookup:
        """What is asked of each key where it is found."""

    def answered(
        self, findings: Sequence[Finding], matches: Mapping[str, Match]
    ) -> tuple[tuple[Finding, ...], StatusReport, tuple[Gap, ...]]:
        """The findings with their status, what was asked, and what was wanted and not to be had."""


def run(
    targets: Sequence[str],
    sources: Iterable[Source],
    terms: FailPolicy,
    jobs: int = 1,
    steps: Sequence[Step] = (),
    *,
    inquirer: Inquirer | None = None,
    watch: ProgressListener | None = None,
) -> ScanResult:
    """Scan, and judge what was found.

    Args:
        targets: what the user named, for the report.
        sources: where bytes come from.
        terms: what fails the run.
        jobs: processes to use.
        steps: triage, in order.
        inquirer: knows whether keys work; without one their status is ``unchecked``.
        watch: is told how far it is.

    Raises:
        KeyscanError: nothing can be said at all (rules unusable, hook outside a repository).
    """
    started = datetime.now(UTC)
    clock = time.monotonic()
    loaded = rules.load()
    detector = KeyDetector.of(loaded)
    if inquirer is not None:
        detector = detector.asking(inquirer.lookup)
    pairs: list[tuple[Match, Location]] = []
    gaps: set[Gap] = set()
    tally = Tally()
    waiting = deque([sources])
    met = 0
    while waiting:
        for each, located in _scanned(waiting.popleft(), detector, jobs, watch):
            pairs += located.pairs
            gaps.update(each.gaps, located.gaps)
            tally += each.tally
            # One at a time: each may take room in the temporary folder until it was located.
            waiting += [(source,) for source in each.met[: MOST_MET - met]]
            met += len(each.met)
    if met > MOST_MET:
        detail = f"of {met} git bundles only the first {MOST_MET} were opened"
        gaps.add(Gap(", ".join(targets), "too-many-bundles", detail))
    if tally == Tally() and all(gap.by_design for gap in gaps) and not terms.empty_is_complete:
        gaps.add(Gap(", ".join(targets), "nothing-scanned", "there was nothing to scan"))
    known: Iterable[Finding] = _findings(pairs, loaded)
    asked = None
    if inquirer is not None:
        known, asked, missed = inquirer.answered(
            tuple(known), {match.fingerprint: match for match, _ in pairs}
        )
        gaps.update(missed)
    judged = (policy.judge(finding, terms) for finding in apply(known, steps))
    findings = tuple(sorted(judged, key=policy.finding_order))
    told = tuple(sorted((_redacted(gap, detector) for gap in gaps), key=_gap_order))
    return ScanResult(
        targets=tuple(detector.redact(target.encode("utf-8", "surrogateescape")) for target in targets),
        started_at=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        duration_s=round(time.monotonic() - clock, 3),
        findings=findings,
        gaps=told,
        tally=tally,
        complete=policy.is_complete(told, terms),
        exit_code=policy.exit_code(findings, told, terms),
        asked=asked,
    )


def _scanned(
    sources: Iterable[Source], detector: Detector, jobs: int, watch: ProgressListener | None
) -> Iterator[tuple[_Gathered, Located]]:
    """What each source gave, with the places of its hits; those met in a listing too."""
    gathered: list[_Gathered] = []
    for number, result in _execute(_work(sources, gathered), detector, jobs, watch):
        gathered[number].add(result)
    if watch is not None:
        watch.placing()
    for each in gathered:
        yield each, _located(each, detector)


def _work(sources: Iterable[Source], gathered: list[_Gathered]) -> Iterator[Work]:
    """All shards of all sources; a source met on the way follows the one that met it."""
    pending = deque(sources)
    while pending:
        source = pending.popleft()
        number = len(gathered)
        gathered.append(_Gathered(source))
        met: list[Source] = []
        try:
            for item in source.shards():
                # Asking a protocol with isinstance costs more than looking at a small folder.
                if hasattr(item, "shards"):
                    met.append(cast("Source", item))
                else:
                    yield number, item
        except OSError as error:
            yield number, ResultShard(ShardResult(gaps=(failure_gap(error),)))
        pending.extendleft(reversed(met))


def _located(gathered: _Gathered, detector: Detector) -> Located:
    """Where the hits stand; whatever happens to the asking, none is lost."""
    try:
        return gathered.source.locate(gathered.whole(), detector)
    except OSError as error:
        pairs = (
            (
                hit.match,
                Location.of(
                    hit.match,
                    _plainly(hit, detector),
                    Exposure.UNTRACKED,
                    blob=hit.origin.oid,
                    members=display_members(hit.origin, detector),
                ),
            )
            for hit in gathered.whole().hits
        )
        return Located(tuple(pairs), (failure_gap(error),))


def _plainly(hit: Hit, detector: Detector) -> str:
    return detector.redact(hit.origin.path) or f".git/{hit.origin.kind}/{hit.origin.oid}"


def _execute(
    work: Iterator[Work], detector: Detector, jobs: int, watch: ProgressListener | None
) -> Iterator[tuple[int, ShardResult]]:
    """Results in any order; the containers that were met are opened when all else is done."""
    met: list[Work] = []
    for number, result in _looked(work, detector, jobs):
        met += ((number, shard) for shard in result.more)
        if watch is not None:
            watch.read(result.tally)
        yield number, result
    if met:
        from boltz_keyscan.workers.archive_pool import run_within_budget  # noqa: PLC0415 - most hooks and many scans meet none

        if watch is not None:
            watch.opened(0, len(met))
        for done, told in enumerate(run_within_budget(met, detector, jobs), 1):
            if watch is not None:
                watch.opened(done, len(met))
            yield told


def _looked(work: Iterator[Work], detector: Detector, jobs: int) -> Iterator[tuple[int, ShardResult]]:
    """What shards gave: in this process while there is little, in workers beyond."""
    weight = 0
    for number, shard in work:
        # The shard in hand counts too: the first one of a long history is as large as shards get.
        if jobs > 1 and weight + shard.weight > INLINE:
            from boltz_keyscan.workers import scan_pool  # noqa: PLC0415 - small scans start no processes

            if scan_pool.is_worthwhile(weight + shard.weight):
                yield from scan_pool.run_in_pool(itertools.chain([(number, shard)], work), detector, jobs)
                return
        weight += shard.weight
        yield number, scan_shard(shard, detector)


def _findings(pairs: Sequence[tuple[Match, Location]], loaded: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding per distinct key, its locations sorted, each once."""
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
        locations = _distinct(location for _, location in members)
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


def _distinct(locations: Iterable[Location]) -> tuple[Location, ...]:
    """Each place once, with its widest exposure: a branch name is a reference and a file."""
    places: dict[tuple[object, ...], Location] = {}
    for location in sorted(locations, key=_location_order):
        place = (location.path, location.members, location.offset, location.blob, location.decoded)
        places.setdefault(place, location)
    return tuple(sorted(places.values(), key=_location_order))


def _location_order(location: Location) -> tuple[int, str, bool, str, int, str, tuple[str, ...]]:
    """Widest exposure first; working files before history."""
    return (
        _EXPOSURES.index(location.exposure),
        location.path,
        location.blob is not None,
        location.author_date or "",
        location.offset,
        location.blob or "",
        location.members,
    )


def _gap_order(gap: Gap) -> tuple[bool, str, str, str]:
    return (gap.by_design, gap.where, gap.reason, gap.detail)


def _redacted(gap: Gap, detector: Detector) -> Gap:
    """Paths and the words of git and of the system may hold a key."""
    where, detail = (
        detector.redact(text.encode("utf-8", "surrogateescape")) for text in (gap.where, gap.detail)
    )
    return replace(gap, where=where, detail=detail)
