"""Gaps as a person counts them: a file of the worktree and its git objects are one gap.

Programs get each of them, because an entry can accept a file, an object, or both.
"""

from __future__ import annotations

from collections.abc import Iterable

from boltz_keyscan.model.finding import Gap
from boltz_keyscan.records import replace
from boltz_keyscan.report.wording import and_more

_ID_CHARS = 10
"""Characters of an object id in a line."""


def joined_gaps(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Return the gaps, those of git objects joined to the file at one of their paths, as its detail.

    A file and an object are joined if the same part of both was not read, for the same reason, and
    both are accepted or neither is.
    """
    ordered = tuple(gaps)
    files = {(gap.paths[0], *_kind(gap)): gap for gap in ordered if gap.oid is None and len(gap.paths) == 1}
    objects: dict[Gap, list[Gap]] = {}
    for gap in ordered:
        if gap.oid is not None:
            keys = ((path, *_kind(gap)) for path in gap.paths)
            if (file := next(filter(None, map(files.get, keys)), None)) is not None:
                objects.setdefault(file, []).append(gap)
    placed = {each for group in objects.values() for each in group}
    here = {file.paths[0] for file in files.values()}
    return tuple(_join(gap, objects.get(gap, ()), here) for gap in ordered if gap not in placed)


def sort_gaps(gaps: Iterable[Gap]) -> tuple[list[Gap], list[Gap], list[Gap]]:
    """Return the joined gaps that make a scan incomplete, those by design, and those that are accepted."""
    sorts: tuple[list[Gap], list[Gap], list[Gap]] = ([], [], [])
    for gap in joined_gaps(gaps):
        sorts[2 if gap.accepted is not None else int(gap.by_design)].append(gap)
    return sorts


def _kind(gap: Gap) -> tuple[object, ...]:
    """Return what the gaps of a file and of its object have in common; members follow the path or id."""
    origin = gap.oid or next(iter(gap.paths), "")
    return gap.where.partition(origin)[2], gap.reason, gap.by_design, gap.accepted is not None


def _join(file: Gap, objects: Iterable[Gap], here: set[str]) -> Gap:
    ids = sorted({gap.oid[:_ID_CHARS] for gap in objects if gap.oid is not None})
    if not ids:
        return file
    elsewhere = sorted({path for gap in objects for path in gap.paths} - here)
    at = f", at {elsewhere[0]}{and_more(len(elsewhere) - 1, 'path')} too" if elsewhere else ""
    also = f"also git object {ids[0]}{and_more(len(ids) - 1, 'object')}{at}"
    return replace(file, detail=f"{file.detail}; {also}" if file.detail else also)
