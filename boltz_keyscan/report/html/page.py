"""HTML report of a scan: the verdict, the first steps, the gaps, the timeline, and a card for each key."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import TextIO, TypeVar

from boltz_keyscan.advice import EXPOSURE, choose_steps, describe_case
from boltz_keyscan.model.enums import Exposure, Severity, Shape, Situation, Status
from boltz_keyscan.model.finding import Finding, Gap, ScanResult
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.gaps import sort_gaps
from boltz_keyscan.report.html.cards import make_deck
from boltz_keyscan.report.html.lifetime import lifetime
from boltz_keyscan.report.html.rendering import heading, json_data, write_page
from boltz_keyscan.report.html.timeline import MAX_TIMED, make_timeline
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.sentences import STATUS_WORDS, own_key_warning
from boltz_keyscan.report.summary import (
    explain_command,
    headline,
    next_lines,
    summary,
    urgent_situations,
    verdict,
    verdict_color,
)
from boltz_keyscan.report.wording import count, format_time, gap_reason, short_fingerprints

MAX_GAPS = 10
"""Gaps of each kind that are shown; the others are folded."""

MAX_FOLDED_GAPS = 490
"""Gaps of each kind that are folded; further ones are counted."""

_MAX_GAP_CHARS = 400
"""Limit of a folded gap: there may be many, and the page has a limit."""

Kind = TypeVar("Kind", bound=StrEnum)

_GAP_TITLES = ("not read", "left out by design", "not read, as agreed")
"""Titles of the kinds of ``sort_gaps``."""

_ELSEWHERE = frozenset({"Next", "Gaps", "Left out", "Accepted"})
"""Labels of the summary that have a section of their own on the page."""


@dataclass(frozen=True, slots=True)
class GapGroup:
    """Gaps of one kind."""

    title: str
    loud: bool
    """True for gaps that make the scan incomplete."""
    shown: tuple[tuple[str, str], ...]
    folded: tuple[tuple[str, str], ...]
    left: int


Choice = tuple[str, str, int]
"""A value of a filter, its label and its number of keys."""


Filter = tuple[str, str, tuple[Choice, ...]]
"""A filter of the keys: its name, its member in the index, and its choices."""


def make_advice(kind: Situation, *, is_link: bool) -> tuple[str, tuple[str, ...]]:
    """Return the title and the steps of a situation, of keys or of share links."""
    return describe_case(kind, is_link=is_link), tuple(map(str, choose_steps(kind, is_link=is_link)))


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the page."""
    found = options.findings(result)
    if options.verbosity < 0:
        found = tuple(finding for finding in found if finding.blocking)
    names = short_fingerprints(finding.fingerprint for finding in result.findings)
    deck = make_deck(found, result, names)
    keys = [finding for finding in found if finding.shape is not Shape.PLACEHOLDER]
    timed = [(key, lifetime(key)) for key in keys[:MAX_TIMED]]
    sentences = list(verdict(result))
    write_page(
        "scan.html",
        stream,
        title=sentences[0],
        verdict=[heading(sentence) for sentence in sentences],
        color=verdict_color(result),
        subject=shlex.join(("boltz-keyscan", *result.targets)),
        taken_at=format_time(result.started_at),
        headline=headline(result),
        warning=own_key_warning(result),
        counts=[(level, sum(key.severity is level for key in result.keys)) for level in Severity],
        advice=[make_advice(kind, is_link=is_link) for kind, is_link in urgent_situations(result)],
        command=next((text.partition("     ")[0] for _, text in next_lines(result)), ""),
        gaps=tuple(gap_groups(result.gaps)),
        timeline=make_timeline(timed, names, result.started_at, len(keys)) if timed else None,
        deck=deck,
        total=len(found),
        explain=explain_command(result, "FINGERPRINT"),
        filters=tuple(_filters(found[: len(deck.cards)])),
        receipt=_group(summary(result, options)),
        data=json_data(f'{{"keys":[{deck.index}]}}'),
    )


def gap_groups(gaps: Iterable[Gap]) -> Iterator[GapGroup]:
    """Yield the gaps that were accepted, those by design, and before both the others."""
    for title, found in zip(_GAP_TITLES, sort_gaps(gaps), strict=True):
        rows = [(gap.where, gap_reason(gap)) for gap in found[: MAX_GAPS + MAX_FOLDED_GAPS]]
        if rows:
            yield GapGroup(
                f"{count(len(found), 'part')} {title}",
                title == _GAP_TITLES[0],
                tuple(rows[:MAX_GAPS]),
                tuple((clip(where), clip(reason)) for where, reason in rows[MAX_GAPS:]),
                len(found) - len(rows),
            )


def clip(text: str) -> str:
    """Return the beginning of a text in a list that is folded."""
    return text if len(text) <= _MAX_GAP_CHARS else f"{text[:_MAX_GAP_CHARS]}..."


def _filters(found: Sequence[Finding]) -> Iterator[Filter]:
    """Yield the filters that can make a difference."""
    exposures = Counter(each for finding in found for each in {where.exposure for where in finding.locations})
    severities, statuses = (Counter(map(attrgetter(name), found)) for name in ("severity", "status"))
    for filter_ in (
        ("severity", "v", choices(severities, Severity, str)),
        ("exposure", "x", choices(exposures, Exposure, EXPOSURE.__getitem__)),
        ("status", "s", choices(statuses, Status, STATUS_WORDS.__getitem__)),
    ):
        if len(filter_[2]) > 1:
            yield filter_


def choices(counted: Counter[Kind], kinds: Iterable[Kind], name: Callable[[Kind], str]) -> tuple[Choice, ...]:
    """Return the choices of a filter: those that a key has, in the order of their kinds."""
    return tuple((str(kind), name(kind), counted[kind]) for kind in kinds if counted[kind])


def _group(rows: Iterable[tuple[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the lines of the summary by label, without those that have a section of their own."""
    groups: list[tuple[str, list[str]]] = []
    for label, text in rows:
        if label or not groups:
            groups.append((label, [text]))
        else:
            groups[-1][1].append(text)
    return tuple((label, tuple(texts)) for label, texts in groups if label not in _ELSEWHERE)
