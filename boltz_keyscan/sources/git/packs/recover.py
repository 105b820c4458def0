"""Packs that git cannot read where they lie, brought into object stores of ours.

A pack without a true index gets a new one; of a pack that is damaged, or that builds on
objects elsewhere, as many objects are taken out as can be. All of it lies in the
temporary folder of the run, and nothing is ever written to a scanned folder.

Boundary: runs git on one pack; why a pack needs it is ``packs`` and ``bundle``.
"""

from __future__ import annotations

import os
from typing import IO

from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run import tempdir

_LEAST_SECONDS = 120.0
_SECONDS_EACH_BYTE = 2e-6
"""Time a pack may take: eight times what git needs on one slow core. A pack that inflates
to a thousand times its size takes longer, and is stopped."""

_NO_SYNC = ("-c", "core.fsync=none")
"""What is thrown away again need not reach the disk."""


def new_store() -> bytes:
    """An empty object store in the run's temporary folder."""
    folder = tempdir.folder()
    os.mkdir(os.path.join(folder, b"pack"))
    return folder


def reindex(skeleton: str, pack: bytes, index: bytes) -> str:
    """Write a new index for a pack; git's complaint when the pack is not whole.

    git reads every object of it and compares the checksum at its end.
    """
    nowhere = git.RepoView(skeleton, os.fsencode(skeleton))
    seconds = _seconds(os.stat(pack).st_size)
    # Under names of ours: its own can hold a key, and command lines can be read by everybody.
    linked, made = (os.path.join(tempdir.folder(), name) for name in (b"a.pack", b"a.idx"))
    os.symlink(pack, linked)
    told = git.run_with_file(nowhere, *_NO_SYNC, "index-pack", "-o", made, linked, seconds=seconds)
    if not told:
        os.replace(made, index)
    return _in_words(told)


def bring_in(skeleton: str, stream: IO[bytes], store: bytes, most: int) -> str:
    """Put the pack that a file holds from here to its end into a store; git's complaint if it could not.

    Args:
        skeleton: of the pack's object format.
        stream: a file that stands where the pack begins.
        store: where to put it.
        most: bytes the pack may have.
    """
    view = git.RepoView(skeleton, store)
    seconds = _seconds(most)
    options = ("index-pack", "--stdin", f"--max-input-size={most}")
    told = git.run_with_file(view, *_NO_SYNC, *options, stdin=stream, seconds=seconds)
    return _in_words(told)


def salvage(skeleton: str, stream: IO[bytes], store: bytes, most: int) -> tuple[int, str]:
    """Take out of a pack what can be read, up to the first damage; how many objects, and git's complaint.

    Objects that build on ones elsewhere are left out. The arguments are those of ``bring_in``.
    """
    view = git.RepoView(skeleton, store)
    seconds = _seconds(most)
    options = ("unpack-objects", "-r", "-q", f"--max-input-size={most}")
    told = git.run_with_file(view, *_NO_SYNC, *options, stdin=stream, seconds=seconds)
    folders = (entry for entry in os.scandir(store) if len(entry.name) == len("ab"))
    return sum(len(os.listdir(folder)) for folder in folders), _in_words(told)


def object_count(stream: IO[bytes]) -> int:
    """The number of objects a pack says it has (gitformat-pack); 0 when it is none."""
    header = stream.read(12)
    return int.from_bytes(header[8:], "big") if len(header) == 12 and header.startswith(b"PACK") else 0


def _seconds(size: int) -> float:
    return _LEAST_SECONDS + _SECONDS_EACH_BYTE * size


def _in_words(told: str) -> str:
    """The last line of a complaint, which is the fatal one."""
    return told.splitlines()[-1].removeprefix("fatal: ") if told else ""
