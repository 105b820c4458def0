"""Ids that git gives to the content of files (gitformat: ``blob SP size NUL content``)."""

from __future__ import annotations

import os
import stat
from io import FileIO

from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.safe_open import open_file

_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
"""Text that git has in place of a content in git-lfs."""

_MAX_BYTES = 1 << 30
"""Bytes of the largest file that is read for its id: a second of work."""


def content_ids(top: bytes, name: bytes) -> tuple[str, ...]:
    """Return the ids of a regular file below a folder, by SHA-1 and by SHA-256; none if it cannot be read.

    Links are not followed.
    """
    try:
        with open(open_file(top, name), "rb", buffering=0) as file:
            if (size := _find_size(file)) is None or size > _MAX_BYTES:
                return ()
            header = b"blob %d\0" % size
            return _read_hashes(file, size, ("sha1", header), ("sha256", header))
    except (OSError, ValueError):
        return ()


def possible_ids(file: FileIO, name: str) -> frozenset[str]:
    """Return the ids of a regular file in a repository: that of its content, and that of a pointer to it.

    Args:
        file: the file, at its beginning.
        name: the hash of the repository.

    Raises:
        OSError: it cannot be read.
    """
    if (size := _find_size(file)) is None:
        return frozenset()
    own, content = _read_hashes(file, size, (name, b"blob %d\0" % size), ("sha256", b""))
    return frozenset({own, pointer_id(content.encode(), size, name)})


def blob_id(content: bytes, name: str) -> str:
    """Return the id of a content in a repository with the hash of this name."""
    import hashlib  # noqa: PLC0415 - as below

    return hashlib.new(name, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def pointer_id(digest: bytes, size: int, name: str) -> str:
    """Return the id of the pointer that a repository has in place of a content in git-lfs.

    Args:
        digest: SHA-256 of the content, in hex.
        size: bytes of the content.
        name: the hash of the repository.
    """
    return blob_id(_POINTER % (digest, size), name)


def _find_size(file: FileIO) -> int | None:
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _read_hashes(file: FileIO, size: int, *hashes: tuple[str, bytes]) -> tuple[str, ...]:
    """Return hashes of a file in hex, given by their names and the bytes before its content."""
    import hashlib  # noqa: PLC0415 - a scan without gaps needs no OpenSSL

    digests = [hashlib.new(name, header, usedforsecurity=False) for name, header in hashes]
    left = size
    # Only up to the size at opening: a log may grow faster than it is read.
    while left > 0 and (chunk := file.read(min(CHUNK, left))):
        for digest in digests:
            digest.update(chunk)
        left -= len(chunk)
    return tuple(digest.hexdigest() for digest in digests)
