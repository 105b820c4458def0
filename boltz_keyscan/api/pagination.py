"""A listing, page by page, that is complete only when everything about it is as it should be.

The SDK's own pager takes an empty page, a missing ``last_id`` or a page of another shape
for the end, and a repeated ``last_id`` for one more page, for ever. Each of those would
read as "the organisation has no such key", so each ends the listing as incomplete here.

Boundary: pages as JSON to items; asking for a page is ``client``, its items are ``triage.records``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from boltz_keyscan.api.errors import ApiError, Failure
from boltz_keyscan.triage.key_record import RecordError, identifier

PAGE = 100
"""Items of a page: the most that the API gives."""

MOST_PAGES = 1000

Item = TypeVar("Item")

Fetch = Callable[[str | None], Mapping[str, object]]
"""The page that follows an id, or the first."""


@dataclass(frozen=True, slots=True)
class Collected(Generic[Item]):
    """What the pages held."""

    items: tuple[Item, ...]
    failure: Failure | None = None
    """Why these may not be all; None when they are."""

    @property
    def complete(self) -> bool:
        """Whether these are all."""
        return self.failure is None


def collect(
    fetch: Fetch, take: Callable[[object], Item], progress: Callable[[int], None] = lambda _: None
) -> Collected[Item]:
    """All items of all pages.

    An item that cannot be read is left out, and the listing is incomplete; the others
    are still worth having.

    Args:
        fetch: gives a page.
        take: reads an item, or raises ``RecordError``.
        progress: is told after each page how many items there are.
    """
    items: list[Item] = []
    seen: set[str] = set()
    unread = ""
    after: str | None = None
    for _ in range(MOST_PAGES):
        try:
            page = fetch(after)
        except ApiError as error:
            return Collected(tuple(items), error.failure)
        try:
            values, more = _page(page, seen)
        except RecordError as error:
            return Collected(tuple(items), _wrong(str(error)))
        for _id, value in values:
            try:
                items.append(take(value))
            except RecordError as error:
                unread = unread or str(error)
        progress(len(items))
        if not more:
            return Collected(tuple(items), _wrong(unread) if unread else None)
        after = values[-1][0]
    return Collected(tuple(items), Failure("too-many-pages", f"more than {MOST_PAGES} pages"))


def _page(page: Mapping[str, object], seen: set[str]) -> tuple[list[tuple[str, object]], bool]:
    """The items of a page with their ids, which are added to ``seen``, and whether there are more pages.

    Raises:
        RecordError: it is not a page.
    """
    data, more, last = page.get("data"), page.get("has_more"), page.get("last_id")
    if not isinstance(data, list):
        raise RecordError("data is not a list")
    if not isinstance(more, bool):
        raise RecordError("has_more is neither true nor false")
    if len(data) > PAGE:
        raise RecordError("a page has more items than were asked for")
    values: list[tuple[str, object]] = [
        (identifier(value.get("id") if isinstance(value, Mapping) else None, "id"), value) for value in data
    ]
    for each, _ in values:
        if each in seen:
            raise RecordError("the same item twice")
        seen.add(each)
    if more and not values:
        raise RecordError("an empty page that is not the last")
    own = values[-1][0] if values else None
    if last != own and (more or last is not None):
        raise RecordError("last_id is not the id of the last item")
    return values, more


def _wrong(why: str) -> Failure:
    return Failure("wrong-shape", f"the API gave a listing in another form than it documents: {why}")
