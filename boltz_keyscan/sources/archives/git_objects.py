"""What git objects are called, and what differences between them make.

Boundary: functions of bytes; where objects stand in a pack is ``gitpacks``.
"""

from __future__ import annotations

import hashlib

from boltz_keyscan.sources.archives.limits import TRUNCATED, ContainerError, corrupt_error

_MOST = 1_000_000
"""Entries of trees that are kept."""

_DEEPEST = 100
"""Folders in one another that a path is made of."""


class ObjectNames:
    """Paths, from the trees that were seen."""

    def __init__(self, form: str) -> None:
        """Begin with none; ``form`` is the hash that ids are made with."""
        self._form = form
        self.id_bytes = hashlib.new(form, usedforsecurity=False).digest_size
        self._entries: dict[bytes, tuple[bytes, bytes]] = {}
        """Object: the name of the first entry for it, and the tree which that is in."""

    def of(self, kind: bytes, content: bytes) -> tuple[bytes, bytes]:
        """An object's id and its name: the path of a blob that is in a tree, else kind and id."""
        digest = hashlib.new(self._form, b"%s %d\0" % (kind, len(content)), usedforsecurity=False)
        digest.update(content)
        oid = digest.digest()
        if kind == b"tree":
            self._learn(oid, content)
        if kind == b"blob" and oid in self._entries:
            return oid, self._path(oid)
        return oid, kind + b" " + oid.hex().encode()

    def _learn(self, tree: bytes, content: bytes) -> None:
        at = 0
        while (end := content.find(b"\0", at)) >= 0 and len(self._entries) < _MOST:
            # Mode, a space, the name, zero, the id.
            name = content[at:end].partition(b" ")[2]
            at = end + 1 + self.id_bytes
            self._entries.setdefault(content[end + 1 : at], (name, tree))

    def _path(self, oid: bytes) -> bytes:
        parts: list[bytes] = []
        while oid in self._entries and len(parts) < _DEEPEST:
            name, oid = self._entries[oid]
            parts.append(name)
        return b"/".join(reversed(parts))


def read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits to a byte, lowest first, and where it ends (gitformat-pack)."""
    value = shift = 0
    while at < len(raw):
        value |= (raw[at] & 0x7F) << shift
        shift += 7
        at += 1
        if raw[at - 1] < 0x80:
            return value, at
    raise corrupt_error(TRUNCATED)


def apply_delta(base: bytes, change: bytes, most: int) -> bytes:
    """What a difference makes of what it differs from.

    Raises:
        Trouble: it differs from something else, makes more than ``most`` bytes, or is damaged.
    """
    from boltz_keyscan.sources import git_delta  # noqa: PLC0415 - few containers are packs

    try:
        size, wanted, _ = git_delta.read_sizes(change)
        if size == len(base) and wanted <= most:
            return git_delta.apply(base, change)
    except ValueError:
        raise corrupt_error("a difference in it is damaged") from None
    if size != len(base):
        raise corrupt_error("a difference in it is from something else")
    raise ContainerError("too-large", f"an object of {wanted} bytes that is told as a difference is not made")
