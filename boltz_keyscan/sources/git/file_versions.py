"""Keys in earlier versions of files: in the parents of a commit that is being made.

A commit is judged by its changes: a key that a file had in HEAD, or in a commit that is
being merged, does not stop it. A renamed file takes its keys along. Keys are compared by
fingerprint, so lines around them may change. ``other_side`` does the same for a range.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Self

from boltz_keyscan.errors import GitError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.enums import Part, Shape
from boltz_keyscan.model.finding import Detector, Hit
from boltz_keyscan.sources.git.blob_keys import BlobKeys
from boltz_keyscan.sources.git.repo import index
from boltz_keyscan.sources.git.repo.repository import read_small
from boltz_keyscan.sources.trusted_files import CommitFileReader, CommitFiles

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.run import command as git

_OID = late_pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_MERGED = "GITHEAD_"
"""Prefix of the variables in which git-merge names the commits it merges, to the hooks it runs."""

_MAX_DELETED = 1000
"""Deleted files that are searched for keys that moved elsewhere; beyond, a key counts as new."""


def list_merged_commits(git_dir: bytes) -> list[str]:
    """Return the ids of the commits that are being merged into HEAD."""
    # git writes MERGE_HEAD only after the pre-merge-commit hook has run.
    oids = [name.removeprefix(_MERGED) for name in os.environ if name.startswith(_MERGED)]
    with contextlib.suppress(OSError):
        oids += read_small(os.path.join(git_dir, b"MERGE_HEAD")).decode("ascii", "replace").split()
    return [oid for oid in dict.fromkeys(oids) if _OID.fullmatch(oid)]


class Parents:
    """The commits that a staged change is added to. Use as a context manager."""

    def __init__(
        self,
        view: git.RepoView,
        commits: Iterable[str],
        detector: Detector,
        compared: Mapping[str, Mapping[bytes, str | None]],
    ) -> None:
        """Compare the index with each commit, unless it is compared; skip a commit if git fails to do so."""
        self._keys = BlobKeys(view, detector)
        self._parents: list[tuple[CommitFileReader, Mapping[bytes, str | None]]] = []
        self._deleted: frozenset[str] | None = None
        for commit in commits:
            try:
                replaced = compared.get(commit) or index.list_differences(view, commit)
            except GitError:
                continue
            files = CommitFileReader(CommitFiles(b"/", "", commit, view), self._keys.reader)
            self._parents.append((files, replaced))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._keys.close()

    def has_key(self, hit: Hit) -> bool:
        """Return True if the file of a hit, or a file it was renamed from, has the key in a parent."""
        path, staged = hit.origin.path, hit.origin.kind is not None
        if hit.match.shape is Shape.PLACEHOLDER or os.path.isabs(path):
            return False
        if staged and not any(path in replaced for _, replaced in self._parents):
            # Named but not changed, as by pre-commit run --all-files.
            return False
        if any(self._in_parent(contents, hit) for contents, _ in self._parents):
            return True
        return staged and bool({hit.match.fingerprint, hit.origin.oid} & self._from_deleted())

    def _in_parent(self, contents: CommitFileReader, hit: Hit) -> bool:
        fingerprint, path = hit.match.fingerprint, hit.origin.path
        try:
            if hit.origin.part is not Part.NAME or hit.origin.members:
                entry = contents.look_up(b"/" + path)
                if entry is None:
                    return False
                return entry[1] == hit.origin.oid or fingerprint in self._keys.fingerprints(entry[1])
            # The key may be in the name of a folder to which a file is added.
            names = path.split(b"/")
            prefixes = (b"/".join(names[:end]) for end in range(1, len(names) + 1))
            first = next((name for name in prefixes if fingerprint in self._keys.in_name(name)), path)
            return contents.look_up(b"/" + first) is not None
        except GitError:
            return False

    def _from_deleted(self) -> frozenset[str]:
        """Return the objects that this commit deletes, and the fingerprints in them and in their paths."""
        if self._deleted is None:
            deleted = {
                (path, oid)
                for _, replaced in self._parents
                for path, oid in replaced.items()
                if oid is not None
            }
            found: set[str] = set()
            for path, oid in sorted(deleted)[:_MAX_DELETED]:
                found |= {oid, *self._keys.fingerprints(oid), *self._keys.in_name(path)}
            self._deleted = frozenset(found)
        return self._deleted
