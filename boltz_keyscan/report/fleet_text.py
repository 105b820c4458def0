"""Text report of a fleet: coverage, then the keys, worst first, each with its repositories; the verdict."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TextIO

from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.fleet import FirstPlace, FleetKey, FleetResult, RepositoryEntry, RepositoryStatus
from boltz_keyscan.model.kinds import describe_kind
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.wording import (
    count,
    describe_rest,
    gap_reason,
    short_fingerprints,
    write_lines,
)

MAX_KEYS = 20
"""Limit of keys shown, unless verbose: the worst ones; the others are counted."""

MAX_REPOSITORIES = 10
"""Limit of repositories shown in each list, unless verbose."""


def report(result: FleetResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the report; see ``ReportOptions.verbosity`` for its extent."""
    write_lines(_lines(result, options), stream)


def describe_coverage(result: FleetResult) -> str:
    """Return the number of repositories, and of each status that occurs."""
    coverage = result.coverage
    parts = [
        f"{number:,} {status}" for status in RepositoryStatus if (number := getattr(coverage, status.value))
    ]
    return f"{count(coverage.discovered, 'repository')}: {', '.join(parts) or 'none'}"


def _lines(result: FleetResult, options: ReportOptions) -> Iterator[str]:
    yield f"Fleet   {describe_coverage(result)}"
    limit = options.limit(MAX_REPOSITORIES)
    if options.verbosity >= 0:
        yield from _incomplete(result, limit)
        yield from _keys(result, options)
    yield _verdict(result)


def _incomplete(result: FleetResult, limit: int | None) -> Iterator[str]:
    gaps = [f"{gap.where}: {gap_reason(gap)}" for gap in result.gaps()]
    if gaps:
        yield ""
        yield "Not listed"
        yield from _cut((f"  {gap}" for gap in gaps), limit)
    entries = (
        entry
        for entry in result.repositories(incomplete=True)
        if entry.status is not RepositoryStatus.SCANNED
    )
    lines = list(_cut((f"  {_entry(entry)}" for entry in entries), limit))
    if lines:
        yield ""
        yield "Not scanned, or not all of it"
        yield from lines


def _entry(entry: RepositoryEntry) -> str:
    reasons = [gap_reason(gap) for gap in entry.gaps if not gap.by_design and gap.accepted is None]
    more = f" (+{len(reasons) - 1:,} more gaps)" if len(reasons) > 1 else ""
    return f"{entry.status:<8} {entry.name}{f': {reasons[0]}' if reasons else ''}{more}"


def _keys(result: FleetResult, options: ReportOptions) -> Iterator[str]:
    keys = list(options.fleet_keys(result))
    names = short_fingerprints(key.finding.fingerprint for key in keys)
    shown = keys[: options.limit(MAX_KEYS)]
    for key in shown:
        found = key.finding
        yield ""
        yield f"{found.severity.upper():<9} {describe_kind(found)}  {names[found.fingerprint]}  {_state(key)}"
        if key.first is not None:
            yield f"  first  {describe_first(key.first)}"
        limit = options.limit(MAX_REPOSITORIES)
        for each in itertools.islice(result.occurrences(found.fingerprint), limit):
            place = next(iter(each.locations), None)
            yield f"  in     {each.repository}  {place.path if place is not None else ''}"
        if limit is not None and key.repositories > limit:
            yield f"  {describe_rest(key.repositories - limit)}"
    if len(keys) > len(shown):
        yield ""
        yield f"+{count(len(keys) - len(shown), 'more key')}; see -v or --format json"
    if keys or result.coverage.scanned < result.coverage.discovered:
        yield ""


def describe_first(first: FirstPlace) -> str:
    """Return the day, the repository, the path and the commit of the first occurrence of a key."""
    commit = f" ({first.commit[:7]})" if first.commit else ""
    return f"{first.author_date.partition('T')[0]}  {first.repository}  {first.path}{commit}"


def describe_extent(key: FleetKey) -> str:
    """Return the number of repositories and places of a key."""
    return f"{count(key.repositories, 'repository')}, {count(key.locations, 'place')}"


def _state(key: FleetKey) -> str:
    text = f"in {describe_extent(key)}"
    if key.still_present is False:
        text += ", gone from all branches"
    if key.suppressed:
        return f"{text}; accepted"
    return text if key.finding.blocking else f"{text}; does not fail this run"


def _cut(lines: Iterator[str], limit: int | None) -> Iterator[str]:
    """Yield lines up to a limit, and the number of the others."""
    yield from itertools.islice(lines, limit)
    if rest := sum(1 for _ in lines):
        yield f"  {describe_rest(rest)}"


def _verdict(result: FleetResult) -> str:
    code = result.exit_code
    if code == ExitCode.BLOCKING:
        blocking = sum(key.finding.blocking for key in result.findings())
        rest = "" if result.complete else "; and not everything was scanned"
        return f"FAILED  {count(blocking, 'key')}{rest} (exit {code:d})"
    if code == ExitCode.INCOMPLETE:
        return (
            f"INCOMPLETE  no key that was seen fails this run, but not everything was scanned (exit {code:d})"
        )
    return f"CLEAN   no key fails this run, and every repository was scanned (exit {code:d})"
