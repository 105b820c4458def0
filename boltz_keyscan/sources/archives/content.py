"""A container as its reader gets it, and the members that the reader yields.

``extract`` scans them.
"""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.archives.limits import ContainerError, Meter
from boltz_keyscan.sources.archives.reader import InMemory, RandomAccess, Reader
from boltz_keyscan.sources.signatures import Format

Inflate = Callable[[Reader, Meter], Iterator[bytes]]
"""Decompressor of a stream, which stops behind its end."""

IMPLIED = b"content"
"""Name of the content of a compressed stream that is no container itself."""

SEEN_TEXT = b"text"
"""Name of the text that a person sees of a member."""

View = Callable[[bytes], bytes]
"""Function from the content of a member to the text that a person sees."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a container, not read yet."""

    name: bytes
    chunks: Iterable[bytes]
    """Its bytes in chunks, none empty; all are read before the next member is requested."""
    stored_at: int | None = None
    """Offset of its bytes in the container, if they are stored unchanged."""
    name_offsets: tuple[int, ...] = ()
    """Offsets of its name in the container."""
    implied: bool = False
    """True for the whole content of a compressed stream or an encoded text, which has no name."""
    source: Reader | None = None
    """For the content of a compressed stream: the reader of the stream."""
    locate: Callable[[int], int] | None = None
    """For an encoded text: the end in it of the first bytes of the member, or 0 where that is not known."""
    is_record: bool = False
    """True for a value of a database, which the bytes of the database may show as well: a key is reported
    for the value alone. Values given as a tuple of one are searched together."""
    joint: int | None = None
    """For bytes around the joint of two pieces, its offset: a key that begins behind it may be cut."""
    view: View | None = None
    """For content that shows a text in pieces: the function that returns the text."""
    is_known: bool = False
    """True for a member in which nothing was found before: only its name is scanned."""

    @property
    def is_plain(self) -> bool:
        """True if its bytes are searched as any others, and those of several members together."""
        is_placed = self.stored_at is not None or self.locate is not None or self.joint is not None
        return not (self.implied or self.view or is_placed)


@dataclass(slots=True)
class KeptBytes:
    """The bytes of a member that are read as a stream, while there is room for them in memory."""

    meter: Meter
    is_dropped: bool = False
    _pieces: list[bytes] = field(default_factory=list)
    _size: int = 0

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks unchanged, and keep them."""
        for chunk in chunks:
            if self.meter.kept + len(chunk) > self.meter.limits.spool:
                self.drop()
            if not self.is_dropped:
                self._pieces.append(chunk)
                self._size += len(chunk)
                self.meter.kept += len(chunk)
            yield chunk

    def space(self) -> RandomAccess | None:
        """Return the bytes by offset; None when they are too many."""
        return None if self.is_dropped else InMemory(b"".join(self._pieces))

    def drop(self) -> None:
        """Free the bytes."""
        self.meter.kept -= self._size
        self._pieces, self._size, self.is_dropped = [], 0, True


@dataclass(slots=True)
class Content:
    """The bytes of a container: as a stream, or by offset."""

    reader: Reader
    meter: Meter
    whole: RandomAccess | None = None
    report: Callable[[ContainerError], None] = lambda _: None
    """Callback for an error after which more members may follow."""
    cover: Callable[[int, int], None] = lambda _start, _end: None
    """Callback with the range of a member stored in another form, after it was read."""
    recall: Callable[[bytes], bool] = lambda _identity: False
    """Function that returns True if nothing was found in a member of this identity: it is not read again."""
    complete: Callable[[bytes], None] = lambda _identity: None
    """Callback for any other member that was read from its first byte to its last."""
    is_certain: bool = True
    """False for a search for embedded members, where unreadable bytes are no gap."""
    has_candidates: Callable[[memoryview], bool] | None = None
    """Function that returns True if the fast pass finds a candidate in some bytes."""
    kept: KeptBytes | None = None
    """The bytes read so far, for the containers behind the end of a stream."""

    def space(self) -> RandomAccess | None:
        """Return its bytes by offset; None when they are too many for memory."""
        if self.whole is not None:
            return self.whole
        if self.kept is not None:
            self.kept.drop()
        room = 2 * self.meter.limits.spool - self.meter.spooled
        held = bytearray()
        while len(held) <= min(room, self.meter.limits.spool):
            if not (chunk := self.reader.take()):
                break
            held += chunk
        else:
            self.reader.unread(bytes(held))
            return None
        self.meter.spooled += len(held)
        self.whole = InMemory(held)
        return self.whole

    def require_space(self, reason: str, detail: str) -> RandomAccess:
        """Return its bytes by offset.

        Args:
            reason: reason of the error for too many bytes.
            detail: detail of that error.

        Raises:
            ContainerError: they are too many for memory.
        """
        space = self.space()
        if space is None:
            raise ContainerError(reason, detail)
        return space

    def packed_member(self, name: bytes, size: int, inflate: Inflate) -> Iterator[Member]:
        """Yield the member whose next ``size`` bytes are compressed by themselves, and read all of them."""
        start = self.reader.position
        source = Reader(self.reader.member(size))
        yield Member(name, inflate(source, self.meter))
        for _ in source.part(size):
            pass
        self.cover(start, self.reader.position)

    def release(self) -> None:
        """Free the bytes held in memory."""
        if self.kept is not None:
            self.kept.drop()
        if isinstance(self.whole, InMemory):
            self.meter.spooled -= self.whole.size
            self.whole = None


Members = Callable[[Content], Iterator[Member]]
"""Reader of the members of a container; raises ContainerError where it is unreadable."""


@functools.cache
def find_reader(format_: Format) -> Members:
    """Return the reader of a format; for one that is not read, a reader that reports the gap."""
    if format_.reader:
        return cast("Members", pkgutil.resolve_name(f"{__package__}.{format_.reader}"))

    def members(content: Content) -> Iterator[Member]:
        detail = f"{format_.name} is not read here; unpack it and scan the files"
        content.report(ContainerError("unsupported-container", detail))
        return iter(())

    return members
