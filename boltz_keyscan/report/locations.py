"""Locations of one key, grouped by path.

A key that was in a file for forty commits has forty locations in history and, for the reader
who has to act, one place: the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from boltz_keyscan.advice import PAST, Verb, choose_verb, describe_exposure, describe_notes
from boltz_keyscan.model.enums import Exposure, Situation
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.policy import situation, widest
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.presence import describe_end, presence
from boltz_keyscan.report.wording import and_more, count, earliest, moment

_MORE_LINES = 3
_SUBJECT_CHARS = 40
_OBJECT_PATH = re.compile(r"(?:.*/)?\.git/(blob|commit|tag|tree)/([0-9a-f]{40}(?:[0-9a-f]{24})?)", re.DOTALL)
"""The path of an object that no commit has at a path; see ``git.attribution.locate``."""

_ORIGINS = {
    "commit": "its message or header has the key",
    "tag": "its message has the key",
}
_NO_COMMIT = "in no commit: left by git add, an amend, a rebase or a dropped stash"


@dataclass(frozen=True, slots=True)
class Place:
    """Place: all locations of a key under one path that ask for the same action."""

    verb: Verb
    where: str
    """Path, archive members and lines, or the cell of a notebook, or an object without a path."""
    story: str
    """Exposure and first commit, as text."""
    context: str


def places(finding: Finding) -> list[Place]:
    """Return one place per path and verb, widest exposure first, then by path."""
    kind = situation(finding)
    groups: dict[tuple[str, tuple[str, ...], str], list[Location]] = {}
    past: dict[tuple[str, tuple[str, ...]], list[Location]] = {}
    for location in finding.locations:
        path, verb = (location.path, location.members), choose_verb(location, kind)
        if location.exposure in PAST and verb is not Verb.DROP:
            past.setdefault(path, []).append(location)
        else:
            groups.setdefault((*path, verb), []).append(location)
    for path, group in past.items():
        # Older versions belong to what the path has now.
        now = next((key for key in groups if key[:2] == path and key[2] != Verb.DROP), (*path, ""))
        groups.setdefault(now, []).extend(group)
    ranked = sorted((widest(x.exposure for x in group).rank, key) for key, group in groups.items())
    return [_place(groups[key], kind) for _, key in ranked]


def exposure_line(finding: Finding) -> str:
    """Return one line on all locations of a key: exposures, count, first date, and the last if it is gone."""
    line, first = exposures_line(finding), earliest(finding.locations)
    if stay := describe_end(presence(finding), lambda date: date[:10]):
        line += f", {stay}"
    elif first and first.author_date:
        line += f", since {first.author_date[:10]}"
    return line


def exposures_line(finding: Finding) -> str:
    """Return the exposures and the count of all locations of a key."""
    locations = finding.locations
    ranked = sorted(locations, key=lambda location: location.exposure.rank)
    paths = len({location.path for location in locations})
    line = ", ".join(dict.fromkeys(map(describe_exposure, ranked)))
    return f"{line}; {count(len(locations), 'location')} in {count(paths, 'path')}"


def _place(group: list[Location], kind: Situation) -> Place:
    present = [x for x in group if x.exposure not in PAST]
    present.sort(key=lambda x: (x.exposure.rank, _spot(x)))
    past = [x for x in group if x.exposure in PAST]
    past.sort(key=lambda x: (x.exposure.rank, moment(x.author_date), _spot(x)))
    shown = (present or past)[0]
    story = _describe_present(present, past, kind) if present else _describe_past(past)
    if all(location.old for location in group):
        story += "; there before the change"
    return Place(choose_verb(shown, kind), format_place(shown, present or [shown]), story, shown.context)


def _describe_present(present: list[Location], past: list[Location], kind: Situation) -> str:
    first = earliest((*present, *past))
    shown = present[0]
    story = describe_exposure(shown)
    if first is not None:
        short = f"({(first.commit or '')[:7]})"
        story = short if shown.exposure is Exposure.TRACKED else f"{story} {short}"
    if past:
        story += f", and in {count(len({x.blob for x in past}), 'older version')}"
    notes = describe_notes(shown, kind)
    return f"{story}; {notes}" if notes else story


def _describe_past(past: list[Location]) -> str:
    shown = past[0]
    if shown.stash:
        stashes = ", ".join(dict.fromkeys(place.stash for place in past))
        return f"{stashes}: {format_subject(shown)}" if shown.subject else stashes
    first = earliest(past)
    versions = len({x.blob for x in past})
    parts = [format_commit(first)] if first else []
    found = _OBJECT_PATH.fullmatch(shown.path)
    if found is not None:
        reason = _ORIGINS.get(found[1], "")
        if shown.exposure is Exposure.UNREACHABLE:
            reason = f"{describe_exposure(shown)}; {reason or _NO_COMMIT}"
    elif shown.exposure is Exposure.HISTORY:
        where = "on another branch or tag" if any(x.present for x in past) else "gone from HEAD"
        reason = f"({where})" if first else f"in history, {where}"
    else:
        reason = f"({describe_exposure(shown)})" if first else describe_exposure(shown)
    parts.append(reason)
    story = " ".join(filter(None, parts))
    return f"{story}, {count(versions, 'version')}" if versions > 1 else story


def format_commit(location: Location) -> str:
    """Return seven digits of a commit, and its subject in quotes."""
    subject = f" {format_subject(location)}" if location.subject else ""
    return f"{(location.commit or '')[:7]}{subject}"


def format_subject(location: Location) -> str:
    """Return the beginning of the subject of a commit, in quotes."""
    subject = location.subject
    return f'"{subject[: _SUBJECT_CHARS - 3]}..."' if len(subject) > _SUBJECT_CHARS else f'"{subject}"'


def _spot(location: Location) -> tuple[int, int, int]:
    return (location.cell or 0, location.line, location.column)


def format_place(shown: Location, group: Sequence[Location]) -> str:
    """Return the path and lines of a place; for an object without a path, its kind and id.

    Args:
        shown: the location with the path and the encodings.
        group: the locations whose lines are listed.
    """
    if found := _OBJECT_PATH.fullmatch(shown.path):
        return f"{found[1]} object {found[2][:10]}, line {shown.line}"
    path = with_members(shown)
    coded = f" ({' > '.join(shown.decoded)})" if shown.decoded else ""
    if shown.cell is not None:
        part = f", {shown.cell_part}" if shown.cell_part else ""
        others = len({(x.cell, x.cell_part, x.line, x.column) for x in group}) - 1
        return f"{path}   cell {shown.cell}{part}, line {shown.line}{coded}{and_more(others, 'place')}"
    # A file on disk and the same file in HEAD are two locations at one spot.
    lines = list(dict.fromkeys(location.line for location in group))
    more = len(lines) - 1 - _MORE_LINES
    listed = ", ".join(map(str, lines[: _MORE_LINES + 1])) + (f" and {more:,} more" if more > 0 else "")
    return f"{path}:{listed}{coded}"


def with_members(location: Location) -> str:
    """Return the path of a location, with the members of archives that lead to it."""
    return "!".join((location.path, *location.members))


def format_location(location: Location) -> str:
    """Format a location: path, members, line, column, cell and encodings."""
    text = f"{with_members(location)}:{location.line}:{location.column}"
    if location.cell is not None:
        text += f" cell {location.cell} {location.cell_part or ''}".rstrip()
    if location.decoded:
        text += f" ({' > '.join(location.decoded)})"
    return text
