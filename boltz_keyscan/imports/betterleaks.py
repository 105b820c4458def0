"""Reports of betterleaks 2 in JSON: an object with ``findings``, or one finding a line.

Fields: as betterleaks 2.0.0-rc.4 writes them. Those of betterleaks 1 have the form of gitleaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from boltz_keyscan.imports.entry import Entry, array, has, member, number, text


def recognizes(item: object) -> bool:
    """Return True for a report, a finding or the last line of findings."""
    if isinstance(item, Mapping) and "schema_version" in item:
        return has(item.get("scan"), "betterleaks_version") or has(item.get("finding"), "rule_id", "match")
    return False


def entries(item: object) -> Iterator[Entry]:
    """Yield the findings."""
    found = [member(item, "finding")] if has(item, "finding") else array(item, "findings")
    for each in found:
        yield Entry(
            (text(each, "match", "value"), text(each, "match", "full")),
            text(each, "location", "path"),
            number(each, "location", "start_line"),
            number(each, "location", "start_column"),
            text(each, "attributes", "git.sha"),
            text(each, "attributes", "git.date"),
        )
