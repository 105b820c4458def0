"""Recovery of packs that git cannot read in place, into temporary object stores.

A pack without a valid index gets a new one; from a pack that is damaged, or whose deltas
need objects elsewhere, as many objects as possible are unpacked. Everything is written to the
temporary folder of the run, nothing to a scanned folder.
"""

from __future__ import annotations

import os
import subprocess
from typing import IO

from boltz_keyscan import fsutil
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run import tempdir

_MIN_SECONDS = 120.0
_SECONDS_PER_BYTE = 2e-6
"""Timeout for a pack: eight times what git needs on one slow core. A pack that inflates
to a thousand times its size takes longer, and is stopped."""

_NO_SYNC = ("-c", "core.fsync=none")
"""No fsync: the files are temporary."""


def reindex(skeleton: str, pack: bytes, index: bytes) -> str:
    """Write a new index for a pack; return git's error message if the pack is damaged, else "".

    git reads every object of the pack and compares the checksum at its end.
    """
    empty_view = git.RepoView(skeleton, os.fsencode(skeleton))
    size = os.stat(pack).st_size
    # Under neutral names: the pack's own can hold a key, and any user can read command lines.
    linked, new_index = (os.path.join(tempdir.folder(), name) for name in (b"a.pack", b"a.idx"))
    fsutil.make_link(pack, linked)
    error = _run(empty_view, "index-pack", "-o", new_index, linked, size=size)
    if not error:
        os.replace(new_index, index)
    return error


def import_pack(skeleton: str, stream: IO[bytes], store: bytes, most: int) -> str:
    """Import the pack in a file, from its offset to its end, into a store.

    Args:
        skeleton: empty git directory of the pack's object format.
        stream: a file at the offset of the pack.
        store: the object store.
        most: bytes the pack may have.

    Returns:
        git's error message, or "".
    """
    options = ("index-pack", "--stdin", f"--max-input-size={most}")
    return _run(git.RepoView(skeleton, store), *options, stdin=stream, size=most)


def salvage(skeleton: str, stream: IO[bytes], store: bytes, most: int) -> tuple[int, str]:
    """Unpack the readable objects of a pack, up to the first damage.

    Deltas of objects outside the pack are left out. The arguments are those of ``import_pack``.

    Returns:
        The number of objects, and git's error message or "".
    """
    options = ("unpack-objects", "-r", "-q", f"--max-input-size={most}")
    error = _run(git.RepoView(skeleton, store), *options, stdin=stream, size=most)
    folders = (entry for entry in os.scandir(store) if len(entry.name) == len("ab"))
    return sum(len(os.listdir(folder)) for folder in folders), error


def object_count(stream: IO[bytes]) -> int:
    """Return the number of objects in a pack's header (gitformat-pack); 0 if it is no pack."""
    header = stream.read(12)
    return int.from_bytes(header[8:], "big") if len(header) == 12 and header.startswith(b"PACK") else 0


def _run(
    view: git.RepoView, *arguments: str | bytes, stdin: IO[bytes] | int = subprocess.DEVNULL, size: int
) -> str:
    """Run a git that reads a pack and may write files of any size; the pack has ``size`` bytes.

    Returns:
        The last line of its error message, which is the fatal one, or "".
    """
    seconds = _MIN_SECONDS + _SECONDS_PER_BYTE * size
    with git.GitProcess(view, *_NO_SYNC, *arguments, stdin=stdin, seconds=seconds, most=None) as process:
        process.output.readall()
        error = process.wait()
    return error.splitlines()[-1].removeprefix("fatal: ") if error else ""
