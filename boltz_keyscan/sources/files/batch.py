"""Batches of small files: read into one buffer, searched together, separated by offset.

Most files of a tree are so small that the calls around a search cost more than the search.
Here each costs four system calls and no search of its own. Only regular files that one read
takes whole are batched; all others, errors included, are left to ``shard``.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_right

from boltz_keyscan.fsutil import read_into
from boltz_keyscan.model.finding import Detector
from boltz_keyscan.sources.blob import BUNDLES
from boltz_keyscan.sources.safe_open import DirectoryOpener
from boltz_keyscan.sources.signatures import HEAD, checked_marks, is_brotli, is_container, is_container_head

LARGE_FILE_BYTES = 100 << 10
"""Bytes from which a file is searched by itself."""

_BUFFER_BYTES = 256 << 10


class Batch:
    """Files read and not yet searched, and the ones with a result."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._names: list[bytes] = []
        self._starts: list[int] = []
        self._end = 0
        self.bundles: list[bytes] = []
        """Names of git bundles."""
        self.suspects: list[tuple[bytes, bytes]] = []
        """Names and contents of files with a candidate."""
        self.containers: list[bytes] = []
        """Names of files that are containers, or have one embedded."""

    def add(self, name: bytes, opener: DirectoryOpener) -> int | None:
        """Read a file; return its size in bytes, or None when it has to be read by itself."""
        try:
            descriptor = opener.open(name)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            size = status.st_size
            if size >= LARGE_FILE_BYTES or not stat.S_ISREG(status.st_mode):
                return None
            if self._end + size >= _BUFFER_BYTES:
                self.search()
            start = self._end
            # Read one byte more, to detect a file that grew or reports a wrong size (/proc).
            if read_into(descriptor, [self._view[start : start + size + 1]]) != size:
                return None
        except OSError:
            return None
        finally:
            os.close(descriptor)
        if self._buffer.startswith(BUNDLES, start, start + size):
            self.bundles.append(name)
        elif is_container(self._buffer, start, start + size) or is_brotli(name):
            self.containers.append(name)
        self._names.append(name)
        self._starts.append(start)
        # A zero between two files, so that no key spans the end of one and the start of the next.
        self._buffer[start + size] = 0
        self._end = start + size + 1
        return size

    def search(self) -> None:
        """Search the files read since the last search, and empty the buffer."""
        marks: list[int] = []
        offsets = self._detector.candidate_offsets(self._buffer, self._end, marks)
        for offset, _ in checked_marks(self._buffer, self._end, marks):
            name = self._names[bisect_right(self._starts, offset) - 1]
            if name not in self.containers and name not in self.bundles:
                self.containers.append(name)
        for number in dict.fromkeys(bisect_right(self._starts, offset) - 1 for offset in offsets):
            start = self._starts[number]
            end = self._starts[number + 1] if number + 1 < len(self._starts) else self._end
            name, content = self._names[number], bytes(self._view[start : end - 1])
            self.suspects.append((name, content))
            # One whose bytes show all rows is opened only to name the row.
            if is_container_head(content[:HEAD]) and name not in self.containers and name not in self.bundles:
                self.containers.append(name)
        self._names.clear()
        self._starts.clear()
        self._end = 0
