"""Containers in git objects, opened through one git process for each worker."""

from __future__ import annotations

import atexit
import contextlib
import itertools
from collections.abc import Iterator

from boltz_keyscan.errors import GitError
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.archives.reader import InMemory, read_pieces
from boltz_keyscan.sources.archives.shard import MAX_CARRIED_BYTES, Opened
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
            start, failure = _read_ahead(chunks)
            if is_complete:
                # Read as one that takes its content along, so that both have the same gaps.
                space = InMemory(start)
                yield read_pieces(space), space
            else:
                yield itertools.chain((start,), _remaining(chunks, failure)), None
            for count, _ in enumerate(chunks):
                if count > _MAX_DRAINED_CHUNKS:
                    break
        finally:
            if not is_complete:
                # The unread output of git would be taken for the next object.
                _close_readers()


def _read_ahead(chunks: Iterator[bytes]) -> tuple[bytes, GitError | None]:
    """Read all of a small object, or the beginning of a large one; return the error that ended it."""
    held: list[bytes] = []
    size = 0
    try:
        while size <= MAX_CARRIED_BYTES and (chunk := next(chunks, b"")):
            held.append(chunk)
            size += len(chunk)
    except GitError as error:
        return b"".join(held), error
    return b"".join(held), None


def _remaining(chunks: Iterator[bytes], failure: GitError | None) -> Iterator[bytes]:
    """Yield the bytes that were not read ahead; raise the error that ended them."""
    if failure is not None:
        raise failure
    yield from chunks


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
        reader.close()
    _readers.clear()
