"""Containers in git objects, opened through one git process for each worker."""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Iterator

from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.archives.shard import Opened
from boltz_keyscan.sources.git.objects.reader import ObjectReader
from boltz_keyscan.sources.git.run import command as git

_MAX_DRAINED_CHUNKS = 16
"""Chunks of an object read and discarded at most, before git is restarted instead."""


@dataclass(frozen=True, slots=True)
class InStore:
    """A container in a git object."""

    view: git.RepoView
    oid: str

    @property
    def starts_git(self) -> bool:
        """Always."""
        return True

    @contextlib.contextmanager
    def open(self) -> Iterator[Opened]:
        """Open the object; see ``Place``."""
        reader = _object_reader(self.view)
        reader.start()
        is_complete = False

        def content() -> Iterator[bytes]:
            nonlocal is_complete
            yield from reader.content(self.oid)
            is_complete = True

        try:
            chunks = content()
            yield chunks, None
            for count, _ in enumerate(chunks):
                if count > _MAX_DRAINED_CHUNKS:
                    break
        finally:
            if not is_complete:
                # The unread output of git would be taken for the next object.
                _close_readers()


_readers: dict[git.RepoView, ObjectReader] = {}
"""The git process of this worker, for one repository at a time."""


def _object_reader(view: git.RepoView) -> ObjectReader:
    if view not in _readers:
        _close_readers()
        _readers[view] = ObjectReader(view, "")
        atexit.register(_close_readers)
    return _readers[view]


def _close_readers() -> None:
    for reader in _readers.values():
        reader.__exit__()
    _readers.clear()
