"""Thousands of git objects as one stream, from a git process that keeps running.

A new git for each shard maps the pack again and starts with a cold cache of delta bases: in
64 MiB shards, a repository of 14 GB cost 31 s of processor time that way and 17 s from one
process. So each worker keeps one ``cat-file --batch-command`` for a repository and requests
shard after shard from it.

git writes into a file in memory instead of a pipe; the file is mapped here and scanned while
it grows, which saves the copy out of a pipe: an eighth of the time. The file's offset is
shared with git (open(2), "open file description"): it shows how far git is, and is set back
for the next shard.
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

from boltz_keyscan.fsutil import cpu_count
from boltz_keyscan.model.finding import Detector
from boltz_keyscan.sources import signatures
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run import limits as process_limits

_NULL_OID = b"0" * 40
_END_MARK = _NULL_OID + b" missing\n"
"""Answer to a request for an object that cannot exist: the end of a shard."""

_DELTA_BASES = f"core.deltaBaseCacheLimit={max(96, min(512, 1024 // cpu_count()))}m"
"""Delta base cache. Of 17.5 s that git took for 14 GB with its default of 96 MiB, 256 saved 1.5 s and 512
saved 2.5 s. All git processes, one for each core, may have 1 GiB together, or their default."""

_POLL_INTERVAL_S = 0.0004
"""Seconds in which git writes about as much as is worth a scan."""

_MAX_OUTPUT_BYTES = 1 << 30
"""Bytes that git may write into the file: more than any shard has, and less than a flood."""


class ObjectStream:
    """A running ``git cat-file`` that reads many objects per request."""

    def __init__(self, view: git.RepoView) -> None:
        self._file = _memory_file()
        arguments = ("-c", _DELTA_BASES, "cat-file", "--batch-command", "--buffer")
        self._child = git.GitProcess(
            view, *arguments, stdin=subprocess.PIPE, stdout=self._file, most=_MAX_OUTPUT_BYTES
        )
        self._mapped: mmap.mmap | None = None
        self._marks: list[int] = []
        """Offsets in the last stream at which an archive may begin."""

    def candidate_offsets(self, oids: Sequence[bytes], size: int, detector: Detector) -> list[int] | None:
        """Return offsets of possible keys in the objects' stream; None if git did not write all of it.

        Args:
            oids: object ids in hex.
            size: bytes the stream must have: for each object its header line
                (``id type size``), its content and a LF. They are held in memory.
            detector: detector.
        """
        whole = size + len(_END_MARK)
        os.lseek(self._file, 0, os.SEEK_SET)
        view = self._room(whole)
        commands = b"contents " + b"\ncontents ".join((*oids, _NULL_OID)) + b"\nflush\n"
        # git writes while it reads its input; without a thread the pipe to it could fill up.
        writer = threading.Thread(target=self._write, args=(commands,), daemon=True)
        writer.start()
        offsets = self._follow(view, whole, detector)
        if offsets is None:
            self._child.kill()
        writer.join()
        return None if self._child.has_errors() else offsets

    def containers(self, headers: Sequence[int], sizes: Sequence[int], blobs: Sequence[bool]) -> list[int]:
        """Return the numbers of the blobs in the last stream that are archives, compressed, or the like.

        Args:
            headers: bytes of each object's header line.
            sizes: bytes of each object.
            blobs: for each object, True if it is a blob.
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
        return [numbers[index] for index in found]

    def close(self) -> None:
        """End git."""
        self._child.__exit__()
        os.close(self._file)

    def _room(self, size: int) -> memoryview:
        """Return the file as memory of at least so many bytes."""
        if self._mapped is None or len(self._mapped) < size:
            length = -(-size // CHUNK) * CHUNK
            os.ftruncate(self._file, length)
            self._mapped = mmap.mmap(self._file, length)
        return memoryview(self._mapped)

    def _follow(self, view: memoryview, whole: int, detector: Detector) -> list[int] | None:
        """Scan git's output while it is written; None if it is not the expected stream."""
        found: set[int] = set()
        self._marks = []
        done = seen = 0
        last_write = time.monotonic()
        while done < whole:
            end = os.lseek(self._file, 0, os.SEEK_CUR)
            if end > whole:
                return None
            if end == whole or end - done >= CHUNK:
                start = max(done - detector.overlap, 0)
                marks: list[int] = []
                found.update(
                    start + offset
                    for offset in detector.candidate_offsets(view[start:end], end - start, marks)
                )
                self._marks += [start + mark for mark in marks]
                done = seen = end
                last_write = time.monotonic()
                continue
            if end != seen:
                seen, last_write = end, time.monotonic()
            elif view[max(end - len(_END_MARK), 0) : end] == _END_MARK or self._is_stalled(last_write):
                # A shorter stream than expected (a missing object) ends in the mark too.
                return None
            time.sleep(_POLL_INTERVAL_S)
        return sorted(found) if view[whole - len(_END_MARK) : whole] == _END_MARK else None

    def _is_stalled(self, last_write: float) -> bool:
        """Return True if git has ended or exceeded the idle timeout."""
        return self._child.has_ended() or time.monotonic() - last_write > git.IDLE_TIMEOUT_S

    def _write(self, commands: bytes) -> None:
        try:
            self._child.write(commands)
        except (OSError, ValueError):
            # git ended early, which the reader reports; or Ctrl-C closed its input.
            return


_running: dict[git.RepoView, ObjectStream] = {}
"""The git of this process, for one repository at a time."""


def open_stream(view: git.RepoView) -> ObjectStream:
    """Return the running stream of a repository; start it if there is none."""
    if view not in _running:
        release()
        atexit.unregister(release)
        atexit.register(release)
        _running[view] = ObjectStream(view)
    return _running[view]


def release() -> None:
    """End the running git. In a worker it also ends with the process, when its input closes."""
    for stream in _running.values():
        stream.close()
    _running.clear()


def _memory_file() -> int:
    """Open a file without a name, in memory where the system offers that."""
    with process_limits.anonymous_file() as file:
        return os.dup(file.fileno())
