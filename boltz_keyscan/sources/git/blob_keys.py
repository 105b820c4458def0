"""Keys in git blobs and in paths, for comparisons by fingerprint. Each blob is read once."""

from __future__ import annotations

from typing import Self

from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Origin
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.blob import scan_blob
from boltz_keyscan.sources.git.objects.reader import ObjectReader
from boltz_keyscan.sources.git.repo.index import EMPTY_BLOBS
from boltz_keyscan.sources.git.run import command as git

_MAX_BYTES = 4 << 30
"""Bytes of blobs that one comparison reads."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one blob. The members of a container are not searched."""

    fingerprints: frozenset[str] = frozenset()
    whole: bool = True
    """True if all of it was read and searched."""
    container: bool = False
    """True for an archive or the like."""


@dataclass(slots=True)
class BlobKeys:
    """The keys of the blobs of one repository. Use as a context manager."""

    view: git.RepoView
    detector: Detector
    unread: int = field(default=0, init=False)
    """Number of blobs that could not be read or searched completely."""
    reader: ObjectReader = field(init=False)
    _known: dict[str, Keys] = field(default_factory=dict, init=False)
    _bytes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.reader = ObjectReader(self.view, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the git that reads blobs."""
        self.reader.close()

    def find(self, oid: str) -> Keys:
        """Return the keys in a blob."""
        if oid not in self._known:
            self._known[oid] = Keys() if oid in EMPTY_BLOBS else self._search(oid)
        return self._known[oid]

    def _search(self, oid: str) -> Keys:
        if self.reader.timeout_error or self._bytes > _MAX_BYTES:
            self.unread += 1
            return Keys(whole=False)
        hits, gaps, size = self.reader.scan_blob(Origin(b"", oid=oid, kind="blob"), self.detector)
        self._bytes += size
        self.unread += bool(gaps)
        fingerprints = frozenset(hit.match.fingerprint for hit in hits)
        return Keys(fingerprints, whole=not gaps, container=self.reader.container)

    def fingerprints(self, oid: str) -> frozenset[str]:
        """Return the fingerprints found in a blob; an unread part and a container's members have none."""
        return self.find(oid).fingerprints

    def in_name(self, name: bytes) -> frozenset[str]:
        """Return the fingerprints in a path."""
        hits, _ = scan_blob(Origin(name, Part.NAME), [name], self.detector, "")
        return frozenset(hit.match.fingerprint for hit in hits)
