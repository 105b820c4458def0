"""Files of science and logs: what they compress is read, or a gap by design names the extra."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import lz4.block
import pytest

from conformance import databases
from conformance.containers import tarred, zipped
from tests.keys import fake_key, fingerprint
from tests.running import ROOT
from tests.sources.containers import reasons_of, scan_container

KEY = fake_key()
FILLER = b"filler " * 10
TEXT = ("filler " * 300 + KEY[20:50] + " filler " + KEY + " ").encode()
"""Half of the body comes before the key, so that a compressor copies it into the key."""

PLACES = {
    **{f"avro {codec}": databases.avro(TEXT, codec) for codec in ("deflate", "snappy", "xz", "zstandard")},
    **{f"leveldb {kind}": databases.level_table(FILLER * 9, TEXT, b"end", packing=kind) for kind in (1, 2)},
    "leveldb of one block": databases.level_table(TEXT, packing=2),
    "snappy": databases.snappy_stream(TEXT),
    "snappy of Java": databases.java_snappy(FILLER * 9, TEXT),
    **{f"mat {order}": databases.mat(TEXT, order) for order in "<>"},
    **{f"journal {kind}": databases.journal(TEXT, kind) for kind in (1, 2, 4)},
    "journal compact": databases.journal(TEXT, 2, compact=True),
    "lz4": databases.lz4_frames(TEXT),
    # The block begins with the size.
    "lz4 of Firefox": b"mozLz40\0" + lz4.block.compress(TEXT),
}


def found(content: bytes) -> tuple[set[str], set[bytes], list[str]]:
    result = scan_container(content)
    return (
        {hit.match.fingerprint for hit in result.hits},
        {hit.origin.members[0] for hit in result.hits},
        reasons_of(result),
    )


@pytest.mark.parametrize("name", PLACES)
def test_what_is_compressed_is_read(name: str) -> None:
    content = PLACES[name]
    assert KEY.encode() not in content
    assert found(content)[::2] == ({fingerprint(KEY)}, [])
    for pack in (zipped, tarred):
        assert found(pack({"inner": content})) == ({fingerprint(KEY)}, {b"inner"}, [])


@pytest.mark.parametrize("name", [name for name in PLACES if not name.startswith("leveldb")])
def test_what_is_cut_off_is_a_gap(name: str) -> None:
    content = PLACES[name].rstrip(b"\0")
    assert set(reasons_of(scan_container(content[: len(content) - 30]))) == {"corrupt-container"}


@pytest.mark.parametrize("content", [databases.avro(TEXT, "made-up"), databases.journal(TEXT, 3)])
def test_an_unknown_compression_is_a_gap_by_design(content: bytes) -> None:
    (gap,) = scan_container(content).gaps
    assert (gap.reason, gap.by_design) == ("not-decoded", True)


@pytest.mark.parametrize(
    "content",
    [
        databases.avro(TEXT, "null")[:4] + b"\x7f" * 40,
        databases.avro(TEXT, "null")[:6] + b"\xff" * 40,
        databases.journal(TEXT, 0)[:272] + struct.pack("<BB6xQ", 1, 0, 3) + bytes(80),
        databases.mat(TEXT)[:128] + struct.pack("<II", 15, 1 << 31) + bytes(80),
    ],
)
def test_sizes_are_not_trusted(content: bytes) -> None:
    assert set(reasons_of(scan_container(content))) == {"corrupt-container"}


@pytest.mark.parametrize("before", [1, 13, 14, 40, 56])
def test_a_block_of_leveldb_ends_in_a_key(before: int) -> None:
    content = databases.level_log(KEY.encode() + b" ", before)
    assert KEY.encode() not in content
    keys, members, gaps = found(content)
    assert fingerprint(KEY) in keys
    assert members == {b"block 1"}
    assert gaps == reasons_of(scan_container(content[:-200])) == []


def test_a_damaged_block_of_a_table_is_a_gap_and_the_others_are_read() -> None:
    content = databases.level_table(b"filler " * 90, TEXT)
    first = content.index(b"filler ")
    assert found(content[:first] + b"\xff" * 9 + content[first + 9 :]) == (
        {fingerprint(KEY)},
        {b"block 2"},
        ["corrupt-container"],
    )


def _level_table(footer: bytes, index: bytes = b"") -> bytes:
    return index + footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


@pytest.mark.parametrize(
    ("content", "gaps"),
    [
        # No table, but a program that reads tables.
        (_level_table(b""), []),
        (_level_table(b"\xff" * 40), []),
        (_level_table(b"\0\0\xff\xff\x7f\xff\xff\x7f"), []),
        (_level_table(b"\0\0\0\x08\1", bytes(8) + b"\7" + bytes(4)), []),
        (_level_table(b"\1\0\0\x08", bytes(8) + b"\7" + bytes(4)), []),
        # An index that leads to itself, to nothing, or on for ever.
        (_level_table(b"\0\0\0\x09", b"\0\0\2\0\x09" + bytes(4) + bytes(5)), ["corrupt-container"]),
        (_level_table(b"\0\0\0\x20", b"\xff" * 28 + bytes(4) + bytes(5)), ["corrupt-container"]),
        (_level_table(b"\0\0\0\x08", bytes(8) + b"\1" + bytes(4)), ["corrupt-container"]),
        (_level_table(b"\0\0\0\x08", bytes(8) + b"\7" + bytes(4)), ["not-decoded"]),
    ],
    ids=range(9),
)
def test_an_index_of_a_table_is_not_trusted(content: bytes, gaps: list[str]) -> None:
    assert reasons_of(scan_container(content)) == gaps


@pytest.mark.parametrize(
    "block",
    [
        b"\x05\x05\x01",  # a copy of what is not there
        b"\x05\x00a\x06\0\0",  # a copy of no distance
        b"\x05\xfc\xff\xff\xff\xff",  # a literal beyond the end
        b"\x02" + b"\x0ca" * 9,  # more than its size
        b"\xff\xff\xff\xff\x7f",  # a size without an end
        b"\x90\x4e\0a",  # less than its size
    ],
)
def test_a_block_of_snappy_is_not_trusted(block: bytes) -> None:
    content = databases.snappy_stream(b"text")[:10]
    content += b"\0" + (len(block) + 4).to_bytes(3, "little") + bytes(4) + block
    (reason,) = reasons_of(scan_container(content))
    assert reason in {"corrupt-container", "not-decoded"}


@pytest.mark.parametrize("size", [0, 9, 1 << 31])
def test_sizes_of_blocks_of_snappy_are_not_trusted(size: int) -> None:
    content = databases.java_snappy(b"text")[:16] + size.to_bytes(4, "big") + b"\0a"
    assert reasons_of(scan_container(content)) == ["corrupt-container"]


@pytest.mark.parametrize("is_journal", [False, True])
@pytest.mark.parametrize(("page", "at"), [(512, 1), (512, 40), (4096, 20)])
def test_a_page_in_the_log_of_sqlite_ends_in_a_key(page: int, at: int, *, is_journal: bool) -> None:
    content = databases.row_in_log(KEY, at, page, is_journal=is_journal)
    assert KEY.encode() not in content
    assert found(content) == ({fingerprint(KEY)}, {b"page 2"}, [])
    assert reasons_of(scan_container(content[:-200])) == reasons_of(scan_container(content[:40])) == []


def test_pages_in_a_log_that_lead_to_each_other_end() -> None:
    content = bytearray(databases.row_in_log(KEY, 20, 512, is_journal=False))
    for at in range(32 + 24, len(content) - 511, 536):
        if content[at] == 0:
            content[at : at + 4] = int.from_bytes(content[at - 24 : at - 20], "big").to_bytes(4, "big")
    assert reasons_of(scan_container(bytes(content))) == []


FORMS = [
    *(("parquet", codec) for codec in ("snappy", "gzip", "zstd", "lz4", "brotli", "none")),
    *(("arrow", codec) for codec in ("lz4", "zstd", "uncompressed")),
    *(("orc", codec) for codec in ("snappy", "zlib", "zstd")),
]


@pytest.mark.parametrize(("form", "codec"), FORMS)
def test_texts_of_tables(form: str, codec: str) -> None:
    pytest.importorskip("pyarrow", reason="of the extra science")
    content = databases.table(TEXT.decode(), form, codec)
    assert found(content) == ({fingerprint(KEY)}, {b"records"}, [])


def test_the_library_of_tables_reserves_no_memory_for_threads_and_pools(tmp_path: Path) -> None:
    """Its defaults reserved more than a worker may have, in some runs."""
    pytest.importorskip("pyarrow", reason="of the extra science")
    (tmp_path / "a").write_bytes(databases.table(TEXT.decode(), "parquet", "snappy"))
    script = (
        "from pathlib import Path; from tests.sources.containers import scan_container\n"
        f"scan_container(Path({str(tmp_path / 'a')!r}).read_bytes())\n"
        "import pyarrow; print(pyarrow.io_thread_count(), pyarrow.default_memory_pool().backend_name)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1", "system"]


@pytest.mark.parametrize("options", [{"compression": "gzip", "shuffle": True}, {"compression": "lzf"}])
def test_arrays_of_hdf5(options: dict[str, object]) -> None:
    pytest.importorskip("h5py", reason="of the extra science")
    content = databases.hdf5(TEXT, **options)
    assert found(content) == ({fingerprint(KEY)}, {b"run/notes"}, [])
    assert found(b"MATLAB 7.3 MAT-file".ljust(512) + content)[0] == {fingerprint(KEY)}


@pytest.mark.parametrize("kind", ["S{}", "S{},S9"])
def test_texts_that_fill_their_field_are_apart(kind: str) -> None:
    h5py = pytest.importorskip("h5py", reason="of the extra science")
    out = io.BytesIO()
    row = (KEY.encode(), b"following")
    with h5py.File(out, "w") as file:
        values = [row] * 40 if "," in kind else [*row] * 20
        file.create_dataset("notes", data=values, dtype=kind.format(len(KEY)), compression="gzip")
    assert found(out.getvalue()) == ({fingerprint(KEY)}, {b"notes"}, [])


def test_an_array_that_is_not_read_is_a_gap() -> None:
    h5py = pytest.importorskip("h5py", reason="of the extra science")
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        array = file.create_dataset(
            "wide", shape=(1 << 29,), dtype="u1", chunks=(1 << 29,), compression="gzip"
        )
        array.id.write_direct_chunk((0,), zlib.compress(bytes(1 << 20)))
        array = file.create_dataset("damaged", shape=(100,), dtype="u1", chunks=(100,), compression="gzip")
        array.id.write_direct_chunk((0,), b"no zlib")
        # A filter that HDF5 knows only as a plug-in: blosc.
        kind = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        kind.set_chunk((100,))
        kind.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (2, 2, 1, 100))
        space = h5py.h5s.create_simple((100,))
        array = h5py.h5d.create(file.id, b"plugged", h5py.h5t.NATIVE_UINT8, space, kind)
        array.write_direct_chunk((0,), b"blosc")
    gaps = {gap.where: gap.reason for gap in scan_container(out.getvalue()).gaps}
    assert gaps == {"x!wide": "memory-limit", "x!damaged": "corrupt-container", "x!plugged": "not-decoded"}


NEEDED = {
    b"PAR1\x15" + bytes(40) + b"PAR1": "pyarrow",
    b"ARROW1\0\0" + bytes(40) + b"ARROW1": "pyarrow",
    b"ORC\x13\0\0" + bytes(40) + b"ORC\x19": "pyarrow",
    b"\x89HDF\r\n\x1a\n" + bytes(100): "h5py",
}


@pytest.mark.parametrize("content", NEEDED, ids=range(len(NEEDED)))
def test_without_the_extra_a_gap_names_it(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    library = NEEDED[content]
    monkeypatch.setitem(sys.modules, library, None)
    for name in [name for name in sys.modules if name.startswith(library + ".")]:
        monkeypatch.delitem(sys.modules, name)
    (gap,) = scan_container(content).gaps
    assert (gap.reason, gap.by_design) == ("not-decoded", True)
    assert "boltz-keyscan[science]" in gap.detail


@pytest.mark.parametrize("content", NEEDED, ids=range(4))
def test_what_the_library_refuses_is_a_gap(content: bytes) -> None:
    pytest.importorskip("pyarrow", reason="of the extra science")
    pytest.importorskip("h5py", reason="of the extra science")
    assert reasons_of(scan_container(content)) == ["corrupt-container"]


def test_words_are_no_files_of_tables() -> None:
    for text in (
        b"ORChestra of keys",
        b"PAR1 is a word",
        b"ARROW1 is a word",
        b"MATLAB 5.0 MAT-file format" * 9,
    ):
        assert scan_container(text * 20).gaps == ()
