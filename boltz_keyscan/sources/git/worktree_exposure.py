"""Exposure of a key in a working file, by the blobs of HEAD and the index.

Content is compared, since the working file may be changed or decrypted (git-crypt). An unchanged
file is recognised by its hash, also where the blob is a pointer to it (git-lfs); otherwise the
keys of the blob are compared by fingerprint.
"""

from __future__ import annotations

import os

from boltz_keyscan.model.enums import Exposure, Part
from boltz_keyscan.model.finding import Hit
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.files.content_id import blob_id, possible_ids
from boltz_keyscan.sources.git.blob_keys import BlobKeys
from boltz_keyscan.sources.git.repo.file_status import FileStatus
from boltz_keyscan.sources.git.run.environment import OBJECT_FORMATS
from boltz_keyscan.sources.safe_open import FLAGS


@dataclass(slots=True)
class Comparison:
    """A comparison of working files with the blobs of one repository."""

    keys: BlobKeys
    status: FileStatus
    lost: int = field(default=0, init=False)
    """Number of hits in files whose blob this clone lacks."""
    _ids: dict[bytes, frozenset[str]] = field(default_factory=dict, init=False)

    def find_exposure(self, hit: Hit, path: bytes, name: bytes) -> Exposure:
        """Return the widest exposure that a key in a working file may have.

        What could not be compared counts as committed or staged.

        Args:
            hit: the key.
            path: absolute path of the file.
            name: its path in the worktree.
        """
        status = self.status
        if name not in status.staged:
            return Exposure.LOCAL if name in status.ignored else Exposure.UNTRACKED
        if name in status.lost:
            self.lost += 1
            return Exposure.TRACKED
        head, staged = status.committed.get(name), status.staged[name]
        if hit.origin.part is Part.NAME:
            return Exposure.TRACKED if head else Exposure.STAGED
        own = self._find_ids(path)
        if head is not None and (head in own or self._may_have(head, hit)):
            return Exposure.TRACKED
        if any(oid in own or self._may_have(oid, hit) for oid in staged):
            return Exposure.STAGED
        return Exposure.MODIFIED

    def _may_have(self, oid: str, hit: Hit) -> bool:
        """Return True if a blob has the key, or if that could not be ruled out."""
        keys = self.keys.find(oid)
        if hit.match.fingerprint in keys.fingerprints or not keys.whole:
            return True
        return keys.container and bool(hit.origin.members)

    def _find_ids(self, path: bytes) -> frozenset[str]:
        """Return the object ids that the working file, or the text of a link, may have as a blob."""
        if path not in self._ids:
            try:
                self._ids[path] = _hash_file(path, self.keys.view.id_bytes)
            except OSError:
                self._ids[path] = frozenset()
        return self._ids[path]


def _hash_file(path: bytes, id_bytes: int) -> frozenset[str]:
    name = OBJECT_FORMATS[id_bytes]
    if os.path.islink(path):
        return frozenset({blob_id(os.readlink(path), name)})
    with open(os.open(path, FLAGS), "rb", buffering=0) as file:
        return possible_ids(file, name)
