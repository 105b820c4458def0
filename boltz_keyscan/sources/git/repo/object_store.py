"""Object stores, inspected before git opens them.

A store can hang git (a FIFO) or lead it elsewhere (alternates). git is started here for one
purpose: to read ``extensions.*`` from a configuration file, with includes off.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator

from boltz_keyscan import fsutil
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.finding import Gap
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.repo.index import IndexReader, bounded_index
from boltz_keyscan.sources.git.repo.repository import Repository, describe, is_within, read_small
from boltz_keyscan.sources.git.repo.store_files import StoreFiles, link_entries
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.environment import ID_BYTES
from boltz_keyscan.sources.safe_open import DirectoryOpener
from boltz_keyscan.system.paths import ANYWHERE, with_slash

_FANOUT = late_pattern(rb"[0-9a-f]{2}|pack|info")


@dataclass(frozen=True, slots=True)
class PreparedRepository:
    """A repository prepared for reading, and its gaps."""

    view: git.RepoView | None
    """None if git must not open the object store."""
    gaps: tuple[Gap, ...]
    partial: bool
    """True for a partial clone, which lacks objects."""
    incremental: bool = False
    """True for a bundle that goes on from commits which are elsewhere."""
    index: IndexReader | None = None
    """The reader of its index, for all that need the entries in one run."""

    @property
    def is_complete(self) -> bool:
        """True if every object that its references reach should be here."""
        is_whole = not (self.partial or self.incremental or self.view is None or self.view.shallow)
        return is_whole and not any(gap.reason.startswith("alternate") for gap in self.gaps)


def prepare_repository(repository: Repository, allowed: bytes, where: str) -> PreparedRepository:
    """Inspect the object store and return a view of it for git.

    Args:
        repository: the repository.
        allowed: alternates are followed only below this folder; ``ANYWHERE`` for all.
        where: name of the repository in gaps.

    Raises:
        GitError: git is absent or too old.
    """
    gaps: list[Gap] = []
    object_format, partial = _extensions(repository, where, gaps)
    # As in git, the store may be a link. It is resolved once; no other link is followed.
    own = os.path.realpath(repository.objects) if os.path.islink(repository.objects) else repository.objects
    stores = [own, *_alternates(own, allowed, where, gaps)]
    for store in stores:
        special, has_promisor = _inspect(store)
        partial = partial or has_promisor
        if special is not None:
            detail = f"history not read: objects/{fsutil.decode(special)} is not a regular file"
            gaps.append(Gap(where, "special-file", detail))
            return PreparedRepository(None, tuple(gaps), partial)
    if len(stores) > 1 or any(gap.reason.startswith("alternate") for gap in gaps):
        stores = [_without_alternates(store) for store in stores]
    shallow = os.path.join(repository.common_dir, b"shallow")
    is_shallow = os.path.isfile(shallow) and not os.path.islink(shallow)
    if is_shallow:
        detail = "commits before the shallow boundary are not here; git fetch --unshallow brings them"
        gaps.append(Gap(where, "shallow", detail, by_design=True))
    id_bytes = ID_BYTES[object_format]
    index, *others = _find_indexes(repository, id_bytes, where, gaps)
    view = git.RepoView(
        skeleton=git.skeleton(object_format),
        objects=stores[0],
        alternates=tuple(stores[1:]),
        index=index,
        other_indexes=tuple(filter(None, others)),
        shallow=shallow if is_shallow else None,
        id_bytes=id_bytes,
    )
    return PreparedRepository(view, tuple(gaps), partial, index=IndexReader(view))


def _find_indexes(
    repository: Repository, id_bytes: int, where: str, gaps: list[Gap]
) -> Iterator[bytes | None]:
    """Yield the index of the worktree, then those of all others; None for one that git must not read."""
    common = os.path.realpath(repository.common_dir)
    folders = [(os.path.realpath(repository.git_dir), b""), (common, b"")]
    with DirectoryOpener(common) as opener, contextlib.suppress(OSError):
        # There are no others, or ``read_references`` reports the error.
        names = sorted(map(os.fsencode, os.listdir(opener.open_folder(b"worktrees"))))
        folders += ((common, b"worktrees/" + name) for name in names)
    for path, (top, below) in {os.path.normpath(os.path.join(*each)): each for each in folders}.items():
        index: bytes | None = None
        if os.path.lexists(os.path.join(path, b"index")):
            try:
                index = _find_index(top, below, id_bytes)
            except (OSError, ValueError) as error:
                reason = (
                    f"the index is not read: {describe(error)}" if isinstance(error, OSError) else str(error)
                )
                gaps.append(Gap(where, "index-unreadable", reason))
        yield index


def _find_index(top: bytes, below: bytes, id_bytes: int) -> bytes:
    """Return the path of an index that git reads in bounded memory.

    Raises:
        OSError: it cannot be read, or is behind a link.
        ValueError: git must not read it.
    """
    name = with_slash(below) + b"index"
    with DirectoryOpener(top) as opener:
        if not stat.S_ISREG(opener.status(name).st_mode):
            raise ValueError("the index is not a regular file")
        if shared_indexes(top, below) is None:
            raise ValueError("the shared part of the index is not a regular file")
        with open(opener.open(name), "rb") as file:
            try:
                return bounded_index(file, os.path.join(top, name), id_bytes)
            except ValueError as error:
                raise ValueError(f"the index is not read: {error}") from error


def shared_indexes(git_dir: bytes, below: bytes = b"") -> list[bytes] | None:
    """Return the shared parts of split indexes; None if one is not a regular file and would hang git.

    Args:
        git_dir: the git directory.
        below: path in it of the folder of a linked worktree.
    """
    with DirectoryOpener(git_dir) as opener, os.scandir(opener.open_folder(below)) as entries:
        modes = {os.fsencode(entry.name): entry.is_file(follow_symlinks=False) for entry in entries}
    shared = [name for name in modes if name.startswith(b"sharedindex.")]
    return [os.path.join(git_dir, below, name) for name in shared] if all(map(modes.get, shared)) else None


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
    return object_format if object_format in ID_BYTES else "sha1", bool(values)


def _alternates(store: bytes, allowed: bytes, where: str, gaps: list[Gap]) -> list[bytes]:
    """Return the alternates of a store, to git's depth of five; refuse those outside ``allowed``."""
    found: list[bytes] = []
    queue = [(store, 0)]
    top = os.path.realpath(allowed) if allowed else ANYWHERE
    while queue:
        current, depth = queue.pop(0)
        try:
            with StoreFiles(current) as files:
                text = files.read(b"info/alternates")
        except FileNotFoundError:
            continue
        except OSError as error:
            detail = f"objects/info/alternates: {describe(error)}"
            gaps.append(Gap(where, "alternate-unreadable", detail))
            continue
        for line in text.split(b"\n"):
            if not line or line.startswith(b"#"):
                continue
            path, reason, detail = _check_alternate(current, line, top)
            if reason:
                gaps.append(Gap(where, reason, detail))
            elif path not in found and path != os.path.realpath(store):
                found.append(path)
                if depth < 5:
                    queue.append((path, depth + 1))
    return found


