"""Exposure of a key in the working file of a tracked path, by the blobs of HEAD and the index.

Content is compared, since the working file may be changed, decrypted (git-crypt) or fetched
(LFS). An unchanged file is recognised by its hash; otherwise the keys of the blob are compared
by fingerprint.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from typing import Self

from boltz_keyscan.model.enums import Exposure, Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.git.objects.reader import ObjectReader
from boltz_keyscan.sources.git.repo.index import EMPTY_BLOBS
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.safe_open import FLAGS

_MAX_BLOB_BYTES = 4 << 30
"""Bytes of blobs that one run reads for comparison."""


@dataclass(frozen=True, slots=True)
class Versions:
    """One tracked path: its working file, and its blobs."""

    path: bytes
    """Absolute."""
    head: str | None
    """HEAD's blob; None if HEAD lacks the path."""
    staged: list[str]
    """The index's blobs."""
    lost: bool
    """True if HEAD has the path, but this clone lacks the blob."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of one blob."""

    fingerprints: frozenset[str]
    whole: bool
    """True if all of it was read and searched."""
    container: bool
    """True for an archive or the like, whose members were not searched."""

    def may_have(self, hit: Hit) -> bool:
        """Return True if the blob has the key, or if that could not be ruled out."""
        if hit.match.fingerprint in self.fingerprints or not self.whole:
            return True
        return self.container and bool(hit.origin.members)


@dataclass(slots=True)
class Blobs:
    """The blobs of one repository, each searched once."""

    view: git.RepoView
    detector: Detector
    where: str
    """Name of the repository in gaps."""
    by_design: bool = False
    """True if missing blobs were left out on purpose (partial clone)."""
    _reader: ObjectReader = field(init=False)
    _known: dict[str, _Keys] = field(default_factory=dict, init=False)
    _hashes: dict[bytes, str | None] = field(default_factory=dict, init=False)
    _unread: int = field(default=0, init=False)
    _bytes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._reader = ObjectReader(self.view, self.where)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.__exit__()

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The blobs that could not be compared, as one gap."""
        if not self._unread:
            return ()
        blobs = "a blob" if self._unread == 1 else f"{self._unread:,} blobs"
        detail = f"{blobs} of HEAD or the index could not be compared: keys in those files count as committed"
        return (Gap(self.where, "untraced", detail, by_design=self.by_design),)

    def find_exposure(self, hit: Hit, versions: Versions) -> Exposure:
        """Return the widest exposure of a key in a tracked path that is not ruled out."""
        if versions.lost:
            self._unread += 1
            return Exposure.TRACKED
        if hit.origin.part is Part.NAME:
            return Exposure.TRACKED if versions.head else Exposure.STAGED
        own = self._hash(versions.path)
        if versions.head is not None and (
            own == versions.head or self._find_keys(versions.head).may_have(hit)
        ):
            return Exposure.TRACKED
        if own in versions.staged or any(self._find_keys(oid).may_have(hit) for oid in versions.staged):
            return Exposure.STAGED
        return Exposure.MODIFIED

    def _find_keys(self, oid: str) -> _Keys:
        if oid not in self._known:
            self._known[oid] = self._search(oid)
        return self._known[oid]

    def _search(self, oid: str) -> _Keys:
        if oid in EMPTY_BLOBS:
            return _Keys(frozenset(), whole=True, container=False)
        if self._reader.timeout_error or self._bytes > _MAX_BLOB_BYTES:
            self._unread += 1
            return _Keys(frozenset(), whole=False, container=False)
        hits, gaps, size = self._reader.scan_blob(Origin(b"", oid=oid, kind="blob"), self.detector)
        self._bytes += size
        self._unread += bool(gaps)
        fingerprints = frozenset(hit.match.fingerprint for hit in hits)
        return _Keys(fingerprints, whole=not gaps, container=self._reader.container)

    def _hash(self, path: bytes) -> str | None:
        """Return the object id that the working file, or the text of a link, would have as a blob."""
        if path not in self._hashes:
            try:
                self._hashes[path] = self._compute_hash(path)
            except OSError:
                self._hashes[path] = None
        return self._hashes[path]

    def _compute_hash(self, path: bytes) -> str | None:
        name = "sha1" if self.view.id_bytes == hashlib.sha1(usedforsecurity=False).digest_size else "sha256"
        if os.path.islink(path):
            target = os.readlink(path)
            header = b"blob %d\0" % len(target)
            return hashlib.new(name, header + target, usedforsecurity=False).hexdigest()
        with open(os.open(path, FLAGS), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            digest = hashlib.new(name, b"blob %d\0" % status.st_size, usedforsecurity=False)
            left = status.st_size
            # Only up to the size at opening: a log may grow faster than it is read.
            while left > 0 and (chunk := file.read(min(CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
        return digest.hexdigest()
