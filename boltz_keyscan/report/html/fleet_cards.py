"""Cards of the keys of a fleet: each with its repositories, in the parts of the cards of a scan."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Sequence
from functools import partial

from boltz_keyscan import rules
from boltz_keyscan.advice import TITLE, choose_steps
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.model.fleet import FleetKey, FleetResult, Occurrence, RepositoryStatus
from boltz_keyscan.model.kinds import is_link
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.report.file_actions import Instruction
from boltz_keyscan.report.fleet_text import describe_extent, describe_first
from boltz_keyscan.report.html.cards import MAX_FOLDED, MAX_PLACES, Card, Details, Draft, first_paths
from boltz_keyscan.report.html.lifetime import Lifetime, lifetime
from boltz_keyscan.report.json_encode import dumps
from boltz_keyscan.report.locations import Place, places, with_members
from boltz_keyscan.report.sentences import key_title
from boltz_keyscan.report.wording import count, format_day, moment, parse_time

MAX_LOCATIONS = 1_000
"""Locations of a key that its lifetime is made of; a mark on the timeline is a place for many."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The repositories of a key."""

    life: Lifetime
    """The lifetime of the key as if all repositories were one."""
    places: tuple[Place, ...]
    """The first repositories, each with its first place."""
    names: tuple[str, ...]
    """The first repositories and their paths, by which the page is searched."""


def explain_command(key: FleetKey, name: str) -> str:
    """Return the command that explains a key, in the repository from which it came first."""
    repository = key.first.repository if key.first else "CLONE"
    # An address is cloned first; a colon is in each of them.
    return shlex.join(("boltz-keyscan", "explain", name, "CLONE" if ":" in repository else repository))


def make_spread(result: FleetResult, key: FleetKey, most: int = MAX_LOCATIONS) -> Spread:
    """Return the repositories of a key, of which forks share most locations.

    Args:
        result: the fleet.
        key: the key.
        most: locations from which no more are read, once there are enough repositories for the card.
    """
    locations: dict[Location, None] = {}
    rows: list[Place] = []
    names: dict[str, None] = {}
    for each in result.occurrences(key.finding.fingerprint):
        room = max(0, most - len(locations))
        if len(rows) < MAX_PLACES + MAX_FOLDED:
            finding = each.whole()
            locations.update(dict.fromkeys(finding.locations[:room]))
            rows.append(_place(each, finding, first=not rows))
            names.update(_searched(each, finding))
        elif room > 0:
            locations.update(dict.fromkeys(itertools.islice(each.locations, room)))
        else:
            break
    life = lifetime(replace(key.finding, locations=tuple(locations)))
    if len(locations) >= most and key.locations > most:
        life = _partly_drawn(life, key, most)
    return Spread(life, tuple(rows), tuple(first_paths(names)))


def _partly_drawn(life: Lifetime, key: FleetKey, most: int) -> Lifetime:
    """Return a lifetime that was made of the first locations only, with what is known of all of them."""
    end = {True: "still there", False: "gone", None: "its end is not known"}[key.still_present]
    begin = f"since {format_day(moment(key.first.author_date))}, " if key.first else ""
    drawn = f"drawn from {most:,} of {key.locations:,} places"
    return replace(
        life, present=key.still_present, last=None, story=f"{begin}{end}; {drawn}", brief=f"{begin}{end}"
    )


def _place(occurrence: Occurrence, finding: Finding, *, first: bool) -> Place:
    """Return a repository with its first place, and the number of the others."""
    found = places(finding)
    parts = [f"{found[0].where}  {found[0].story}"]
    parts += [count(len(found) - 1, "more path")] if len(found) > 1 else []
    parts += ["accepted here"] if finding.suppression is not None else []
    if occurrence.status is not RepositoryStatus.SCANNED:
        parts.append(f"this repository is {occurrence.status}: there may be more")
    return replace(
        found[0],
        where=occurrence.repository,
        story="; ".join(parts),
        context=found[0].context if first else "",
    )


def _searched(occurrence: Occurrence, finding: Finding) -> Iterator[tuple[str, None]]:
    yield occurrence.repository, None
    for each in finding.locations:
        yield with_members(each), None


def make_drafts(
    result: FleetResult, keys: Sequence[FleetKey], names: dict[str, str], spreads: dict[str, Spread]
) -> Iterator[Draft]:
    """Yield the keys for their cards.

    Args:
        result: the fleet.
        keys: its keys, in the order of the page.
        names: the short form of each fingerprint.
        spreads: the first keys with their repositories; of the others a few repositories are read.
    """
    known = {rule.id: rule.summary for rule in rules.load()}
    for key in keys:
        spread = spreads.get(key.finding.fingerprint)
        if spread is None:
            occurrences = itertools.islice(result.occurrences(key.finding.fingerprint), MAX_PLACES)
            pairs = [(each, each.whole()) for each in occurrences]
            searched = dict(each for pair in pairs for each in _searched(*pair))
            first = _place(*pairs[0], first=True)
            spread = Spread(lifetime(pairs[0][1]), (first,), tuple(searched))
        card = _card(key, names[key.finding.fingerprint], spread)
        power = "" if key.finding.shape is Shape.PLACEHOLDER else known.get(key.finding.rule_id, "")
        yield card, dumps(_entry(key, spread)), partial(_details, key, card, spread, power)


def _entry(key: FleetKey, spread: Spread) -> dict[str, object]:
    """Return an item of the index, as that of the page of a scan."""
    when = parse_time(key.first.author_date) if key.first else None
    return {
        "f": key.finding.fingerprint,
        "v": key.finding.severity.value,
        "p": list(first_paths(spread.names)),
        "n": key.locations,
        "a": when.timestamp() if when else None,
    }


def _card(key: FleetKey, name: str, spread: Spread) -> Card:
    outcome = "accepted" if key.suppressed else "does not fail this run"
    first = f"{key.first.repository}  {key.first.path}" if key.first else spread.places[0].where
    return Card(
        key.finding,
        name,
        key_title(key.finding),
        "fails this run" if key.finding.blocking else outcome,
        f"{TITLE[key.situation]}; in {describe_extent(key)}",
        first,
    )


def _details(key: FleetKey, card: Card, spread: Spread, power: str) -> Details:
    facts = [("Situation", TITLE[key.situation]), ("Extent", describe_extent(key))]
    if key.first is not None:
        facts.append(("First", describe_first(key.first)))
    if spread.life.events:
        facts.append(("History", spread.life.story))
    named = (
        ()
        if key.finding.shape is Shape.PLACEHOLDER
        else choose_steps(key.situation, is_link=is_link(key.finding))
    )
    steps = list(map(Instruction, named))
    if len(steps) > 1:
        text = "The commands, in a clone of each repository that has it:"
        steps.append(Instruction(text, (explain_command(key, card.name),)))
    return Details(
        power,
        tuple(facts),
        (),
        tuple(steps),
        spread.places,
        key.repositories,
        ("repository", "repositories"),
    )
