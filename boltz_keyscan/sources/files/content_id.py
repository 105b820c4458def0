"""Ids that git gives to the content of files (gitformat: ``blob SP size NUL content``)."""

from __future__ import annotations

import hashlib
import os
import stat

from boltz_keyscan.sources.safe_open import open_file

_MAX_BYTES = 1 << 30
"""Bytes of the largest file that is read for its id: a second of work."""

_CHUNK = 1 << 20


def content_ids(top: bytes, name: bytes) -> tuple[str, ...]:
    """Return the ids of a regular file below a folder, by SHA-1 and by SHA-256; none if it cannot be read.

    Links are not followed.
    """
    try:
        with open(open_file(top, name), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
                return ()
            header = b"blob %d\0" % status.st_size
            hashes = (hashlib.sha1(header, usedforsecurity=False), hashlib.sha256(header))
            while chunk := file.read(_CHUNK):
                for each in hashes:
                    each.update(chunk)
    except (OSError, ValueError):
        return ()
    return tuple(each.hexdigest() for each in hashes)
