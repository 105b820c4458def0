"""Copy of the bytes of a pipe, kept in case they are a container.

A container is opened in another process, which cannot read the pipe. A small one is passed in
memory. A large one is written, unopened, to a file that only this user can read and that is
deleted with this process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, Shard, ShardResult, Tally
from boltz_keyscan.sources.blob import scan_blob, unreadable_gap
from boltz_keyscan.sources.signatures import HEAD, ArchiveFinder, is_container, is_container_head

MAX_MEMORY_BYTES = 32 << 20
"""Bytes kept in memory at most."""


class Spool:
    """A copy of one stream."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._finder = ArchiveFinder(detector)
        self.bytes = 0
        """Bytes read so far."""
        self._buffer = bytearray()
        self._path: bytes | None = None
        self._is_discarding = False

    def scan(self, origin: Origin, chunks: Iterable[bytes], where: str) -> ShardResult:
        """Scan the stream; the result has it as a container too, if it is one.

        Raises:
            OSError: it could not be read, or the copy could not be written.
        """
        hits, gaps = scan_blob(origin, self.copy(chunks), self._detector, where)
        gaps += self._gaps(where)
        container = None
        try:
            container = self._container(origin, where, hits)
        except OSError as error:
            gaps.append(unreadable_gap(where, error))
        more = (container,) if container is not None else ()
        return ShardResult(tuple(hits), tuple(gaps), Tally(files=1, bytes=self.bytes), more=more)

    def copy(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks unchanged, and keep a copy.

        Raises:
            OSError: they could not be read or written.
        """
        for chunk in chunks:
            self.bytes += len(chunk)
            self._finder.feed(chunk)
            if not self._is_discarding:
                self._buffer += chunk
                if len(self._buffer) > MAX_MEMORY_BYTES:
                    self._flush()
            yield chunk

    def _container(self, origin: Origin, where: str, hits: Sequence[Hit]) -> Shard | None:
        """Return the container as a shard; None when the stream is none."""
        if self._path is not None:
            self._write()
        elif self._is_discarding or not (
            self._finder.has_archive
            or is_container(self._buffer, 0, len(self._buffer))
            or (hits and is_container_head(bytes(self._buffer[:HEAD])))
        ):
            return None
        from boltz_keyscan.sources.archives.shard import ContainerShard, InBuffer, InFile  # noqa: PLC0415 - most scans meet none

        place: InFile | InBuffer = InBuffer(bytes(self._buffer))
        if self._path is not None:
            folder, name = os.path.split(self._path)
            place = InFile(name, folder)
        seen = tuple(hit.match for hit in hits if hit.origin.part is Part.CONTENT)
        return ContainerShard(place, self.bytes, ((origin, where),), seen)

    def _gaps(self, where: str) -> list[Gap]:
        """Return a gap for an archive that begins after the copy was discarded."""
        if not (self._is_discarding and self._finder.has_archive):
            return []
        limit = MAX_MEMORY_BYTES >> 20
        detail = f"an archive begins after its first {limit} MiB; write it to a file and scan that"
        return [Gap(where, "too-large", detail)]

    def _flush(self) -> None:
        """Move the copy to a file if it has a container, else discard it."""
        if (
            self._path is not None
            or self._finder.has_archive
            or is_container_head(bytes(self._buffer[:HEAD]))
        ):
            self._write()
        else:
            self._is_discarding = True
        self._buffer.clear()

    def _write(self) -> None:
        if self._path is None:
            from boltz_keyscan.sources.git.run.tempdir import folder  # noqa: PLC0415 - most pipes are small

            self._path = os.path.join(folder(), b"piped")
        with open(self._path, "ab") as file:
            file.write(self._buffer)
