"""The pipeline: cut sources into shards, scan them, locate hits, build findings and decide the result.

The only module that knows all stages; each stage is another module.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from boltz_keyscan import policy, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.findings import Gathered, group_findings
from boltz_keyscan.model.enums import Exposure, Part
from boltz_keyscan.model.finding import (
    BundleFile,
    Detector,
    Discovered,
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
    SourceReader,
    Tally,
)
from boltz_keyscan.policy import FailPolicy
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.blob import failure_gap, locate_hit, object_path, scan_shard
from boltz_keyscan.sources.shards import ResultShard
from boltz_keyscan.triage import Step, apply

if TYPE_CHECKING:
    from boltz_keyscan.detect.lookup import Lookup
    from boltz_keyscan.model.status import StatusReport
    from boltz_keyscan.triage.exclusion import Exclusion
    from boltz_keyscan.workers.scan_pool import ScanPool

MAX_INLINE_BYTES = 8 << 20
"""Work up to which no worker process is started."""

MAX_DISCOVERED_SOURCES = 1000
"""Limit of sources found inside others (git bundles): each starts git many times, however small it is."""

NumberedShard = tuple[int, Shard]

_EMPTY_TALLY = ShardResult().tally
"""Tally of a shard of names, of which there is one for each folder."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Sources to scan and conditions of failure."""

    targets: tuple[str, ...]
    """Targets as the user named them, for the report."""
    sources: tuple[Source, ...]
    fail_policy: FailPolicy
    jobs: int = 1
    """Number of processes."""
    exclusion: Exclusion | None = None
    """Paths that are not scanned."""


@dataclass(slots=True)
class _SourceResults:
    """Results of all shards of one source."""

    reader: SourceReader
    hits: list[Hit] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    bundles: list[BundleFile] = field(default_factory=list)
    explained: set[tuple[bytes, str | None, int]] = field(default_factory=set)
    left_out: frozenset[str] = frozenset()

    def add(self, result: ShardResult) -> None:
        """Add the result of one shard."""
        self.hits += result.hits
        self.gaps += result.gaps
        self.bundles += result.bundles
        self.explained.update(result.explained)
        self.left_out |= result.left_out
        if result.tally is not _EMPTY_TALLY:
            self.tally += result.tally

    def combined(self) -> ShardResult:
        """Return one result, without the hits in an archive that are also reported for one of its members."""
        hits = [
            hit
            for hit in self.hits
            if (hit.origin.path, hit.origin.oid, hit.match.offset) not in self.explained
            or hit.origin.members
            or hit.origin.part is not Part.CONTENT
        ]
        return ShardResult(tuple(hits), tuple(self.gaps), self.tally, left_out=self.left_out)


class ProgressListener(Protocol):
    """Receiver of the progress of a scan."""

    def on_read(self, tally: Tally) -> None:
        """Count what one shard scanned."""

    def on_archives(self, done: int, whole: int) -> None:
        """Count the archives that were opened; 0 when that stage begins."""

    def on_locating(self) -> None:
        """Begin the last stage: everything was read, and hits are located."""


class StatusChecker(Protocol):
    """Check of the status of keys; see ``key_status``."""

    @property
    def lookup(self) -> Lookup:
        """Return the lookup that the detector makes for each key."""

    def apply(
        self, findings: Sequence[Finding], matches: Mapping[str, Match]
    ) -> tuple[tuple[Finding, ...], StatusReport, tuple[Gap, ...]]:
        """Return the findings with their status, a report of the check, and a gap for each missing answer."""


def run(
    plan: Plan,
    steps: Sequence[Step] = (),
    *,
    accept_gap: Callable[[Gap], Gap] = lambda gap: gap,
    status_check: StatusChecker | None = None,
    progress: ProgressListener | None = None,
) -> ScanResult:
    """Scan sources and decide the result.

    Args:
        plan: sources and conditions of failure.
        steps: triage steps, in order.
        accept_gap: triage step for gaps.
        status_check: check of the status of keys; without one it is ``unchecked``.
        progress: receiver of progress.

    Raises:
        KeyscanError: no scan is possible (rules unusable, hook outside a repository).
    """
    gathered = gather(plan, status_check.lookup if status_check is not None else None, progress)
    return judge(plan, gathered, steps, accept_gap=accept_gap, status_check=status_check)


