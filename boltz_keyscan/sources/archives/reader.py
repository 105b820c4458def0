"""Bytes of a container: a stream read once from its beginning, or random access."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from boltz_keyscan import fsutil
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.archives.limits import TRUNCATED, corrupt_error
from boltz_keyscan.sources.blob import CHUNK

_READ_BYTES = 64 << 10
"""Bytes read at a time for a decompressor, which returns those it does not need: many small streams
in a row must not cost a large copy each."""

ReadListener = Callable[[int, bytes], None]
"""Callback with the offset and the content of bytes that belong to no member."""


class Reader:
    """A stream that is read once, from its beginning."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self._at = 0
        self.watch: ReadListener | None = None
        self.position = 0
        """Bytes read so far."""

    def peek(self, count: int) -> bytes:
        """Return the next bytes without reading past them; fewer at the end."""
        available = len(self._held) - self._at
        if available < count:
            parts = [self._held[self._at :]] if available else []
            while available < count and (chunk := next(self._chunks, b"")):
                parts.append(chunk)
                available += len(chunk)
            self._held, self._at = b"".join(parts), 0
        return self._held[self._at : self._at + count]

    def read(self, count: int) -> bytes:
        """Read the next bytes; fewer at the end."""
        data = self.peek(count)
        self._advance(data, watched=True)
        return data

    def read_exactly(self, count: int) -> bytes:
        """Read the next bytes.

        Raises:
            ContainerError: there are fewer.
        """
        data = self.read(count)
        if len(data) < count:
            raise corrupt_error(TRUNCATED)
        return data

    def take(self) -> bytes:
        """Read some of the next bytes; none at the end."""
        return self._read_some(_READ_BYTES, watched=True)

    def part(self, count: int) -> Iterator[bytes]:
        """Yield the next bytes in pieces, as a member stored unchanged; fewer at the end."""
        while count > 0 and (chunk := self._read_some(min(count, CHUNK), watched=False)):
            count -= len(chunk)
            yield chunk

    def member(self, size: int) -> Iterator[bytes]:
        """Yield the bytes of a member of a known size.

        Raises:
            ContainerError: there are fewer.
        """
        before = self.position
        yield from self.part(size)
        if self.position - before < size:
            raise corrupt_error(TRUNCATED)

    def skip(self, count: int) -> int:
        """Skip bytes that belong to no member; return how many there were."""
        before = self.position
        while count > 0 and (chunk := self._read_some(min(count, CHUNK), watched=True)):
            count -= len(chunk)
        return self.position - before

    def skip_exactly(self, count: int) -> None:
        """Skip bytes that belong to no member.

        Raises:
            ContainerError: there are fewer.
        """
        if self.skip(count) < count:
            raise corrupt_error(TRUNCATED)

    def unread(self, rest: bytes) -> None:
        """Return the bytes read last to the stream."""
        self.position -= len(rest)
        if len(rest) <= self._at:
            self._at -= len(rest)
        else:
            self._held, self._at = rest + self._held[self._at :], 0

    def _read_some(self, max_bytes: int, *, watched: bool) -> bytes:
        if self._at == len(self._held):
            self._held, self._at = next(self._chunks, b""), 0
        chunk = (
            self._held[self._at : self._at + max_bytes]
            if self._at or len(self._held) > max_bytes
            else self._held
        )
        self._advance(chunk, watched=watched)
        return chunk

    def _advance(self, chunk: bytes, *, watched: bool) -> None:
        self._at += len(chunk)
        self.position += len(chunk)
        if watched and chunk and self.watch is not None:
            self.watch(self.position - len(chunk), chunk)


class RandomAccess(Protocol):
    """Bytes that are read by offset."""

    @property
    def size(self) -> int:
        """Count of the bytes."""

    def read(self, at: int, count: int) -> bytes:
        """Return bytes from an offset; fewer at the end."""


@dataclass(frozen=True, slots=True)
class FileSpace:
    """An open file."""

    descriptor: int
    size: int

    def read(self, at: int, count: int) -> bytes:
        """Return bytes from an offset; fewer at the end.

        Raises:
            OSError: the file could not be read.
        """
        if not 0 <= at < self.size:
            return b""
        return fsutil.read_at(self.descriptor, min(count, self.size - at), at)


@dataclass(frozen=True, slots=True)
class InMemory:
    """Bytes in memory."""

    held: bytes | bytearray

    @property
    def size(self) -> int:
        """Count of the bytes."""
        return len(self.held)

    def read(self, at: int, count: int) -> bytes:
        """Return bytes from an offset; fewer at the end."""
        return bytes(self.held[at : at + count]) if at >= 0 else b""


@dataclass(frozen=True, slots=True)
class PartSpace:
    """Bytes of another space from ``start`` on."""

    space: RandomAccess
    start: int

    @property
    def size(self) -> int:
        """Count of the bytes."""
        return self.space.size - self.start

    def read(self, at: int, count: int) -> bytes:
        """Return bytes from an offset; fewer at the end."""
        return self.space.read(self.start + at, count) if at >= 0 else b""


def uncovered_ranges(ranges: Iterable[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges between the given ones."""
    at = 0
    for start, end in sorted(ranges):
        if start > at:
            yield at, start
        at = max(at, end)
    if at < size:
        yield at, size


def read_pieces(
    space: RandomAccess, start: int = 0, end: int | None = None, first: int = CHUNK
) -> Iterator[bytes]:
    """Yield the bytes from ``start`` to ``end``, or to the end of the space.

    Args:
        space: the bytes to read.
        start: offset of the first byte.
        end: offset behind the last byte.
        first: size of the first piece, which is expected to be enough.
    """
    last = space.size if end is None else min(end, space.size)
    while start < last and (chunk := space.read(start, min(first, last - start))):
        yield chunk
        start += len(chunk)
        first = CHUNK


class SpaceFile(io.RawIOBase):
    """A space as an open file, for libraries that read one."""

    def __init__(self, space: RandomAccess) -> None:
        self._space = space
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the offset of the next byte; return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._space.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # no other is given
        """Read into a buffer; return the count of bytes, 0 at the end.

        Raises:
            OSError: the file could not be read.
        """
        view = memoryview(buffer).cast("B")
        piece = self._space.read(self._at, len(view))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
