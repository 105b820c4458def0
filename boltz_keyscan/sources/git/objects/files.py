"""Files in the folders of an object store that git does not read, found by name and first bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.sources.safe_open import DirectoryOpener

_FANOUT = late_pattern(rb"[0-9a-f]{2}")
_LOOSE = late_pattern(rb"[0-9a-f]{38}(?:[0-9a-f]{24})?")
_PACK = late_pattern(rb"(pack-[0-9a-f]+)\.(?:pack|idx)")
_MAGIC = {b".pack": b"PACK", b".idx": b"\xfftOc"}
"""First bytes of files in ``pack``; an index of version 1 (before git 1.6) has none and counts as a file."""


def list_other_files(root: bytes, files: Sequence[bytes], folder: bytes, *, look: bool) -> list[bytes]:
    """Return the files that git does not read; they are scanned like any other file.

    Args:
        root: absolute path that the files are relative to.
        files: files in one folder of an object store.
        folder: name of that folder.
        look: also check that the files begin as objects do.
    """
    if folder == b"pack":
        names = {os.path.basename(file) for file in files}
        likely = {file for file in files if _is_in_pair(file, names)}
    elif _FANOUT.fullmatch(folder):
        likely = {file for file in files if _LOOSE.fullmatch(os.path.basename(file))}
    else:
        return list(files)
    with DirectoryOpener(root) as opener:
        return [file for file in files if not (file in likely and (not look or _is_object(opener, file)))]


def _is_in_pair(file: bytes, names: set[bytes]) -> bool:
    """Return True if a file is a pack or an index and the other one exists: git reads only both together."""
    found = _PACK.fullmatch(os.path.basename(file))
    return found is not None and {found[1] + b".pack", found[1] + b".idx"} <= names


def _is_object(opener: DirectoryOpener, file: bytes) -> bool:
    try:
        descriptor = opener.open(file)
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
