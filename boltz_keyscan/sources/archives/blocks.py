"""Compressed blocks of Avro files and variables of MATLAB files.

Avro 1.12, "Object container files": a block is compressed as a whole, and its texts are stored as they
are. MAT-file level 5: each variable is one stream of zlib.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.sources.archives import compression, snappy
from boltz_keyscan.sources.archives.content import Content, Inflate, Member
from boltz_keyscan.sources.archives.limits import NOT_DECODED, ContainerError, Meter, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader

_MAX_HEADER_BYTES = 1 << 20
_SYNC_BYTES = 16
_COMPRESSED = 15
"""Type of a compressed element of a MAT-file."""


def avro_members(content: Content) -> Iterator[Member]:
    """Yield the blocks of an Avro file that are compressed.

    Raises:
        ContainerError: it is damaged, or its codec is not read.
    """
    reader = content.reader
    reader.skip(4)
    codec = _read_codec(reader)
    reader.skip(_SYNC_BYTES)
    if codec in (b"", b"null"):
        return
    inflate = _CODECS.get(codec)
    if inflate is None:
        name = codec[:20].decode("ascii", "replace")
        raise ContainerError(NOT_DECODED, f"only its bytes were searched: it is compressed with {name}")
    number = 0
    while reader.peek(1):
        _read_long(reader)
        size = _read_long(reader)
        number += 1
        yield from content.packed_member(b"block %d" % number, size, inflate)
        reader.skip_exactly(_SYNC_BYTES)


def _read_codec(reader: Reader) -> bytes:
    """Return the codec that the header of an Avro file names."""
    codec = b""
    while count := _read_long(reader):
        if count < 0:
            count = -count
            _read_long(reader)
        for _ in range(count):
            name, value = _read_bytes(reader), _read_bytes(reader)
            if name == b"avro.codec":
                codec = value
    return codec


def _read_bytes(reader: Reader) -> bytes:
    size = _read_long(reader)
    if not 0 <= size <= _MAX_HEADER_BYTES or len(value := reader.read(size)) < size:
        raise corrupt_error("its header is damaged")
    return value


def _read_long(reader: Reader) -> int:
    """Return a number: seven bits a byte, the lowest first, the sign in the lowest bit."""
    value = 0
    for shift in range(0, 64, 7):
        byte = reader.read_exactly(1)
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value >> 1 ^ -(value & 1)
    raise corrupt_error("a number in it is too long")


def mat_members(content: Content) -> Iterator[Member]:
    """Yield the compressed variables of a MAT-file.

    Raises:
        ContainerError: it ends before its end.
    """
    reader = content.reader
    order = "little" if reader.read(128)[126:] == b"IM" else "big"
    number = 0
    while len(tag := reader.read(8)) == 8:
        kind, size = (int.from_bytes(tag[at : at + 4], order) for at in (0, 4))  # type: ignore[arg-type]
        number += 1
        if kind != _COMPRESSED:
            reader.skip_exactly(size)
            continue
        yield from content.packed_member(b"variable %d" % number, size, compression.inflate_zlib)


def _unsnap(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of a block, behind whose data is a checksum."""
    yield snappy.decompress(b"".join(reader.part(1 << 62))[:-4], meter)


_CODECS: dict[bytes, Inflate] = {
    b"deflate": lambda reader, meter: compression.inflate_stream(reader, meter, -15),
    b"bzip2": compression.bunzip,
    b"snappy": _unsnap,
    b"xz": compression.unxz,
    b"zstandard": compression.unzstd,
}
"""Decompressors by the name of the codec."""