def gather(plan: Plan, lookup: Lookup | None = None, progress: ProgressListener | None = None) -> Gathered:
    """Scan sources and locate what is found; arguments and errors as for ``run``."""
    started = datetime.now(UTC)
    clock = time.monotonic()
    detector = KeyDetector.of(rules.load())
    if lookup is not None:
        detector = detector.asking(lookup)
    pairs: list[tuple[Match, Location]] = []
    gaps: set[Gap] = set()
    tally = Tally()
    source_queue = deque([[source.open() for source in plan.sources]])
    discovered = 0
    while source_queue:
        for results, located in _scan(source_queue.popleft(), detector, plan.jobs, progress):
            shown, unread = located.pairs, _with_paths(results.gaps, located.paths)
            if plan.exclusion is not None:
                shown, unread = plan.exclusion.filter(shown, unread)
            pairs += shown
            gaps.update(unread, located.gaps)
            tally += results.tally
            # One at a time: each may need space in the temporary folder until its hits are located.
            remaining = MAX_DISCOVERED_SOURCES - discovered
            source_queue += map(_open_bundle, results.bundles[:remaining])
            discovered += len(results.bundles)
    if discovered > MAX_DISCOVERED_SOURCES:
        detail = f"of {discovered} git bundles only the first {MAX_DISCOVERED_SOURCES} were opened"
        gaps.add(Gap(", ".join(plan.targets), "too-many-bundles", detail))
    if (
        replace(tally, excluded=0) == Tally()
        and all(gap.by_design for gap in gaps)
        and not plan.fail_policy.empty_is_complete
    ):
        gaps.add(Gap(", ".join(plan.targets), "nothing-scanned", "there was nothing to scan"))
    return Gathered(started, clock, tuple(pairs), frozenset(gaps), tally)


def judge(
    plan: Plan,
    gathered: Gathered,
    steps: Sequence[Step] = (),
    *,
    accept_gap: Callable[[Gap], Gap] = lambda gap: gap,
    status_check: StatusChecker | None = None,
) -> ScanResult:
    """Build findings from what was gathered and decide the result; arguments as for ``run``."""
    loaded = rules.load()
    detector = KeyDetector.of(loaded)
    gaps = gathered.gaps
    unjudged: Iterable[Finding] = group_findings(gathered.pairs, loaded)
    status_report = None
    if status_check is not None:
        unjudged, status_report, status_gaps = status_check.apply(
            tuple(unjudged), {match.fingerprint: match for match, _ in gathered.pairs}
        )
        gaps = gaps.union(status_gaps)
    judged = (policy.judge(finding, plan.fail_policy) for finding in apply(unjudged, steps))
    findings = tuple(sorted(judged, key=policy.finding_order))
    # The gaps of a container have its path in common, and few details.
    redact = functools.cache(detector.redact)
    redacted_gaps = tuple(sorted((accept_gap(_redact(gap, redact)) for gap in gaps), key=_gap_order))
    return ScanResult(
        targets=tuple(detector.redact(target.encode("utf-8", "surrogateescape")) for target in plan.targets),
        started_at=gathered.started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        duration_s=round(time.monotonic() - gathered.clock, 3),
        findings=findings,
        gaps=redacted_gaps,
        tally=gathered.tally,
        complete=policy.is_complete(redacted_gaps, plan.fail_policy),
        exit_code=policy.exit_code(findings, redacted_gaps, plan.fail_policy),
        asked=status_report,
    )


def _open_bundle(file: BundleFile) -> list[SourceReader]:
    from boltz_keyscan.sources.git.bundle import BundleSource  # noqa: PLC0415 - hardly any tree has one

    return [BundleSource(file).open()]


