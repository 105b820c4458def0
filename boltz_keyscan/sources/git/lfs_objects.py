"""Exposure of content that git-lfs keeps in a git directory, by the commits that have pointers to it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.enums import Exposure
from boltz_keyscan.sources.files.content_id import pointer_id
from boltz_keyscan.sources.git.attribution.commit_search import CommitSearch
from boltz_keyscan.sources.git.objects.scan_cache import Memory
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.run.environment import OBJECT_FORMATS
from boltz_keyscan.system.paths import relative

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.history import HistoryReader

_CONTENT = late_pattern(rb"lfs/objects/[0-9a-f]{2}/[0-9a-f]{2}/([0-9a-f]{64})")


def find_lfs_exposures(paths: Iterable[bytes], reader: HistoryReader) -> dict[bytes, Exposure]:
    """Return the exposure of files of git-lfs to which HEAD, the index or a commit has a pointer.

    A push sends them to the server of git-lfs. What could not be searched counts as committed.

    Args:
        paths: absolute paths of files, also of others.
        reader: reader of the repository.
    """
    folder = reader.source.repository.common_dir
    names = [(path, _CONTENT.fullmatch(relative(path, folder))) for path in paths]
    contents = [(path, name[1]) for path, name in names if name is not None]
    opened = reader.prepare()
    if not contents or opened.view is None:
        return {}
    hash_name = OBJECT_FORMATS[opened.view.id_bytes]
    oids = {path: pointer_id(digest, os.lstat(path).st_size, hash_name) for path, digest in contents}
    search = CommitSearch(
        opened.view, read_references(reader.source.repository), 0, Memory(), index=opened.index
    )
    found = search.search(dict.fromkeys(oids.values()), 1)
    exposures = dict.fromkeys(oids.values(), Exposure.HISTORY) if search.problems else {}
    exposures |= {oid: Exposure.HISTORY for (oid, _), first in found.introduced.items() if first.reachable}
    exposures |= {oid: Exposure.HISTORY for oid, _ in found.named}
    exposures |= {oid: Exposure.STAGED for oid, _ in found.in_index | found.in_other_indexes}
    exposures |= {oid: Exposure.TRACKED for oid, _ in found.in_head}
    return {path: exposures[oid] for path, oid in oids.items() if oid in exposures}
