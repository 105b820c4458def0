"""Reports of kingfisher in JSON: an object with ``findings``, a list of them, or one a line.

Fields: https://github.com/mongodb/kingfisher, ``src/reporter``.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.imports.entry import Entry, array, has, member, number, text


def recognizes(item: object) -> bool:
    """Return True for a finding, or a report with some or none."""
    if has(item, "rule", "finding"):
        return True
    found = member(item, "findings") if has(item, "findings") else None
    return isinstance(found, list) and all(has(each, "rule", "finding") for each in found[:1])


def entries(item: object) -> Iterator[Entry]:
    """Yield the findings. Other lines are its summary."""
    for each in [item] if has(item, "finding") else array(item, "findings"):
        git = ("finding", "git_metadata")
        yield Entry(
            (text(each, "finding", "snippet"),),
            text(each, *git, "file", "path") or text(each, "finding", "path"),
            number(each, "finding", "line"),
            number(each, "finding", "column_start"),
            text(each, *git, "commit", "id"),
            text(each, *git, "commit", "date"),
        )
