"""The tables beside a pack: which objects it has, and where (gitformat-pack, "pack-*.idx files").

Boundary: one index, checked or read; whether its pack fits is ``packs``.
"""

from __future__ import annotations

import hashlib
import itertools
import operator
import os
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

_MAGIC = b"\xfftOc"
_FANOUT = 256 * 4
_FAR = 1 << 31
"""In an offset: the rest is a place in the table of offsets beyond 2 GiB (gitformat-pack)."""

_CHANGED = "it changed while it was read"

_PIECE = 1 << 16
"""Entries of an index that are looked at together."""

_TOGETHER = 1 << 20
"""Offsets that are sorted at a time: 40 MB."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How an index is laid out (gitformat-pack): version 1 has places and names in turn, version 2 apart."""

    version: int
    count: int
    id_bytes: int
    size: int

    @classmethod
    def of(cls, file: IO[bytes], id_bytes: int) -> Layout | None:
        """The layout of an index; None when its parts do not add up to its size."""
        size = os.fstat(file.fileno()).st_size
        head = file.read(8 + _FANOUT)
        if len(head) < 8 + _FANOUT:
            return None
        version = 2 if head.startswith(_MAGIC) else 1
        if version == 2 and head[4:8] != b"\0\0\0\2":
            return None
        fanout = struct.unpack(">256I", head[8:] if version == 2 else head[:_FANOUT])
        layout = cls(version, fanout[-1], id_bytes, size)
        fits = 0 <= layout.beyond <= 8 * max(layout.count - 1, 0) and layout.beyond % 8 == 0
        if list(fanout) != sorted(fanout) or not fits or (version == 1 and layout.beyond):
            return None
        return layout

    @property
    def start(self) -> int:
        """Where the entries begin."""
        return _FANOUT if self.version == 1 else 8 + _FANOUT

    @property
    def beyond(self) -> int:
        """Bytes of the table of offsets beyond 2 GiB."""
        each = self.id_bytes + (4 if self.version == 1 else 8)
        return self.size - self.start - self.count * each - 2 * self.id_bytes

    def inconsistent(self, file: IO[bytes]) -> str | None:
        """What is wrong inside: a checksum, names out of order, two objects in one place."""
        file.seek(0)
        digest = hashlib.new("sha1" if self.id_bytes == 20 else "sha256", usedforsecurity=False)
        digest.update(file.read(self.start))
        near = array("I")
        ordered = True
        last = b""
        if self.version == 1:
            row = struct.Struct(f">I{self.id_bytes}s")
            for piece in self._pieces(file, self.id_bytes + 4, digest):
                places, ids = zip(*row.iter_unpack(piece), strict=True)
                near.extend(places)
                ordered = ordered and last < ids[0] and all(map(operator.lt, ids, ids[1:]))
                last = ids[-1]
        else:
            for piece in self._pieces(file, self.id_bytes, digest):
                ids = struct.unpack(f"{self.id_bytes}s" * (len(piece) // self.id_bytes), piece)
                ordered = ordered and last < ids[0] and all(map(operator.lt, ids, ids[1:]))
                last = ids[-1]
            for _ in self._pieces(file, 4, digest):
                pass  # CRCs: git looks at them when it copies packed bytes, and not to read.
            for piece in self._pieces(file, 4, digest):
                near.extend(struct.unpack(f">{len(piece) // 4}I", piece))
        table = file.read(self.beyond)
        digest.update(table)
        digest.update(file.read(self.id_bytes))
        if digest.digest() != file.read():
            return "the checksum of its index is wrong"
        if not ordered:
            return "its index lists objects twice or out of order"
        far = struct.unpack(f">{len(table) // 8}Q", table) if self.version == 2 else None
        return None if _distinct(near, far) else "its index has several objects in one place"

    def places(self, file: IO[bytes]) -> array[int]:
        """Where in the pack each object begins, in the order of ids; of an index that was checked.

        Raises:
            OSError: it changed since.
        """
        file.seek(self.start + self.count * (self.id_bytes + 4))
        near = array("I", file.read(4 * self.count))
        table = array("Q", file.read(self.beyond))
        if sys.byteorder == "little":
            near.byteswap()
            table.byteswap()
        try:
            return _resolved(near, table) if table else near
        except IndexError:
            raise OSError(0, _CHANGED) from None

    def oid(self, file: IO[bytes], number: int) -> bytes:
        """The id of an object by its number in the order of ids.

        Raises:
            OSError: it changed since.
        """
        oid = os.pread(file.fileno(), self.id_bytes, self.start + number * self.id_bytes)
        if len(oid) != self.id_bytes:
            raise OSError(0, _CHANGED)
        return oid

    def _pieces(self, file: IO[bytes], each: int, digest: hashlib._Hash) -> Iterator[bytes]:
        left = self.count
        while left:
            piece = file.read(min(left, _PIECE) * each)
            if not piece or len(piece) % each:
                raise OSError(0, _CHANGED)
            digest.update(piece)
            left -= len(piece) // each
            yield piece


def _distinct(near: array[int], far: tuple[int, ...] | None) -> bool:
    """Whether no two objects have the same place."""
    try:
        places = _resolved(near, far) if far else near
    except IndexError:
        return False
    # All at once would need 400 MB for ten million objects.
    parts = [array(places.typecode) for _ in range(len(places) // _TOGETHER + 1)]
    if len(parts) == 1:
        return _unique(places)
    end = max(places) + 1
    for place in places:
        parts[place * len(parts) // end].append(place)
    return all(map(_unique, parts))


def _resolved(near: array[int], far: Sequence[int]) -> array[int]:
    return array("Q", [place if place < _FAR else far[place - _FAR] for place in near])


def _unique(places: array[int]) -> bool:
    """Whether no value stands twice; sorting takes half the time of a set of a million."""
    ordered = sorted(places)
    return not any(map(operator.eq, ordered, itertools.islice(ordered, 1, None)))
