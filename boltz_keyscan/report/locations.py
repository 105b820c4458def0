"""Locations of one key, grouped by path.

A key that was in a file for forty commits has forty locations in history and, for the reader
who has to act, one place: the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from boltz_keyscan.model.finding import Location
from boltz_keyscan.policy import widest
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.wording import EXPOSURE, PAST, commit, count, earliest, moment

_MORE_SPOTS = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Place: all locations of a key under one path."""

    where: str
    """Path, archive members, line and column."""
    story: str
    """Exposure and first commit, as text."""
    context: str


def places(locations: Iterable[Location]) -> list[Place]:
    """Return one place per path, widest exposure first, then by path."""
    groups: dict[tuple[str, tuple[str, ...]], list[Location]] = {}
    for location in locations:
        groups.setdefault((location.path, location.members), []).append(location)
    ranked = sorted((widest(x.exposure for x in group).rank, key) for key, group in groups.items())
    return [_place(groups[key]) for _, key in ranked]


def exposure_line(locations: Iterable[Location]) -> str:
    """Return one line on all locations of a key: exposures, count, first date."""
    locations = tuple(locations)
    exposures = sorted({location.exposure for location in locations}, key=lambda exposure: exposure.rank)
    paths = len({location.path for location in locations})
    line = ", ".join(EXPOSURE[exposure] for exposure in exposures)
    line += f"; {count(len(locations), 'location')} in {count(paths, 'path')}"
    first = earliest(locations)
    if first and first.author_date:
        line += f", since {first.author_date[:10]}"
    return line


def _place(group: list[Location]) -> Place:
    present = [x for x in group if x.exposure not in PAST]
    present.sort(key=lambda x: (x.exposure.rank, _spot(x)))
    past = [x for x in group if x.exposure in PAST]
    past.sort(key=lambda x: (x.exposure.rank, moment(x.author_date), _spot(x)))
    shown = (present or past)[0]
    versions = len({x.blob for x in past})
    story = EXPOSURE[shown.exposure]
    if present:
        story += _further_spots(present)
    if present and past:
        story += f", and in {count(versions, 'older version')}"
    elif versions > 1:
        story += f", {count(versions, 'version')}"
    if all(location.old for location in group):
        story += "; there before the change"
    first = earliest(group)
    if first:
        story += f"; first {commit(first)}"
    return Place(format_location(shown), story, shown.context)


def _spot(location: Location) -> tuple[int, int, int]:
    return (location.cell or 0, location.line, location.column)


def _further_spots(present: list[Location]) -> str:
    # A file on disk and the same file in HEAD are two locations at one spot.
    spots = list(dict.fromkeys(_spot(location) for location in present))[1:]
    if not spots:
        return ""
    listed = ", ".join(f"{line}:{column}" for _, line, column in spots[:_MORE_SPOTS])
    more = len(spots) - _MORE_SPOTS
    return f" (also {listed}{f' and {more:,} more' if more > 0 else ''})"


def format_location(location: Location) -> str:
    """Format a location: path, members, line, column, cell and encodings."""
    text = "!".join((location.path, *location.members)) + f":{location.line}:{location.column}"
    if location.cell is not None:
        text += f" cell {location.cell} {location.cell_part or ''}".rstrip()
    if location.decoded:
        text += f" ({' > '.join(location.decoded)})"
    return text


def relative_path(path: str) -> str:
    """Return a path, in its display form, below the scanned root: without a root of its own or ``..``."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    return "/".join(segments) or "unnamed"


def relative_uri(path: str) -> str:
    """Return ``path`` as a percent-encoded URI reference below the scanned root.

    GitHub places a result only by a URI relative to the repository root, and rejects an upload
    whose absolute URIs have an unexpected scheme (docs.github.com, "SARIF support for code
    scanning", "Specifying the root for source files"). An absolute path loses its root, and
    ``..``, which would point outside the checkout, is resolved. A colon is encoded, or the first
    segment would read as a scheme (RFC 3986 section 4.2).
    """
    segments = relative_path(path).split("/")
    return "/".join(quote(segment, safe="-._~", errors="replace") for segment in segments)
