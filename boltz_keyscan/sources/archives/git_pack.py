"""Git packs and bundles in containers, in history and in pipes, without git.

git would want them on a disk; here each object is inflated in memory and differences are
applied. A blob is called by its path as far as the trees that lead to it stand before
it, as git writes them. (A bundle that is a file is ``sources.bundle``'s, which knows commits.)

Boundary: gitformat-pack, gitformat-bundle; one pack, and nothing of what it builds on.
How names and differences are made is ``gitobjects``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from boltz_keyscan.sources.archives.compression import inflate_stream
from boltz_keyscan.sources.archives.extract import Content, Member
from boltz_keyscan.sources.archives.git_objects import ObjectNames, apply_delta, read_varint
from boltz_keyscan.sources.archives.limits import (
    TRUNCATED,
    BudgetExceededError,
    ContainerError,
    Meter,
    corrupt_error,
    raise_on_read,
)
from boltz_keyscan.sources.archives.reader import RandomAccess, Reader, read_pieces

_LARGEST = 16 << 20
"""Bytes of an object that is held; a larger one is read as it comes, and nothing is built on it."""

_KEPT = 48 << 20
"""Bytes of objects that are held for others to build on; what was let go is read again."""

_HEADER = 1 << 20
"""Bytes of a bundle's header."""

_KINDS = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}
_BY_OFFSET, _BY_NAME = 6, 7


def bundle_members(content: Content) -> Iterator[Member]:
    """The objects of a bundle."""
    space = _space(content)
    header = space.read(0, _HEADER)
    end = header.find(b"\n\n")
    if end < 0:
        raise corrupt_error("its header has no end")
    form = "sha256" if b"\n@object-format=sha256\n" in header[: end + 1] else "sha1"
    yield from _objects(_Pack(space, end + 2, content.meter, ObjectNames(form)), content)


def pack_members(content: Content) -> Iterator[Member]:
    """The objects of a pack."""
    yield from _objects(_Pack(_space(content), 0, content.meter, ObjectNames("sha1")), content)


def _space(content: Content) -> RandomAccess:
    space = content.space()
    if space is None:
        raise ContainerError("too-large", "in another container only a smaller git pack is read; unpack it")
    return space


@dataclass(frozen=True, slots=True)
class _Entry:
    """An object as the pack has it."""

    kind: int
    size: int
    """Bytes it inflates to."""
    data: int
    """Where what is compressed begins."""
    base: int | bytes | None = None
    """What it differs from: where that begins, or its id."""


@dataclass(slots=True)
class _Pack:
    """A pack and what was read of it."""

    space: RandomAccess
    begin: int
    meter: Meter
    names: ObjectNames
    places: dict[bytes, int] = field(default_factory=dict)
    """Where objects begin, by id."""
    _kept: OrderedDict[int, tuple[bytes, bytes]] = field(default_factory=OrderedDict)
    """Kind and content of objects, by where they begin."""
    _weight: int = 0

    def entry(self, at: int) -> _Entry:
        """The object that begins here.

        Raises:
            Trouble: none does.
        """
        head = self.space.read(at, 64)
        if not head:
            raise corrupt_error(TRUNCATED)
        kind, size, used = head[0] >> 4 & 7, head[0] & 15, 1
        if head[0] & 0x80:
            more, used = read_varint(head, used)
            size |= more << 4
        if kind in _KINDS:
            return _Entry(kind, size, at + used)
        if kind == _BY_NAME:
            end = used + self.names.id_bytes
            return _Entry(kind, size, at + end, head[used:end])
        if kind == _BY_OFFSET:
            # Each byte but the last counts one more than it says.
            back, more = -1, True
            while more and used < len(head):
                back = back + 1 << 7 | head[used] & 0x7F
                more = head[used] >= 0x80
                used += 1
            return _Entry(kind, size, at + used, at - back)
        raise corrupt_error("an object in it is of no kind there is")

    def inflate(self, entry: _Entry) -> tuple[Reader, Iterator[bytes]]:
        """What an object inflates to; the reader stands behind it when all was taken."""
        source = Reader(read_pieces(self.space, entry.data, first=min(entry.size + 64, 1 << 16)))
        return source, inflate_stream(source, self.meter, 15)

    def rebuild(self, at: int, entry: _Entry, raw: bytes) -> tuple[bytes, bytes] | None:
        """Kind and content of an object; None when what it builds on was not met.

        Args:
            at: where it begins.
            entry: what stands there.
            raw: what that inflates to.

        Raises:
            Trouble: it cannot be put together.
        """
        changes: list[bytes] = []
        held = 0
        here = at
        while entry.kind not in _KINDS:
            changes.append(raw)
            held += len(raw)
            below = self.places.get(entry.base) if isinstance(entry.base, bytes) else entry.base
            # An id stands for what was read, so only offsets could lead in a circle.
            if below is None or not self.begin < below or (isinstance(entry.base, int) and below >= here):
                return None
            here = below
            if here in self._kept:
                self._kept.move_to_end(here)
                break
            entry = self.entry(here)
            if held > _KEPT or entry.size > _LARGEST:
                raise ContainerError("too-large", "what it differs from is too large to be held")
            raw = join_chunks(entry, self.inflate(entry)[1])
        kind, content = self._kept[here] if here in self._kept else (_KINDS[entry.kind], raw)
        for change in reversed(changes):
            content = apply_delta(content, change, _LARGEST)
            self.meter.add_output(len(content))
        self._keep(at, kind, content)
        return kind, content

    def _keep(self, at: int, kind: bytes, content: bytes) -> None:
        if at not in self._kept:
            self._kept[at] = kind, content
            self._weight += len(content)
        while self._weight > _KEPT:
            _, (_, gone) = self._kept.popitem(last=False)
            self._weight -= len(gone)


