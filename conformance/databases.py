"""Databases and files of science and offices, made with the programs and libraries that write them."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Iterable, Mapping

from conformance.containers import zipped

_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SECTOR, _SMALL_SECTOR, _SMALL_STREAM = 512, 64, 4096


def rows(
    *values: tuple[str | bytes, ...],
    page: int = 4096,
    encoding: str = "UTF-8",
    schema: str = "CREATE TABLE t(k, v)",
    more: Iterable[str] = (),
) -> bytes:
    """Return an SQLite file with one table of these rows."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"PRAGMA page_size={page}")
        database.execute(f"PRAGMA encoding='{encoding}'")
        database.execute(schema)
        table = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()[0]
        name = table.replace('"', '""')
        for row in values:
            database.execute(f'INSERT INTO "{name}" VALUES ({",".join("?" * len(row))})', row)  # noqa: S608 - a fixture
        for statement in more:
            database.execute(statement)
        database.commit()
        return database.serialize()


def word(runs: str) -> bytes:
    """Return a docx whose body has these runs in one paragraph."""
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    body = f"<w:document {space}><w:body><w:p>{runs}</w:p></w:body></w:document>"
    return zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": body.encode()})


def compound(streams: Mapping[str, bytes], *, scattered: bool = False) -> bytes:
    """Return an OLE compound file ([MS-CFB]); scattered, the sectors of each stream are in reverse order."""
    sectors: list[bytes] = []
    table: dict[int, int] = {}

    def place(content: bytes) -> int:
        """Add a stream in sectors; return the number of its first one."""
        pieces = [content[at : at + _SECTOR].ljust(_SECTOR, b"\0") for at in range(0, len(content), _SECTOR)]
        numbers = list(range(len(sectors), len(sectors) + len(pieces)))
        order = numbers[::-1] if scattered else numbers
        sectors.extend(pieces[::-1] if scattered else pieces)
        table.update(zip(order, [*order, _END][1:], strict=True))
        return order[0] if order else _END

    small = b""
    small_table: list[int] = []
    entries = [("Root Entry", 5, _END, 0)]
    for path, content in streams.items():
        name = path.rpartition("/")[2]
        if len(content) >= _SMALL_STREAM:
            entries.append((name, 2, place(content), len(content)))
            continue
        pieces = [
            content[at : at + _SMALL_SECTOR].ljust(_SMALL_SECTOR, b"\0") for at in range(0, len(content), 64)
        ]
        first = len(small_table)
        numbers = list(range(first, first + len(pieces)))
        order = numbers[::-1] if scattered else numbers
        following = dict(zip(order, [*order[1:], _END], strict=True))
        small_table += [following[number] for number in numbers]
        small += b"".join(pieces[::-1] if scattered else pieces)
        entries.append((name, 2, order[0], len(content)))
    entries[0] = ("Root Entry", 5, place(small), len(small))
    small_start = place(struct.pack(f"<{len(small_table)}I", *small_table).ljust(_SECTOR, b"\xff"))
    directory = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0")
        + struct.pack(
            "<HBBIII",
            2 * len(name) + 2,
            kind,
            1,
            _FREE,
            number + 1 if 0 < number < len(entries) - 1 else _FREE,
            1 if kind == 5 else _FREE,
        )
        + bytes(36)
        + struct.pack("<IQ", first, size)
        for number, (name, kind, first, size) in enumerate(entries)
    )
    directory_start = place(directory.ljust(-(-len(directory) // _SECTOR) * _SECTOR, b"\0"))
    count = -(-(len(sectors) + 1) // 127)
    starts = range(len(sectors), len(sectors) + count)
    table |= dict.fromkeys(starts, _FAT)
    fat = struct.pack(f"<{128 * count}I", *(table.get(number, _FREE) for number in range(128 * count)))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, count, directory_start, 0, _SMALL_STREAM, small_start, 1, _END, 0)
    header += struct.pack("<109I", *starts, *[_FREE] * (109 - count))
    return header + b"".join(sectors) + fat


def ovba(source: bytes) -> bytes:
    """Return a module of VBA, compressed with copies of what came before ([MS-OVBA] 2.4.1.3.6)."""
    out = b"\1"
    for first in range(0, len(source), 4096):
        chunk, packed, at = source[first : first + 4096], b"", 0
        while at < len(chunk):
            kinds, group = 0, b""
            for bit in range(8):
                bits = max((at - 1).bit_length(), 4)
                # The first groups are literal, so that the beginning is that of Excel.
                length = next(
                    (
                        n
                        for n in (18, 12, 6, 4)
                        if at > 24 and chunk[at : at + n] in chunk[:at] and at + n <= len(chunk)
                    ),
                    0,
                )
                if length:
                    kinds |= 1 << bit
                    back = at - chunk.rindex(chunk[at : at + length], 0, at)
                    group += struct.pack("<H", back - 1 << 16 - bits | length - 3)
                    at += length
                elif at < len(chunk):
                    group += chunk[at : at + 1]
                    at += 1
            packed += bytes([kinds]) + group
        out += struct.pack("<H", 0xB000 | len(packed) - 1) + packed
    return out


def workbook(text: str, at: int) -> bytes:
    """Return the stream of an old workbook whose table of strings continues within this text."""
    lead = b"x" * 6000
    string = struct.pack("<HB", len(lead) + len(text), 0) + lead + text[:at].encode()
    table = struct.pack("<II", 1, 1) + string
    rest = b"\0" + text[at:].encode()
    records = [(0x809, b"\0\6\5\0" + bytes(12)), (0xFC, table), (0x3C, rest), (0xA, b"")]
    return b"".join(struct.pack("<HH", kind, len(body)) + body for kind, body in records)
