"""Result of a fleet, read from its state piece by piece: coverage first, then one finding for each key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from boltz_keyscan import policy
from boltz_keyscan.fleet import codec
from boltz_keyscan.fleet.store import Store
from boltz_keyscan.model.enums import ExitCode, Severity, Shape, Situation
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult, Tally
from boltz_keyscan.model.fleet import (
    Coverage,
    FirstPlace,
    FleetKey,
    Occurrence,
    RepositoryEntry,
    RepositoryStatus,
)
from boltz_keyscan.records import dataclass, replace

_ENTRY = "number, id, name, status, fetched, refs, objects"
_PLACEHOLDER = Shape.PLACEHOLDER.rank
_SEVERITIES, _SHAPES, _SITUATIONS = tuple(Severity), tuple(Shape), tuple(Situation)


class StoredResult:
    """The result in a state; see ``FleetResult``.

    Args:
        store: the opened state.
        require_complete: gaps by design make it incomplete too.
        part: the state is for one shard only, so that the others are no gap.
    """

    def __init__(self, store: Store, *, require_complete: bool = False, part: bool = False) -> None:
        self._store = store
        self._part = part
        self._require_complete = require_complete

    @property
    def coverage(self) -> Coverage:
        """Return the number of repositories by status."""
        query = "SELECT status, count(*), sum(fetched) FROM repositories GROUP BY status"
        rows = {status: (count, fetched) for status, count, fetched in self._store.rows(query)}
        counts = {status.value: rows.get(status.value, (0, 0))[0] for status in RepositoryStatus}
        fetched = sum(got for status, (_, got) in rows.items() if status != RepositoryStatus.PENDING)
        return Coverage(sum(counts.values()), fetched, **counts)

    @property
    def started_at(self) -> str:
        """Return the begin of the last scan; of states that were merged, the end of the last repository's."""
        if started := self._store.run().get("started_at"):
            return str(started)
        ((ended,),) = self._store.rows("SELECT max(ended) FROM repositories")
        return datetime.fromtimestamp(ended, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if ended else ""

    @property
    def complete(self) -> bool:
        """Return True if every repository was scanned, and the list has no gaps."""
        coverage = self.coverage
        is_empty = not coverage.discovered and not self._part
        if coverage.scanned < coverage.discovered or is_empty or self.gaps():
            return False
        documents = self._store.rows("SELECT document FROM gaps") if self._require_complete else iter(())
        return all(codec.decode(Gap, text).accepted is not None for (text,) in documents)

    @property
    def exit_code(self) -> int:
        """Return the exit code: a blocking key outweighs an incomplete scan."""
        if any(True for _ in self._store.rows("SELECT 1 FROM keys WHERE blocking LIMIT 1")):
            return ExitCode.BLOCKING
        return ExitCode.CLEAN if self.complete else ExitCode.INCOMPLETE

    def gaps(self) -> tuple[Gap, ...]:
        """Return the gaps of the list itself, and of shards that were not merged."""
        documents = self._store.rows("SELECT document FROM list_gaps ORDER BY document")
        missing = () if self._part else self._missing_shards()
        return (*(codec.decode(Gap, text) for (text,) in documents), *missing)

    def _missing_shards(self) -> Iterator[Gap]:
        query = "SELECT count, count(*), group_concat(number) FROM shards GROUP BY count ORDER BY count"
        for count, present, numbers in self._store.rows(query):
            if present < count:
                known = set(map(int, numbers.split(",")))
                absent = [str(number) for number in range(1, count + 1) if number not in known]
                detail = f"not in this state: {', '.join(absent[:20])} of {count}; see 'fleet merge'"
                yield Gap("the list of repositories", "shard-missing", detail)

    def repositories(self, *, incomplete: bool = False) -> Iterator[RepositoryEntry]:
        """Yield the repositories by name; with ``incomplete`` only those with gaps or without a scan."""
        where = "WHERE status != 'scanned' OR number IN (SELECT repository FROM gaps)" if incomplete else ""
        query = f"SELECT {_ENTRY} FROM repositories {where} ORDER BY name, id"  # noqa: S608 - constants
        return map(self._entry, self._store.rows(query))

    def findings(self) -> Iterator[FleetKey]:
        """Yield the keys, worst first; placeholders last."""
        query = (
            "SELECT fingerprint, min(severity) AS worst, min(shape), min(situation) AS urgency, "
            "max(blocking) AS fails, min(suppressed), max(still_present), count(still_present), count(*), "
            "sum(locations) FROM keys GROUP BY fingerprint ORDER BY worst, fails DESC, urgency, fingerprint"
        )
        for row in self._store.rows(query):
            fingerprint, severity, shape, situation, fails, suppressed, present, known, count, locations = row
            (text,) = next(
                self._store.rows(
                    "SELECT document FROM keys WHERE fingerprint = ? ORDER BY shape, repository LIMIT 1",
                    fingerprint,
                )
            )
            worst = replace(
                codec.decode(Finding, text),
                shape=_SHAPES[shape],
                severity=_SEVERITIES[severity],
                confidence=policy.CONFIDENCE[_SHAPES[shape]],
                blocking=bool(fails),
            )
            yield FleetKey(
                worst,
                bool(suppressed),
                _SITUATIONS[situation],
                count,
                locations,
                self._first_place(fingerprint),
                True if present else False if known == count else None,
            )

    def _first_place(self, fingerprint: str) -> FirstPlace | None:
        rows = self._store.rows(
            "SELECT name, first_path, first_commit, first_date FROM keys "
            "JOIN repositories ON number = repository WHERE fingerprint = ? AND first_time IS NOT NULL "
            "ORDER BY first_time, name, first_path LIMIT 1",
            fingerprint,
        )
        for name, path, commit, date in rows:
            return FirstPlace(name, path, commit or None, date)
        return None

    def occurrences(self, fingerprint: str) -> Iterator[Occurrence]:
        """Yield a key in each repository that has it, by name."""
        rows = self._store.rows(
            "SELECT number, name, status, document, pushed, situation, first_seen, last_seen, still_present "
            "FROM keys JOIN repositories ON number = repository WHERE fingerprint = ? ORDER BY name, id",
            fingerprint,
        )
        for number, name, status, text, pushed, situation, first, last, present in rows:
            yield Occurrence(
                name,
                RepositoryStatus(status),
                codec.decode(Finding, text),
                _flag(pushed),
                _SITUATIONS[situation],
                first,
                last,
                _flag(present),
                _Locations(self._store, number, fingerprint),
            )

    def scan_results(self) -> Iterator[tuple[RepositoryEntry, ScanResult]]:
        """Yield the result of each repository in the form of a scan, for reports of a single one."""
        started = str(self._store.run().get("started_at", "1970-01-01T00:00:00Z"))
        for entry in self.repositories():
            query = (
                "SELECT repository, fingerprint, keys.document FROM keys "
                "JOIN repositories ON number = repository WHERE id = ?"
            )
            findings = [
                replace(
                    codec.decode(Finding, text), locations=tuple(_Locations(self._store, number, fingerprint))
                )
                for number, fingerprint, text in self._store.rows(query, entry.id)
            ]
            blocking = any(finding.blocking for finding in findings)
            complete = entry.status is RepositoryStatus.SCANNED
            code = ExitCode.CLEAN if complete else ExitCode.INCOMPLETE
            unscanned = () if complete else (Gap(entry.name, "pending", "listed, and not scanned yet"),)
            yield (
                entry,
                ScanResult(
                    targets=(entry.name,),
                    started_at=started,
                    duration_s=0.0,
                    findings=tuple(sorted(findings, key=policy.finding_order)),
                    gaps=entry.gaps or unscanned,
                    tally=Tally(blobs=entry.objects, refs=entry.refs),
                    complete=complete,
                    exit_code=ExitCode.BLOCKING if blocking else code,
                ),
            )

    def _entry(self, row: tuple[Any, ...]) -> RepositoryEntry:
        number, id_, name, status, fetched, refs, objects = row
        query = "SELECT count(*), total(blocking) FROM keys WHERE repository = ? AND shape != ?"
        ((keys, blocking),) = self._store.rows(query, number, _PLACEHOLDER)
        documents = self._store.rows("SELECT document FROM gaps WHERE repository = ? ORDER BY number", number)
        gaps = tuple(codec.decode(Gap, text) for (text,) in documents)
        return RepositoryEntry(
            id_, name, RepositoryStatus(status), bool(fetched), refs, objects, keys, int(blocking), gaps
        )


@dataclass(frozen=True, slots=True)
class _Locations:
    """The locations of a key in a repository, read one by one."""

    store: Store
    repository: int
    fingerprint: str

    def __iter__(self) -> Iterator[Location]:
        query = "SELECT document FROM locations WHERE repository = ? AND fingerprint = ? ORDER BY number"
        for (text,) in self.store.rows(query, self.repository, self.fingerprint):
            yield codec.decode(Location, text)


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)
