"""Reports of GitLab secret detection.

Schema: https://gitlab.com/gitlab-org/security-products/security-report-schemas, versions 14 to 16. Newer ones
have the secret in ``raw_source_code_extract``.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.imports.entry import Entry, ShapeError, array, has, number, text

_MAJOR = frozenset({"14", "15", "16"})


def recognizes(item: object) -> bool:
    """Return True for a report."""
    return has(item, "version", "vulnerabilities")


def entries(item: object) -> Iterator[Entry]:
    """Yield the vulnerabilities."""
    if text(item, "version").partition(".")[0] not in _MAJOR:
        raise ShapeError("of another version: schemas 14, 15 and 16 can be read")
    for each in array(item, "vulnerabilities"):
        yield Entry(
            (text(each, "raw_source_code_extract"),),
            text(each, "location", "file"),
            number(each, "location", "start_line"),
            commit=text(each, "location", "commit", "sha"),
            date=text(each, "location", "commit", "date"),
        )
