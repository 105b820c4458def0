"""Single git objects by id, for the exact pass and for the few blobs of a hook.

Boundary: one object after the other; reading a whole store in bulk is ``history``.
"""

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
from boltz_keyscan.sources.signatures import HEAD, ArchiveFinder, is_container_head

CORRUPT = "git cannot read it; git fsck tells more"

_MISNAMED = "its content is not what its name says, so where it stands is unknown; git fsck tells more"

_LONGEST = 200
"""Bytes of a line that says what follows."""

LARGEST_TREE = 256 << 20
"""Bytes of a tree object that are taken into memory."""


class ObjectReader:
    """Single objects by id, through one ``cat-file`` that is started again when it dies."""

    def __init__(self, view: git.RepoView, where: str) -> None:
        self._view = view
        self._where = where
        self._child: git.GitProcess | None = None
        self._output: BufferedReader
        self._broken = False
        self.late = ""
        """git stopped answering; asking for more would take as long each time."""
        self.container = False
        """Whether the blob examined last is an archive, compressed, or the like."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def ready(self) -> None:
        """Start git now, if it does not run.

        Raises:
            GitError: it cannot be started.
        """
        if self._child is None:
            self._child = git.GitProcess(self._view, "cat-file", "--batch", stdin=subprocess.PIPE)
            self._output = BufferedReader(self._child.output, CHUNK)

    def examine(self, oid: str, kind: str, size: int, detector: Detector) -> tuple[list[Hit], list[Gap]]:
        """The hits of one object; for a tree, those in the names of its entries."""
        where = self._named(kind, oid)
        self.container = False
        if kind == "tree" and size > LARGEST_TREE:
            return [], [Gap(where, "too-large", f"a tree of {size} bytes is not read")]
        name = _Name(oid, kind, size)
        finder = ArchiveFinder(detector)
        chunks = name.of(self._content(oid, size))
        if kind == "blob":
            chunks = finder.watch(chunks)
        if kind == "tree":
            hits, gaps = _in_names(oid, b"".join(chunks), detector, where)
        else:
            hits, gaps = scan_blob(Origin(b"", oid=oid, kind=kind), chunks, detector, where)
        # The exact pass may stop early, at its limit; the pipe must be left clean.
        for _ in chunks:
            pass
        self.container = self.container or finder.has_archive
        if trouble := self._trouble(where):
            return hits, [*gaps, *trouble]
        if not name.true():
            # Where it stands and who reaches it was asked under a name that is not its own.
            gaps.append(Gap(where, "corrupt-object", _MISNAMED))
        return hits, gaps

    def whole(self, oid: str, most: int = LARGEST_TREE) -> bytes:
        """The bytes of a small object.

        Raises:
            GitError: git cannot give them, or they are more than ``most``.
        """
        content, size = [], 0
        # To the end: the pipe must be left clean.
        for chunk in self._content(oid):
            size += len(chunk)
            if size <= most:
                content.append(chunk)
        if trouble := self._trouble(oid):
            raise GitError(trouble[0].detail)
        if size > most:
            raise GitError(f"an object of more than {most} bytes is not read")
        return b"".join(content)

    def candidate_offsets(self, origin: Origin, detector: Detector) -> tuple[list[Hit], list[Gap], int]:
        """Hits, gaps and bytes of one blob, read once when nothing is in it."""
        oid = origin.oid or ""
        where = self._named("blob", oid)
        self.container = False
        size, suspect, finder = 0, False, ArchiveFinder(detector)
        for chunk in self._content(oid):
            size += len(chunk)
            suspect = bool(finder.feed(chunk)) or suspect
        container = self.container or finder.has_archive
        hits: list[Hit] = []
        gaps = self._trouble(where)
        if suspect:
            chunks = self._content(oid)
            hits, more = scan_blob(origin, chunks, detector, where)
            for _ in chunks:
                pass
            gaps = list(dict.fromkeys((*gaps, *more, *self._trouble(where))))
        self.container = container
        return hits, gaps, size if suspect or not gaps else 0

    def _named(self, kind: str, oid: str) -> str:
        return object_label(self._where, kind, oid)

    def _content(self, oid: str, size: int | None = None) -> Iterator[bytes]:
        """The bytes of an object in chunks, as many as git gives; ``_trouble`` tells if that was not all."""
        try:
            yield from self.content(oid, size)
        except (GitError, OSError):
            self._broken = True

    def content(self, oid: str, size: int | None = None) -> Iterator[bytes]:
        """The same; GitError when git cannot give them all, or complains."""
        self.ready()
        if self._child is None:
            raise GitError("git is not running")
        # git can be made to give less than it says, and then waits for the next question, as we
        # would for the rest. So there is one, to which nobody but us knows the answer.
        mark = os.urandom(len(oid) // 2).hex().encode()
        end = b"\n" + mark + b" missing\n"
        self._child.ask(oid.encode() + b"\n" + mark + b"\n")
        words = self._output.readline(_LONGEST).split()
        if len(words) != 3 or words[0] != oid.encode() or not words[2].isdigit():
            raise GitError("git does not have it")
        left = int(words[2])
        other = size not in (None, left)
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
        if other or rest != end or self._child.complaints():
            raise GitError("git gave something else than it said")
        self.container = is_container_head(head)

    def _trouble(self, where: str) -> list[Gap]:
        """The gap for an object that was not read whole; the next one gets a new git."""
        if not self._broken:
            return []
        self._broken = False
        self.late = self._child.output.late if self._child is not None else ""
        self._stop()
        return [Gap(where, "timed-out", self.late) if self.late else Gap(where, "corrupt-object", CORRUPT)]

    def _stop(self) -> None:
        if self._child is not None:
            self._child.__exit__()
            self._child = None


def object_label(where: str, kind: str, oid: str) -> str:
    """How gaps name an object."""
    return f"{where}: {kind} {oid}"


def missing_object_gap(where: str, oid: str) -> Gap:
    """The gap for an object of which git could not even tell the size."""
    return Gap(f"{where}: object {oid}", "corrupt-object", CORRUPT)


def scan_object(
    oid: str, kind: str, content: bytes, detector: Detector, where: str
) -> tuple[list[Hit], list[Gap]]:
    """The hits of an object that is at hand; for a tree, those in the names of its entries.

    Args:
        oid: its name.
        kind: its type, as git calls it.
        content: all of it.
        detector: what to look with.
        where: how gaps name the store.
    """
    here = object_label(where, kind, oid)
    if kind == "tree":
        return _in_names(oid, content, detector, here)
    return scan_blob(Origin(b"", oid=oid, kind=kind), [content], detector, here)


def hash_mismatch_gap(oid: str, kind: str, content: bytes, where: str) -> list[Gap]:
    """The gap for an object that is not called what its content says; ``where`` as above."""
    name = _Name(oid, kind, len(content))
    name.add(content)
    return [] if name.true() else [Gap(object_label(where, kind, oid), "corrupt-object", _MISNAMED)]


def _in_names(oid: str, tree: bytes, detector: Detector, where: str) -> tuple[list[Hit], list[Gap]]:
    hits: list[Hit] = []
    gaps: list[Gap] = []
    for name, child in tree_entries(tree, len(oid) // 2):
        if detector.candidate_offsets(name, len(name)):
            origin = Origin(name, Part.NAME, oid=oid, kind="tree", child=child)
            found, missed = scan_blob(origin, [name], detector, where)
            hits += found
            gaps += missed
    return hits, gaps


class _Name:
    """Whether an object is called what its content says; git itself does not look when it reads one."""

    def __init__(self, oid: str, kind: str, size: int) -> None:
        import hashlib  # noqa: PLC0415 - a clean commit has no use for it

        self._oid = oid
        form = "sha1" if len(oid) == 40 else "sha256"
        self._digest = hashlib.new(form, f"{kind} {size}\0".encode(), usedforsecurity=False)

    def of(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, as they pass."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    def add(self, chunk: bytes) -> None:
        """The next bytes."""
        self._digest.update(chunk)

    def true(self) -> bool:
        """After the last chunk: whether the name fits."""
        return self._digest.hexdigest() == self._oid


def tree_entries(tree: bytes, id_bytes: int) -> Iterator[tuple[bytes, str]]:
    """Name and object id of each entry (gitformat: ``mode SP name NUL id``); stops where it is broken."""
    at = 0
    while 0 <= (space := tree.find(b" ", at)) < (nul := tree.find(b"\0", space)):
        at = nul + 1 + id_bytes
        yield tree[space + 1 : nul], tree[nul + 1 : at].hex()
