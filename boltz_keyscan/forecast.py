"""Forecast of the work of a scan: files and git objects, counted without reading any.

A scan lists while it reads, so that memory stays flat, and does not know its total. This walks the same
folders a second time and reads pack indexes, for the progress bar only. Not counted: git bundles and
archives, which show only when read, and ranges of a history, which git has to walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from boltz_keyscan.audit.history_source import ListedFiles
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import Discovered, Source, SourceReader
from boltz_keyscan.sources.files.shard import FileShard
from boltz_keyscan.sources.git.history import HistoryReader
from boltz_keyscan.sources.git.objects.listing import count_objects
from boltz_keyscan.sources.tree import TreeReader


def forecast(sources: Iterable[Source]) -> Iterator[int]:
    """Yield counts of files and objects, a few at a time and often 0, so that the caller can stop early."""
    for source in sources:
        try:
            yield from _count(source.open())
        except (OSError, KeyscanError):
            # The scan has the same error, and reports it.
            continue


def _count(reader: SourceReader) -> Iterator[int]:
    match reader:
        case HistoryReader():
            yield count_objects(reader.source.repository.objects)
        case TreeReader() | ListedFiles():
            for item in reader.work():
                match item:
                    case FileShard() as shard:
                        yield len(shard.files) + len(shard.links)
                    case Discovered(found):
                        yield from _count(found)
                    case _:
                        yield 0
        case _:
            pass
