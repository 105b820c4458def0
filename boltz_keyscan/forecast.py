"""How much there is to scan: files and git objects, counted without reading any.

A scan lists as it goes, so that memory stays flat; its end is known only when it is there.
This walks the same folders once more and looks into the tables of packs, for whoever wants
to know how long it will take. It says nothing of what only reading shows (git bundles,
archives), nor of part of a history, which git has to walk.

Boundary: sources to numbers; a forecast, on which no verdict may rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import Source
from boltz_keyscan.sources.files.shard import FileShard
from boltz_keyscan.sources.git.history import HistorySource
from boltz_keyscan.sources.git.objects.listing import count_objects
from boltz_keyscan.sources.tree import TreeSource


def forecast(sources: Iterable[Source]) -> Iterator[int]:
    """Files and objects, a few at a time, often 0: whoever has no time left can stop."""
    for source in sources:
        try:
            yield from _within(source)
        except (OSError, KeyscanError):
            # The scan meets it too, and tells.
            continue


def _within(source: Source) -> Iterator[int]:
    if isinstance(source, HistorySource):
        yield count_objects(source.repository.objects)
    elif isinstance(source, TreeSource):
        # A new one: the one that is being scanned keeps what it has met.
        for item in replace(source).shards():
            if isinstance(item, FileShard):
                yield len(item.files) + len(item.links)
            elif isinstance(item, HistorySource):
                yield from _within(item)
            else:
                yield 0