def _check_alternate(store: bytes, line: bytes, top: bytes) -> tuple[bytes, str, str]:
    """Return the path of an alternate, and reason and detail of a gap if it is not read."""
    # A path cannot hold NUL: cut it there and report it as missing.
    path = os.path.join(store, line.partition(b"\0")[0])
    if fsutil.leads_away(path, store):
        why = "on another machine, which is not followed"
        return path, "alternate-outside", f"it borrows objects from {fsutil.decode(path)}, {why}"
    path = os.path.realpath(path)
    shown = fsutil.decode(path)
    if not os.path.isdir(path) or b"\0" in line:
        return path, "alternate-missing", f"it borrows objects from {shown}, which does not exist"
    if not is_within(path, top):
        why = "outside the scanned folder; --follow-alternates reads them"
        return path, "alternate-outside", f"it borrows objects from {shown}, {why}"
    return path, "", ""


def _inspect(store: bytes) -> tuple[bytes | None, bool]:
    """Look for special files and promisor packs in a store.

    Returns:
        The first entry that is neither folder nor file (opening a FIFO hangs git) or None, and
        True if a pack came from a partial clone.
    """
    pending = [b""]
    has_promisor = False
    with StoreFiles(store) as files:
        while pending:
            folder = pending.pop()
            for entry in files.scan_folder(folder):
                name = os.fsencode(entry.name)
                if folder:
                    name = folder + b"/" + name
                elif not _FANOUT.fullmatch(name):
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
    with StoreFiles(store) as files:
        names = [name for name in filter(_FANOUT.fullmatch, files.list_folder()) if name != b"info"]
    link_entries(store, names, folder)
    return folder
