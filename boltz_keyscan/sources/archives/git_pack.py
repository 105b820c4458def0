"""Git packs and bundles in containers, in history and in pipes, read without git.

git needs them on a disk; here each object is inflated in memory and deltas are applied. A blob is
named by its path if the trees that lead to it come before it, as git writes them. (A bundle that is
a file is read by ``sources.git.bundle``, which has commits.)

gitformat-pack, gitformat-bundle; one pack, without objects outside it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.archives.compression import inflate_stream
from boltz_keyscan.sources.archives.content import Content, Member
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

_MAX_OBJECT_BYTES = 16 << 20
"""Bytes of an object kept in memory; a larger one is streamed and cannot be a delta base."""

_MAX_CACHE_BYTES = 48 << 20
"""Bytes of objects cached as delta bases; evicted ones are read again."""

_MAX_HEADER_BYTES = 1 << 20
"""Bytes of a bundle's header at most."""

_TOO_LARGE = ("too-large", "in another container only a smaller git pack is read; unpack it")

_KINDS = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}
_OFS_DELTA, _REF_DELTA = 6, 7


def bundle_members(content: Content) -> Iterator[Member]:
    """Yield the objects of a bundle."""
    space = content.require_space(*_TOO_LARGE)
    header = space.read(0, _MAX_HEADER_BYTES)
    end = header.find(b"\n\n")
    if end < 0:
        raise corrupt_error("its header has no end")
    hash_name = "sha256" if b"\n@object-format=sha256\n" in header[: end + 1] else "sha1"
    yield from _read_objects(_Pack(space, end + 2, content.meter, ObjectNames(hash_name)), content)


