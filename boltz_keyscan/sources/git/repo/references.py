"""References, read without git: plain files only, with a size limit and without following links."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.git.repo.repository import (
    Repository,
    describe,
    list_folder,
    read_below,
    read_small,
)
from boltz_keyscan.sources.safe_open import DirectoryOpener

_MAX_SYMBOLIC_DEPTH = 5
"""Symbolic references that git follows in a row (refs.c, SYMREF_MAXDEPTH)."""

_OID = late_pattern(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class References:
    """The references of a repository."""

    tips: tuple[tuple[bytes, str], ...]
    """Full names with object ids in hex, sorted."""
    head: str | None
    """The object id of HEAD; None before the first commit."""
    opaque: bool
    """True if the references are stored as reftable, which is not read."""
    broken: tuple[tuple[bytes, str], ...]
    """References that could not be read, with the reason."""
    symbolic: tuple[tuple[bytes, bytes], ...] = ()
    """Symbolic references with the names that they point to."""

    @property
    def is_unborn(self) -> bool:
        """True before the first commit; HEAD is also None if references are not read."""
        return self.head is None and not self.opaque

    def target(self, name: bytes) -> str | None:
        """Return the object id of a full name, through symbolic references; None for an unknown name."""
        oids, names = dict(self.tips), dict(self.symbolic)
        for _ in range(_MAX_SYMBOLIC_DEPTH):
            if name not in names:
                return oids.get(name)
            name = names[name]
        return None


def read_references(repository: Repository) -> References:
    """Read every reference: packed, loose, and the HEADs of linked worktrees."""
    symbolic: dict[bytes, bytes] = {}
    broken: list[tuple[bytes, str]] = []
    opaque = os.path.isdir(os.path.join(repository.common_dir, b"reftable"))
    tips = _read_packed(repository, broken)
    for name, text in _read_loose(repository, broken):
        if _OID.match(text):
            tips[name] = text.split()[0].decode()
        elif text.startswith(b"ref:"):
            symbolic[name] = text.removeprefix(b"ref:").strip()
        elif not (opaque and name == b"refs/heads"):
            # With reftable, git writes a file instead of that folder, so that an old git fails there.
            broken.append((name, "holds no object id"))
    try:
        head = read_small(os.path.join(repository.git_dir, b"HEAD")).strip()
    except OSError as error:
        head = b""
        broken.append((b"HEAD", error.strerror or "unreadable"))
    target = head.removeprefix(b"ref:").strip() if head.startswith(b"ref:") else b"HEAD"
    headless = References(
        tips=tuple(sorted(tips.items())),
        head=None,
        opaque=opaque,
        broken=tuple(broken),
        symbolic=tuple(sorted(symbolic.items())),
    )
    return replace(headless, head=headless.target(target))


def _read_packed(repository: Repository, broken: list[tuple[bytes, str]]) -> dict[bytes, str]:
    """Return the object ids of packed references by name; add an unreadable file to ``broken``."""
    packed = os.path.join(repository.common_dir, b"packed-refs")
    tips: dict[bytes, str] = {}
    if os.path.lexists(packed):
        try:
            for line in read_small(packed).splitlines():
                oid, _, name = line.partition(b" ")
                if _OID.fullmatch(oid):
                    tips[name] = oid.decode()
        except OSError as error:
            broken.append((b"packed-refs", error.strerror or "unreadable"))
    return tips


def _read_loose(repository: Repository, broken: list[tuple[bytes, str]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield names and text of references; add what cannot be read to ``broken``."""
    common, git_dir = repository.common_dir, repository.git_dir
    with DirectoryOpener(common) as opener, DirectoryOpener(git_dir) as own_opener:
        starts = [(opener, b"refs")]
        # ORIG_HEAD and the like are leftovers of the last command: commits only they name are unreachable.
        starts += [(own_opener, name) for name in (b"HEAD", b"refs") if name == b"HEAD" or git_dir != common]
        try:
            worktrees = list_folder(opener, b"worktrees")
        except OSError as error:
            worktrees = []
            if error.errno != errno.ENOENT:
                broken.append((b"worktrees", describe(error)))
        for worktree in sorted(worktrees):
            if os.path.join(common, worktree) != git_dir:
                starts += [(opener, worktree + b"/" + name) for name in (b"HEAD", b"refs")]
        for source, start in starts:
            for name, content in read_below(source, start):
                if isinstance(content, bytes):
                    yield name, content.strip()
                elif name != start or content.errno not in {errno.ENOENT, errno.ENOTDIR}:
                    broken.append((name, describe(content)))
