"""Cards of the keys, in whole and in short, and the index by which the page is filtered and sorted.

The page has a limit of size: the worst keys have a whole card, further ones a short one, and the rest is
counted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from boltz_keyscan import policy, rules
from boltz_keyscan.advice import choose_steps, describe_situation
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.model.kinds import is_link
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.file_actions import Instruction
from boltz_keyscan.report.html.lifetime import lifetime
from boltz_keyscan.report.html.rendering import macro
from boltz_keyscan.report.json_encode import dumps
from boltz_keyscan.report.locations import (
    Place,
    exposure_line,
    exposures_line,
    format_place,
    places,
    with_members,
)
from boltz_keyscan.report.recipe import Recipe
from boltz_keyscan.report.remediation import instructions
from boltz_keyscan.report.sentences import (
    MAX_CANDIDATES,
    STATUS_WORDS,
    key_title,
    status_sentences,
    suppression_sentences,
)
from boltz_keyscan.report.summary import explain_command
from boltz_keyscan.report.wording import is_old
from boltz_keyscan.rules import Rule

if TYPE_CHECKING:
    from markupsafe import Markup

MAX_KEYS = 5_000
"""Limit of keys on a page."""

MAX_WHOLE = 100
"""Limit of whole cards."""

MAX_PLACES = 10
"""Places that are shown; the others are folded."""

MAX_FOLDED = 90
"""Places that are folded; further ones are counted."""

MAX_INDEXED_CHARS = 4_000
"""Limit of the paths of a key in the index, together; the first one is always there."""

MAX_WHOLE_BYTES = 1_500_000
"""Limit of all whole cards together."""

MAX_BYTES = 4_000_000
"""Limit of all cards and the index together, in bytes. The rest of a page is below 1 MB."""

_MAX_STEP_CHARS = 4_000
"""Limit of a step with its commands: beyond it, ``explain`` is named."""


@dataclass(frozen=True, slots=True)
class Card:
    """A key as the templates need it."""

    key: Finding
    name: str
    """The first digits of the fingerprint."""
    title: str
    outcome: str
    situation: str
    first: str
    """The first place."""


@dataclass(frozen=True, slots=True)
class Details:
    """The content of a whole card."""

    power: str
    """The access that the key gives; empty for an unknown rule."""
    facts: tuple[tuple[str, str], ...]
    accepted: tuple[str, ...]
    """The suppressions, and those that did not suffice."""
    steps: tuple[Instruction, ...]
    places: Sequence[Place]
    """The places on the page: those that are shown, and those that are folded."""
    total: int
    """All places."""
    nouns: tuple[str, str] = ("path", "paths")
    """The noun of a place, and that of several."""


Draft = tuple[Card, str, Callable[[], Details]]
"""A key of which a card can be made: the card, its JSON object in the index, and a function for the rest."""


@dataclass(frozen=True, slots=True)
class Deck:
    """The cards that fit on the page."""

    cards: tuple[Markup, ...]
    index: str
    """JSON objects: the facts of each card by which it is found."""
    short: int
    """Short cards, which are the last."""
    left: int
    """Keys without a card."""


def make_deck(findings: Sequence[Finding], result: ScanResult, names: dict[str, str]) -> Deck:
    """Return the cards that fit, in the order of the findings."""
    known = {rule.id: rule for rule in rules.load()}

    def drafts() -> Iterator[Draft]:
        for finding in findings:
            card = _card(finding, names[finding.fingerprint])
            explain = explain_command(result, card.name)
            details = partial(_details, finding, result, known.get(finding.rule_id), explain)
            yield card, dumps(_entry(finding)), details

    return fill_deck(drafts(), len(findings))


def fill_deck(drafts: Iterable[Draft], total: int) -> Deck:
    """Return the cards that fit, in the order of the drafts, of which there are ``total``."""
    whole, short = macro("card.html", "whole"), macro("card.html", "short")
    cards: list[Markup] = []
    index: list[str] = []
    used = wholes = 0
    for number, (card, entry, details) in enumerate(itertools.islice(drafts, MAX_KEYS)):
        markup: Markup | None = None
        if number < MAX_WHOLE and used < MAX_WHOLE_BYTES:
            markup = whole(card, details(), number, MAX_PLACES)
            if used + _size(markup) > MAX_WHOLE_BYTES:
                markup = None
        wholes += markup is not None
        markup = markup or short(card)
        used += _size(markup) + len(entry)
        if used > MAX_BYTES:
            break
        cards.append(markup)
        index.append(entry)
    return Deck(tuple(cards), ",".join(index), max(len(cards) - wholes, 0), total - len(cards))


def _size(markup: Markup) -> int:
    return len(markup.encode("utf-8", "backslashreplace"))


def _entry(finding: Finding) -> dict[str, object]:
    """Return an item of the index; the names are short because there are thousands."""
    life = lifetime(finding)
    found = dict.fromkeys(map(with_members, finding.locations))
    return {
        "f": finding.fingerprint,
        "v": finding.severity.value,
        "x": list(dict.fromkeys(each.exposure.value for each in finding.locations)),
        "s": finding.status.value,
        "p": list(first_paths(found)),
        "n": len(found),
        "a": life.first.timestamp() if life.first else None,
        "z": life.last.timestamp() if life.last else None,
    }


def first_paths(paths: Collection[str]) -> Iterator[str]:
    """Yield the first paths of a key, up to the limit of the index."""
    for end, path in zip(itertools.accumulate(map(len, paths)), paths, strict=True):
        if end > MAX_INDEXED_CHARS and end > len(path):
            return
        yield path


def _card(finding: Finding, name: str) -> Card:
    # The first location has the widest exposure.
    first = finding.locations[0]
    return Card(
        finding,
        name,
        key_title(finding),
        describe_outcome(finding),
        describe_situation(finding),
        format_place(first, [first]),
    )


def describe_outcome(finding: Finding) -> str:
    """Return the effect of a key on the run, in a few words."""
    if finding.blocking:
        return "fails this run"
    if finding.suppression is not None:
        return "accepted"
    return "already there" if is_old(finding) else "does not fail this run"


def _details(finding: Finding, result: ScanResult, rule: Rule | None, explain: str) -> Details:
    found = places(finding)
    return Details(
        rule.summary if rule is not None and finding.shape is not Shape.PLACEHOLDER else "",
        tuple(_facts(finding)),
        tuple(suppression_sentences(finding, MAX_CANDIDATES)),
        tuple(_steps(finding, result, rule, explain)),
        found[: MAX_PLACES + MAX_FOLDED],
        len(found),
    )


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    life = lifetime(finding)
    yield "Situation", describe_situation(finding)
    # The dates are in the history, if there is one.
    yield "Exposure", exposures_line(finding) if life.events else exposure_line(finding)
    if life.events:
        yield "History", life.story
    sentences = list(status_sentences(finding, MAX_CANDIDATES))
    if not sentences:
        yield "Status", STATUS_WORDS[finding.status]
    for number, sentence in enumerate(sentences):
        yield "" if number else "Status", sentence.removeprefix("Status: ")
    yield "Shape", f"{finding.shape}, {finding.reason}"


def _steps(finding: Finding, result: ScanResult, rule: Rule | None, explain: str) -> Iterator[Instruction]:
    """Yield the remedy; none for a placeholder, and without the rule the steps without commands."""
    if finding.shape is Shape.PLACEHOLDER:
        return
    if rule is None:
        yield from map(Instruction, choose_steps(policy.situation(finding), is_link=is_link(finding)))
        return
    for step in instructions(Recipe(finding, rule, targets=result.targets, is_read=False)):
        text = "".join((step.text, *step.commands, *(line for _, lines in step.others for line in lines)))
        if len(text) > _MAX_STEP_CHARS:
            yield Instruction("Many files have it. This lists them, with the commands:", (explain,))
        else:
            yield step
