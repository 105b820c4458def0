"""Objects of other repositories: ids that an earlier scan of another store read, and found nothing in.

Forks have most objects in common. A set of ids is a file, which has the smallest ids in it for names: two
stores that share most objects share most of their smallest ids too, so that a set is found without knowing
which repository is a fork of which. An object in which something was found, or which has a gap, is in no
set: every repository reads it again.

Boundary: an id proves its content only where git itself has hashed it. So this is for stores that were
fetched by git just now, never for those of others on disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator

from boltz_keyscan._version import __version__
from boltz_keyscan.fsutil import read_private_file, replace_file
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.objects.scan_cache import Cache, Memory
from boltz_keyscan.sources.git.packs.index import Layout
from boltz_keyscan.sources.git.repo.store_files import open_pack_file

MIN_OBJECTS = 1000
"""Objects of the smallest store with a set: smaller ones are read faster than looked up."""

MAX_OBJECTS = 500_000
"""Objects of the largest store with a set: the ids of more would not fit into the memory of a worker."""

_NAMES = 8
"""Names of a set. Of two stores with a fifth of all objects in common, five pairs in six share one."""

_ID_BYTES = 20


class SharedFolder(str):
    """Folder of sets, in place of that of the scan cache."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SharedObjects:
    """The sets in a folder, for one rule set, with the interface of ``Cache``."""

    folder: str
    rules: str
    """A digest of the rule set."""

    def load(self, store: bytes) -> Memory:
        """Return the ids of a set that shares objects with a store, as loose objects that were read."""
        best: tuple[bytes, ...] = ()
        for name in _smallest(_read_ids(store)):
            # A facility that is optional: without a set, everything is read.
            with contextlib.suppress(OSError, ValueError):
                known = self._read(os.path.join(self.folder, name.hex()))
                best = max(best, known, key=len)
        return Memory(loose=frozenset(oid.hex() for oid in best))

    def save(self, store: bytes, memory: Memory) -> None:
        """Write the set of a store: all its ids but those in which something was found."""
        ids = _read_ids(store)
        if not MIN_OBJECTS <= len(ids) <= MAX_OBJECTS:
            return
        clean = sorted(set(ids) - {bytes.fromhex(oid) for oid in memory.suspects.union(memory.damages)})
        body = b"".join(clean)
        content = self._header() + b"\n" + hashlib.sha256(body).digest() + body
        with contextlib.suppress(OSError):
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            first, *others = (os.path.join(self.folder, name.hex()) for name in _smallest(ids))
            replace_file(first, content)
            for other in others:
                with contextlib.suppress(FileExistsError):
                    os.link(first, other)

    def _read(self, path: str) -> tuple[bytes, ...]:
        raw = read_private_file(path, MAX_OBJECTS * _ID_BYTES + 1000)
        header, _, rest = raw.partition(b"\n")
        digest, body = rest[:32], rest[32:]
        if header != self._header() or hashlib.sha256(body).digest() != digest:
            raise ValueError("of another version, or damaged")
        return tuple(body[at : at + _ID_BYTES] for at in range(0, len(body), _ID_BYTES))

    def _header(self) -> bytes:
        return json.dumps({"form": 1, "tool": __version__, "rules": self.rules}).encode()


def open_cache(folder: str, rules: str) -> Cache | SharedObjects:
    """Return the cache in a folder; for a ``SharedFolder`` the objects of other stores."""
    return SharedObjects(folder, rules) if isinstance(folder, SharedFolder) else Cache(folder, rules)


def _smallest(ids: list[bytes]) -> list[bytes]:
    return sorted(ids)[:_NAMES]


def _read_ids(store: bytes) -> list[bytes]:
    """Return the ids of all packed objects of a store; none if they are too many, or of another form."""
    ids: list[bytes] = []
    for index in _indexes(store):
        try:
            with open_pack_file(index) as file:
                layout = Layout.of(file, _ID_BYTES)
                if layout is None or len(ids) + layout.count > MAX_OBJECTS:
                    return []
                ids += layout.ids(file)
        except OSError:
            return []
    return ids


def _indexes(store: bytes) -> Iterator[bytes]:
    folder = os.path.join(store, b"pack")
    with contextlib.suppress(OSError):
        yield from (
            os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(b".idx")
        )
