"""Finding repositories and reading, by our own means, what git must not interpret.

Everything here is plain files read with a size limit and without following links:
``.git`` files, ``commondir``, alternates, references. git itself is asked one question,
what ``extensions.*`` a configuration file names, with includes off.

Boundary: what a repository consists of; its objects are ``history``, its use is ``trace``.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from boltz_keyscan.model import Gap
from boltz_keyscan.sources import _git

_LIMIT = 64 << 20
"""Bytes of a reference or configuration file that are read; packed-refs of huge servers fit."""

_OID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FANOUT = re.compile(rb"[0-9a-f]{2}|pack|info")


@dataclass(frozen=True, slots=True)
class Repository:
    """Where the parts of one repository lie. All paths are absolute bytes. Picklable."""

    git_dir: bytes
    """What ``.git`` is or points to; private to a linked worktree."""
    common_dir: bytes
    """Where objects and references lie; the same as ``git_dir`` but in a linked worktree."""
    worktree: bytes | None
    """The folder checked out, None for a bare repository."""

    @property
    def objects(self) -> bytes:
        """The object store."""
        return os.path.join(self.common_dir, b"objects")


def is_git_dir(path: bytes) -> bool:
    """Whether ``path`` is the inside of a repository, by the test git itself makes (setup.c)."""
    if not os.path.lexists(os.path.join(path, b"HEAD")):
        return False
    if os.path.isfile(os.path.join(path, b"commondir")):
        return True
    return os.path.isdir(os.path.join(path, b"objects")) and os.path.isdir(os.path.join(path, b"refs"))


def open_at(path: bytes) -> Repository | None:
    """The repository whose root, or whose inside, is ``path``; None when there is none.

    Raises:
        OSError, ValueError: ``.git`` is there but leads nowhere.
    """
    dot_git = os.path.join(path, b".git")
    try:
        mode = os.lstat(dot_git).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _open(path, None) if is_git_dir(path) else None
    if stat.S_ISLNK(mode):
        mode = os.stat(dot_git).st_mode
    if stat.S_ISREG(mode):
        text = read_small(dot_git)
        if not text.startswith(b"gitdir:"):
            raise ValueError(".git is a file but does not say 'gitdir:'")
        dot_git = os.path.join(path, text[len(b"gitdir:") :].strip())
    if not is_git_dir(dot_git):
        raise ValueError(".git has no HEAD, objects and refs")
    return _open(dot_git, path)


def enclosing(path: bytes) -> Repository | None:
    """The repository whose worktree or inside holds ``path``, searched upwards; broken ones do not count."""
    path = os.path.abspath(path)
    while True:
        try:
            found = open_at(path)
        except (OSError, ValueError):
            found = None
        if found is not None:
            return found
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent


def _open(git_dir: bytes, worktree: bytes | None) -> Repository:
    git_dir = os.path.abspath(git_dir)
    common = git_dir
    if os.path.isfile(os.path.join(git_dir, b"commondir")):
        common = os.path.abspath(os.path.join(git_dir, read_small(os.path.join(git_dir, b"commondir")).strip()))
    return Repository(git_dir, common, os.path.abspath(worktree) if worktree is not None else None)


def read_small(path: bytes) -> bytes:
    """A regular file, whole.

    Raises:
        OSError: it cannot be read, is not a regular file (a FIFO would hang the reader),
            or is larger than any such file can be.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "not a regular file")
        content = file.read(_LIMIT + 1)
    if len(content) > _LIMIT:
        raise OSError(0, f"larger than {_LIMIT >> 20} MiB")
    return content


@dataclass(frozen=True, slots=True)
class References:
    """The names of a repository and what they point to."""

    tips: tuple[tuple[bytes, str], ...]
    """Full names with object ids in hex, sorted."""
    head: str | None
    """What HEAD names; None when unborn."""
    opaque: bool
    """The names are kept in a form this module cannot read (reftable)."""
    broken: tuple[tuple[bytes, str], ...]
    """Names that could not be read, with the reason."""


def references(repository: Repository) -> References:
    """Every reference: packed, loose, HEADs of linked worktrees and the pseudo ones beside HEAD."""
    found: dict[bytes, str] = {}
    broken: list[tuple[bytes, str]] = []
    packed = os.path.join(repository.common_dir, b"packed-refs")
    if os.path.lexists(packed):
        try:
            for line in read_small(packed).splitlines():
                oid, _, name = line.partition(b" ")
                if _OID.fullmatch(oid):
                    found[name] = oid.decode()
        except OSError as error:
            broken.append((b"packed-refs", error.strerror or "unreadable"))
    for name, path in _loose(repository):
        try:
            text = read_small(path).strip()
        except OSError as error:
            broken.append((name, error.strerror or "unreadable"))
            continue
        if _OID.match(text):
            found[name] = text.split()[0].decode()
        elif not text.startswith(b"ref:"):
            broken.append((name, "holds no object id"))
    try:
        head = read_small(os.path.join(repository.git_dir, b"HEAD")).strip()
    except OSError as error:
        head = b""
        broken.append((b"HEAD", error.strerror or "unreadable"))
    target = head.removeprefix(b"ref:").strip() if head.startswith(b"ref:") else b"HEAD"
    return References(
        tips=tuple(sorted(found.items())),
        head=found.get(target),
        opaque=os.path.isdir(os.path.join(repository.common_dir, b"reftable")),
        broken=tuple(broken),
    )


