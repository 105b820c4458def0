"""tar, in all its dialects: headers and contents one after the other.

A reader that believes a damaged header stops there and says nothing (``tarfile`` does);
this one looks for the next header, tells a gap, and goes on. Links and devices are
names; holes of sparse files are passed over, so that a file that claims terabytes is
as long as what is really there. After the end of an archive another may follow.

Boundary: POSIX.1-2017 pax, "ustar Interchange Format", and the GNU manual, "Basic Tar
Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from boltz_keyscan.sources.archives.extract import Content, Member
from boltz_keyscan.sources.archives.limits import TRUNCATED, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader
from boltz_keyscan.sources.signature_checks import is_tar_header, octal

_BLOCK = 512
_ZERO = bytes(_BLOCK)
_ZEROS = 64 << 10
_LONG = 1 << 20
"""Bytes of a header's extension that are believed; a name of more is no name."""

_NO_CONTENT = b"123456"
"""Types of links, devices, folders and pipes. A size they have is not that of anything here."""


@dataclass(slots=True)
class _Extended:
    """What extensions say of the header that follows."""

    name: bytes | None = None
    named: int = 0
    size: int | None = None


def members(content: Content) -> Iterator[Member]:
    """What is in a tar."""
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
            # Behind its end there may be anything, and it is no trouble.
            if not ended and not lost:
                lost = True
                content.report(corrupt_error("a header in it is damaged; what follows may lack its names"))
            # Where only a signature says that this is a tar, that of the next says where to go on.
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
            text = reader.read(size) if size <= _LONG else b""
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
    """Move over blocks of zeros, many at a time: a file may be nothing else for gigabytes."""
    while zeros := reader.peek(_ZEROS):
        count = len(zeros) - len(zeros.lstrip(b"\0"))
        if count < len(zeros):
            reader.skip(count // _BLOCK * _BLOCK)
            return
        reader.skip(count)


def _size(header: bytes) -> int | None:
    """Bytes of content; None for what no content can have."""
    field = header[124:136]
    if field[:1] in (b"\x80", b"\xff"):
        # Base 256, of two's complement.
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
        # "length key=value\\n", and the length counts all of it.
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
    """Pass over the map of an old GNU sparse file: its content is what is not a hole."""
    more = header[482]
    while more and len(block := reader.read(_BLOCK)) == _BLOCK:
        more = block[504]
