"""Through a container and the containers in it, member by member, within its budgets.

Every byte is looked at: a member's as the member, all others (headers, comments, what
stands before, between and behind) as the container's own. Where a container holds a
member as it is, or nearly, as zstd does, a key would be seen twice, the second time with
what happens to follow it; what was read as a member is therefore not told of the container.

Boundary: knows no format; those are rows of ``formats``.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Match
from boltz_keyscan.sources.archives.frames import Frame, UncoveredScanner, find_marks
from boltz_keyscan.sources.archives.limits import BudgetExceededError, ContainerError, Limits, Meter
from boltz_keyscan.sources.archives.reader import InMemory, PartSpace, RandomAccess, Reader, read_pieces
from boltz_keyscan.sources.blob import Quota
from boltz_keyscan.sources.signatures import FLOOD, HEAD
from boltz_keyscan.sources.windows import WindowMatcher

IMPLIED = b"content"
"""The name of what is in a compressed stream, when it is no container itself."""

_LONGEST = 4096
"""Bytes of a member's name that are told."""


@dataclass(frozen=True, slots=True)
class Member:
    """Something in a container, not read yet."""

    name: bytes
    chunks: Iterable[bytes]
    """Its bytes, none of the chunks empty. They are all taken before the next member is asked for."""
    stored_at: int | None = None
    """Where its bytes begin in the container, when they stand there as they are."""
    name_offsets: tuple[int, ...] = ()
    """Where its name stands in the container."""
    implied: bool = False
    """It is all there is in a compressed stream, and has no name."""


@dataclass(slots=True)
class Content:
    """The bytes of a container: as a stream, or anywhere."""

    reader: Reader
    meter: Meter
    whole: RandomAccess | None = None
    report: Callable[[ContainerError], None] = lambda _: None
    """Takes trouble after which there may be more members."""
    cover: Callable[[int, int], None] = lambda _start, _end: None
    """To be told from where to where a member stands in another form, when it was read."""
    is_certain: bool = True
    """It is one from its first byte on; where one may only stand in it, what cannot be read is none."""

    def space(self) -> RandomAccess | None:
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
        self.whole = InMemory(held)
        return self.whole

    def release(self) -> None:
        """Let go of what was held."""
        if isinstance(self.whole, InMemory):
            self.meter.spooled -= self.whole.size
            self.whole = None


