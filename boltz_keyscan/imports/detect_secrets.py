"""Baselines of detect-secrets: the SHA-1 of each secret, by file.

Form: https://github.com/Yelp/detect-secrets, ``docs/audit.md`` and ``detect_secrets/core/baseline.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.imports.entry import (
    Entry,
    ShapeError,
    array,
    has,
    member,
    number,
    text,
    without_surrogates,
)

_MAJOR = frozenset({"0", "1"})


def recognizes(item: object) -> bool:
    """Return True for a baseline."""
    return has(item, "results", "plugins_used")


def entries(item: object) -> Iterator[Entry]:
    """Yield the secrets, also the audited ones."""
    if text(item, "version").partition(".")[0] not in _MAJOR:
        raise ShapeError("of another version: those of detect-secrets 0 and 1 can be read")
    results = member(item, "results")
    if not isinstance(results, dict):
        raise ShapeError("results is not an object")
    for path in results:
        for each in array(results, path):
            yield Entry(
                path=without_surrogates(path),
                line=number(each, "line_number"),
                digest=text(each, "hashed_secret").lower(),
                is_accepted=member(each, "is_secret") is False,
            )
