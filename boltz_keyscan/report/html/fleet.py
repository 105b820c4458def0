"""HTML report of a fleet: verdict, first steps, coverage, gaps, repositories, one timeline, and the keys."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from boltz_keyscan.model.enums import ExitCode, Severity, Shape, Situation
from boltz_keyscan.model.finding import Gap
from boltz_keyscan.model.fleet import FleetKey, FleetResult, RepositoryEntry, RepositoryStatus
from boltz_keyscan.model.kinds import is_link
from boltz_keyscan.records import replace
from boltz_keyscan.report.fleet_text import describe_coverage
from boltz_keyscan.report.html.cards import fill_deck
from boltz_keyscan.report.html.fleet_cards import explain_command, make_drafts, make_spread
from boltz_keyscan.report.html.page import Filter, choices, clip, gap_groups, make_advice
from boltz_keyscan.report.html.rendering import Heading, json_data, write_page
from boltz_keyscan.report.html.timeline import MAX_TIMED, make_timeline
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.wording import count, format_time, short_fingerprints

MAX_REPOSITORIES = 20
"""Repositories of the table that are shown; the others are folded."""

MAX_FOLDED_REPOSITORIES = 480
"""Repositories of the table that are folded; further ones are counted."""


CoverageRow = tuple[str, int, bool, str]
"""Repositories of one kind: label, number, True if they make the report incomplete, and first reasons."""

RepositoryRow = tuple[str, RepositoryStatus, int, int, int]
"""A repository of the table: name, status, keys, keys that fail the run, and gaps that make it incomplete."""


def report(result: FleetResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the page."""
    found = list(options.fleet_keys(result))
    keys = [key for key in found if key.finding.shape is not Shape.PLACEHOLDER]
    names = short_fingerprints(key.finding.fingerprint for key in found)
    spreads = {key.finding.fingerprint: make_spread(result, key) for key in found[:MAX_TIMED]}
    urgent = _list_urgent(keys)
    kinds = dict.fromkeys((key.situation, is_link(key.finding)) for key in urgent)
    deck = fill_deck(make_drafts(result, found, names, spreads), len(found))
    drawn = (key.finding for key in keys[:MAX_TIMED] if key.finding.fingerprint in spreads)
    timed = [(finding, spreads[finding.fingerprint].life) for finding in drawn]
    timeline = make_timeline(timed, names, result.started_at, len(keys)) if timed else None
    verdict = list(_verdict(result, keys))
    severities = Counter(key.finding.severity for key in found[: len(deck.cards)])
    filter_: Filter = ("severity", "v", choices(severities, Severity, str))
    write_page(
        "fleet.html",
        stream,
        title=": ".join(verdict[0][:2]),
        verdict=verdict,
        color="red" if result.exit_code != ExitCode.CLEAN else "yellow" if keys else "green",
        subject="boltz-keyscan fleet report",
        taken_at=format_time(result.started_at),
        headline=describe_coverage(result),
        warning="",
        counts=[(level, sum(key.finding.severity is level for key in keys)) for level in Severity],
        advice=[make_advice(kind, is_link=is_link) for kind, is_link in kinds],
        command=explain_command(urgent[0], names[urgent[0].finding.fingerprint]) if urgent else "",
        coverage=tuple(_coverage(result)),
        gaps=tuple(gap_groups(_gaps(result))),
        repositories=_table(result),
        timeline=timeline,
        deck=deck,
        total=len(found),
        explain="boltz-keyscan explain FINGERPRINT CLONE",
        filters=(filter_,) if len(filter_[2]) > 1 else (),
        data=json_data(f'{{"keys":[{deck.index}]}}'),
    )


def _verdict(result: FleetResult, keys: Sequence[FleetKey]) -> Iterator[Heading]:
    code = f"exit {result.exit_code:d}"
    blocking = sum(key.finding.blocking for key in keys)
    match result.exit_code:
        case ExitCode.BLOCKING:
            verb = "fails" if blocking == 1 else "fail"
            yield "FAILED", f"{count(blocking, 'key')} {verb} this run", code
            if not result.complete:
                yield "INCOMPLETE", "Not everything was scanned; there may be more", ""
        case ExitCode.CLEAN:
            yield "Clean", "No key fails this run, and every repository was scanned", code
        case _:
            yield "INCOMPLETE", "Not everything was scanned; no key that was seen fails this run", code


def _list_urgent(keys: Sequence[FleetKey]) -> list[FleetKey]:
    """Return the keys that ask for action, by situation, keys before share links."""
    urgent = (key for key in keys if not key.suppressed and key.situation is not Situation.IN_PLACE)
    return sorted(urgent, key=lambda key: (key.situation.rank, is_link(key.finding)))


def _coverage(result: FleetResult) -> Iterator[CoverageRow]:
    """Yield the number of repositories that were listed and fetched, and of each status that occurs."""
    reasons: dict[RepositoryStatus, Counter[str]] = {status: Counter() for status in RepositoryStatus}
    for entry in result.repositories(incomplete=True):
        reasons[entry.status].update(gap.reason for gap in _open_gaps(entry)[:1])
    coverage = result.coverage
    yield "Discovered", coverage.discovered, False, ""
    yield "Fetched", coverage.fetched, False, ""
    for status in RepositoryStatus:
        number, scanned = getattr(coverage, status.value), status is RepositoryStatus.SCANNED
        if number or scanned:
            words = ", ".join(f"{each:,} {reason}" for reason, each in reasons[status].most_common())
            yield status.capitalize(), number, not scanned, "" if scanned else words


def _open_gaps(entry: RepositoryEntry) -> list[Gap]:
    """Return the gaps that make a repository incomplete; there is one for each that was not scanned."""
    gaps = [gap for gap in entry.gaps if not gap.by_design and gap.accepted is None]
    if gaps or entry.status is RepositoryStatus.SCANNED:
        return gaps
    pending = entry.status is RepositoryStatus.PENDING
    return [Gap(entry.name, entry.status.value, "listed, and not scanned yet" if pending else "")]


def _gaps(result: FleetResult) -> Iterator[Gap]:
    """Yield the gaps of the list, and those of each repository with its name."""
    yield from result.gaps()
    for entry in result.repositories(incomplete=True):
        aside = (gap for gap in entry.gaps if gap.by_design or gap.accepted is not None)
        for gap in (*_open_gaps(entry), *aside):
            yield gap if gap.where == entry.name else replace(gap, where=f"{entry.name}: {gap.where}")


def _table(result: FleetResult) -> tuple[list[RepositoryRow], list[RepositoryRow], int]:
    """Return the rows that are shown and folded, those with keys first, and the number of the others."""
    most = MAX_REPOSITORIES + MAX_FOLDED_REPOSITORIES
    rows = heapq.nsmallest(most, map(_row, result.repositories()), key=_row_order)
    folded = [(clip(row[0]), *row[1:]) for row in rows[MAX_REPOSITORIES:]]
    return rows[:MAX_REPOSITORIES], folded, result.coverage.discovered - len(rows)


def _row(entry: RepositoryEntry) -> RepositoryRow:
    return entry.name, entry.status, entry.keys, entry.blocking, len(_open_gaps(entry))


def _row_order(row: RepositoryRow) -> tuple[int, int, bool, str]:
    name, status, keys, blocking, _ = row
    return -blocking, -keys, status is RepositoryStatus.SCANNED, name
