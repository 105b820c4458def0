"""Bytes of a container: a stream read once from its beginning, and what can be read anywhere.

Boundary: moves bytes; knows no format.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from boltz_keyscan.sources.archives.limits import TRUNCATED, corrupt_error
from boltz_keyscan.sources.blob import CHUNK

_SOME = 64 << 10
"""Bytes taken at a time by a decompressor, which gives back what it does not need: many small
streams in a row must not cost a large copy each."""

ReadListener = Callable[[int, bytes], None]
"""Told of bytes that are no member's: where they stand and what they are."""


class Reader:
    """A stream, once, from its beginning."""

    def __init__(self, chunks: Iterable[bytes], watch: ReadListener | None = None) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self._at = 0
        self._watch = watch
        self.position = 0
        """Bytes taken so far."""

    def peek(self, count: int) -> bytes:
        """The next bytes, without taking them; fewer at the end."""
        have = len(self._held) - self._at
        if have < count:
            parts = [self._held[self._at :]]
            while have < count and (chunk := next(self._chunks, b"")):
                parts.append(chunk)
                have += len(chunk)
            self._held, self._at = b"".join(parts), 0
        return self._held[self._at : self._at + count]

    def read(self, count: int) -> bytes:
        """The next bytes; fewer at the end."""
        found = self.peek(count)
        self._taken(found, watched=True)
        return found

    def take(self) -> bytes:
        """Some of the next bytes; none at the end."""
        return self._some(_SOME, watched=True)

    def part(self, count: int) -> Iterator[bytes]:
        """The next bytes in pieces, as a member that stands here as it is; fewer at the end."""
        while count > 0 and (chunk := self._some(min(count, CHUNK), watched=False)):
            count -= len(chunk)
            yield chunk

    def member(self, size: int) -> Iterator[bytes]:
        """The same for a member that says how long it is.

        Raises:
            Trouble: there is less.
        """
        before = self.position
        yield from self.part(size)
        if self.position - before < size:
            raise corrupt_error(TRUNCATED)

    def skip(self, count: int) -> int:
        """Take bytes that nothing is in; how many there were."""
        before = self.position
        while count > 0 and (chunk := self._some(min(count, CHUNK), watched=True)):
            count -= len(chunk)
        return self.position - before

    def unread(self, rest: bytes) -> None:
        """Give back what was taken last."""
        self.position -= len(rest)
        if len(rest) <= self._at:
            self._at -= len(rest)
        else:
            self._held, self._at = rest + self._held[self._at :], 0

    def _some(self, most: int, *, watched: bool) -> bytes:
        if self._at == len(self._held):
            self._held, self._at = next(self._chunks, b""), 0
        chunk = self._held[self._at : self._at + most] if self._at or len(self._held) > most else self._held
        self._taken(chunk, watched=watched)
        return chunk

    def _taken(self, chunk: bytes, *, watched: bool) -> None:
        self._at += len(chunk)
        self.position += len(chunk)
        if watched and chunk and self._watch is not None:
            self._watch(self.position - len(chunk), chunk)


class RandomAccess(Protocol):
    """Bytes that can be read anywhere."""

    @property
    def size(self) -> int:
        """How many there are."""

    def read(self, at: int, count: int) -> bytes:
        """Some of them; fewer at the end."""


@dataclass(frozen=True, slots=True)
class FileSpace:
    """An open file."""

    descriptor: int
    size: int

    def read(self, at: int, count: int) -> bytes:
        """Some of its bytes.

        Raises:
            OSError: the file could not be read.
        """
        if not 0 <= at < self.size:
            return b""
        return os.pread(self.descriptor, min(count, self.size - at), at)


@dataclass(frozen=True, slots=True)
class InMemory:
    """Bytes in memory."""

    held: bytes | bytearray

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.held)

    def read(self, at: int, count: int) -> bytes:
        """Some of them."""
        return bytes(self.held[at : at + count]) if at >= 0 else b""


@dataclass(frozen=True, slots=True)
class PartSpace:
    """Bytes of another space from ``start`` on."""

    space: RandomAccess
    start: int

    @property
    def size(self) -> int:
        """Return how many there are."""
        return self.space.size - self.start

    def read(self, at: int, count: int) -> bytes:
        """Return some of them."""
        return self.space.read(self.start + at, count) if at >= 0 else b""


def uncovered_ranges(ranges: Iterable[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    """Yield what the ranges leave of the whole."""
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
    """What stands from ``start`` to ``end``, or to where the space ends.

    Args:
        space: what to read.
        start: where to begin.
        end: where to stop.
        first: bytes that are expected to be enough.
    """
    last = space.size if end is None else min(end, space.size)
    while start < last and (chunk := space.read(start, min(first, last - start))):
        yield chunk
        start += len(chunk)
        first = CHUNK
