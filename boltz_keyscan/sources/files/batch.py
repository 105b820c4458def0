"""Small files many at a time: read into one buffer, looked at once, told apart by offset.

Most files of a tree are so small that the calls around a search cost more than the
search. Here each costs four calls of the system and no search of its own.

Boundary: only regular files that one read takes whole. Everything else, trouble
included, is left to ``files``, which opens it again and says what is wrong.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_right

from boltz_keyscan.model.finding import Detector
from boltz_keyscan.sources.blob import BUNDLES
from boltz_keyscan.sources.safe_open import DirectoryOpener
from boltz_keyscan.sources.signatures import checked_marks, is_container

LARGE = 100 << 10
"""Bytes from which a file is worth a search of its own."""

_ROOM = 256 << 10


class Batch:
    """Files read and not yet looked at, and those that turned out to hold something."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._buffer = bytearray(_ROOM)
        self._view = memoryview(self._buffer)
        self._names: list[bytes] = []
        self._starts: list[int] = []
        self._end = 0
        self.bundles: list[bytes] = []
        """Names of files that begin as git bundles do."""
        self.suspects: list[tuple[bytes, bytes]] = []
        """Name and content of files where a key may stand, as they were read."""
        self.containers: list[bytes] = []
        """Names of files that are archives, compressed, or the like, or have such in them."""

    def take(self, name: bytes, opener: DirectoryOpener) -> int | None:
        """Read a file; return its size in bytes, or None when it has to be read in another way."""
        try:
            descriptor = opener.open(name)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            size = status.st_size
            if size >= LARGE or not stat.S_ISREG(status.st_mode):
                return None
            if self._end + size >= _ROOM:
                self.look()
            start = self._end
            # One byte more than there is: a file that grew, or whose size is made up (/proc), shows.
            if os.readv(descriptor, [self._view[start : start + size + 1]]) != size:
                return None
        except OSError:
            return None
        finally:
            os.close(descriptor)
        if self._buffer.startswith(BUNDLES, start, start + size):
            self.bundles.append(name)
        elif is_container(self._buffer, start, start + size):
            self.containers.append(name)
        self._names.append(name)
        self._starts.append(start)
        # Between two files, so that the end of one and the beginning of the next make no key.
        self._buffer[start + size] = 0
        self._end = start + size + 1
        return size

    def look(self) -> None:
        """Search what was read since the last look, and begin anew."""
        marks: list[int] = []
        offsets = self._detector.candidate_offsets(self._buffer, self._end, marks)
        for at, _ in checked_marks(self._buffer, self._end, marks):
            name = self._names[bisect_right(self._starts, at) - 1]
            if name not in self.containers and name not in self.bundles:
                self.containers.append(name)
        for number in dict.fromkeys(bisect_right(self._starts, offset) - 1 for offset in offsets):
            start = self._starts[number]
            end = self._starts[number + 1] if number + 1 < len(self._starts) else self._end
            self.suspects.append((self._names[number], bytes(self._view[start : end - 1])))
        self._names.clear()
        self._starts.clear()
        self._end = 0
