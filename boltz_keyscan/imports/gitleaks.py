"""Reports of gitleaks 8 and betterleaks in JSON: a list of findings.

Fields: https://github.com/gitleaks/gitleaks, ``report/finding.go``. betterleaks has the path in
``Attributes`` too.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.imports.entry import Entry, has, number, text


def recognizes(item: object) -> bool:
    """Return True for a finding."""
    return has(item, "RuleID", "Secret")


def entries(item: object) -> Iterator[Entry]:
    """Yield the findings."""
    yield Entry(
        (text(item, "Secret"), text(item, "Match")),
        text(item, "File") or text(item, "Attributes", "path"),
        number(item, "StartLine"),
        number(item, "StartColumn"),
        text(item, "Commit"),
        text(item, "Date"),
    )
