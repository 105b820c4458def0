"""Files of an object store, opened without following a link in the store or in its place.

The folder that holds the store is followed by path; the store and all below it are opened one
from the other. Only links that this program made, to prepare a store for git, are followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import IO, Final, Self

from boltz_keyscan import fsutil
from boltz_keyscan.sources.git.repo.repository import read_opened
from boltz_keyscan.sources.safe_open import DirectoryOpener
from boltz_keyscan.system.paths import slashed

_stores_of_links: Final[set[bytes]] = set()
"""Stores in which this process placed links, each with the name of its target."""


def link_entries(store: bytes, names: Iterable[bytes], folder: bytes) -> None:
    """Make a folder a store of links to some entries of another store."""
    _stores_of_links.add(folder)
    for name in names:
        fsutil.make_link(os.path.join(store, name), os.path.join(folder, name))


class StoreFiles:
    """The files of one store."""

    def __init__(self, store: bytes) -> None:
        """Store the path; nothing is opened yet."""
        self._store = store
        self._openers: dict[bytes, tuple[DirectoryOpener, bytes]] = {}
        """By store: the opener of the folder that holds it, and its name there."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for opener, _name in self._openers.values():
            opener.close()

    def path(self, name: bytes) -> bytes:
        """Return the path of an entry of the store, through the links of this program."""
        return os.path.join(self._find(name), name)

    def list_folder(self, name: bytes = b"") -> list[bytes]:
        """Return the sorted names in the store, or in a folder of it.

        Raises:
            OSError: it cannot be opened, or is behind a link.
        """
        opener, path = self._locate(name)
        return sorted(map(os.fsencode, os.listdir(opener.open_folder(path))))

    def scan_folder(self, name: bytes) -> list[os.DirEntry[str] | os.DirEntry[bytes]]:
        """Return the entries of the store ("") or of a folder of it; errors as ``list_folder``."""
        opener, path = self._locate(name)
        with os.scandir(opener.open_folder(path)) as entries:
            return [*entries]

    def open(self, name: bytes, buffering: int = -1) -> IO[bytes]:
        """Open a file of the store for reading.

        Raises:
            OSError: it cannot be opened, or is behind a link.
        """
        opener, path = self._locate(name)
        return open(opener.open(path), "rb", buffering)

    def read(self, name: bytes) -> bytes:
        """Return the content of a small regular file of the store; errors as ``read_opened``."""
        opener, path = self._locate(name)
        return read_opened(opener.open(path))

    def _locate(self, name: bytes) -> tuple[DirectoryOpener, bytes]:
        name = slashed(name)
        store = self._find(name)
        if store not in self._openers:
            parent, base = os.path.split(store)
            self._openers[store] = DirectoryOpener(parent), base
        opener, base = self._openers[store]
        return opener, base + b"/" + name if name else base

    def _find(self, name: bytes) -> bytes:
        """Return the store that has an entry, through the links of this program."""
        store = self._store
        while store in _stores_of_links and name:
            path = os.path.join(store, name)
            folder, last = os.path.split(path)
            if fsutil.leads_elsewhere(path):
                path = fsutil.link_target(path)
            elif fsutil.leads_elsewhere(folder):
                path = os.path.join(fsutil.link_target(folder), last)
            else:
                break
            store = path[: -len(name) - 1]
        return store


def open_pack_file(path: bytes, buffering: int = -1) -> IO[bytes]:
    """Open a pack or an index by its path in a store; errors as ``StoreFiles.open``."""
    folder, name = os.path.split(path)
    store, base = os.path.split(folder)
    with StoreFiles(store) as files:
        return files.open(os.path.join(base, name), buffering)
