"""7z archives: LZMA and LZMA2, with or without filters, bzip2, deflate, zstd, stored.

Read here with the existing decompressors; ``py7zr`` reads more (PPMd, BCJ2, AES) and needs
eight packages, three of them compiled. Each folder that uses those methods is a gap.

Names of parts are those of 7zFormat.txt of the LZMA SDK, https://www.7-zip.org/sdk.html.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator

from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.archives import compression, limits
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import ContainerError, Meter, corrupt_error
from boltz_keyscan.sources.archives.reader import RandomAccess, Reader, read_pieces

_MAX_HEADER_BYTES = 64 << 20
"""Bytes of a header at most."""

_FILTER_TAIL_BYTES = 16
"""Bytes that a filter for programs holds back at the end of LZMA, which has no end marker."""

_FILTERS = {
    b"\3": lzma.FILTER_DELTA,
    b"\3\3\1\3": lzma.FILTER_X86,
    b"\4": lzma.FILTER_X86,
    b"\3\3\2\5": lzma.FILTER_POWERPC,
    b"\3\3\4\1": lzma.FILTER_IA64,
    b"\3\3\5\1": lzma.FILTER_ARM,
    b"\3\3\7\1": lzma.FILTER_ARMTHUMB,
    b"\3\3\x08\5": lzma.FILTER_SPARC,
}
_LZMA, _LZMA2 = b"\3\1\1", b"\x21"
_DECOMPRESSORS: dict[bytes, Callable[[Reader, Meter], Iterator[bytes]]] = {
    b"\0": lambda reader, _meter: reader.part(1 << 62),
    b"\4\1\x08": lambda reader, meter: compression.inflate_stream(reader, meter, -15),
    b"\4\2\2": compression.bunzip,
    b"\4\xf7\x11\1": compression.unzstd,
}
_AES = b"\6\xf1\7\1"


@dataclass(frozen=True, slots=True)
class _Coder:
    method: bytes
    properties: bytes


@dataclass(slots=True)
class _Folder:
    """Members compressed as one stream."""

    coders: list[_Coder]
    """Coders in the order of decoding; empty when they form no chain."""
    packed: int
    """Count of its packed streams."""
    outputs: int
    checked: bool = False
    """True if it has a checksum."""
    size: int = 0
    parts: list[int] = field(default_factory=list)
    """Size of each member in bytes."""
    failure: ContainerError | None = None
    """Error after which the rest of the folder is unreadable."""


@dataclass(slots=True)
class _Streams:
    """Packed streams and the folders they decode to."""

    position: int = 0
    sizes: list[int] = field(default_factory=list)
    folders: list[_Folder] = field(default_factory=list)


def members(content: Content) -> Iterator[Member]:
    """Yield the members that its header lists."""
    space = content.require_space("too-large", "in another container only a smaller 7z is read; unpack it")
    start = space.read(0, 32)
    if len(start) < 32:
        raise corrupt_error(limits.TRUNCATED)
    at, size = (int.from_bytes(start[begin : begin + 8], "little") for begin in (12, 20))
    header = _header(space, 32 + at, size, content.meter)
    if header is None:
        return
    streams, names = header
    end = 32 + streams.position
    remaining_names = iter(names)
    used = 0
    for folder in streams.folders:
        begin, end = end, end + sum(streams.sizes[used : used + folder.packed])
        used += folder.packed
        reader = Reader(_unpack(folder, space, begin, end, content.meter))
        for part in folder.parts:
            yield Member(next(remaining_names, b""), _part(folder, reader, part))
        content.cover(begin, end)


def _part(folder: _Folder, reader: Reader, size: int) -> Iterator[bytes]:
    try:
        if folder.failure is not None:
            raise folder.failure
        yield from reader.member(size)
    except ContainerError as error:
        # The members behind it are unreadable for the same reason.
        folder.failure = error
        raise


def _unpack(folder: _Folder, space: RandomAccess, begin: int, end: int, meter: Meter) -> Iterator[bytes]:
    """Return the decoded bytes of a folder."""
    source = Reader(read_pieces(space, begin, end))
    first, *rest = folder.coders or [_Coder(b"?", b"")]
    if any(coder.method == _AES for coder in folder.coders):
        return limits.raise_on_read(
            ContainerError("encrypted", "unpack it with its password and scan the files")
        )
    if first.method in _DECOMPRESSORS and not rest:
        return _cut_to_size(_DECOMPRESSORS[first.method](source, meter), folder.size, 0)
    filters = [_filter(coder) for coder in reversed(folder.coders)]
    if folder.packed != 1 or None in filters or first.method not in (_LZMA, _LZMA2):
        detail = "one of its methods of compression is not read here; unpack it and scan the files"
        return limits.raise_on_read(ContainerError("unsupported-container", detail))
    chain = [options for options in filters if options is not None]
    chunks = compression.raw_lzma(chain, source, meter, folder.size)
    return _cut_to_size(chunks, folder.size, _FILTER_TAIL_BYTES if rest else 0)


def _cut_to_size(chunks: Iterator[bytes], size: int, tail_bytes: int) -> Iterator[bytes]:
    """Yield chunks up to a size, padded with zeros where a filter holds bytes back."""
    left = size
    for chunk in chunks:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return
    if 0 < left <= tail_bytes:
        yield bytes(left)


def _filter(coder: _Coder) -> dict[str, int] | None:
    """Return a coder as a filter of the ``lzma`` module; None when it is not supported."""
    raw = coder.properties
    if coder.method == _LZMA and len(raw) == 5 and raw[0] < 225:
        rest, lc = divmod(raw[0], 9)
        pb, lp = divmod(rest, 5)
        size = int.from_bytes(raw[1:], "little")
        return {"id": lzma.FILTER_LZMA1, "dict_size": max(size, 4096), "lc": lc, "lp": lp, "pb": pb}
    if coder.method == _LZMA2 and len(raw) == 1 and raw[0] <= 40:
        size = 0xFFFFFFFF if raw[0] == 40 else (2 | raw[0] & 1) << raw[0] // 2 + 11
        return {"id": lzma.FILTER_LZMA2, "dict_size": size}
    if coder.method == b"\3":
        return {"id": lzma.FILTER_DELTA, "dist": (raw[0] if raw else 0) + 1}
    return {"id": _FILTERS[coder.method]} if coder.method in _FILTERS else None


def _header(space: RandomAccess, at: int, size: int, meter: Meter) -> tuple[_Streams, list[bytes]] | None:
    """Return folders and names; None for an empty archive."""
    if size == 0:
        return None
    if size > _MAX_HEADER_BYTES:
        raise ContainerError("too-large", f"a header of {size} bytes is not read")
    raw = space.read(at, size)
    if len(raw) < size:
        raise corrupt_error(limits.TRUNCATED)
    # A header may be compressed, and so may the header that describes it.
    for _ in range(4):
        parser = _Parser(raw)
        kind = parser.byte()
        if kind == 0x01:
            return parser.header()
        if kind != 0x17:
            break
        found = parser.streams()
        if len(found.folders) != 1 or found.folders[0].size > _MAX_HEADER_BYTES:
            break
        begin = 32 + found.position
        raw = b"".join(_unpack(found.folders[0], space, begin, begin + sum(found.sizes), meter))
    raise corrupt_error("its header is damaged")


class _Parser:
    """A parser of the properties of a header."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def byte(self) -> int:
        """Read the next byte."""
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        """Read the next bytes."""
        found = self._raw[self._at : self._at + count]
        if len(found) < count:
            raise corrupt_error("its header is damaged")
        self._at += count
        return found

    def rest(self) -> bytes:
        """Return the remaining bytes."""
        return self._raw[self._at :]

    def number(self) -> int:
        """Read a number of up to 64 bits: its leading ones count the bytes that follow."""
        first = self.byte()
        extra = 8 - (first ^ 0xFF).bit_length()
        value = int.from_bytes(self.take(extra), "little")
        return value | (first & (0x7F >> extra)) << 8 * extra if extra < 8 else value

    def count(self) -> int:
        """Read a count, which is at most the size of the header."""
        found = self.number()
        if found > len(self._raw):
            raise corrupt_error("its header is damaged")
        return found

    def bits(self, count: int) -> list[bool]:
        """Read a list of bits."""
        raw = self.take(-(-count // 8))
        return [bool(raw[n // 8] & 0x80 >> n % 8) for n in range(count)]

    def digests(self, count: int) -> list[bool]:
        """Skip checksums; return which items have one."""
        known = [True] * count if self.byte() else self.bits(count)
        self.take(4 * sum(known))
        return known

    def streams(self) -> _Streams:
        """Read StreamsInfo."""
        found = _Streams()
        while kind := self.byte():
            if kind == 0x06:
                self._packed(found)
            elif kind == 0x07:
                self._folders(found)
            elif kind == 0x08:
                self._parts(found)
            else:
                raise corrupt_error("its header is damaged")
        return found

    def _packed(self, found: _Streams) -> None:
        found.position, count = self.number(), self.count()
        while kind := self.byte():
            if kind == 0x09:
                found.sizes = [self.number() for _ in range(count)]
            else:
                self.digests(count)

    def _folders(self, found: _Streams) -> None:
        while kind := self.byte():
            if kind == 0x0B:
                count = self.count()
                if self.byte():
                    detail = "its folder records are in another stream, which is not read"
                    raise ContainerError("unsupported-container", detail)
                found.folders = [self._folder() for _ in range(count)]
            elif kind == 0x0C:
                for folder in found.folders:
                    # The largest size is that of the last coder; filters keep the size.
                    folder.size = max([self.number() for _ in range(folder.outputs)], default=0)
                    folder.parts = [folder.size]
            else:
                known = self.digests(len(found.folders))
                for folder, checked in zip(found.folders, known, strict=True):
                    folder.checked = checked

    def _folder(self) -> _Folder:
        coders: list[_Coder] = []
        inputs = outputs = 0
        for _ in range(self.count()):
            flags = self.byte()
            method = self.take(flags & 15)
            own = (self.count(), self.count()) if flags & 0x10 else (1, 1)
            inputs, outputs = inputs + own[0], outputs + own[1]
            coders.append(_Coder(method, self.take(self.count()) if flags & 0x20 else b""))
        pairs = [(self.count(), self.count()) for _ in range(max(outputs - 1, 0))]
        packed = inputs - len(pairs)
        if packed > 1:
            for _ in range(packed):
                self.count()
        chain = inputs == outputs == len(coders)
        return _Folder(_order_coders(coders, pairs) if chain else coders[:0], packed, outputs)

    def _parts(self, found: _Streams) -> None:
        counts = [1] * len(found.folders)
        kind = self.byte()
        if kind == 0x0D:
            counts = [self.count() for _ in found.folders]
            kind = self.byte()
        for folder, count in zip(found.folders, counts, strict=True):
            sizes = [self.number() for _ in range(count - 1)] if kind == 0x09 else []
            folder.parts = [*sizes, max(folder.size - sum(sizes), 0)] if count else []
        # The rest are checksums of the members without one from above.
        if kind == 0x09:
            kind = self.byte()
        unchecked = [
            0 if count == 1 and folder.checked else count
            for folder, count in zip(found.folders, counts, strict=True)
        ]
        while kind:
            self.digests(sum(unchecked))
            kind = self.byte()

    def header(self) -> tuple[_Streams, list[bytes]]:
        """Read Header, after its first byte."""
        found, names = _Streams(), list[bytes]()
        while kind := self.byte():
            if kind == 0x04:
                found = self.streams()
            elif kind == 0x05:
                names = self._files()
            else:
                raise corrupt_error("its header is damaged")
        return found, names

    def _files(self) -> list[bytes]:
        """Read the names of the members that have content."""
        count = self.count()
        names: list[bytes] = []
        empty = [False] * count
        while kind := self.byte():
            inner = _Parser(self.take(self.count()))
            if kind == 0x0E:
                empty = inner.bits(count)
            elif kind == 0x11 and not inner.byte():
                text = inner.rest().decode("utf-16-le", "replace")
                names = [name.encode("utf-8", "replace") for name in text.split("\0")[:count]]
        return [name for name, is_empty in zip(names, empty, strict=False) if not is_empty]


def _order_coders(coders: list[_Coder], pairs: list[tuple[int, int]]) -> list[_Coder]:
    """Return the coders in decoding order: the first one has no bound input."""
    sources = dict(pairs)
    consumers = {output: number for number, output in sources.items()}
    at = next((number for number in range(len(coders)) if number not in sources), None)
    chain: list[_Coder] = []
    while at is not None and len(chain) < len(coders):
        if at >= len(coders):
            return []
        chain.append(coders[at])
        at = consumers.get(at)
    return chain
