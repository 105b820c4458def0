"""Score of a scanner: planted keys that it found, and decoys that it reported."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

GROUPS = ("encodings", "layouts", "containers", "chains", "files", "links", "git")


@dataclass(frozen=True, slots=True)
class Found:
    """One finding of a scanner: the file it names, below the scanned folder, and what it knows of the key."""

    path: str
    fingerprint: str | None = None
    sha1: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the ledger."""

    group: str
    place: str
    path: str
    fingerprint: str
    sha1: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """Ledger of the planted keys."""

    places: tuple[Place, ...]
    decoys: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """Read the ledger that ``make`` wrote.

        Raises:
            OSError: it cannot be read.
            ValueError: it is malformed.
        """
        document = json.loads(path.read_text(encoding="utf-8"))
        try:
            if document["version"] != 1:
                raise ValueError("another version of the suite made it")
            return cls(tuple(Place(**row) for row in document["places"]), frozenset(document["decoys"]))
        except (KeyError, TypeError) as error:
            raise ValueError("this is no ledger") from error


@dataclass(frozen=True, slots=True)
class Score:
    """Score of one scanner."""

    name: str
    found: dict[str, int]
    """Number of found keys by group."""
    missed: tuple[str, ...]
    false: tuple[str, ...]
    """Decoys reported as keys."""


def score(name: str, ledger: Ledger, findings: Iterable[Found]) -> Score:
    """Compare the findings of a scanner with the ledger.

    A place counts as found when the scanner reports its key or, for a file with one key, that file: many
    scanners show an encoded key as it is.
    """
    findings = list(findings)
    paths = {each.path for each in findings}
    names = {each.fingerprint for each in findings} | {each.sha1 for each in findings}

    def hit(place: Place) -> bool:
        return not names.isdisjoint({place.fingerprint, place.sha1}) or (
            place.group != "git" and place.path in paths
        )

    found = [place for place in ledger.places if hit(place)]
    counts = {group: sum(place.group == group for place in found) for group in GROUPS}
    missed = tuple(f"{each.group}: {each.place}" for each in ledger.places if each not in found)
    return Score(name, counts, missed, tuple(sorted(ledger.decoys & paths)))


def table(scores: Iterable[Score], ledger: Ledger) -> str:
    """The scores as a table in Markdown."""
    totals = {group: sum(place.group == group for place in ledger.places) for group in GROUPS}
    lines = [
        f"| scanner | {' | '.join(f'{group} ({totals[group]})' for group in GROUPS)} | recall | precision |",
        f"|---|{'---|' * (len(GROUPS) + 2)}",
    ]
    for each in scores:
        hits = sum(each.found.values())
        recall = f"{100 * hits / len(ledger.places):.1f} %"
        precision = f"{100 * hits / (hits + len(each.false)):.1f} %" if hits else "-"
        cells = " | ".join(str(each.found[group]) for group in GROUPS)
        lines.append(f"| {each.name} | {cells} | {recall} | {precision} |")
    return "\n".join(lines)
