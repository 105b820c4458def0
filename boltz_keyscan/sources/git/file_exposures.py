"""Exposure of files with a hit, by the repositories whose worktree or git directory holds them.

A folder made of ``HEAD``, ``objects`` and ``refs`` can be committed like any other, and
git then takes it for a bare repository. So ``local`` is only given to files that git cannot
add: below a path component ``.git``, or in a bare repository that no worktree holds.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from boltz_keyscan.errors import GitError
from boltz_keyscan.fsutil import is_own, others_may_read
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.enums import Exposure, Part
from boltz_keyscan.model.finding import Detector, Gap, Hit
from boltz_keyscan.policy import UNEXPOSED
from boltz_keyscan.sources.git.blob_keys import BlobKeys
from boltz_keyscan.sources.git.lfs_objects import find_lfs_exposures
from boltz_keyscan.sources.git.repo.file_status import Worktree
from boltz_keyscan.sources.git.repo.repository import is_below_dot_git, is_within
from boltz_keyscan.sources.git.worktree_exposure import Comparison
from boltz_keyscan.system.paths import relative

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.history import HistoryReader

Placed = tuple[bytes, Hit]
"""The absolute path of a file, and a hit in it."""

_GIT_FILES = late_pattern(
    rb"(?:[A-Z_]+_HEAD|[A-Z_]+MSG|HEAD|config|config\.worktree|description|packed-refs|index|shallow"
    rb"|(?:branches|hooks|info|logs|modules|refs|worktrees)/.*)",
    re.DOTALL,
)
"""Files that git itself keeps in a bare repository (gitrepository-layout); all others are ordinary."""


_ENVIRONMENT = re.compile(rb"\.env(?:rc|\.(?!(?:dist|example|sample|template)\Z).+)?", re.DOTALL)
"""Names of environment files, without the templates that projects share."""


def find_exposures(
    placed: Sequence[Placed], readers: Sequence[HistoryReader], detector: Detector, traced: int = 0
) -> tuple[list[Exposure], tuple[Gap, ...]]:
    """Return the exposure of each hit, in order, and the gaps.

    Args:
        placed: the hits with the files they are in.
        readers: every repository in the scanned folder or around it.
        detector: finds the keys in committed blobs.
        traced: number of the readers, the first ones, whose history is scanned too.
    """
    exposures = [Exposure.FILE] * len(placed)
    gaps: list[Gap] = []
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, (path, _) in enumerate(placed):
        holders = _find_holders(path, readers)
        if _is_in_git_dir(path, holders, readers):
            exposures[number] = Exposure.LOCAL
        elif holders:
            groups.setdefault(holders, []).append(number)
    _set_lfs_exposures(placed, exposures, readers)
    for holders, members in groups.items():
        unexposed = members
        for depth, holder in enumerate(holders):
            hits = [placed[number] for number in unexposed]
            found, new_gaps = _find_in_worktree(readers[holder], hits, detector, traced=holder < traced)
            # An outer repository counts only if it has the file or cannot be read.
            unreadable = readers[holder].prepare().view is None
            gaps += new_gaps
            for number, exposure in zip(unexposed, found, strict=True):
                if depth == 0 or unreadable or exposure not in {Exposure.UNTRACKED, Exposure.LOCAL}:
                    exposures[number] = exposure
            unexposed = [number for number in unexposed if exposures[number] in UNEXPOSED]
            if not unexposed:
                break
    return exposures, tuple(gaps)


def _set_lfs_exposures(
    placed: Sequence[Placed], exposures: list[Exposure], readers: Sequence[HistoryReader]
) -> None:
    """Replace the exposure of the files in git directories that git-lfs sends with a push."""
    for reader in readers:
        local = [number for number, exposure in enumerate(exposures) if exposure is Exposure.LOCAL]
        found = find_lfs_exposures({placed[number][0] for number in local}, reader)
        for number in local:
            exposures[number] = found.get(placed[number][0], Exposure.LOCAL)


def check_environment(path: bytes, exposure: Exposure) -> tuple[Exposure, bool, bool]:
    """Return the exposure of a file, and two facts on environment files.

    Outside git, such a file of this user is ``local`` if no other user can read it.

    Returns:
        The exposure; True for a private environment file outside git; True for one that git ignores and other
        users can read.
    """
    if exposure not in {Exposure.FILE, Exposure.LOCAL} or not _ENVIRONMENT.fullmatch(os.path.basename(path)):
        return exposure, False, False
    is_private = _is_private(path)
    if exposure is Exposure.LOCAL:
        return exposure, False, not is_private
    return (Exposure.LOCAL if is_private else exposure), is_private, False


def _is_private(path: bytes) -> bool:
    """Return True for a file of this user that no other user can read."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    others = others_may_read(status, stat.S_IRWXG | stat.S_IRWXO)
    return stat.S_ISREG(status.st_mode) and is_own(status) and not others


