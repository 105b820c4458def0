"""Forecast of the work of a scan: files and git objects, counted without reading any.

A scan lists while it reads, so that memory stays flat, and does not know its total. This walks the same
folders a second time and reads pack indexes, for the progress bar only. Not counted: git bundles and
archives, which show only when read, and ranges of a history, which git has to walk.
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
    """Yield counts of files and objects, a few at a time and often 0, so that the caller can stop early."""
    for source in sources:
        try:
            yield from _within(source)
        except (OSError, KeyscanError):
            # The scan has the same error, and reports it.
            continue


def _within(source: Source) -> Iterator[int]:
    if isinstance(source, HistorySource):
        yield count_objects(source.repository.objects)
    elif isinstance(source, TreeSource):
        # A copy: the source itself collects state during the scan.
        for item in replace(source).shards():
            if isinstance(item, FileShard):
                yield len(item.files) + len(item.links)
            elif isinstance(item, HistorySource):
                yield from _within(item)
            else:
                yield 0
