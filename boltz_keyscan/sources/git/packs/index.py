"""Pack indexes: the ids and offsets of a pack's objects (gitformat-pack, "pack-*.idx files")."""

from __future__ import annotations

import hashlib
import itertools
import operator
import os
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import IO

from boltz_keyscan import fsutil
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.run.environment import OBJECT_FORMATS

_MAGIC = b"\xfftOc"
_FANOUT = 256 * 4
_FAR = 1 << 31
"""Bit of an offset: the rest is a row in the table of offsets beyond 2 GiB (gitformat-pack)."""

_CHANGED = "it changed while it was read"

_CHUNK_ENTRIES = 1 << 16
"""Entries of an index that are read at a time."""

_SORT_OFFSETS = 1 << 20
"""Offsets that are sorted at a time: 40 MB."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Layout of an index (gitformat-pack): version 1 has rows of offset and id, version 2 a table of each."""

    version: int
    count: int
    id_bytes: int
    size: int

    @classmethod
    def of(cls, file: IO[bytes], id_bytes: int) -> Layout | None:
        """Read the layout of an index; None if its parts do not add up to its size."""
        size = os.fstat(file.fileno()).st_size
        head = file.read(8 + _FANOUT)
        if len(head) < 8 + _FANOUT:
            return None
        version = 2 if head.startswith(_MAGIC) else 1
        if version == 2 and head[4:8] != b"\0\0\0\2":
            return None
        fanout = struct.unpack(">256I", head[8:] if version == 2 else head[:_FANOUT])
        layout = cls(version, fanout[-1], id_bytes, size)
        fits = 0 <= layout.far_bytes <= 8 * max(layout.count - 1, 0) and layout.far_bytes % 8 == 0
        if list(fanout) != sorted(fanout) or not fits or (version == 1 and layout.far_bytes):
            return None
        return layout

    @property
    def start(self) -> int:
        """Offset of the entries."""
        return _FANOUT if self.version == 1 else 8 + _FANOUT

    @property
    def far_bytes(self) -> int:
        """Bytes of the table of offsets beyond 2 GiB."""
        entry_bytes = self.id_bytes + (4 if self.version == 1 else 8)
        return self.size - self.start - self.count * entry_bytes - 2 * self.id_bytes

    def find_inconsistency(self, file: IO[bytes]) -> str | None:
        """Return an error in the index: a wrong checksum, ids out of order, two objects at one offset."""
        file.seek(0)
        digest = hashlib.new(OBJECT_FORMATS[self.id_bytes], usedforsecurity=False)
        digest.update(file.read(self.start))
        near = array("I")
        ordered = True
        last = b""
        if self.version == 1:
            row = struct.Struct(f">I{self.id_bytes}s")
            for piece in self._pieces(file, self.id_bytes + 4, digest):
                offsets, ids = zip(*row.iter_unpack(piece), strict=True)
                near.extend(offsets)
                ordered = ordered and last < ids[0] and all(map(operator.lt, ids, ids[1:]))
                last = ids[-1]
        else:
            for piece in self._pieces(file, self.id_bytes, digest):
                ids = struct.unpack(f"{self.id_bytes}s" * (len(piece) // self.id_bytes), piece)
                ordered = ordered and last < ids[0] and all(map(operator.lt, ids, ids[1:]))
                last = ids[-1]
            for _ in self._pieces(file, 4, digest):
                pass  # CRCs: git checks them when it copies packed bytes, not when it reads.
            for piece in self._pieces(file, 4, digest):
                near.extend(struct.unpack(f">{len(piece) // 4}I", piece))
        table = file.read(self.far_bytes)
        digest.update(table)
        digest.update(file.read(self.id_bytes))
        if digest.digest() != file.read():
            return "the checksum of its index is wrong"
        if not ordered:
            return "its index lists objects twice or out of order"
        far = struct.unpack(f">{len(table) // 8}Q", table) if self.version == 2 else None
        return None if _are_distinct(near, far) else "its index has several objects in one place"

    def offsets(self, file: IO[bytes]) -> array[int]:
        """Return each object's offset in the pack, in the order of ids, from an index that was checked.

        Raises:
            OSError: it changed since.
        """
        file.seek(self.start + self.count * (self.id_bytes + 4))
        near = array("I", file.read(4 * self.count))
        table = array("Q", file.read(self.far_bytes))
        if sys.byteorder == "little":
            near.byteswap()
            table.byteswap()
        try:
            return _resolve(near, table) if table else near
        except IndexError:
            raise OSError(0, _CHANGED) from None

    def oid(self, file: IO[bytes], number: int) -> bytes:
        """Return the id of an object by its position in the index.

        Raises:
            OSError: it changed since.
        """
        oid = fsutil.read_at(file.fileno(), self.id_bytes, self.start + number * self.id_bytes)
        if len(oid) != self.id_bytes:
            raise OSError(0, _CHANGED)
        return oid

    def ids(self, file: IO[bytes]) -> list[bytes]:
        """Return the ids of all objects, in order.

        Raises:
            OSError: the index changed since its layout was read.
        """
        skipped, entry_bytes = (4, self.id_bytes + 4) if self.version == 1 else (0, self.id_bytes)
        file.seek(self.start)
        table = file.read(self.count * entry_bytes)
        if len(table) != self.count * entry_bytes:
            raise OSError(0, _CHANGED)
        return [table[at : at + self.id_bytes] for at in range(skipped, len(table), entry_bytes)]

    def _pieces(self, file: IO[bytes], entry_bytes: int, digest: hashlib._Hash) -> Iterator[bytes]:
        left = self.count
        while left:
            piece = file.read(min(left, _CHUNK_ENTRIES) * entry_bytes)
            if not piece or len(piece) % entry_bytes:
                raise OSError(0, _CHANGED)
            digest.update(piece)
            left -= len(piece) // entry_bytes
            yield piece


def _are_distinct(near: array[int], far: tuple[int, ...] | None) -> bool:
    """Return True if no two objects have the same offset."""
    try:
        offsets = _resolve(near, far) if far else near
    except IndexError:
        return False
    # All at once would need 400 MB for ten million objects.
    parts = [array(offsets.typecode) for _ in range(len(offsets) // _SORT_OFFSETS + 1)]
    if len(parts) == 1:
        return _has_no_duplicates(offsets)
    end = max(offsets) + 1
    for offset in offsets:
        parts[offset * len(parts) // end].append(offset)
    return all(map(_has_no_duplicates, parts))


def _resolve(near: array[int], far: Sequence[int]) -> array[int]:
    return array("Q", [offset if offset < _FAR else far[offset - _FAR] for offset in near])


def _has_no_duplicates(offsets: array[int]) -> bool:
    """Return True if all values differ. Sorting takes half the time of a set of a million."""
    ordered = sorted(offsets)
    return not any(map(operator.eq, ordered, itertools.islice(ordered, 1, None)))