def _find_in_worktree(
    reader: HistoryReader, placed: Sequence[Placed], detector: Detector, *, traced: bool
) -> tuple[list[Exposure], tuple[Gap, ...]]:
    """Return the exposure of each hit in a file below one worktree, and the gaps.

    A hit whose exposure could not be found is ``untracked``, which blocks.
    """
    opened = reader.prepare()
    if opened.view is None:
        # Unknown, so the key may spread.
        return [Exposure.UNTRACKED] * len(placed), ()
    top = reader.source.repository.worktree or b""
    names = {path: relative(path, top) for path, _ in placed}
    try:
        worktree = Worktree(reader.source.repository, opened.view, opened.partial, opened.index)
        status = worktree.read_status(list(names.values()))
    except (GitError, OSError) as error:
        reason = error.message.splitlines()[0] if isinstance(error, GitError) else error.strerror
        detail = f"which files are tracked or ignored is unknown: {reason}"
        return [Exposure.UNTRACKED] * len(placed), (Gap(reader.source.where, "untraced", detail),)
    with BlobKeys(opened.view, detector) as keys:
        comparison = Comparison(keys, status)
        exposures = [comparison.find_exposure(hit, path, names[path]) for path, hit in placed]
    # After "git mv" HEAD has the blob at another path, which a scan of the history reports.
    staged = {
        number: set(status.staged[names[path]])
        for number, (path, hit) in enumerate(placed)
        if not traced and exposures[number] is Exposure.STAGED and hit.origin.part is not Part.NAME
    }
    in_head = worktree.find_in_head(set().union(*staged.values()))
    for number, oids in staged.items():
        if oids <= in_head:
            exposures[number] = Exposure.TRACKED
    if not (count := keys.unread + comparison.lost):
        return exposures, ()
    blobs = "a blob" if count == 1 else f"{count:,} blobs"
    detail = f"{blobs} of HEAD or the index could not be compared: keys in those files count as committed"
    by_design = opened.partial and not status.git_error
    return exposures, (Gap(reader.source.where, "untraced", detail, by_design=by_design),)


def _find_holders(path: bytes, readers: Sequence[HistoryReader]) -> tuple[int, ...]:
    """Return the repositories whose worktree holds a path, innermost first, each worktree once."""
    tops: dict[bytes, int] = {}
    for number, reader in enumerate(readers):
        top = reader.source.repository.worktree
        if top is not None and is_within(path, top):
            tops.setdefault(top, number)
    return tuple(tops[top] for top in sorted(tops, key=len, reverse=True))


def _is_in_git_dir(path: bytes, holders: Sequence[int], readers: Sequence[HistoryReader]) -> bool:
    within = [folder for folder in _git_dirs(readers) if is_within(path, folder)]
    if holders:
        top = readers[holders[0]].source.repository.worktree or b""
        return bool(within) and is_below_dot_git(path, top)
    return any(
        is_below_dot_git(path, os.path.dirname(folder))
        or _GIT_FILES.fullmatch(relative(path, folder)) is not None
        for folder in within
    )


def _git_dirs(readers: Sequence[HistoryReader]) -> Iterator[bytes]:
    for reader in readers:
        yield reader.source.repository.git_dir
        yield reader.source.repository.common_dir