def join_chunks(entry: _Entry, chunks: Iterator[bytes]) -> bytes:
    """An object's bytes, no more than it says.

    Raises:
        Trouble: there are more, or fewer.
    """
    raw = bytearray()
    for chunk in chunks:
        raw += chunk
        if len(raw) > entry.size:
            break
    if len(raw) != entry.size:
        raise corrupt_error("an object in it is not as long as it says")
    return bytes(raw)


def _objects(pack: _Pack, content: Content) -> Iterator[Member]:
    """Every object, in the order in which they stand, but those last that build on later ones."""
    head = pack.space.read(pack.begin, 12)
    if head[:4] != b"PACK" or len(head) < 12:
        raise corrupt_error("there is no pack in it")
    at = pack.begin + 12
    count = int.from_bytes(head[8:], "big")
    waiting: list[int] = []
    for _ in range(count):
        content.meter.check_time()
        entry = pack.entry(at)
        source, chunks = pack.inflate(entry)
        if entry.size > _LARGEST:
            yield Member(b"object at %d" % at, chunks)
            if entry.kind not in _KINDS:
                content.report(
                    ContainerError("too-large", f"a difference of {entry.size} bytes is not applied")
                )
        elif (member := _member(pack, at, entry, join_chunks(entry, chunks))) is not None:
            yield member
        else:
            waiting.append(at)
        end = entry.data + source.position
        content.cover(at, end)
        at = end
    yield from _later(pack, content, waiting)
    if pack.space.size - at > pack.names.id_bytes:
        content.report(corrupt_error("there is more in it than the objects it counts"))


def _later(pack: _Pack, content: Content, waiting: list[int]) -> Iterator[Member]:
    """Those that build on objects that stand behind them; of others what is new in them."""
    before = None
    while waiting and len(waiting) != before:
        before, again = len(waiting), waiting
        waiting = []
        for at in again:
            content.meter.check_time()
            entry = pack.entry(at)
            if (member := _member(pack, at, entry, join_chunks(entry, pack.inflate(entry)[1]))) is not None:
                yield member
            else:
                waiting.append(at)
    for at in waiting:
        yield Member(b"difference at %d" % at, pack.inflate(pack.entry(at))[1])
    if waiting:
        detail = (
            f"{len(waiting)} of its objects are differences from ones elsewhere; unpack it where those are"
        )
        content.report(ContainerError("bundle-incomplete", detail))


def _member(pack: _Pack, at: int, entry: _Entry, raw: bytes) -> Member | None:
    """An object that is held; None when it cannot be put together yet."""
    try:
        found = pack.rebuild(at, entry, raw)
    except BudgetExceededError:
        raise
    except ContainerError as trouble:
        return Member(b"object at %d" % at, raise_on_read(trouble))
    if found is None:
        return None
    kind, content = found
    oid, name = pack.names.of(kind, content)
    pack.places[oid] = at
    return Member(name, (content,) if content else ())
