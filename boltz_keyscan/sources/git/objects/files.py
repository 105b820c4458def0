"""Files of an object store that git reads, told from files that only have such names.

Boundary: names and first bytes; objects are ``history``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from boltz_keyscan.sources.safe_open import FLAGS

_FANOUT = re.compile(rb"[0-9a-f]{2}")
_LOOSE = re.compile(rb"[0-9a-f]{38}(?:[0-9a-f]{24})?")
_PACK = re.compile(rb"(pack-[0-9a-f]+)\.(?:pack|idx)")
_MAGIC = {b".pack": b"PACK", b".idx": b"\xfftOc"}
"""Of the files in ``pack``; a table of version 1 (before git 1.6) has none and is read as a file too."""


def list_other_files(root: bytes, files: Sequence[bytes], folder: bytes, *, look: bool) -> list[bytes]:
    """Return the files that git does not read: they are files like any other.

    Args:
        root: the folder that paths count from, absolute.
        files: those of one folder of an object store.
        folder: its name.
        look: names are not enough, the files have to begin as objects do.
    """
    if folder == b"pack":
        names = {os.path.basename(file) for file in files}
        return [
            file for file in files if not (_is_in_pair(file, names) and _is_object(root, file, look=look))
        ]
    if not _FANOUT.fullmatch(folder):
        return list(files)
    return [
        file
        for file in files
        if not (_LOOSE.fullmatch(os.path.basename(file)) and _is_object(root, file, look=look))
    ]


def _is_in_pair(file: bytes, names: set[bytes]) -> bool:
    """Return True if a file is a pack with its table, or the table: one without the other is not read."""
    found = _PACK.fullmatch(os.path.basename(file))
    return found is not None and {found[1] + b".pack", found[1] + b".idx"} <= names


def _is_object(root: bytes, file: bytes, *, look: bool) -> bool:
    if not look:
        return True
    try:
        descriptor = os.open(os.path.join(root, file), FLAGS)
    except OSError:
        return False
    try:
        head = os.read(descriptor, 4)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    magic = _MAGIC.get(os.path.splitext(file)[1])
    # RFC 1950: the method is deflate, and the two bytes are a multiple of 31.
    return head.startswith(magic) if magic else head[:1] == b"x" and int.from_bytes(head[:2], "big") % 31 == 0
