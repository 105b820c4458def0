"""Thousands of git objects as one stream, from a git that stays.

A git started anew for each shard maps the pack again and begins with a cold cache of
delta bases: cut into 64 MiB shards, a repository of 14 GB cost 31 s of processor time
that way and 17 s from one process. So each process keeps one ``cat-file
--batch-command`` per repository and asks it for shard after shard.

git does not write into a pipe but into a file in memory that is mapped here, and the
detector follows where git has got to: nothing is copied out of a pipe, which was an
eighth of all the time. The file's offset is shared between git and us (open(2), "open
file description"), so that we see how far it is, and put it back for the next shard.

Boundary: bytes of known objects in a known order; what they hold is the detector's.
"""

from __future__ import annotations

import atexit
import mmap
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from itertools import compress

from boltz_keyscan.fsutil import cores
from boltz_keyscan.model.finding import Detector
from boltz_keyscan.sources import signatures
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run import limits as process_limits

_NOBODY = b"0" * 40
_MARK = _NOBODY + b" missing\n"
"""What git answers when asked for an object that cannot exist: the end of a shard."""

_DELTA_BASES = f"core.deltaBaseCacheLimit={max(96, min(512, 1024 // cores()))}m"
"""Of 17.5 s that git took for 14 GB with its own 96 MiB, 256 saved 1.5 s and 512 saved 2.5 s.
All gits together, one for each core, are to have no more than one GiB, or what they take by themselves."""

_NAP = 0.0004
"""Seconds in which git writes about as much as is worth looking at."""

_MOST = 1 << 30
"""Bytes that git may write into the file: more than is asked for at a time, and less than a flood."""


class Bulk:
    """A running ``git cat-file`` that is asked for many objects at a time."""

    def __init__(self, view: git.RepoView) -> None:
        self._file = _memory_file()
        arguments = ("-c", _DELTA_BASES, "cat-file", "--batch-command", "--buffer")
        self._child = git.GitProcess(view, *arguments, stdin=subprocess.PIPE, stdout=self._file, most=_MOST)
        self._mapped: mmap.mmap | None = None
        self._marks: list[int] = []
        """Where in the stream looked at last an archive may begin."""

    def candidate_offsets(self, oids: Sequence[bytes], size: int, detector: Detector) -> list[int] | None:
        """Offsets of possible keys in the objects' stream; None when git did not give it whole.

        Args:
            oids: object ids in hex.
            size: bytes the stream must have: for each object its header line
                (``id type size``), its content and a LF. They are held in memory.
            detector: what to look with.
        """
        whole = size + len(_MARK)
        os.lseek(self._file, 0, os.SEEK_SET)
        view = self._room(whole)
        commands = b"contents " + b"\ncontents ".join((*oids, _NOBODY)) + b"\nflush\n"
        # git answers while it is asked; without a second hand the pipe to it could fill up.
        asking = threading.Thread(target=self._ask, args=(commands,), daemon=True)
        asking.start()
        offsets = self._follow(view, whole, detector)
        if offsets is None:
            self._child.kill()
        asking.join()
        return None if self._child.complaints() else offsets

    def containers(self, headers: Sequence[int], sizes: Sequence[int], blobs: Sequence[bool]) -> list[int]:
        """The numbers of the blobs looked at last that are archives, compressed, or the like.

        Args:
            headers: bytes of each object's header line.
            sizes: bytes of each object.
            blobs: whether each is one.
        """
        if self._mapped is None:
            return []
        starts = list(compress(signatures.list_blob_starts(headers, sizes), blobs))
        whole = sum(headers) + sum(sizes) + len(headers)
        marks = signatures.checked_marks(self._mapped, whole, self._marks)
        found = signatures.find_containers(self._mapped, whole, starts, list(compress(sizes, blobs)), marks)
        if not found:
            return []
        numbers = list(compress(range(len(sizes)), blobs))
        return [numbers[each] for each in found]

    def close(self) -> None:
        """End git."""
        self._child.__exit__()
        os.close(self._file)

    def _room(self, size: int) -> memoryview:
        """The file as memory, at least so many bytes."""
        if self._mapped is None or len(self._mapped) < size:
            length = -(-size // CHUNK) * CHUNK
            os.ftruncate(self._file, length)
            self._mapped = mmap.mmap(self._file, length)
        return memoryview(self._mapped)

    def _follow(self, view: memoryview, whole: int, detector: Detector) -> list[int] | None:
        """Look at what git has written until that is all; None when it is not what was asked for."""
        found: set[int] = set()
        self._marks = []
        done = seen = 0
        heard = time.monotonic()
        while done < whole:
            at = os.lseek(self._file, 0, os.SEEK_CUR)
            if at > whole:
                return None
            if at == whole or at - done >= CHUNK:
                start = max(done - detector.overlap, 0)
                marks: list[int] = []
                found.update(
                    start + offset for offset in detector.candidate_offsets(view[start:at], at - start, marks)
                )
                self._marks += [start + mark for mark in marks]
                done = seen = at
                heard = time.monotonic()
                continue
            if at != seen:
                seen, heard = at, time.monotonic()
            elif view[max(at - len(_MARK), 0) : at] == _MARK or self._silent(heard):
                # A shorter stream than expected (a lost object) ends in the mark too.
                return None
            time.sleep(_NAP)
        return sorted(found) if view[whole - len(_MARK) : whole] == _MARK else None

    def _silent(self, heard: float) -> bool:
        """Whether nothing more is to be expected of git."""
        return self._child.ended() or time.monotonic() - heard > git.IDLE_TIMEOUT

    def _ask(self, commands: bytes) -> None:
        try:
            self._child.ask(commands)
        except (OSError, ValueError):
            # git ended early, and the reader sees that and tells; or Ctrl-C closed its input.
            return


_running: dict[git.RepoView, Bulk] = {}
"""This process's git, for one repository at a time."""


def bulk(view: git.RepoView) -> Bulk:
    """The running git for a repository, started when there is none."""
    if view not in _running:
        release()
        atexit.unregister(release)
        atexit.register(release)
        _running[view] = Bulk(view)
    return _running[view]


def release() -> None:
    """End the running git. In a worker it also ends with the process, when its input closes."""
    for running in _running.values():
        running.close()
    _running.clear()


def _memory_file() -> int:
    """A file without a name, in memory where the system offers that."""
    with process_limits.anonymous_file() as file:
        return os.dup(file.fileno())
