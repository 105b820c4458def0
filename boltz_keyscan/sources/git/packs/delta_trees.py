"""Which objects of a pack are made from which, so that each is inflated once.

A pack holds most objects as differences from others, in chains that lie all over it. git,
asked for one object after the other, makes what they are made from again and again, as far
as its cache does not hold it: of 16 s for the 14 GB in git's own history that was 9. Here a
pack is cut into families: an object that stands whole, and all that are made from it, at
however many removes. No family needs another, so a shard of them makes each object once.

Boundary: places and sizes, from the index and the first bytes of each entry. A pack that is
anything but plain is left to git: here it only gets none. Objects are ``packed``.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.git.packs.index import Layout

MOST = 2_000_000
"""Objects of a pack that is cut here: 90 bytes of memory for each."""

LARGEST = 16 << 20
"""Bytes of an object that is held; larger ones are git's."""

_TOGETHER = 4096
"""Objects in a shard, on the average."""

_BY_OFFSET = 6
"""The type of an entry that is a difference from one at a distance; type 7, by id, is in packs that came
over a network (gitformat-pack)."""

_NUMBER = 24
"""Bits for the number of an object, of which there are at most ``MOST``."""

_PLACE = 64 - _NUMBER
"""Bits for its place, in a pack of less than a terabyte."""

WIDEST = 60
"""Bits of a number in a header: larger ones are there to keep us busy."""

_HEADER = 32
"""Bytes that the header of an entry has at most."""


@dataclass(slots=True)
class DeltaTrees:
    """Some families of one pack: a row for each object, never before that of the one it is made from."""

    places: array[int] = field(default_factory=lambda: array("Q"))
    """Where what is compressed begins."""
    lengths: array[int] = field(default_factory=lambda: array("I"))
    """Bytes of that; 0 when it is too much to be held."""
    sizes: array[int] = field(default_factory=lambda: array("I"))
    """Bytes it inflates to: the object, or a difference."""
    bases: array[int] = field(default_factory=lambda: array("i"))
    """The row of the object it is made from; or below 0, the type of one that stands whole."""
    numbers: array[int] = field(default_factory=lambda: array("I"))
    """Which in the order of ids it is."""
    weight: int = 0
    """Bytes of the objects, were all of a family as large as the one that stands whole."""

    def adding(self) -> tuple[Callable[[int], None], ...]:
        """What adds to each column, in their order."""
        columns = (self.places, self.lengths, self.sizes, self.bases, self.numbers)
        return tuple(column.append for column in columns)

    def __len__(self) -> int:
        return len(self.places)


def families(stem: bytes, id_bytes: int) -> list[DeltaTrees]:
    """The objects of a pack cut into shards, the largest last; none when git should read it.

    Args:
        stem: path of the pack without ``.pack``. Its index was checked.
        id_bytes: 20 or 32.

    Raises:
        OSError: it cannot be read.
    """
    with open(stem + b".idx", "rb") as index, open(stem + b".pack", "rb", buffering=0) as pack:
        layout = Layout.of(index, id_bytes)
        if layout is None or layout.version != 2 or not 0 < layout.count <= MOST:
            return []
        end = os.fstat(pack.fileno()).st_size - id_bytes
        # One number each, so that they are sorted together: a place, and below it which object that is.
        numbered = sorted(place << _NUMBER | number for number, place in enumerate(layout.places(index)))
        if numbered[-1] >> _NUMBER >= min(end, 1 << _PLACE):
            return []
        # Made anew, they lie in memory in their order too; searching them is three times as fast.
        ordered = array("Q", numbered).tolist()
        del numbered
        parts = [DeltaTrees() for _ in range(layout.count // _TOGETHER + 1)]
        try:
            plain = _part(pack, ordered, end, parts)
        except IndexError:
            plain = False
    if not plain:
        return []
    parts.sort(key=lambda part: part.weight)
    return [part for part in parts if len(part)]


def _part(pack: IO[bytes], ordered: list[int], end: int, parts: list[DeltaTrees]) -> bool:  # noqa: C901, PLR0912, PLR0915 - see below
    """Deal the families out to the parts; False when there is something that is git's to read.

    One loop without calls: it runs once for each object, in one process, while all others wait for its end.
    """
    mask = (1 << _NUMBER) - 1
    descriptor = pack.fileno()
    homes = array("Q")
    """For each entry the number of its part, and its row there."""
    bulks = array("I")
    """For each entry the size of the whole object of its family."""
    add_home, add_bulk = homes.append, bulks.append
    rows = [part.adding() for part in parts]
    counts, weights = [0] * len(parts), [0] * len(parts)
    start, window, enough = 0, b"", -1
    dealt = 0
    ordered.append(end << _NUMBER)
    for entry, packed in enumerate(ordered[:-1]):
        place = packed >> _NUMBER
        at = place - start
        if at > enough:
            start, at = place, 0
            window = os.pread(descriptor, CHUNK, place)
            enough = CHUNK - _HEADER
        byte = window[at]
        at += 1
        kind, size = byte >> 4 & 7, byte & 15
        if byte > 127:
            shift = 4
            while byte > 127:
                byte = window[at]
                at += 1
                size |= (byte & 127) << shift
                shift += 7
                if shift > WIDEST:
                    return False
        if kind == _BY_OFFSET:
            byte = window[at]
            at += 1
            back = byte & 127
            while byte > 127:
                byte = window[at]
                at += 1
                back = back + 1 << 7 | byte & 127
                if back >> WIDEST:
                    return False
            base = bisect_left(ordered, place - back << _NUMBER, 0, entry)
            if base == entry or ordered[base] >> _NUMBER != place - back:
                return False
            home, bulk = homes[base], bulks[base]
            number, row = home >> _NUMBER, home & mask
        elif 0 < kind < _BY_OFFSET - 1:
            number, row, bulk = dealt, -kind, min(size, LARGEST)
            dealt = (dealt + 1) % len(parts)
        else:
            return False
        at += start
        length = (ordered[entry + 1] >> _NUMBER) - at
        if length <= 0:
            return False
        if size > LARGEST or length > LARGEST:
            size = length = 0
        add_home(number << _NUMBER | counts[number])
        add_bulk(bulk)
        counts[number] += 1
        weights[number] += bulk
        add_place, add_length, add_size, add_base, add_number = rows[number]
        add_place(at)
        add_length(length)
        add_size(size)
        add_base(row)
        add_number(packed & mask)
    for part, weight in zip(parts, weights, strict=True):
        part.weight = weight
    return True