def _scan(
    readers: Iterable[SourceReader], detector: Detector, jobs: int, progress: ProgressListener | None
) -> Iterator[tuple[_SourceResults, Located]]:
    """Yield the results of each source, and of those found while listing, with located hits."""
    results: list[_SourceResults] = []
    for number, result in _run_all(_work(readers, results), detector, jobs, progress):
        results[number].add(result)
    if progress is not None:
        progress.on_locating()
    for source_results in results:
        yield source_results, _locate(source_results, detector)


def _work(readers: Iterable[SourceReader], results: list[_SourceResults]) -> Iterator[NumberedShard]:
    """Yield the shards of all sources; a source found inside another follows it."""
    pending = deque(readers)
    while pending:
        reader = pending.popleft()
        number = len(results)
        results.append(_SourceResults(reader))
        discovered: list[SourceReader] = []
        try:
            for item in reader.work():
                match item:
                    case Discovered(found):
                        discovered.append(found)
                    case shard:
                        yield number, shard
        except OSError as error:
            yield number, ResultShard(ShardResult(gaps=(failure_gap(error),)))
        pending.extendleft(reversed(discovered))


def _locate(results: _SourceResults, detector: Detector) -> Located:
    """Locate the hits of a source; on an error they keep the path of their origin."""
    try:
        return results.reader.locate(results.combined(), detector)
    except OSError as error:
        pairs = (
            (hit.match, locate_hit(hit, hit.origin.path or object_path(hit), Exposure.UNTRACKED, detector))
            for hit in results.combined().hits
        )
        return Located(tuple(pairs), (failure_gap(error),))


def _run_all(
    work: Iterator[NumberedShard], detector: Detector, jobs: int, progress: ProgressListener | None
) -> Iterator[tuple[int, ShardResult]]:
    """Yield results in any order: of shards in this process while there is little work, then in workers.

    Archives are opened beside them, and their results are yielded at the end.
    """
    pool: ScanPool | None = None
    weight = 0
    with contextlib.ExitStack() as stack:
        for number, shard in work:
            results: Iterable[tuple[int, ShardResult]] = ()
            # Includes this shard: the first one of a long history is as large as a shard can be.
            weight += shard.weight
            if jobs > 1 and weight > MAX_INLINE_BYTES:
                from boltz_keyscan.workers import scan_pool  # noqa: PLC0415 - small scans start no processes

                if scan_pool.is_worthwhile(weight) and (following := next(work, None)) is not None:
                    pool = pool or stack.enter_context(scan_pool.ScanPool(detector, jobs))
                    results = pool.scan(itertools.chain([(number, shard), following], work))
            for source, result in results or ((number, scan_shard(shard, detector)),):
                if result.more:
                    from boltz_keyscan.workers import scan_pool  # noqa: PLC0415 - most hooks and many scans meet none

                    pool = pool or stack.enter_context(scan_pool.ScanPool(detector, jobs))
                    pool.add(source, result.more)
                if progress is not None:
                    progress.on_read(result.tally)
                yield source, result
            if pool is not None:
                pool.advance()
        if pool is not None and pool.archives:
            yield from _open_archives(pool, progress)


def _open_archives(pool: ScanPool, progress: ProgressListener | None) -> Iterator[tuple[int, ShardResult]]:
    if progress is not None:
        progress.on_archives(0, pool.archives)
    for done, numbered in enumerate(pool.open_archives(), 1):
        if progress is not None:
            progress.on_archives(done, pool.archives)
        yield numbered


def _gap_order(gap: Gap) -> tuple[bool, str, str, str]:
    return (gap.by_design, gap.where, gap.reason, gap.detail)


def _redact(gap: Gap, redact: Callable[[bytes], str]) -> Gap:
    """Redact a gap: paths and messages of git and of the system may contain a key."""
    where, detail, *paths = (
        redact(text.encode("utf-8", "surrogateescape")) for text in (gap.where, gap.detail, *gap.paths)
    )
    return replace(gap, where=where, detail=detail, paths=tuple(paths))


def _with_paths(gaps: Iterable[Gap], paths: Mapping[str, tuple[str, ...]]) -> Iterator[Gap]:
    """Yield the gaps; those of git objects with the paths of their objects."""
    for gap in gaps:
        known = paths.get(gap.oid or "", ())
        yield replace(gap, paths=known) if known and not gap.paths else gap
