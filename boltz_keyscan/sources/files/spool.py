"""What comes through a pipe, kept while it passes, in case it turns out to be a container.

A container is opened in another process, which cannot have the pipe. A small one is
handed over in memory. A large one waits in a file only we can read, as it came and with
nothing in it opened; the file goes with this process.

Boundary: bytes kept and handed over; looking at them as they pass is the source's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, Shard
from boltz_keyscan.sources.signatures import HEAD, ArchiveFinder, is_container, is_container_head

HELD = 32 << 20
"""Bytes kept in memory."""


class Spool:
    """One stream as it passes."""

    def __init__(self, detector: Detector) -> None:
        self._finder = ArchiveFinder(detector)
        self.bytes = 0
        """How many have passed."""
        self._held = bytearray()
        self._path: bytes | None = None
        self._passing = False

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks.

        Raises:
            OSError: they could not be read, or kept.
        """
        for chunk in chunks:
            self.bytes += len(chunk)
            self._finder.feed(chunk)
            if not self._passing:
                self._held += chunk
                if len(self._held) > HELD:
                    self._let_go()
            yield chunk

    def shard(self, origin: Origin, where: str, hits: Iterable[Hit]) -> Shard | None:
        """The container it was, as work to be done; None when it was none."""
        if self._path is not None:
            self._write()
        elif self._passing or not (self._finder.found or is_container(self._held, 0, len(self._held))):
            return None
        from boltz_keyscan.sources.archives.shard import ContainerShard, Held, InFile  # noqa: PLC0415 - most scans meet none

        place: InFile | Held = Held(bytes(self._held))
        if self._path is not None:
            folder, name = os.path.split(self._path)
            place = InFile(name, folder)
        seen = tuple(hit.match.offset for hit in hits if hit.origin.part is Part.CONTENT)
        return ContainerShard(place, self.bytes, ((origin, where),), seen)

    def gaps(self, where: str) -> list[Gap]:
        """Return a gap for an archive that came after so much that nothing of it was kept."""
        if not (self._passing and self._finder.found):
            return []
        detail = f"an archive begins after its first {HELD >> 20} MiB; write it to a file and scan that"
        return [Gap(where, "too-large", detail)]

    def _let_go(self) -> None:
        """Too much for memory: into a file when there is a container in it, else nowhere."""
        if self._path is not None or self._finder.found or is_container_head(bytes(self._held[:HEAD])):
            self._write()
        else:
            self._passing = True
        self._held.clear()

    def _write(self) -> None:
        if self._path is None:
            from boltz_keyscan.sources.git.run.tempdir import folder  # noqa: PLC0415 - most pipes are small

            self._path = os.path.join(folder(), b"piped")
        with open(self._path, "ab") as file:
            file.write(self._held)
