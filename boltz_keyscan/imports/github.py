"""Alerts of GitHub secret scanning, as its REST API returns them.

Fields: https://docs.github.com/en/rest/secret-scanning/secret-scanning. With ``hide_secret=true`` they have
no secret. The places of an alert are a request of their own; a member ``locations`` is read too.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.imports.entry import Entry, array, has, member, number, text


def recognizes(item: object) -> bool:
    """Return True for an alert."""
    return has(item, "number", "secret_type")


def entries(item: object) -> Iterator[Entry]:
    """Yield each place of each alert; an alert without one has its number for a path."""
    places = [member(each, "details") for each in array(item, "locations")]
    for place in places or [member(item, "first_location_detected")]:
        yield Entry(
            (text(item, "secret"),),
            text(place, "path") or f"alert {number(item, 'number')}",
            number(place, "start_line"),
            number(place, "start_column"),
            text(place, "commit_sha"),
            pushed=True,
        )
