"""Reader of single git objects by id, for the exact pass and for the few blobs of a hook."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from io import BufferedReader
from typing import Self

from boltz_keyscan.errors import GitError
from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin
from boltz_keyscan.sources.blob import CHUNK, scan_blob
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.environment import OBJECT_FORMATS
from boltz_keyscan.sources.signatures import HEAD, ArchiveFinder, is_container_head

CORRUPT = "git cannot read it; run git fsck for details"

_MISNAMED = "its content does not match its id, so its path is unknown; run git fsck for details"

_MAX_HEADER_BYTES = 200
"""Bytes of the header line before an object."""

MAX_TREE_BYTES = 256 << 20
"""Bytes of the largest tree object that is read."""


class ObjectReader:
    """A reader of single objects by id, through one ``cat-file`` that is restarted when it dies."""

    def __init__(self, view: git.RepoView, where: str) -> None:
        self._view = view
        self._where = where
        self._child: git.GitProcess | None = None
        self._output: BufferedReader
        self._broken = False
        self.timeout_error = ""
        """Timeout message, or "". After a timeout every further object would take as long."""
        self.container = False
        """True if the last blob is an archive, compressed, or the like."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start git, unless it runs.

        Raises:
            GitError: it cannot be started.
        """
        if self._child is None:
            self._child = git.GitProcess(self._view, "cat-file", "--batch", stdin=subprocess.PIPE)
            self._output = BufferedReader(self._child.output, CHUNK)

    def scan(self, oid: str, kind: str, size: int, detector: Detector) -> tuple[list[Hit], list[Gap]]:
        """Return the hits and gaps of one object; for a tree, the hits in the names of its entries."""
        where = object_label(self._where, kind, oid)
        self.container = False
        if kind == "tree" and size > MAX_TREE_BYTES:
            return [], [Gap(where, "too-large", f"a tree of {size} bytes is not read")]
        check = _HashCheck(oid, kind, size)
        finder = ArchiveFinder(detector)
        chunks = check.through(self._chunks(oid, size))
        if kind == "blob":
            chunks = finder.watch(chunks)
        if kind == "tree":
            hits, gaps = _scan_entry_names(oid, b"".join(chunks), detector, where)
        else:
            hits, gaps = scan_blob(Origin(b"", oid=oid, kind=kind), chunks, detector, where)
        # The exact pass may stop at its limit; read on so that the pipe is left empty.
        for _ in chunks:
            pass
        self.container = self.container or finder.has_archive
        if read_gaps := self._read_gaps(where):
            return hits, [*gaps, *read_gaps]
        if not check.is_match():
            # Its paths and commits are looked up by an id that is not its own.
            gaps.append(Gap(where, "corrupt-object", _MISNAMED))
        return hits, gaps

    def read(self, oid: str, most: int = MAX_TREE_BYTES) -> bytes:
        """Return the bytes of a small object.

        Raises:
            GitError: git cannot read it, or it has more than ``most`` bytes.
        """
        content, size = [], 0
        # To the end, so that the pipe is left empty.
        for chunk in self._chunks(oid):
            size += len(chunk)
            if size <= most:
                content.append(chunk)
        if read_gaps := self._read_gaps(oid):
            raise GitError(read_gaps[0].detail)
        if size > most:
            raise GitError(f"an object of more than {most} bytes is not read")
        return b"".join(content)

    def scan_blob(self, origin: Origin, detector: Detector) -> tuple[list[Hit], list[Gap], int]:
        """Return hits, gaps and bytes of one blob of unknown size; it is read twice if it may have hits."""
        oid = origin.oid or ""
        where = object_label(self._where, "blob", oid)
        self.container = False
        size, suspect, finder = 0, False, ArchiveFinder(detector)
        for chunk in self._chunks(oid):
            size += len(chunk)
            suspect = bool(finder.feed(chunk)) or suspect
        container = self.container or finder.has_archive
        hits: list[Hit] = []
        gaps = self._read_gaps(where)
        if suspect:
            chunks = self._chunks(oid)
            hits, more = scan_blob(origin, chunks, detector, where)
            for _ in chunks:
                pass
            gaps = list(dict.fromkeys((*gaps, *more, *self._read_gaps(where))))
        self.container = container
        return hits, gaps, size if suspect or not gaps else 0

    def _chunks(self, oid: str, size: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of an object in chunks; ``_read_gaps`` returns the gap if it is incomplete."""
        try:
            yield from self.content(oid, size)
        except (GitError, OSError):
            self._broken = True

    def content(self, oid: str, size: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of an object in chunks.

        Raises:
            GitError: the object is incomplete, or git failed.
        """
        self.start()
        if self._child is None:
            raise GitError("git is not running")
        # git can be made to give less than it announces; then both sides would wait. So the object
        # is followed by a request for a random id, whose answer a repository cannot forge.
        mark = os.urandom(len(oid) // 2).hex().encode()
        end = b"\n" + mark + b" missing\n"
        self._child.write(oid.encode() + b"\n" + mark + b"\n")
        words = self._output.readline(_MAX_HEADER_BYTES).split()
        if len(words) != 3 or words[0] != oid.encode() or not words[2].isdigit():
            raise GitError("git does not have it")
        left = int(words[2])
        other_size = size not in (None, left)
        head = last = b""
        while left > 0 and last != end:
            chunk = self._output.read1(min(left, CHUNK))
            if not chunk:
                raise GitError("git ended within it")
            left -= len(chunk)
            last = (last + chunk[-len(end) :])[-len(end) :]
            head = (head + chunk)[:HEAD] if len(head) < HEAD else head
            yield chunk
        rest = b""
        while last != end and len(rest) < len(end) and (more := self._output.read1(len(end) - len(rest))):
            rest += more
            last = (last + more)[-len(end) :]
        if other_size or rest != end or self._child.has_errors():
            raise GitError("git's output does not match the announced size")
        self.container = is_container_head(head)

    def _read_gaps(self, where: str) -> list[Gap]:
        """Return the gap for an object that was read incompletely; git is restarted for the next one."""
        if not self._broken:
            return []
        self._broken = False
        self.timeout_error = self._child.output.timeout_error if self._child is not None else ""
        self.close()
        return [
            Gap(where, "timed-out", self.timeout_error)
            if self.timeout_error
            else Gap(where, "corrupt-object", CORRUPT)
        ]

    def close(self) -> None:
        """End git; it is started again for the next object."""
        if self._child is not None:
            self._child.close()
            self._child = None


def object_label(where: str, kind: str, oid: str) -> str:
    """Return the name of an object in gaps."""
    return f"{where}: {kind} {oid}"


def missing_object_gap(where: str, oid: str) -> Gap:
    """Return the gap for an object whose size git could not read."""
    return Gap(f"{where}: object {oid}", "corrupt-object", CORRUPT)


def scan_object(
    oid: str, kind: str, content: bytes, detector: Detector, where: str
) -> tuple[list[Hit], list[Gap]]:
    """Return the hits and gaps of an object in memory; for a tree, the hits in the names of its entries.

    Args:
        oid: object id.
        kind: git's name of its type.
        content: its bytes.
        detector: detector.
        where: name of the store in gaps.
    """
    label = object_label(where, kind, oid)
    if kind == "tree":
        return _scan_entry_names(oid, content, detector, label)
    return scan_blob(Origin(b"", oid=oid, kind=kind), [content], detector, label)


def hash_mismatch_gap(oid: str, kind: str, content: bytes, where: str) -> list[Gap]:
    """Return a gap if the id of an object does not match its content."""
    check = _HashCheck(oid, kind, len(content))
    check.add(content)
    return [] if check.is_match() else [Gap(object_label(where, kind, oid), "corrupt-object", _MISNAMED)]


def _scan_entry_names(oid: str, tree: bytes, detector: Detector, where: str) -> tuple[list[Hit], list[Gap]]:
    hits: list[Hit] = []
    gaps: list[Gap] = []
    for _, name, child in tree_entries(tree, len(oid) // 2):
        if detector.candidate_offsets(name, len(name)):
            origin = Origin(name, Part.NAME, oid=oid, kind="tree", child=child)
            found, missed = scan_blob(origin, [name], detector, where)
            hits += found
            gaps += missed
    return hits, gaps


class _HashCheck:
    """A check of an object id against the content; git does not make it when it reads an object."""

    def __init__(self, oid: str, kind: str, size: int) -> None:
        import hashlib  # noqa: PLC0415 - a clean commit has no use for it

        self._oid = oid
        header = f"{kind} {size}\0".encode()
        self._digest = hashlib.new(OBJECT_FORMATS[len(oid) // 2], header, usedforsecurity=False)

    def through(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks and add each one."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    def add(self, chunk: bytes) -> None:
        """Add the next bytes."""
        self._digest.update(chunk)

    def is_match(self) -> bool:
        """Return True if the id matches, after the last chunk."""
        return self._digest.hexdigest() == self._oid


def tree_entries(tree: bytes, id_bytes: int) -> Iterator[tuple[bytes, bytes, str]]:
    """Yield mode, name and object id of each entry (``mode SP name NUL id``), up to the first broken one."""
    offset = 0
    while 0 <= (space := tree.find(b" ", offset)) < (nul := tree.find(b"\0", space)):
        mode, offset = tree[offset:space], nul + 1 + id_bytes
        yield mode, tree[space + 1 : nul], tree[nul + 1 : offset].hex()