Members = Callable[[Content], Iterator[Member]]
"""What is in a container. Raises Trouble where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Format:
    """A row of the table of formats."""

    name: str
    matches_head: Callable[[bytes], bool]
    """Whether a blob with this head is one."""
    members: Members


@dataclass(frozen=True, slots=True)
class MemberMatch:
    """A key in a container, before it is known where that stands."""

    members: tuple[bytes, ...]
    part: Part
    match: Match


class Extractor:
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
        self.found: list[MemberMatch] = []

    @property
    def cost(self) -> tuple[int, int]:
        """Members that were looked at, and bytes that came out of it."""
        return self._meter.cost

    def extract(
        self, chunks: Iterable[bytes], whole: RandomAccess | None = None, seen: Iterable[int] = ()
    ) -> list[int]:
        """Look into its members, and into theirs.

        Args:
            chunks: its bytes in order.
            whole: its bytes anywhere, where that can be had.
            seen: offsets in its own bytes where keys were found.

        Returns:
            Those of ``seen`` that stand in what was read as a member.
        """
        frame = Frame((), (), 0)
        rest = UncoveredScanner(self._detector, self._quota)
        # Its own bytes were searched for keys where it was met.
        reader = Reader(self._guarded(chunks, frame), rest.feed if whole is None else None)
        content = Content(reader, self._meter, whole)
        format_ = self._format(reader.peek(HEAD))
        if format_ is not None:
            self._open(format_, content, frame)
        space = content.space() if format_ is None else content.whole
        if whole is None:
            rest.drain(reader)
        else:
            rest.marks = find_marks(whole, frame.uncovered(whole.size), self._detector)
        self._embedded(rest.marks, space, frame, format_)
        if self._untold:
            detail = f"{self._untold} more parts of it were not scanned"
            self.gaps.append(((), "more-gaps", detail))
        self.gaps += (((), gap.reason, gap.detail) for gap in self._quota.gaps(""))
        return sorted(frame.covered(seen))

    def _format(self, head: bytes) -> Format | None:
        return next((each for each in self._formats if each.matches_head(head)), None)

    def _embedded(
        self, marks: dict[int, str], space: RandomAccess | None, frame: Frame, outer: Format | None = None
    ) -> None:
        """Open the containers that begin within a blob, where it was not read as a member.

        Args:
            marks: where they begin, and their formats.
            space: the blob's bytes; None when they are too many to be held.
            frame: the blob.
            outer: what it was opened as itself; headers of that kind are its own.
        """
        told = frame.covered(marks)
        own = {} if outer is None else {outer.name: ("zip", "tar").count(outer.name)}
        starts = [at for at in sorted(marks.keys() - told) if not own.get(marks[at]) and (at or not own)]
        if not starts or self._meter.is_exhausted or frame.depth >= self._limits.depth:
            return
        if space is None or any(marks[at] == FLOOD for at in starts):
            detail = "archives seem to begin within it, and are not opened; unpack it and scan the files"
            self._trouble(ContainerError("unsupported-container", detail), frame)
            return
        if "zip" in map(marks.get, starts):
            zips = next(each for each in self._formats if each.name == "zip")
            self._open(zips, Content(Reader(()), self._meter, space, is_certain=False), frame)
            told = frame.covered(starts)
        for at in starts:
            part = PartSpace(space, at)
            format_ = self._format(part.read(0, HEAD))
            if at in told or marks[at] == "zip" or format_ is None or self._meter.is_exhausted:
                continue
            # The signatures of others are so long, or checked, that they do not stand there by chance.
            is_uncertain = marks[at] in ("gzip", "zstd", "tar")
            inner = Frame(frame.chain, frame.prefix, frame.depth, is_uncertain=is_uncertain)
            reader = Reader(self._guarded(read_pieces(part), inner))
            self._open(format_, Content(reader, self._meter, part, is_certain=not is_uncertain), inner)
            end = frame.join(inner, at)
            behind = starts[bisect_right(starts, at) : bisect_left(starts, end)]
            told |= {at + offset for offset in inner.covered(other - at for other in behind)}

    def _open(self, format_: Format, content: Content, frame: Frame) -> None:
        """Look into a container."""
        try:
            if frame.depth >= self._limits.depth:
                detail = f"not opened: more than {self._limits.depth} containers in one another"
                raise ContainerError("too-deep", detail)  # noqa: TRY301 - told like all that is not opened
            content.report = functools.partial(self._trouble, frame=frame)
            content.cover = frame.cover
            for member in format_.members(content):
                self._member(member, frame)
                if self._meter.is_exhausted:
                    return
        except ContainerError as trouble:
            self._trouble(trouble, frame)
        except Exception as error:  # noqa: BLE001 - hostile bytes: what a reader trips over costs this container
            self._trouble(_unexpected(error), frame)

    def _member(self, member: Member, frame: Frame) -> None:
        self._meter.add_members()
        name = member.name[:_LONGEST]
        prefix = frame.prefix if member.implied else (*frame.prefix, name)
        if not member.implied:
            self._named(member, prefix)
            for at in member.name_offsets:
                frame.cover(at, at + len(member.name))
        inner = Frame((*frame.prefix, IMPLIED) if member.implied else prefix, prefix, frame.depth + 1)
        inner.is_uncertain = frame.is_uncertain and member.implied
        rest = UncoveredScanner(self._detector, self._quota)
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
            rest.drain(reader)
            self._own(rest.matches, inner)
            self._embedded(rest.marks, content.whole, inner, format_)
            content.release()
        if member.stored_at is not None:
            frame.cover(member.stored_at, member.stored_at + reader.position)

    def _named(self, member: Member, chain: tuple[bytes, ...]) -> None:
        looked = WindowMatcher(self._detector, admits=self._quota)
        for match in (*looked.feed(member.name), *looked.finish()):
            self.found.append(MemberMatch(chain, Part.NAME, match))

    def _blob(self, reader: Reader, frame: Frame) -> None:
        """A member that is no container, but may have one in it."""
        looked = WindowMatcher(self._detector, admits=self._quota)
        kept: list[bytes] | None = []
        size = 0
        matches: list[Match] = []
        for chunk in reader.part(1 << 62):
            matches += looked.feed(chunk)
            size += len(chunk)
            if kept is not None:
                kept = kept if size <= self._limits.spool else None
            if kept is not None:
                kept.append(chunk)
        matches += looked.finish()
        if looked.marks:
            self._embedded(looked.marks, InMemory(b"".join(kept)) if kept is not None else None, frame)
        self._own(matches, frame)

    def _own(self, matches: Sequence[Match], frame: Frame) -> None:
        """Add what stands in a container's own bytes, but not what its members told already."""
        told = frame.covered(match.offset for match in matches)
        for match in matches:
            if match.offset not in told:
                self.found.append(MemberMatch(frame.chain, Part.CONTENT, match))

    def _guarded(self, chunks: Iterable[bytes], frame: Frame) -> Iterator[bytes]:
        """The bytes of a blob as far as they go; where that is not their end, a gap."""
        try:
            for chunk in chunks:
                if self._meter.is_exhausted:
                    return
                self._meter.check_time()
                yield chunk
        except ContainerError as trouble:
            self._trouble(trouble, frame)
            frame.is_broken = True
        except Exception as error:  # noqa: BLE001 - as in _open
            self._trouble(_unexpected(error), frame)
            frame.is_broken = True

    def _trouble(self, trouble: ContainerError, frame: Frame) -> None:
        """Tell what is not scanned, once: not again what follows from it."""
        if self._meter.is_exhausted or (frame.is_broken and not isinstance(trouble, BudgetExceededError)):
            return
        if frame.is_uncertain and trouble.reason == "corrupt-container":
            return
        self._meter.is_exhausted = isinstance(trouble, BudgetExceededError)
        if len(self.gaps) < self._limits.gaps or self._meter.is_exhausted:
            self.gaps.append((frame.chain, trouble.reason, trouble.detail))
        else:
            self._untold += 1


def _unexpected(error: Exception) -> ContainerError:
    if isinstance(error, MemoryError):
        return ContainerError("memory-limit", "it takes more memory than a container may have")
    if isinstance(error, OSError):
        return ContainerError("unreadable", f"cannot be read: {error.strerror or type(error).__name__}")
    return ContainerError("corrupt-container", f"it cannot be read ({type(error).__name__})")


def _short(name: bytes) -> bytes:
    from boltz_keyscan.sources.archives.images import format_layer_name  # noqa: PLC0415 - only for a container in one

    return format_layer_name(name) or name
