"""Names of git objects, and deltas between them."""

from __future__ import annotations

import hashlib

from boltz_keyscan.sources.archives.limits import TRUNCATED, ContainerError, corrupt_error

_MAX_TREE_ENTRIES = 1_000_000
"""Tree entries kept at most."""

_MAX_PATH_DEPTH = 100
"""Folders of a path at most."""


class ObjectNames:
    """Paths of objects, from the trees read so far."""

    def __init__(self, hash_name: str) -> None:
        """Start with no paths; ``hash_name`` is the hash of object ids."""
        self._hash_name = hash_name
        self.id_bytes = hashlib.new(hash_name, usedforsecurity=False).digest_size
        self._entries: dict[bytes, tuple[bytes, bytes]] = {}
        """Name of the first tree entry of an object and the id of that tree, by object id."""

    def of(self, kind: bytes, content: bytes) -> tuple[bytes, bytes]:
        """Return the id and the name of an object: the path of a blob in a tree, else kind and id."""
        digest = hashlib.new(self._hash_name, b"%s %d\0" % (kind, len(content)), usedforsecurity=False)
        digest.update(content)
        oid = digest.digest()
        if kind == b"tree":
            self._add_tree(oid, content)
        if kind == b"blob" and oid in self._entries:
            return oid, self._path(oid)
        return oid, kind + b" " + oid.hex().encode()

    def _add_tree(self, tree: bytes, content: bytes) -> None:
        at = 0
        while (end := content.find(b"\0", at)) >= 0 and len(self._entries) < _MAX_TREE_ENTRIES:
            # An entry is mode, space, name, NUL, id.
            name = content[at:end].partition(b" ")[2]
            at = end + 1 + self.id_bytes
            self._entries.setdefault(content[end + 1 : at], (name, tree))

    def _path(self, oid: bytes) -> bytes:
        parts: list[bytes] = []
        while oid in self._entries and len(parts) < _MAX_PATH_DEPTH:
            name, oid = self._entries[oid]
            parts.append(name)
        return b"/".join(reversed(parts))


def read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number stored as seven bits a byte, lowest first, and the offset after it (gitformat-pack)."""
    value = shift = 0
    while at < len(raw):
        value |= (raw[at] & 0x7F) << shift
        shift += 7
        at += 1
        if raw[at - 1] < 0x80:
            return value, at
    raise corrupt_error(TRUNCATED)


def apply_delta(base: bytes, delta: bytes, max_bytes: int) -> bytes:
    """Return the result of a delta applied to its base.

    Raises:
        ContainerError: the delta has another base, makes more than ``max_bytes``, or is damaged.
    """
    from boltz_keyscan.sources import git_delta  # noqa: PLC0415 - few containers are packs

    try:
        size, wanted, _ = git_delta.read_sizes(delta)
        if size == len(base) and wanted <= max_bytes:
            return git_delta.apply(base, delta)
    except ValueError:
        raise corrupt_error("a delta in it is damaged") from None
    if size != len(base):
        raise corrupt_error("a delta in it does not fit its base object")
    raise ContainerError("too-large", f"an object of {wanted} bytes that is stored as a delta is not rebuilt")
