"""Object stores, inspected before git opens them.

A store can hang git (a FIFO) or lead it elsewhere (alternates). git is started here for one
purpose: to read ``extensions.*`` from a configuration file, with includes off.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from boltz_keyscan.model.finding import Gap
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.repo.index import bounded_index
from boltz_keyscan.sources.git.repo.repository import Repository, read_small
from boltz_keyscan.sources.git.run import command as git

_FANOUT = re.compile(rb"[0-9a-f]{2}|pack|info")


@dataclass(frozen=True, slots=True)
class PreparedRepository:
    """A repository prepared for reading, and its gaps."""

    view: git.RepoView | None
    """None if git must not open the object store."""
    gaps: tuple[Gap, ...]
    partial: bool
    """True for a partial clone, which lacks objects."""


def prepare_repository(repository: Repository, allowed: bytes, where: str) -> PreparedRepository:
    """Inspect the object store and return a view of it for git.

    Args:
        repository: the repository.
        allowed: alternates are followed only below this folder.
        where: name of the repository in gaps.

    Raises:
        GitError: git is absent or too old.
    """
    gaps: list[Gap] = []
    object_format, partial = _extensions(repository, where, gaps)
    stores = [repository.objects, *_alternates(repository.objects, allowed, where, gaps)]
    for store in stores:
        special, has_promisor = _inspect(store)
        partial = partial or has_promisor
        if special is not None:
            detail = f"history not read: objects/{os.fsdecode(special)} is not a regular file"
            gaps.append(Gap(where, "special-file", detail))
            return PreparedRepository(None, tuple(gaps), partial)
    if len(stores) > 1 or any(gap.reason.startswith("alternate") for gap in gaps):
        stores = [_without_alternates(store) for store in stores]
    shallow = os.path.join(repository.common_dir, b"shallow")
    is_shallow = os.path.isfile(shallow) and not os.path.islink(shallow)
    if is_shallow:
        detail = "commits before the shallow boundary are not here; git fetch --unshallow brings them"
        gaps.append(Gap(where, "shallow", detail, by_design=True))
    id_bytes = 32 if object_format == "sha256" else 20
    index, *others = _find_indexes(repository, id_bytes, where, gaps)
    view = git.RepoView(
        skeleton=git.skeleton(object_format),
        objects=stores[0],
        alternates=tuple(stores[1:]),
        index=index,
        others=tuple(filter(None, others)),
        shallow=shallow if is_shallow else None,
        id_bytes=id_bytes,
    )
    return PreparedRepository(view, tuple(gaps), partial)


def _find_indexes(
    repository: Repository, id_bytes: int, where: str, gaps: list[Gap]
) -> Iterator[bytes | None]:
    """Yield the index of the worktree, then those of all others; None for one that git must not read."""
    worktrees = os.path.join(repository.common_dir, b"worktrees")
    folders = [repository.git_dir, repository.common_dir]
    if os.path.isdir(worktrees):
        folders += (os.path.join(worktrees, name) for name in sorted(os.listdir(worktrees)))
    for folder in dict.fromkeys(map(os.path.realpath, folders)):
        index = os.path.join(folder, b"index")
        if not os.path.lexists(index):
            yield None
            continue
        problem = "the index is not a regular file"
        usable = os.path.isfile(index)
        if usable and shared_indexes(folder) is None:
            problem, usable = "the shared part of the index is not a regular file", False
        if usable:
            try:
                index = bounded_index(index, id_bytes)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                problem, usable = f"the index is not read: {reason}", False
        if not usable:
            gaps.append(Gap(where, "index-unreadable", problem))
        yield index if usable else None


def shared_indexes(git_dir: bytes) -> list[bytes] | None:
    """Return the shared parts of split indexes; None if one is not a regular file and would hang git."""
    with os.scandir(git_dir) as entries:
        shared = [entry for entry in entries if entry.name.startswith(b"sharedindex.")]
    if any(not entry.is_file(follow_symlinks=False) for entry in shared):
        return None
    return [entry.path for entry in shared]


def _extensions(repository: Repository, where: str, gaps: list[Gap]) -> tuple[str, bool]:
    """Return the object format, and True if the repository is a partial clone."""
    config = os.path.join(repository.common_dir, b"config")
    try:
        text = read_small(config)
        if not re.search(rb"extensions|promisor", text, re.IGNORECASE):
            # The usual case; a hook has no time to start git for it.
            return "sha1", False
    except FileNotFoundError:
        return "sha1", False
    except OSError as error:
        gaps.append(Gap(where, "config-unreadable", f"config cannot be read: {error.strerror}"))
        return "sha1", False
    empty_view = git.RepoView(git.skeleton("sha1"), os.fsencode(git.skeleton("sha1")))
    wanted = r"^(extensions\.(objectformat|partialclone)|remote\..*\.promisor)$"
    output, failure = git.run(
        empty_view, "config", "--file", "-", "--no-includes", "-z", "--get-regexp", wanted, lines=[text]
    )
    values = dict(entry.partition(b"\n")[::2] for entry in output.split(b"\0") if entry)
    invalid = output[-1:] not in (b"", b"\0") or not all(
        re.fullmatch(wanted.encode(), name) for name in values
    )
    if invalid or (failure and failure != git.NO_MATCH):
        # Status 1 means no match; with any other status git would refuse the file itself.
        gaps.append(
            Gap(where, "config-unreadable", "config is not valid; the object format is taken to be sha1")
        )
        values = {} if invalid else values
    object_format = values.pop(b"extensions.objectformat", b"sha1").decode("ascii", "replace")
    return object_format if object_format in ("sha1", "sha256") else "sha1", bool(values)


def _alternates(store: bytes, allowed: bytes, where: str, gaps: list[Gap]) -> list[bytes]:
    """Return the alternates of a store, to git's depth of five; refuse those outside ``allowed``."""
    found: list[bytes] = []
    queue = [(store, 0)]
    top = os.path.realpath(allowed)
    while queue:
        current, depth = queue.pop(0)
        try:
            text = read_small(os.path.join(current, b"info", b"alternates"))
        except FileNotFoundError:
            continue
        except OSError as error:
            gaps.append(Gap(where, "alternate-unreadable", f"objects/info/alternates: {error.strerror}"))
            continue
        for line in text.split(b"\n"):
            if not line or line.startswith(b"#"):
                continue
            # A path cannot hold NUL: cut it there and report it as missing below.
            path = os.path.realpath(os.path.join(current, line.partition(b"\0")[0]))
            shown = os.fsdecode(path)
            if not os.path.isdir(path) or b"\0" in line:
                detail = f"it borrows objects from {shown}, which does not exist"
                gaps.append(Gap(where, "alternate-missing", detail))
            elif os.path.commonpath((top, path)) != top:
                why = "outside the scanned folder; --follow-alternates reads them"
                detail = f"it borrows objects from {shown}, {why}"
                gaps.append(Gap(where, "alternate-outside", detail))
            elif path not in found and path != os.path.realpath(store):
                found.append(path)
                if depth < 5:
                    queue.append((path, depth + 1))
    return found


def _inspect(store: bytes) -> tuple[bytes | None, bool]:
    """Look for special files and promisor packs in a store.

    Returns:
        The first entry that is neither folder nor file (opening a FIFO hangs git) or None, and
        True if a pack came from a partial clone.
    """
    pending = [b""]
    has_promisor = False
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(store, folder)) as entries:
            for entry in entries:
                name = os.path.join(folder, entry.name)
                if not folder and not _FANOUT.fullmatch(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(name)
                elif not folder or not entry.is_file(follow_symlinks=False):
                    return name, False
                else:
                    has_promisor = has_promisor or (folder == b"pack" and name.endswith(b".promisor"))
    return None, has_promisor


def _without_alternates(store: bytes) -> bytes:
    """Return a temporary folder of links to the store's entries, without ``info/alternates``."""
    from boltz_keyscan.sources.git.run import tempdir  # noqa: PLC0415 - few repositories borrow

    folder = tempdir.folder()
    for entry in os.scandir(store):
        if entry.name != b"info" and _FANOUT.fullmatch(entry.name):
            os.symlink(entry.path, os.path.join(folder, entry.name))
    return folder
