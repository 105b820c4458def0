"""SARIF 2.1.0 of any scanner (https://docs.oasis-open.org/sarif/sarif/v2.1.0).

A secret is in the snippet of a region, if anywhere. gitleaks has the commit in ``partialFingerprints``.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from boltz_keyscan.imports.entry import Entry, ShapeError, array, has, number, text

_VERSION = "2.1.0"


def recognizes(item: object) -> bool:
    """Return True for a log."""
    return has(item, "version", "runs")


def entries(item: object) -> Iterator[Entry]:
    """Yield each place of each result."""
    if text(item, "version") != _VERSION:
        raise ShapeError(f"of another version: SARIF {_VERSION} can be read")
    for run in array(item, "runs"):
        for result in array(run, "results"):
            for each in array(result, "locations"):
                yield _entry(result, each)


def _entry(result: object, location: object) -> Entry:
    place, region = "physicalLocation", ("physicalLocation", "region")
    uri = text(location, place, "artifactLocation", "uri")
    around = text(location, place, "contextRegion", "snippet", "text")
    return Entry(
        tuple(filter(None, (text(location, *region, "snippet", "text"), around))),
        unquote(uri.removeprefix("file://")),
        number(location, *region, "startLine"),
        number(location, *region, "startColumn"),
        text(result, "partialFingerprints", "commitSha"),
        text(result, "partialFingerprints", "date"),
    )
