"""Strict reading of paginated listings.

The pager of the SDK treats an empty page, a missing ``last_id`` or a page of another shape as the end,
and loops without end on a repeated ``last_id``. Each of those would read as "the organisation has no
such key", so each makes the listing incomplete here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from boltz_keyscan.api.errors import ApiError, Failure
from boltz_keyscan.triage.key_record import RecordError, identifier

PAGE_ITEMS = 100
"""Items of a page: the maximum of the API."""

MAX_PAGES = 1000

_MAX_CURSOR_CHARS = 4096

Item = TypeVar("Item")

FetchPage = Callable[[str | None], Mapping[str, object]]
"""Function from an id to the page after it; from None to the first page."""

_ReadPage = Callable[[Mapping[str, object], set[str]], tuple[list[object], str | None]]
"""Function from a page, and what earlier ones had, to its items and what asks for the next page."""


@dataclass(frozen=True, slots=True)
class Collected(Generic[Item]):
    """Items of all pages."""

    items: tuple[Item, ...]
    failure: Failure | None = None
    """Reason that items may be missing; None when the listing is complete."""


def collect(
    fetch: FetchPage, take: Callable[[object], Item], progress: Callable[[int], None] = lambda _: None
) -> Collected[Item]:
    """Collect the items of all pages.

    An item that cannot be parsed is left out and makes the listing incomplete.

    Args:
        fetch: returns a page.
        take: parses an item, or raises ``RecordError``.
        progress: called after each page with the number of items so far.
    """
    return _collect(fetch, _page, take, progress)


def collect_by_cursor(
    fetch: FetchPage, take: Callable[[object], Item], progress: Callable[[int], None] = lambda _: None
) -> Collected[Item]:
    """Collect the items of all pages of a listing with opaque cursors, whose items have no ids.

    Args:
        fetch: returns the page at a cursor; from None the first page.
        take: parses an item, or raises ``RecordError``.
        progress: called after each page with the number of items so far.
    """
    return _collect(fetch, _cursor_page, take, progress)


def _collect(
    fetch: FetchPage, read: _ReadPage, take: Callable[[object], Item], progress: Callable[[int], None]
) -> Collected[Item]:
    items: list[Item] = []
    seen: set[str] = set()
    unread = ""
    after: str | None = None
    for _ in range(MAX_PAGES):
        try:
            page = fetch(after)
        except ApiError as error:
            return Collected(tuple(items), error.failure)
        try:
            values, after = read(page, seen)
        except RecordError as error:
            return Collected(tuple(items), _wrong_shape(str(error)))
        for value in values:
            try:
                items.append(take(value))
            except RecordError as error:
                unread = unread or str(error)
        progress(len(items))
        if after is None:
            return Collected(tuple(items), _wrong_shape(unread) if unread else None)
    return Collected(tuple(items), Failure("too-many-pages", f"more than {MAX_PAGES} pages"))


def _cursor_page(page: Mapping[str, object], cursors: set[str]) -> tuple[list[object], str | None]:
    """Return the items of a page and the cursor of the next one. Adds the cursor to ``cursors``.

    Raises:
        RecordError: the page is malformed.
    """
    data, more, cursor = page.get("data"), page.get("has_more"), page.get("next_page")
    if not isinstance(data, list):
        raise RecordError("data is not a list")
    if not (more is None or isinstance(more, bool)):
        raise RecordError("has_more is neither true nor false")
    if len(data) > PAGE_ITEMS:
        raise RecordError("a page has more items than requested")
    if cursor is not None and not (isinstance(cursor, str) and 0 < len(cursor) <= _MAX_CURSOR_CHARS):
        raise RecordError("next_page is not a cursor")
    if more is False or (more is None and cursor is None):
        return data, None
    if cursor is None:
        raise RecordError("has_more without next_page")
    if cursor in cursors:
        raise RecordError("the same page twice")
    cursors.add(cursor)
    return data, cursor


def _page(page: Mapping[str, object], seen: set[str]) -> tuple[list[object], str | None]:
    """Return the items of a page, and the id of the last one if more pages follow. Adds the ids to ``seen``.

    Raises:
        RecordError: the page is malformed.
    """
    data, more, last = page.get("data"), page.get("has_more"), page.get("last_id")
    if not isinstance(data, list):
        raise RecordError("data is not a list")
    if not isinstance(more, bool):
        raise RecordError("has_more is neither true nor false")
    if len(data) > PAGE_ITEMS:
        raise RecordError("a page has more items than requested")
    ids = [identifier(value.get("id") if isinstance(value, Mapping) else None, "id") for value in data]
    for item_id in ids:
        if item_id in seen:
            raise RecordError("the same item twice")
        seen.add(item_id)
    if more and not ids:
        raise RecordError("an empty page that is not the last")
    if last != (ids[-1] if ids else None) and (more or last is not None):
        raise RecordError("last_id is not the id of the last item")
    return data, ids[-1] if more else None


def _wrong_shape(why: str) -> Failure:
    return Failure("wrong-shape", f"the listing of the API is not as documented: {why}")
