"""Databases and files of science and offices, made with the programs and libraries that write them."""

from __future__ import annotations

import contextlib
import io
import lzma
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import lz4.block
import lz4.frame
import zstandard

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


def row_in_log(key: str, at: int, page: int, *, is_journal: bool) -> bytes:
    """Return the log or journal of a database with a key that a page cuts after ``at`` characters."""
    # Overflow pages are full from the end of the row on, unless too little of it is left for the first.
    value = key + " " + "y" * (page - 5 - len(key) + at)
    for lead in (page, page + page // 2, page + page // 4, page + 3 * page // 4):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "a.db"
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
                database.execute(f"PRAGMA page_size={page}")
                database.execute(f"PRAGMA journal_mode={'DELETE' if is_journal else 'WAL'}")
                # The header of a journal is written at once.
                database.execute("PRAGMA synchronous=OFF")
                database.execute("CREATE TABLE t(v)")
                database.execute("INSERT INTO t VALUES (?)", ("x" * lead + " " + value,))
                if is_journal:
                    database.execute("BEGIN")
                    database.execute("UPDATE t SET v = ?", ("z" * (lead + 1 + len(value)),))
                log = Path(f"{path}-{'journal' if is_journal else 'wal'}").read_bytes()
        if key[:at].encode() in log and key[: at + 1].encode() not in log:
            return _without_chance(log, page) if is_journal else log
    raise AssertionError


def _without_chance(log: bytes, page: int) -> bytes:
    """Return a journal whose checksums begin at 0, not at a random number (https://sqlite.org/fileformat.html)."""
    out = bytearray(log)
    out[12:16] = bytes(4)
    for start in range(512, len(out), page + 8):
        content = out[start + 4 : start + 4 + page]
        total = sum(content[offset] for offset in range(page - 200, 0, -200))
        out[start + 4 + page : start + 8 + page] = struct.pack(">I", total)
    return bytes(out)


def deleted(key: str, at: int, page: int, how: str = "DELETE FROM t WHERE rowid = 3", lead: int = 1) -> bytes:
    """Return a database with a deleted row whose key a page cuts after ``at`` characters, or near.

    Args:
        key: the key.
        at: characters of it before the end of the page.
        page: bytes of a page.
        how: the statement that deletes the row.
        lead: pages before the key.
    """
    filler = ("", "y" * 3 * page)
    more = ["PRAGMA secure_delete=OFF", "DELETE FROM t WHERE rowid = 2", how]
    first, last = key[:at].encode(), key[at + 4 :].encode()
    for place in range(max(lead * page - page // 2, 1), (lead + 1) * page, 3):
        # The size of the row decides which bytes of it are on which page.
        value = ("", f"{'x' * place} {key} {'z' * ((lead + 4) * page - place)}")
        content = rows(("", "first"), filler, value, page=page, more=more)
        if key.encode() not in content and first in content and last in content:
            return content
    raise ValueError(f"no page ends there: {at}, {page}, {how}")


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


def avro(text: bytes, codec: str) -> bytes:
    """Return an Avro file of records with one text each, in two blocks."""
    schema = b'{"type": "record", "name": "r", "fields": [{"name": "a", "type": "string"}]}'
    header = b"\4" + b"".join(
        _zigzag(len(part)) + part for part in (b"avro.schema", schema, b"avro.codec", codec.encode())
    )
    sync = bytes(range(16))
    out = b"Obj\1" + header + b"\0" + sync
    for value in (b"filler " * 300, text):
        record = _zigzag(len(value)) + value
        packed = _AVRO[codec](record)
        out += _zigzag(1) + _zigzag(len(packed)) + packed + sync
    return out


def _zigzag(number: int) -> bytes:
    return _leb(number << 1)


def _deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return engine.compress(data) + engine.flush()


def snappy(data: bytes) -> bytes:
    """Return a block of snappy with copies of what came before."""
    out = _leb(len(data))
    at = first = known = 0
    before: set[bytes] = set()
    while at < len(data):
        before |= {data[place : place + 4] for place in range(known, at - 3)}
        known = max(known, at - 3)
        # No longer piece came before where its first four bytes did not; the last bytes are fewer.
        is_new = at + 4 <= len(data) and data[at : at + 4] not in before
        sizes = () if is_new else (60, 24, 12, 8, 6, 4)
        size = next((size for size in sizes if data.find(data[at : at + size], 0, at) >= 0), 0)
        if not size or at + size > len(data):
            at += 1
            continue
        back = at - data.rfind(data[at : at + size], 0, at)
        out += _literal(data[first:at])
        if size < 12 and back < 2048:
            out += bytes([back >> 8 << 5 | size - 4 << 2 | 1, back & 0xFF])
        else:
            out += bytes([size - 1 << 2 | 2]) + struct.pack("<H", back)
        at = first = at + size
    return out + _literal(data[first:])


def _literal(data: bytes) -> bytes:
    if len(data) <= 60:
        return bytes([len(data) - 1 << 2]) + data if data else b""
    return bytes([61 << 2]) + struct.pack("<H", len(data) - 1) + data


def snappy_stream(text: bytes) -> bytes:
    """Return a stream of snappy with a compressed and a stored chunk."""
    chunks = ((0, snappy(text)), (1, b"filler " * 30))
    return b"\xff\x06\0\0sNaPpY" + b"".join(
        bytes([kind]) + (len(body) + 4).to_bytes(3, "little") + bytes(4) + body for kind, body in chunks
    )


def java_snappy(*texts: bytes) -> bytes:
    """Return a stream as snappy-java writes it, with a block for each text, and appended to another one."""
    header = b"\x82SNAPPY\0" + struct.pack(">II", 1, 1)
    blocks = (snappy(text) for text in texts)
    return header + header + b"".join(struct.pack(">I", len(block)) + block for block in blocks)


def level_table(*values: bytes, packing: int = 1) -> bytes:
    """Return a table of LevelDB with a block for each value: 0 stored, 1 snappy, 2 zstd."""
    pack: dict[int, Callable[[bytes], bytes]] = {1: snappy, 2: zstandard.ZstdCompressor().compress}
    out = b""
    index = []
    for number, value in enumerate(values):
        packed = pack.get(packing, bytes)(_entries([(b"key%d" % number, value)]))
        index.append((b"key%d" % number, _leb(len(out)) + _leb(len(packed))))
        out += packed + bytes([packing]) + bytes(4)
    places = b""
    for entries, kind in (([], 0), (index, packing)):
        packed = pack.get(kind, bytes)(_entries(entries))
        places += _leb(len(out)) + _leb(len(packed))
        out += packed + bytes([kind]) + bytes(4)
    return out + places.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


def _entries(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the content of a block: entries without common beginnings, and one restart."""
    rows = (b"\0" + _leb(len(key)) + _leb(len(value)) + key + value for key, value in entries)
    return b"".join(rows) + struct.pack("<II", 0, 1)


def _leb(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


_AVRO: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": _deflate,
    "snappy": lambda data: snappy(data) + bytes(4),
    "xz": lzma.compress,
    "zstandard": zstandard.ZstdCompressor().compress,
    "made-up": bytes,
}


def mat(text: bytes, order: str = "<") -> bytes:
    """Return a MAT-file of level 5 with a number and a compressed text, two bytes a character."""
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(order + "HH", 0x100, 0x4D49)
    wide = text.decode().encode("utf-16-le" if order == "<" else "utf-16-be")
    array = zlib.compress(struct.pack(order + "II", 4, len(wide)) + wide)
    return head + struct.pack(order + "IId", 9, 8, 1.0) + struct.pack(order + "II", 15, len(array)) + array


def journal(text: bytes, packing: int, *, compact: bool = False) -> bytes:
    """Return a journal of systemd with two fields, the second compressed: 1 xz, 2 lz4, 4 zstd."""
    packed: dict[int, Callable[[bytes], bytes]] = {
        0: bytes,
        1: lzma.compress,
        2: lambda data: struct.pack("<Q", len(data)) + bytes(lz4.block.compress(data, store_size=False)),
        4: zstandard.ZstdCompressor().compress,
    }
    flags = 16 * compact
    out = b"LPKSHHRH" + struct.pack("<II", 0, flags) + bytes(72) + struct.pack("<Q", 272) + bytes(176)
    for kind, body in ((0, b"MESSAGE=short"), (packing, packed.get(packing, bytes)(b"MESSAGE=" + text))):
        size = 64 + (8 if compact else 0) + len(body)
        out += struct.pack("<BB6xQ", 1, kind, size) + bytes(48 + (8 if compact else 0)) + body
        out += bytes(-len(out) % 8)
    return out + bytes(4096)


def level_log(text: bytes, before: int, header: bytes = b"") -> bytes:
    """Return a log of LevelDB with a text that begins so many bytes before the end of a block."""
    lead = (32 << 10) - before - len(header) - 7 - 12 - 6
    batches = (b"x" * lead + text, b"y" * 300)
    out = bytearray(header)
    for number, value in enumerate(batches, 1):
        record = struct.pack("<QI", number, 1) + b"\1\1k" + b"\x80\x80\2" + value
        is_first = True
        while is_first or record:
            room = -len(out) % (32 << 10) or 32 << 10
            if room < 7:
                out += bytes(room)
                continue
            piece, record = record[: room - 7], record[room - 7 :]
            kind = (1 if is_first else 4) if not record else 2 if is_first else 3
            out += struct.pack("<IHB", zlib.crc32(piece), len(piece), kind) + piece
            is_first = False
    return bytes(out)


def lz4_frames(text: bytes) -> bytes:
    """Return two frames of lz4."""
    return b"".join(map(lz4.frame.compress, (b"filler " * 300, b"filler " * 300 + text)))


def table(text: str, form: str, codec: str) -> bytes:
    """Return a table with texts in a list of records, as Parquet, Arrow or ORC.

    Raises:
        ImportError: pyarrow is not installed.
    """
    import pyarrow as pa  # noqa: PLC0415 - of the extra "science"
    from pyarrow import feather, orc, parquet  # noqa: PLC0415 - as above

    values = [{"notes": [text if row == 44 else "filler " * 9]} for row in range(500)]
    made = pa.table({"n": list(range(500)), "records": values})
    out = io.BytesIO()
    match form:
        case "parquet":
            parquet.write_table(made, out, compression=codec)
        case "arrow":
            feather.write_feather(made, out, compression=codec)
        case _:
            orc.write_table(made, out, compression=codec)
    return out.getvalue()


def hdf5(text: bytes, **options: object) -> bytes:
    """Return an HDF5 file with an array of texts, and links that lead elsewhere.

    Raises:
        ImportError: h5py is not installed.
    """
    import h5py  # noqa: PLC0415 - of the extra "science"
    import numpy as np  # noqa: PLC0415 - as above

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        values = [b"filler " * 9] * 300
        values[150] = text
        file.create_dataset("run/notes", data=np.array(values), chunks=(40,), **options)
        file.create_dataset("run/scores", data=np.arange(3000.0), compression="gzip")
        file["link"] = h5py.ExternalLink("/etc/passwd", "/x")
        file["soft"] = h5py.SoftLink("/run/notes")
        file["run/itself"] = file["run"]
    return out.getvalue()
