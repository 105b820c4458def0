"""Packs made by hand, good ones and such as git would refuse to make (gitformat-pack)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
BY_OFFSET, BY_NAME = 6, 7

ORDER = tuple[int, int] | bytes
"""Of a difference: to copy so many bytes from so far, or to insert."""


def named(content: bytes, kind: str = "blob") -> str:
    """What git calls an object."""
    return hashlib.sha1(
        b"%s %d\0" % (kind.encode(), len(content)) + content, usedforsecurity=False
    ).hexdigest()


def number(value: int) -> bytes:
    """Seven bits to a byte, the lowest first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def header(kind: int, size: int) -> bytes:
    """What stands before each entry."""
    first = kind << 4 | size & 15
    return bytes([first | 128]) + number(size >> 4) if size > 15 else bytes([first])


def distance(back: int) -> bytes:
    """How far before a difference stands what it differs from."""
    out = [back & 127]
    while back := back >> 7:
        back -= 1
        out.append(back & 127 | 128)
    return bytes(reversed(out))


def difference(base: int, made: int, *orders: ORDER) -> bytes:
    """A difference between objects of these sizes."""
    out = bytearray(number(base) + number(made))
    for order in orders:
        if isinstance(order, bytes):
            out += b"".join(
                bytes([len(piece)]) + piece
                for piece in (order[at : at + 127] for at in range(0, len(order), 127))
            )
        else:
            start, length = order
            fields = struct.pack("<I", start) + struct.pack("<I", length)[:3]
            out.append(128 | sum(1 << bit for bit, byte in enumerate(fields) if byte))
            out += bytes(byte for byte in fields if byte)
    return bytes(out)


@dataclass
class Packer:
    """A pack under construction, and what its index is to say of it."""

    entries: list[tuple[str, bytes]] = field(default_factory=list)
    """Ids and raw entries."""
    end: int = 12
    far: dict[str, int] = field(default_factory=dict)
    """Places of objects that are in the index only."""

    def add(self, oid: str, raw: bytes) -> int:
        """An entry as it is; where it begins."""
        self.entries.append((oid, raw))
        self.end += len(raw)
        return self.end - len(raw)

    def whole(self, content: bytes, kind: int = 3) -> int:
        """An object that stands whole."""
        return self.add(named(content, KINDS[kind]), header(kind, len(content)) + zlib.compress(content))

    def made(self, content: bytes, base: int, change: bytes, kind: str = "blob") -> int:
        """An object that is told as a difference from the one that begins at ``base``."""
        head = header(BY_OFFSET, len(change)) + distance(self.end - base)
        return self.add(named(content, kind), head + zlib.compress(change))

    def write(self, folder: Path) -> Path:
        """The pack and an index of version 2 in a folder; the path of the pack."""
        folder.mkdir(parents=True, exist_ok=True)
        places = {bytes.fromhex(oid): place for oid, place in self.far.items()}
        at = 12
        for named_as, raw in self.entries:
            places[bytes.fromhex(named_as)] = at
            at += len(raw)
        oids = sorted(places)
        body = b"PACK" + struct.pack(">II", 2, len(oids)) + b"".join(raw for _, raw in self.entries)
        body += hashlib.sha1(body, usedforsecurity=False).digest()
        counts = (sum(oid[0] <= first for oid in oids) for first in range(256))
        index = b"\xfftOc" + struct.pack(">I256I", 2, *counts) + b"".join(oids) + bytes(4 * len(oids))
        beyond = [oid for oid in oids if places[oid] >> 31]
        for oid in oids:
            index += struct.pack(">I", 1 << 31 | beyond.index(oid) if oid in beyond else places[oid])
        index += b"".join(struct.pack(">Q", places[oid]) for oid in beyond) + body[-20:]
        index += hashlib.sha1(index, usedforsecurity=False).digest()
        stem = folder / f"pack-{body[-20:].hex()}"
        stem.with_suffix(".pack").write_bytes(body)
        stem.with_suffix(".idx").write_bytes(index)
        return stem.with_suffix(".pack")
