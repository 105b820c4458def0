"""The findings of imported reports."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from boltz_keyscan import policy, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.findings import group_findings
from boltz_keyscan.imports.entry import Entry
from boltz_keyscan.imports.formats import read
from boltz_keyscan.imports.places import Places, UnresolvedError, hash_lookup
from boltz_keyscan.model.enums import Exposure, Shape
from boltz_keyscan.model.finding import Gap, Hit, Location, Match, Origin, ScanResult, Tally
from boltz_keyscan.policy import FailPolicy
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.blob import locate_hit
from boltz_keyscan.triage import Step, apply

_WITHHELD = re.compile(r"redacted|\*{3}|(?:\.\.\.|…)\Z", re.IGNORECASE)
"""Marks of a secret that a scanner left out or cut: its fingerprint would be that of another key."""

_COMMIT = re.compile(r"(?!0+\Z)(?:[0-9a-f]{40}|[0-9a-f]{64})")

Pairs = list[tuple[Match, Location]]


@dataclass(slots=True)
class Imported:
    """One report, as read."""

    name: str
    title: str
    """The name of its format."""
    entries: int
    pairs: Pairs = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    has_text: bool = False
    """True if the file itself holds a key."""

    @property
    def keys(self) -> set[str]:
        """Fingerprints of its keys."""
        return {match.fingerprint for match, _ in self.pairs if _is_key(match)}


def import_reports(
    reports: Sequence[tuple[str, bytes]], folder: bytes, steps: Sequence[Step] = ()
) -> tuple[ScanResult, list[Imported]]:
    """Return the keys in reports of other scanners as the result of a scan, and a summary of each report.

    Args:
        reports: name and content of each file.
        folder: the folder that paths of the reports are relative to; secrets that a report leaves out are
            read there.
        steps: triage steps, in order.

    Raises:
        KeyscanError: a report cannot be read.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    loaded = rules.load()
    detector = KeyDetector.of(loaded)
    summaries = [_import(name, raw, folder, detector) for name, raw in reports]
    pairs = [pair for summary in summaries for pair in summary.pairs]
    gaps = tuple(gap for summary in summaries for gap in summary.gaps)
    fail_policy = FailPolicy()
    judged = (policy.judge(finding, fail_policy) for finding in apply(group_findings(pairs, loaded), steps))
    findings = tuple(sorted(judged, key=policy.finding_order))
    result = ScanResult(
        targets=tuple(detector.redact(os.fsencode(name)) for name, _ in reports),
        started_at=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        duration_s=round(time.monotonic() - clock, 3),
        findings=findings,
        gaps=gaps,
        tally=Tally(files=len(reports), bytes=sum(len(raw) for _, raw in reports)),
        complete=policy.is_complete(gaps, fail_policy),
        exit_code=policy.exit_code(findings, gaps, fail_policy),
    )
    return result, summaries


def _import(name: str, raw: bytes, folder: bytes, detector: KeyDetector) -> Imported:
    title, entries = read(name, raw)
    summary = Imported(name, title, len(entries))
    places = Places(folder, detector.asking(hash_lookup(entries)))
    unresolved: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        try:
            summary.pairs += list(_pairs(entry, summary, detector, places))
        except UnresolvedError as error:
            unresolved[entry.path or name, str(error)] += 1
    summary.gaps += _gaps(summary, unresolved, detector)
    return summary


def _pairs(
    entry: Entry, summary: Imported, detector: KeyDetector, places: Places
) -> Iterator[tuple[Match, Location]]:
    """Yield the keys of an entry: in the secret, else in the text around it, else at its place.

    Raises:
        UnresolvedError: the report leaves the secret out, and its place cannot be read.
    """
    folder = os.path.join(os.fsdecode(places.folder), "")
    name = entry.path.removeprefix(folder).removeprefix("./") or summary.name
    path = name.encode("utf-8", "surrogateescape")
    texts = [text for text in entry.texts if text and not _WITHHELD.search(text)]
    for text in texts:
        raw = text.encode("utf-8", "replace")
        if not detector.candidate_offsets(raw, len(raw)):
            continue
        if matches := {match.fingerprint: match for match in detector.find([raw])}:
            summary.has_text = summary.has_text or any(map(_is_key, matches.values()))
            for match in matches.values():
                line, column = max(entry.line, 1), max(entry.column, 1)
                here = replace(match, line=line, column=column, column_utf16=column, offset=0, comments=())
                yield _locate(entry, path, here, detector)
            return
    if not texts:
        for match in places.matches(entry):
            yield _locate(entry, path, replace(match, listed=()), detector)


def _locate(entry: Entry, path: bytes, match: Match, detector: KeyDetector) -> tuple[Match, Location]:
    commit = entry.commit.lower() if _COMMIT.fullmatch(entry.commit.lower()) else None
    exposure = Exposure.HISTORY if commit else Exposure.FILE
    location = locate_hit(Hit(Origin(path), match), path, exposure, detector)
    date = _date(entry.date) if commit else None
    return match, replace(location, commit=commit, author_date=date, pushed=entry.pushed)


def _date(text: str) -> str | None:
    """Return a date with an offset in ISO 8601; None for any other."""
    try:
        # trufflehog has a space before the offset.
        date = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return date.isoformat(timespec="seconds") if date.tzinfo else None


def _is_key(match: Match) -> bool:
    return match.shape is not Shape.PLACEHOLDER


def _gaps(summary: Imported, unresolved: Counter[tuple[str, str]], detector: KeyDetector) -> Iterator[Gap]:
    for (path, why), number in sorted(unresolved.items()):
        where = detector.redact(path.encode("utf-8", "surrogateescape"))
        detail = f"secrets that {summary.title} left out of {summary.name}: {number:,}; {why}"
        yield Gap(where, "not-imported", detector.redact(os.fsencode(detail)), paths=(where,))
