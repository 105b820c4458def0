"""Packages of operating systems: ar (also deb) and rpm.

ar(5), deb(5); https://rpm-software-management.github.io/rpm/manual/format_v4.html.
The tars and cpios in them are formats of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import TRUNCATED, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader

_MAX_NAME_TABLE_BYTES = 1 << 20
"""Bytes of the table of long names at most."""


def ar_members(content: Content) -> Iterator[Member]:
    """Yield the members of an ar: the three parts of a deb, the objects of a library."""
    reader = content.reader
    reader.read(8)
    table = b""
    while header := reader.read(60):
        at = reader.position - 60
        size_field = header[48:58].strip()
        if len(header) < 60 or header[58:60] != b"`\n" or not size_field.isdigit():
            raise corrupt_error("a header in it is damaged")
        size = int(size_field)
        name = header[:16].rstrip()
        if name == b"//" and size <= _MAX_NAME_TABLE_BYTES:
            table = reader.read(size)
        else:
            name_offset = at
            if (
                name.startswith(b"#1/")
                and name[3:].isdigit()
                and int(name[3:]) <= min(size, _MAX_NAME_TABLE_BYTES)
            ):
                # BSD puts a long name before the content.
                name_offset, length = reader.position, int(name[3:])
                name = reader.read(length).rstrip(b"\0")
                size -= length
            elif name[:1] == b"/" and name[1:].isdigit():
                name = table[int(name[1:]) :].partition(b"\n")[0]
            yield Member(
                name.removesuffix(b"/") or name, reader.member(size), reader.position, (name_offset,)
            )
        reader.skip(reader.position % 2)


def rpm_members(content: Content) -> Iterator[Member]:
    """Yield the compressed cpio at the end of an rpm."""
    reader = content.reader
    reader.skip(96)
    for padded in (True, False):
        header = reader.read(16)
        if header[:3] != b"\x8e\xad\xe8" or len(header) < 16:
            raise corrupt_error("a header in it is damaged")
        size = 16 * int.from_bytes(header[8:12], "big") + int.from_bytes(header[12:16], "big")
        reader.skip_exactly(size)
        reader.skip(-size % 8 if padded else 0)
    if not reader.peek(1):
        raise corrupt_error(TRUNCATED)
    yield Member(b"", _rest(reader), reader.position, implied=True)


def _rest(reader: Reader) -> Iterator[bytes]:
    return reader.part(1 << 62)
