"""Through a container and the containers in it, member by member, within its budgets.

Every byte is looked at: a member's as the member, all others (headers, comments, what
stands before, between and behind) as the container's own. Where a container holds a
member as it is, or nearly, as zstd does, a key would be seen twice, the second time with
what happens to follow it; what was read as a member is therefore not told of the container.

Boundary: knows no format; those are rows of ``formats``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from boltz_keyscan.model import Detector, Match, Part
from boltz_keyscan.sources.blob import Quota
from boltz_keyscan.sources.containers.limits import Limits, Meter, Spent, Trouble
from boltz_keyscan.sources.containers.reader import HeldSpace, Reader, Space
from boltz_keyscan.sources.exact import Pieces
from boltz_keyscan.sources.magic import HEAD, TAIL, ends_in_zip

IMPLIED = b"content"
"""The name of what is in a compressed stream, when it is no container itself."""

_KEPT = 4 << 20
"""Bytes of a member that are held to see whether it ends in a zip."""

_LONGEST = 4096
"""Bytes of a member's name that are told."""


@dataclass(frozen=True, slots=True)
class Member:
    """Something in a container, not read yet."""

    name: bytes
    chunks: Iterable[bytes]
    """Its bytes, none of the chunks empty. They are all taken before the next member is asked for."""
    standing: int | None = None
    """Where its bytes begin in the container, when they stand there as they are."""
    named: tuple[int, ...] = ()
    """Where its name stands in the container."""
    implied: bool = False
    """It is all there is in a compressed stream, and has no name."""


@dataclass(slots=True)
class Content:
    """The bytes of a container: as a stream, or anywhere."""

    reader: Reader
    meter: Meter
    whole: Space | None = None
    tell: Callable[[Trouble], None] = lambda _: None
    """Takes trouble after which there may be more members."""
    cover: Callable[[int, int], None] = lambda _start, _end: None
    """To be told from where to where a member stands in another form, when it was read."""

    def space(self) -> Space | None:
        """Its bytes anywhere; None when they are too many to be held."""
        if self.whole is not None:
            return self.whole
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
        self.whole = HeldSpace(held)
        return self.whole

    def release(self) -> None:
        """Let go of what was held."""
        if isinstance(self.whole, HeldSpace):
            self.meter.spooled -= self.whole.size
            self.whole = None