def pack_members(content: Content) -> Iterator[Member]:
    """Yield the objects of a pack."""
    yield from _read_objects(
        _Pack(content.require_space(*_TOO_LARGE), 0, content.meter, ObjectNames("sha1")), content
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a pack: an object or a delta."""

    kind: int
    size: int
    """Inflated size in bytes."""
    data: int
    """Offset of the compressed data."""
    base: int | bytes | None = None
    """Delta base: its offset or its id."""


@dataclass(slots=True)
class _Pack:
    """A pack, and a cache of its objects."""

    space: RandomAccess
    begin: int
    meter: Meter
    names: ObjectNames
    offsets: dict[bytes, int] = field(default_factory=dict)
    """Offsets of objects, by id."""
    _cache: OrderedDict[int, tuple[bytes, bytes]] = field(default_factory=OrderedDict)
    """Kind and content of objects, by offset."""
    _cache_bytes: int = 0

    def entry(self, at: int) -> _Entry:
        """Return the entry at an offset.

        Raises:
            ContainerError: there is none.
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
        if kind == _REF_DELTA:
            end = used + self.names.id_bytes
            return _Entry(kind, size, at + end, head[used:end])
        if kind == _OFS_DELTA:
            # Each byte but the last adds one (offset encoding of gitformat-pack).
            back, more = -1, True
            while more and used < len(head):
                back = back + 1 << 7 | head[used] & 0x7F
                more = head[used] >= 0x80
                used += 1
            return _Entry(kind, size, at + used, at - back)
        raise corrupt_error("an object in it has an unknown type")

    def inflate(self, entry: _Entry) -> tuple[Reader, Iterator[bytes]]:
        """Return a reader of the compressed data of an entry, and its inflated chunks."""
        source = Reader(read_pieces(self.space, entry.data, first=min(entry.size + 64, 1 << 16)))
        return source, inflate_stream(source, self.meter, 15)

    def rebuild(self, at: int, entry: _Entry, raw: bytes) -> tuple[bytes, bytes] | None:
        """Return kind and content of an object; None when its base was not read yet.

        Args:
            at: its offset.
            entry: the entry at that offset.
            raw: the inflated bytes of the entry.

        Raises:
            ContainerError: it cannot be rebuilt.
        """
        deltas: list[bytes] = []
        delta_bytes = 0
        offset = at
        while entry.kind not in _KINDS:
            deltas.append(raw)
            delta_bytes += len(raw)
            base = self.offsets.get(entry.base) if isinstance(entry.base, bytes) else entry.base
            # An id refers to an object read before, so only offsets could form a cycle.
            if base is None or not self.begin < base or (isinstance(entry.base, int) and base >= offset):
                return None
            offset = base
            if offset in self._cache:
                self._cache.move_to_end(offset)
                break
            entry = self.entry(offset)
            if delta_bytes > _MAX_CACHE_BYTES or entry.size > _MAX_OBJECT_BYTES:
                raise ContainerError("too-large", "what it differs from is too large to be held")
            raw = join_chunks(entry, self.inflate(entry)[1])
        kind, content = self._cache[offset] if offset in self._cache else (_KINDS[entry.kind], raw)
        for delta in reversed(deltas):
            content = apply_delta(content, delta, _MAX_OBJECT_BYTES)
            self.meter.add_output(len(content))
        self._add_to_cache(at, kind, content)
        return kind, content

    def _add_to_cache(self, at: int, kind: bytes, content: bytes) -> None:
        if at not in self._cache:
            self._cache[at] = kind, content
            self._cache_bytes += len(content)
        while self._cache_bytes > _MAX_CACHE_BYTES:
            _, (_, evicted) = self._cache.popitem(last=False)
            self._cache_bytes -= len(evicted)


def join_chunks(entry: _Entry, chunks: Iterator[bytes]) -> bytes:
    """Return the bytes of an entry, which must have its declared size.

    Raises:
        ContainerError: there are more, or fewer.
    """
    raw = bytearray()
    for chunk in chunks:
        raw += chunk
        if len(raw) > entry.size:
            break
    if len(raw) != entry.size:
        raise corrupt_error("an object in it is not as long as its header declares")
    return bytes(raw)


def _read_objects(pack: _Pack, content: Content) -> Iterator[Member]:
    """Yield every object in pack order, and last the deltas whose base comes after them."""
    head = pack.space.read(pack.begin, 12)
    if head[:4] != b"PACK" or len(head) < 12:
        raise corrupt_error("there is no pack in it")
    at = pack.begin + 12
    count = int.from_bytes(head[8:], "big")
    pending: list[int] = []
    for _ in range(count):
        content.meter.check_time()
        entry = pack.entry(at)
        source, chunks = pack.inflate(entry)
        if entry.size > _MAX_OBJECT_BYTES:
            yield Member(b"object at %d" % at, chunks)
            if entry.kind not in _KINDS:
                content.report(ContainerError("too-large", f"a delta of {entry.size} bytes is not applied"))
        elif (member := _build_member(pack, at, entry, join_chunks(entry, chunks))) is not None:
            yield member
        else:
            pending.append(at)
        end = entry.data + source.position
        content.cover(at, end)
        at = end
    yield from _rebuild_pending(pack, content, pending)
    if pack.space.size - at > pack.names.id_bytes:
        content.report(corrupt_error("it continues after the number of objects it declares"))


def _rebuild_pending(pack: _Pack, content: Content, pending: list[int]) -> Iterator[Member]:
    """Yield deltas whose base comes after them; of a delta without a base, its new bytes."""
    previous_count = None
    while pending and len(pending) != previous_count:
        previous_count, retried = len(pending), pending
        pending = []
        for at in retried:
            content.meter.check_time()
            entry = pack.entry(at)
            if (
                member := _build_member(pack, at, entry, join_chunks(entry, pack.inflate(entry)[1]))
            ) is not None:
                yield member
            else:
                pending.append(at)
    for at in pending:
        yield Member(b"difference at %d" % at, pack.inflate(pack.entry(at))[1])
    if pending:
        detail = (
            f"{len(pending)} of its objects are differences from ones elsewhere; unpack it where those are"
        )
        content.report(ContainerError("bundle-incomplete", detail))


def _build_member(pack: _Pack, at: int, entry: _Entry, raw: bytes) -> Member | None:
    """Return an object as a member; None when it cannot be rebuilt yet."""
    try:
        rebuilt = pack.rebuild(at, entry, raw)
    except BudgetExceededError:
        raise
    except ContainerError as error:
        return Member(b"object at %d" % at, raise_on_read(error))
    if rebuilt is None:
        return None
    kind, content = rebuilt
    oid, name = pack.names.of(kind, content)
    pack.offsets[oid] = at
    return Member(name, (content,) if content else ())
