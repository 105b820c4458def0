"""tar, in all its dialects.

``tarfile`` trusts a damaged header and stops there silently; this reader reports a gap and
continues with the next header. Links and devices are names only; holes of sparse files are skipped,
so a file that declares terabytes costs only its stored bytes. Another archive may follow the end.

POSIX.1-2017 pax, "ustar Interchange Format"; GNU manual, "Basic Tar Format".
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import TRUNCATED, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader
from boltz_keyscan.sources.signature_checks import is_tar_header, octal

_BLOCK = 512
_ZERO = bytes(_BLOCK)
_ZERO_RUN_BYTES = 64 << 10
_MAX_EXTENSION_BYTES = 1 << 20
"""Bytes of an extended header at most; a longer name is ignored."""

_NO_CONTENT = b"123456"
"""Types of links, devices, folders and pipes; their size field is ignored."""


@dataclass(slots=True)
class _Extended:
    """Values of extended headers for the header that follows."""

    name: bytes | None = None
    named: int = 0
    size: int | None = None


def members(content: Content) -> Iterator[Member]:
    """Yield the members of a tar."""
    reader = content.reader
    extended = _Extended()
    lost = ended = False
    while header := reader.peek(_BLOCK):
        if header == _ZERO:
            ended = True
            _skip_zeros(reader)
            continue
        size = _size(header)
        if len(header) < _BLOCK or size is None or not is_tar_header(header):
            # Any bytes may follow the end of an archive; they are no gap.
            if not ended and not lost:
                lost = True
                content.report(corrupt_error("a header in it is damaged; what follows may lack its names"))
            # In an embedded tar, the next signature determines where to continue.
            if not content.is_certain or len(reader.read(_BLOCK)) < _BLOCK:
                return
            continue
        ended = lost = False
        at = reader.position
        kind = header[156:157]
        reader.read(_BLOCK)
        content.meter.check_time()
        if kind in b"LKxg" and kind:
            size = min(size, 1 << 62)
            start = reader.position
            text = reader.read(size) if size <= _MAX_EXTENSION_BYTES else b""
            reader.skip(-(-size // _BLOCK) * _BLOCK - len(text))
            _extend(extended, kind, text, start)
            continue
        name, named = (extended.name, extended.named) if extended.name is not None else _name(header, at)
        size = extended.size if extended.size is not None else size
        extended = _Extended()
        if kind == b"S":
            _sparse(reader, header)
        if kind in _NO_CONTENT and kind:
            yield Member(name, (), None, (named,))
            continue
        yield Member(name, reader.member(size), reader.position, (named,))
        reader.skip(-size % _BLOCK)
    if not ended and not lost:
        content.report(corrupt_error(TRUNCATED))


def _skip_zeros(reader: Reader) -> None:
    """Skip blocks of zeros, many at a time: a file may have gigabytes of them."""
    while zeros := reader.peek(_ZERO_RUN_BYTES):
        count = len(zeros) - len(zeros.lstrip(b"\0"))
        if count < len(zeros):
            reader.skip(count // _BLOCK * _BLOCK)
            return
        reader.skip(count)


def _size(header: bytes) -> int | None:
    """Return the size of the content; None for an impossible one."""
    field = header[124:136]
    if field[:1] in (b"\x80", b"\xff"):
        # Base 256, two's complement.
        number = int.from_bytes(field[1:], "big")
        return number if field[:1] == b"\x80" and number < 1 << 62 else None
    return octal(field)


def _name(header: bytes, at: int) -> tuple[bytes, int]:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0]
    if header[257:263] == b"ustar\0" and prefix:
        return prefix + b"/" + name, at - 1 - len(prefix)
    return name, at


def _extend(extended: _Extended, kind: bytes, text: bytes, start: int) -> None:
    if kind == b"L":
        extended.name, extended.named = text.partition(b"\0")[0], start
        return
    if kind not in b"xg":
        return
    at = 0
    while at < len(text):
        # "length key=value\\n"; the length counts the whole record.
        length, _, _ = text[at : at + 20].partition(b" ")
        if not length.isdigit() or int(length) <= len(length):
            return
        record = text[at + len(length) + 1 : at + int(length)].removesuffix(b"\n")
        key, _, value = record.partition(b"=")
        if key in (b"path", b"GNU.sparse.name"):
            extended.name = value
            extended.named = start + at + len(length) + 1 + len(key) + 1
        elif key == b"size" and value.isdigit() and len(value) < 19:
            extended.size = int(value)
        at += int(length)


def _sparse(reader: Reader, header: bytes) -> None:
    """Skip the map of an old GNU sparse file; its content follows without the holes."""
    more = header[482]
    while more and len(block := reader.read(_BLOCK)) == _BLOCK:
        more = block[504]
