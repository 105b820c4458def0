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

Progress = Callable[[int], None]
"""Function that is called with the number of items so far."""

FetchPage = Callable[[str | None], Mapping[str, object]]
"""Function from an id to the page after it; from None to the first page."""


@dataclass(frozen=True, slots=True)
class PagedItems(Generic[Item]):
    """Items of all pages."""

    items: tuple[Item, ...]
    failure: Failure | None = None
    """Reason that items may be missing; None when the listing is complete."""


def collect(
    fetch: FetchPage,
    take: Callable[[object], Item],
    progress: Progress = lambda _: None,
    *,
    by_cursor: bool = False,
) -> PagedItems[Item]:
    """Collect the items of all pages.

    An item that cannot be parsed is left out and makes the listing incomplete.

    Args:
        fetch: returns a page.
        take: parses an item, or raises ``RecordError``.
        progress: called after each page with the number of items so far.
        by_cursor: the pages have opaque cursors, and their items no ids.
    """
    read = _read_cursor_page if by_cursor else _read_page
    items: list[Item] = []
    seen: set[str] = set()
    unread = ""
    after: str | None = None
    for _ in range(MAX_PAGES):
        try:
            page = fetch(after)
        except ApiError as error:
            return PagedItems(tuple(items), error.failure)
        try:
            values, after = read(page, seen)
        except RecordError as error:
            return PagedItems(tuple(items), _wrong_shape(str(error)))
        for value in values:
            try:
                items.append(take(value))
            except RecordError as error:
                unread = unread or str(error)
        progress(len(items))
        if after is None:
            return PagedItems(tuple(items), _wrong_shape(unread) if unread else None)
    return PagedItems(tuple(items), Failure("too-many-pages", f"more than {MAX_PAGES} pages"))


def _read_cursor_page(page: Mapping[str, object], cursors: set[str]) -> tuple[list[object], str | None]:
    """Return the items of a page and the cursor of the next one. Adds the cursor to ``cursors``.

    Raises:
        RecordError: the page is malformed.
    """
    more, cursor = page.get("has_more"), page.get("next_page")
    data = _read_items(page, is_more_known=more is None or isinstance(more, bool))
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


def _read_page(page: Mapping[str, object], seen: set[str]) -> tuple[list[object], str | None]:
    """Return the items of a page, and the id of the last one if more pages follow. Adds the ids to ``seen``.

    Raises:
        RecordError: the page is malformed.
    """
    more, last = page.get("has_more"), page.get("last_id")
    data = _read_items(page, is_more_known=isinstance(more, bool))
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


def _read_items(page: Mapping[str, object], *, is_more_known: bool) -> list[object]:
    data = page.get("data")
    if not isinstance(data, list):
        raise RecordError("data is not a list")
    if not is_more_known:
        raise RecordError("has_more is neither true nor false")
    if len(data) > PAGE_ITEMS:
        raise RecordError("a page has more items than requested")
    return data


def _wrong_shape(why: str) -> Failure:
    return Failure("wrong-shape", f"the listing of the API is not as documented: {why}")
