"""Ids that git gives to the content of files (gitformat: ``blob SP size NUL content``)."""

from __future__ import annotations

import os
import stat
from io import FileIO

from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.safe_open import open_file

_MAX_BYTES = 1 << 30
"""Bytes of the largest file that is read for its id: a second of work."""


def content_ids(top: bytes, name: bytes) -> tuple[str, ...]:
    """Return the ids of a regular file below a folder, by SHA-1 and by SHA-256; none if it cannot be read.

    Links are not followed.
    """
    try:
        with open(open_file(top, name), "rb", buffering=0) as file:
            return blob_ids(file, "sha1", "sha256") if os.fstat(file.fileno()).st_size <= _MAX_BYTES else ()
    except (OSError, ValueError):
        return ()


def blob_ids(file: FileIO, *names: str) -> tuple[str, ...]:
    """Return the ids of the content of an open file, by hashes of these names; none if it is not regular.

    Raises:
        OSError: it cannot be read.
    """
    import hashlib  # noqa: PLC0415 - a scan without gaps needs no OpenSSL

    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        return ()
    header = b"blob %d\0" % status.st_size
    digests = [hashlib.new(name, header, usedforsecurity=False) for name in names]
    left = status.st_size
    # Only up to the size at opening: a log may grow faster than it is read.
    while left > 0 and (chunk := file.read(min(CHUNK, left))):
        for digest in digests:
            digest.update(chunk)
        left -= len(chunk)
    return tuple(digest.hexdigest() for digest in digests)
