"""Reports of trufflehog 3 in JSON: one finding a line.

Fields: https://github.com/trufflesecurity/trufflehog, ``pkg/output/json.go`` and ``source_metadata.proto``.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.imports.entry import Entry, ShapeError, has, member, number, text

_SERVERS = frozenset({"Github", "Gitlab", "Bitbucket", "Gerrit"})


def recognizes(item: object) -> bool:
    """Return True for a finding."""
    return has(item, "SourceMetadata", "DetectorName")


def entries(item: object) -> Iterator[Entry]:
    """Yield the findings."""
    if has(item, "level", "msg"):
        # A line of its log, where both streams went into the file.
        return
    data = member(item, "SourceMetadata", "Data") or {}
    parts = member(item, "SecretParts") or {}
    if not isinstance(data, dict) or not isinstance(parts, dict):
        raise ShapeError("SourceMetadata.Data or SecretParts is not an object")
    source = next(iter(data), "")
    place = data.get(source)
    yield Entry(
        (text(item, "Raw"), text(item, "RawV2"), *(text(parts, name) for name in parts)),
        text(place, "file") or text(place, "path") or text(place, "link"),
        number(place, "line"),
        commit=text(place, "commit"),
        date=text(place, "timestamp"),
        pushed=True if source in _SERVERS else None,
    )
