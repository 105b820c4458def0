"""Reports of betterleaks 2 in JSON: an object with ``findings``, or one finding a line.

Fields: as betterleaks 2.0.0-rc.4 writes them. Those of betterleaks 1 have the form of gitleaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from boltz_keyscan.imports.entry import Entry, has, member, number, text
from boltz_keyscan.imports.entry import items as listed


def recognizes(item: object) -> bool:
    """Return True for a report, a finding or the last line of findings."""
    if isinstance(item, Mapping) and "schema_version" in item:
        return has(item.get("scan"), "betterleaks_version") or has(item.get("finding"), "rule_id", "match")
    return False


def entries(items: Sequence[object]) -> Iterator[Entry]:
    """Yield the findings."""
    for item in items:
        found = [member(item, "finding")] if has(item, "finding") else listed(item, "findings")
        for each in found:
            yield Entry(
                (text(each, "match", "value"), text(each, "match", "full")),
                text(each, "location", "path"),
                number(each, "location", "start_line"),
                number(each, "location", "start_column"),
                text(each, "attributes", "git.sha"),
                text(each, "attributes", "git.date"),
            )