def _loose(repository: Repository) -> Iterator[tuple[bytes, bytes]]:
    tops = dict.fromkeys((repository.common_dir, repository.git_dir))
    worktrees = os.path.join(repository.common_dir, b"worktrees")
    if os.path.isdir(worktrees):
        tops.update(dict.fromkeys(os.path.join(worktrees, name) for name in sorted(os.listdir(worktrees))))
    for top in tops:
        own = b"" if top in (repository.common_dir, repository.git_dir) else os.path.relpath(top, repository.common_dir) + b"/"
        for pseudo in (b"HEAD", b"ORIG_HEAD", b"MERGE_HEAD", b"CHERRY_PICK_HEAD", b"REVERT_HEAD", b"REBASE_HEAD"):
            if os.path.isfile(os.path.join(top, pseudo)) and (pseudo != b"HEAD" or top == repository.git_dir or own):
                yield own + pseudo, os.path.join(top, pseudo)
        # os.walk does not follow links, and a reference name cannot be one.
        for folder, _, names in os.walk(os.path.join(top, b"refs")):
            for name in names:
                path = os.path.join(folder, name)
                yield own + os.path.relpath(path, top), path


@dataclass(frozen=True, slots=True)
class Opened:
    """A repository made ready for git, and what is not as it should be."""

    view: _git.View | None
    """None when its object store must not be handed to git."""
    gaps: tuple[Gap, ...]
    partial: bool
    """It left objects out when it was cloned."""


def prepare(repository: Repository, allowed: bytes, where: str) -> Opened:
    """Look at the object store before git does, and make a view of it.

    Args:
        repository: what was found.
        allowed: alternates are followed only below this folder.
        where: how gaps name the repository.

    Raises:
        GitError: git is absent or too old.
    """
    gaps: list[Gap] = []
    object_format, partial = _extensions(repository, where, gaps)
    stores = [repository.objects, *_alternates(repository.objects, allowed, where, gaps)]
    for store in stores:
        odd = _irregular(store)
        if odd is not None:
            gaps.append(Gap(where, "special-file", f"history not read: objects/{odd} is not a regular file"))
            return Opened(None, tuple(gaps), partial)
    if len(stores) > 1 or any(gap.reason.startswith("alternate") for gap in gaps):
        stores = [_without_alternates(store) for store in stores]
    shallow = os.path.join(repository.common_dir, b"shallow")
    is_shallow = os.path.isfile(shallow) and not os.path.islink(shallow)
    if is_shallow:
        detail = "commits before the shallow boundary are not here; git fetch --unshallow brings them"
        gaps.append(Gap(where, "shallow", detail, by_design=True))
    index = os.path.join(repository.git_dir, b"index")
    view = _git.View(
        skeleton=_git.skeleton(object_format),
        objects=stores[0],
        alternates=tuple(stores[1:]),
        index=index if os.path.isfile(index) else None,
        shallow=shallow if is_shallow else None,
        id_bytes=32 if object_format == "sha256" else 20,
    )
    return Opened(view, tuple(gaps), partial)


def _extensions(repository: Repository, where: str, gaps: list[Gap]) -> tuple[str, bool]:
    """The object format, and whether the clone is a partial one."""
    config = os.path.join(repository.common_dir, b"config")
    try:
        if len(read_small(config)) == 0:
            return "sha1", False
    except FileNotFoundError:
        return "sha1", False
    except OSError as error:
        gaps.append(Gap(where, "config-unreadable", f"config cannot be read: {error.strerror}"))
        return "sha1", False
    nothing = _git.View(_git.skeleton("sha1"), os.fsencode(_git.skeleton("sha1")) + b"/objects")
    wanted = r"^(extensions\.(objectformat|partialclone)|remote\..*\.promisor)$"
    output, told = _git.run(nothing, "config", "--file", config, "--no-includes", "-z", "--get-regexp", wanted)
    if told and told != "git ended with status 1":
        # Status 1 is "nothing found"; anything else is a file git itself would refuse.
        gaps.append(Gap(where, "config-unreadable", "config is not valid; the object format is taken to be sha1"))
    values = dict(entry.partition(b"\n")[::2] for entry in output.split(b"\0") if entry)
    object_format = values.pop(b"extensions.objectformat", b"sha1").decode("ascii", "replace")
    return object_format if object_format in ("sha1", "sha256") else "sha1", bool(values)


def _alternates(store: bytes, allowed: bytes, where: str, gaps: list[Gap]) -> list[bytes]:
    """Object stores this one borrows from, to git's depth of five, refusing those elsewhere."""
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
        for line in text.splitlines():
            if not line or line.startswith(b"#"):
                continue
            path = os.path.realpath(os.path.join(current, line))
            if not os.path.isdir(path):
                gaps.append(Gap(where, "alternate-missing", "an object store it borrows from does not exist"))
            elif os.path.commonpath((top, path)) != top:
                detail = "it borrows objects from outside the scanned folder; scan a folder that holds both"
                gaps.append(Gap(where, "alternate-outside", detail))
            elif path not in found and path != os.path.realpath(store):
                found.append(path)
                if depth < 5:
                    queue.append((path, depth + 1))
    return found


def _irregular(store: bytes) -> str | None:
    """The first entry of an object store that is not a folder or file: opening a FIFO hangs git."""
    for fanout in os.scandir(store):
        if fanout.is_dir(follow_symlinks=False):
            if not _FANOUT.fullmatch(fanout.name):
                continue
            for entry in os.scandir(fanout.path):
                if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False):
                    return f"{os.fsdecode(fanout.name)}/{os.fsdecode(entry.name)}"
        elif _FANOUT.fullmatch(fanout.name):
            return os.fsdecode(fanout.name)
    return None


def _without_alternates(store: bytes) -> bytes:
    """The same object store without ``info/alternates``, as a folder of links that we made."""
    folder = os.fsencode(tempfile.mkdtemp(dir=_git.skeleton("sha1")))
    for entry in os.scandir(store):
        if entry.name != b"info" and _FANOUT.fullmatch(entry.name):
            os.symlink(entry.path, os.path.join(folder, entry.name))
    return folder
