"""Thousands of git objects as one stream, from a git process that keeps running.

A new git for each shard maps the pack again and starts with a cold cache of delta bases: in
64 MiB shards, a repository of 14 GB cost 31 s of processor time that way and 17 s from one
process. So each worker keeps one ``cat-file --batch-command`` for a repository and requests
shard after shard from it.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import threading
from collections.abc import Sequence
from itertools import compress

from boltz_keyscan.errors import GitError
from boltz_keyscan.fsutil import cpu_count
from boltz_keyscan.model.finding import Detector
from boltz_keyscan.sources import signatures
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.git.run import command as git

_DELTA_BASES = f"core.deltaBaseCacheLimit={max(96, min(512, 1024 // cpu_count()))}m"
"""Delta base cache. Of 17.5 s that git took for 14 GB with its default of 96 MiB, 256 saved 1.5 s and 512
saved 2.5 s. All git processes, one for each core, may have 1 GiB together, or their default."""


class ObjectStream:
    """A running ``git cat-file`` that reads many objects per request."""

    def __init__(self, view: git.RepoView) -> None:
        arguments = ("-c", _DELTA_BASES, "cat-file", "--batch-command", "--buffer")
        self._child = git.GitProcess(view, *arguments, stdin=subprocess.PIPE)
        self._end = os.urandom(view.id_bytes).hex().encode()
        """Id of no object: git's answer to it is the end of a shard, which no content can forge."""
        self._buffer = bytearray()
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
        end_mark = self._end + b" missing\n"
        whole = size + len(end_mark)
        if len(self._buffer) < whole:
            # The old one first: never two of them.
            self._buffer = bytearray()
            self._buffer = bytearray(-(-whole // CHUNK) * CHUNK)
        commands = b"contents " + b"\ncontents ".join((*oids, self._end)) + b"\nflush\n"
        # git writes while it reads its input; without a thread the pipe to it could fill up.
        writer = threading.Thread(target=self._write, args=(commands,), daemon=True)
        writer.start()
        offsets = self._scan(whole, end_mark, detector)
        if offsets is None:
            self._child.kill()
        writer.join()
        return None if self._child.has_errors() else offsets

    def containers(self, starts: Sequence[int], sizes: Sequence[int], blobs: Sequence[bool]) -> list[int]:
        """Return the numbers of the blobs in the last stream that are archives, compressed, or the like.

        Args:
            starts: offset of each object, after its header line.
            sizes: bytes of each object.
            blobs: for each object, True if it is a blob.
        """
        whole = starts[-1] + sizes[-1] + 1 if starts else 0
        marks = signatures.checked_marks(self._buffer, whole, self._marks)
        blob_starts, blob_sizes = list(compress(starts, blobs)), list(compress(sizes, blobs))
        found = signatures.find_containers(self._buffer, whole, blob_starts, blob_sizes, marks)
        if not found:
            return []
        numbers = list(compress(range(len(sizes)), blobs))
        return [numbers[index] for index in found]

    def content(self, start: int, size: int) -> bytes:
        """Return bytes of the last stream."""
        with memoryview(self._buffer) as view:
            return bytes(view[start : start + size])

    def close(self) -> None:
        """End git."""
        self._child.close()

    def _scan(self, whole: int, end_mark: bytes, detector: Detector) -> list[int] | None:
        """Scan git's output while it is written; None if it is not the expected stream."""
        found: set[int] = set()
        self._marks = []
        done = end = 0
        with memoryview(self._buffer) as view:
            while done < whole:
                count = self._child.output.readinto(view[end:whole])
                end += count
                if not count or (end < whole and view[max(end - len(end_mark), 0) : end] == end_mark):
                    # It ended, or is shorter than expected (a missing object).
                    return None
                if end == whole or end - done >= CHUNK:
                    start = max(done - detector.overlap, 0)
                    marks: list[int] = []
                    offsets = detector.candidate_offsets(view[start:end], end - start, marks)
                    found.update(start + offset for offset in offsets)
                    self._marks += [start + mark for mark in marks]
                    done = end
            if view[whole - len(end_mark) : whole] != end_mark:
                return None
        # By chance, the id in the answer at the end looks like the beginning of something.
        size = whole - len(end_mark)
        self._marks = [mark for mark in self._marks if mark < size]
        return sorted(offset for offset in found if offset < size)

    def _write(self, commands: bytes) -> None:
        try:
            self._child.write(commands)
        except (GitError, OSError, ValueError):
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