Members = Callable[[Content], Iterator[Member]]
"""What is in a container. Raises Trouble where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Format:
    """A row of the table of formats."""

    name: str
    begins: Callable[[bytes], bool]
    """Whether a blob with this head is one."""
    members: Members
    ends: Callable[[Space], bool] = lambda _: False
    """Whether a blob with another beginning ends in one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A key in a container, before it is known where that stands."""

    members: tuple[bytes, ...]
    part: Part
    match: Match


@dataclass(slots=True)
class _Frame:
    """A blob that is being looked at."""

    chain: tuple[bytes, ...]
    """Its own name, as members."""
    prefix: tuple[bytes, ...]
    """What the names of its members begin with."""
    depth: int
    """Containers around it."""
    broken: bool = False
    """Its own bytes end early; that was told."""
    _covered: list[tuple[int, int]] = field(default_factory=list)
    """From where to where its bytes were read as members."""

    def cover(self, start: int, end: int) -> None:
        """Note some of them."""
        if start < end:
            self._covered.append((start, end))

    def covered(self, offsets: Iterable[int]) -> set[int]:
        """Those offsets at which it was read as a member."""
        self._covered.sort()
        found = set()
        at = reach = 0
        for offset in sorted(offsets):
            while at < len(self._covered) and self._covered[at][0] <= offset:
                reach = max(reach, self._covered[at][1])
                at += 1
            if offset < reach:
                found.add(offset)
        return found


class _Rest:
    """What of a container's bytes is no member's."""

    def __init__(self, detector: Detector, quota: Quota) -> None:
        self._detector = detector
        self._pieces: Pieces | None = None
        self._next = 0
        self.matches: list[Match] = []
        self._quota = quota

    def feed(self, at: int, chunk: bytes) -> None:
        """Take some bytes; what was taken before is passed over."""
        if self._pieces is not None and at < self._next:
            chunk = chunk[self._next - at :]
            at = self._next
        if self._pieces is None or at != self._next:
            self.finish()
            self._pieces = Pieces(self._detector, at, self._quota)
        self.matches += self._pieces.feed(chunk)
        self._next = max(self._next, at + len(chunk)) if chunk else self._next

    def finish(self) -> None:
        """Look at what is held still."""
        if self._pieces is not None:
            self.matches += self._pieces.finish()
            self._pieces = None


class Walk:
    """One container that is no member of another, with all that is in it."""

    def __init__(self, detector: Detector, formats: tuple[Format, ...], limits: Limits, size: int) -> None:
        self._detector = detector
        self._formats = formats
        self._limits = limits
        self._meter = Meter(limits, size)
        self._untold = 0
        self._quota = Quota()
        self.gaps: list[tuple[tuple[bytes, ...], str, str]] = []
        """Members, reason and detail."""
        self.found: list[Found] = []

    @property
    def cost(self) -> tuple[int, int]:
        """Members that were looked at, and bytes that came out of it."""
        return self._meter.cost

    def through(
        self, chunks: Iterable[bytes], whole: Space | None = None, seen: Iterable[int] = ()
    ) -> list[int]:
        """Look into its members, and into theirs.

        Args:
            chunks: its bytes in order.
            whole: its bytes anywhere, where that can be had.
            seen: offsets in its own bytes where keys were found.

        Returns:
            Those of ``seen`` that stand in what was read as a member.
        """
        frame = _Frame((), (), 0)
        reader = Reader(self._guarded(chunks, frame))
        content = Content(reader, self._meter, whole)
        format_ = self._format(reader.peek(HEAD)) or self._last(content.space())
        if format_ is not None:
            self._open(format_, content, frame)
        if self._untold:
            detail = f"{self._untold} more parts of it were not scanned"
            self.gaps.append(((), "more-gaps", detail))
        self.gaps += (((), gap.reason, gap.detail) for gap in self._quota.gaps(""))
        return sorted(frame.covered(seen))

    def _format(self, head: bytes) -> Format | None:
        return next((each for each in self._formats if each.begins(head)), None)

    def _last(self, space: Space | None) -> Format | None:
        """What a blob ends in. One that is too large to be sure of is taken for a zip."""
        return next((each for each in self._formats if space is None or each.ends(space)), None)

    def _open(self, format_: Format, content: Content, frame: _Frame) -> None:
        """Look into a container."""
        try:
            if frame.depth >= self._limits.depth:
                detail = f"not opened: more than {self._limits.depth} containers in one another"
                raise Trouble("too-deep", detail)  # noqa: TRY301 - told like all that is not opened
            content.tell = functools.partial(self._trouble, frame=frame)
            content.cover = frame.cover
            for member in format_.members(content):
                self._member(member, frame)
                if self._meter.spent:
                    return
        except Trouble as trouble:
            self._trouble(trouble, frame)
        except Exception as error:  # noqa: BLE001 - hostile bytes: what a reader trips over costs this container
            self._trouble(_unexpected(error), frame)

    def _member(self, member: Member, frame: _Frame) -> None:
        self._meter.member()
        name = member.name[:_LONGEST]
        prefix = frame.prefix if member.implied else (*frame.prefix, name)
        if not member.implied:
            self._named(member, prefix)
            for at in member.named:
                frame.cover(at, at + len(member.name))
        inner = _Frame((*frame.prefix, IMPLIED) if member.implied else prefix, prefix, frame.depth + 1)
        rest = _Rest(self._detector, self._quota)
        chunks = self._guarded(member.chunks, inner)
        reader = Reader(chunks, rest.feed)
        format_ = self._format(reader.peek(HEAD))
        if format_ is None:
            self._blob(reader, inner)
        else:
            if not member.implied:
                inner.chain = inner.prefix = (*frame.prefix, _short(name))
            content = Content(reader, self._meter)
            self._open(format_, content, inner)
            content.release()
            while reader.take():
                pass
            rest.finish()
            self._own(rest.matches, inner)
        if member.standing is not None:
            frame.cover(member.standing, member.standing + reader.position)

    def _named(self, member: Member, chain: tuple[bytes, ...]) -> None:
        pieces = Pieces(self._detector, admits=self._quota)
        for match in (*pieces.feed(member.name), *pieces.finish()):
            self.found.append(Found(chain, Part.NAME, match))

    def _blob(self, reader: Reader, frame: _Frame) -> None:
        """A member that is no container, but may end in one."""
        pieces = Pieces(self._detector, admits=self._quota)
        kept: list[bytes] | None = []
        size = 0
        matches: list[Match] = []
        for chunk in reader.part(1 << 62):
            matches += pieces.feed(chunk)
            size += len(chunk)
            if kept is not None:
                kept = [*kept, chunk] if size <= _KEPT else None
        matches += pieces.finish()
        if kept and size >= 22:
            content = kept[0] if len(kept) == 1 else b"".join(kept)
            space = HeldSpace(content)
            if ends_in_zip(content[-TAIL:]) and (format_ := self._last(space)) is not None:
                self._open(format_, Content(Reader([content]), self._meter, space), frame)
        self._own(matches, frame)

    def _own(self, matches: Sequence[Match], frame: _Frame) -> None:
        """Add what stands in a container's own bytes, but not what its members told already."""
        told = frame.covered(match.offset for match in matches)
        for match in matches:
            if match.offset not in told:
                self.found.append(Found(frame.chain, Part.CONTENT, match))

    def _guarded(self, chunks: Iterable[bytes], frame: _Frame) -> Iterator[bytes]:
        """The bytes of a blob as far as they go; where that is not their end, a gap."""
        try:
            for chunk in chunks:
                if self._meter.spent:
                    return
                self._meter.tick()
                yield chunk
        except Trouble as trouble:
            self._trouble(trouble, frame)
            frame.broken = True
        except Exception as error:  # noqa: BLE001 - as in _open
            self._trouble(_unexpected(error), frame)
            frame.broken = True

    def _trouble(self, trouble: Trouble, frame: _Frame) -> None:
        """Tell what is not scanned, once: not again what follows from it."""
        if self._meter.spent or (frame.broken and not isinstance(trouble, Spent)):
            return
        self._meter.spent = isinstance(trouble, Spent)
        if len(self.gaps) < self._limits.gaps or self._meter.spent:
            self.gaps.append((frame.chain, trouble.reason, trouble.detail))
        else:
            self._untold += 1


def _unexpected(error: Exception) -> Trouble:
    if isinstance(error, MemoryError):
        return Trouble("memory-limit", "it takes more memory than a container may have")
    if isinstance(error, OSError):
        return Trouble("unreadable", f"cannot be read: {error.strerror or type(error).__name__}")
    return Trouble("corrupt-container", f"it cannot be read ({type(error).__name__})")


def _short(name: bytes) -> bytes:
    from boltz_keyscan.sources.containers.images import layer  # noqa: PLC0415 - only for a container in one

    return layer(name) or name
