"""Delta trees of a pack: each whole object with all objects that are deltas of it, direct or not.

A pack holds most objects as deltas of others, in chains spread over the whole file. When git
reads one object after the other, it rebuilds the bases again and again, unless its cache has
them: 9 of the 16 s for the 14 GB in git's own history. No delta tree needs another, so a
shard of trees builds each object once.

Only offsets and sizes are read here, from the index and the header of each entry. A pack with
anything unusual gets no trees and is left to git.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import IO

from boltz_keyscan import fsutil
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.git.packs.index import Layout
from boltz_keyscan.sources.git.repo.store_files import open_pack_file

MAX_OBJECTS = 2_000_000
"""Objects of the largest pack that is cut into trees: 90 bytes of memory for each."""

MAX_OBJECT_BYTES = 16 << 20
"""Bytes of the largest object that is built here; larger ones are left to git."""

_SHARD_OBJECTS = 4096
"""Average number of objects in a shard of a large pack."""

_SMALL_SHARD_OBJECTS = 1024
_SMALL_PACK_SHARDS = 8
"""A pack that would make fewer shards is cut into smaller ones, for all cores."""

_OFFSET_DELTA = 6
"""Type of a delta whose base is given by its distance; type 7, by id, is in packs that came over a network
(gitformat-pack)."""

_POSITION_BITS = 24
"""Bits for the index position of an object, below ``MAX_OBJECTS``."""

_OFFSET_BITS = 64 - _POSITION_BITS
"""Bits for its offset, in a pack of less than a terabyte."""

_MAX_NUMBER_BITS = 60
"""Bits of a number in a header; larger ones only waste time."""

_MAX_HEADER_BYTES = 32
"""Bytes of the longest header of an entry."""


@dataclass(slots=True)
class DeltaTrees:
    """Some delta trees of one pack: a row for each object, after the row of its base."""

    offsets: array[int] = field(default_factory=lambda: array("Q"))
    """Offset of the compressed data."""
    lengths: array[int] = field(default_factory=lambda: array("I"))
    """Bytes of the compressed data; 0 if the object is too large."""
    sizes: array[int] = field(default_factory=lambda: array("I"))
    """Bytes of the inflated data: an object, or a delta."""
    base_rows: array[int] = field(default_factory=lambda: array("i"))
    """Row of the delta's base; for a whole object, its negative type."""
    index_positions: array[int] = field(default_factory=lambda: array("I"))
    """Position in the pack index."""
    weight: int = 0
    """Bytes of the objects, if all in a tree were as large as its whole object."""

    def appenders(self) -> tuple[Callable[[int], None], ...]:
        """Return the append method of each column, in their order."""
        columns = (self.offsets, self.lengths, self.sizes, self.base_rows, self.index_positions)
        return tuple(column.append for column in columns)

    def __len__(self) -> int:
        return len(self.offsets)


def read_delta_trees(stem: bytes, id_bytes: int) -> list[DeltaTrees]:
    """Return the objects of a pack cut into shards, the largest last; none if it is left to git.

    Args:
        stem: path of the pack without ``.pack``. Its index was checked.
        id_bytes: bytes of an object id: 20 or 32.

    Raises:
        OSError: it cannot be read.
    """
    with open_pack_file(stem + b".idx") as index, open_pack_file(stem + b".pack", buffering=0) as pack:
        layout = Layout.of(index, id_bytes)
        if layout is None or layout.version != 2 or not 0 < layout.count <= MAX_OBJECTS:
            return []
        end = os.fstat(pack.fileno()).st_size - id_bytes
        # Offset and position in one number each, to sort them together.
        unordered = enumerate(layout.offsets(index))
        numbers = sorted(offset << _POSITION_BITS | position for position, offset in unordered)
        if numbers[-1] >> _POSITION_BITS >= min(end, 1 << _OFFSET_BITS):
            return []
        # New objects lie in memory in this order too; searching them is three times as fast.
        ordered = array("Q", numbers).tolist()
        del numbers
        more = min(layout.count // _SMALL_SHARD_OBJECTS + 1, _SMALL_PACK_SHARDS)
        parts = [DeltaTrees() for _ in range(max(layout.count // _SHARD_OBJECTS + 1, more))]
        try:
            supported = _fill(pack, ordered, end, parts)
        except IndexError:
            supported = False
    if not supported:
        return []
    parts.sort(key=lambda part: part.weight)
    return [part for part in parts if len(part)]


def _fill(pack: IO[bytes], ordered: list[int], end: int, parts: list[DeltaTrees]) -> bool:  # noqa: C901, PLR0912, PLR0915 - see below
    """Distribute the delta trees over the parts; False if an entry has to be left to git.

    One loop without calls: it runs once per object, in one process, while all other processes wait.
    """
    mask = (1 << _POSITION_BITS) - 1
    descriptor = pack.fileno()
    homes = array("Q")
    """For each entry, the number of its part and its row there."""
    bulks = array("I")
    """For each entry, the size of the whole object of its tree."""
    add_home, add_bulk = homes.append, bulks.append
    rows = [part.appenders() for part in parts]
    counts, weights = [0] * len(parts), [0] * len(parts)
    start, window, last_header = 0, b"", -1
    next_part = 0
    ordered.append(end << _POSITION_BITS)
    for entry, packed in enumerate(ordered[:-1]):
        offset = packed >> _POSITION_BITS
        cursor = offset - start
        if cursor > last_header:
            start, cursor = offset, 0
            window = fsutil.read_at(descriptor, CHUNK, offset)
            last_header = CHUNK - _MAX_HEADER_BYTES
        byte = window[cursor]
        cursor += 1
        kind, size = byte >> 4 & 7, byte & 15
        if byte > 127:
            shift = 4
            while byte > 127:
                byte = window[cursor]
                cursor += 1
                size |= (byte & 127) << shift
                shift += 7
                if shift > _MAX_NUMBER_BITS:
                    return False
        if kind == _OFFSET_DELTA:
            byte = window[cursor]
            cursor += 1
            back = byte & 127
            while byte > 127:
                byte = window[cursor]
                cursor += 1
                back = back + 1 << 7 | byte & 127
                if back >> _MAX_NUMBER_BITS:
                    return False
            base = bisect_left(ordered, offset - back << _POSITION_BITS, 0, entry)
            if base == entry or ordered[base] >> _POSITION_BITS != offset - back:
                return False
            home, bulk = homes[base], bulks[base]
            part_number, base_row = home >> _POSITION_BITS, home & mask
        elif 0 < kind < _OFFSET_DELTA - 1:
            part_number, base_row, bulk = next_part, -kind, min(size, MAX_OBJECT_BYTES)
            next_part = (next_part + 1) % len(parts)
        else:
            return False
        cursor += start
        length = (ordered[entry + 1] >> _POSITION_BITS) - cursor
        if length <= 0:
            return False
        if size > MAX_OBJECT_BYTES or length > MAX_OBJECT_BYTES:
            size = length = 0
        add_home(part_number << _POSITION_BITS | counts[part_number])
        add_bulk(bulk)
        counts[part_number] += 1
        weights[part_number] += bulk
        add_offset, add_length, add_size, add_base_row, add_position = rows[part_number]
        add_offset(cursor)
        add_length(length)
        add_size(size)
        add_base_row(base_row)
        add_position(packed & mask)
    for part, weight in zip(parts, weights, strict=True):
        part.weight = weight
    return True
