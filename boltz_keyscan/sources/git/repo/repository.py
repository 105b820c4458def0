"""Finding repositories and reading, by our own means, what git must not interpret.

Everything here is plain files read with a size limit and without following links:
``.git`` files, ``commondir``, references.

Boundary: where a repository lies and what its names point to; making its object store
fit for git is ``store``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

_LIMIT = 64 << 20
"""Bytes of a reference or configuration file that are read; packed-refs of huge servers fit."""

_MAX_SYMBOLIC_DEPTH = 5
"""Symbolic references that git follows in a row (refs.c, SYMREF_MAXDEPTH)."""

_OID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


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
        if not text.startswith(b"gitdir:") or b"\0" in text:
            raise ValueError(".git is a file but does not say 'gitdir:'")
        dot_git = os.path.join(path, text[len(b"gitdir:") :].strip())
        if not os.path.lexists(dot_git):
            named = f"{os.fsdecode(dot_git)}, which is not there (not mounted?)"
            raise ValueError(f".git points to {named}; make it available at that path")
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


def find_worktrees_around(path: bytes) -> Iterator[Repository]:
    """Yield the repositories whose worktree holds ``path``, innermost first; broken ones do not count.

    A folder that only is a repository inside (bare) does not count either: it may be part of a worktree.
    """
    folder = os.path.abspath(path)
    while True:
        if os.path.lexists(os.path.join(folder, b".git")):
            with contextlib.suppress(OSError, ValueError):
                if (found := open_at(folder)) is not None:
                    yield found
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def find_linked_worktrees(repository: Repository) -> Iterator[bytes]:
    """Yield the roots of the linked worktrees: those that the repository names and that name it in turn."""
    folder = os.path.join(os.path.realpath(repository.common_dir), b"worktrees")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        private = os.path.join(folder, name)
        try:
            dot_git = os.path.join(private, read_small(os.path.join(private, b"gitdir")).strip())
            root = os.path.realpath(os.path.dirname(dot_git))
            found = open_at(root)
        except (OSError, ValueError):
            continue
        if found is not None and os.path.realpath(found.git_dir) == private:
            yield root


def resolve_folder(path: bytes) -> bytes:
    """Return the folder that is scanned, or that holds the named file: absolute, without links.

    What a link leads to may lie in another repository than the link.
    """
    folder = os.path.abspath(path)
    return os.path.realpath(folder if os.path.isdir(folder) else os.path.dirname(folder))


def find_root(path: bytes) -> bytes | None:
    """Return the root of the worktree that holds ``path``; None for none, and for what is below ``.git``."""
    around = next(find_worktrees_around(path), None)
    if around is None or around.worktree is None or is_below_dot_git(path, around.worktree):
        return None
    return around.worktree


def is_carried(repository: Repository, others: Iterable[Repository]) -> bool:
    """Return True if another repository's worktree holds this git directory as files it could add."""
    return any(
        other.worktree is not None
        and other.common_dir != repository.common_dir
        and is_within(repository.common_dir, other.worktree)
        and not is_below_dot_git(repository.common_dir, other.worktree)
        for other in others
    )


def is_below_dot_git(path: bytes, folder: bytes) -> bool:
    """Return True if a path below ``folder`` has a component ``.git``, which git adds nowhere."""
    return b".git" in os.path.relpath(path, folder).split(b"/")


def is_within(path: bytes, folder: bytes) -> bool:
    """Return True if a path is a folder or lies below it, by its name."""
    return path == folder or path.startswith(os.path.join(folder, b""))


def _open(git_dir: bytes, worktree: bytes | None) -> Repository:
    git_dir = os.path.abspath(git_dir)
    common = git_dir
    if os.path.isfile(os.path.join(git_dir, b"commondir")):
        named = read_small(os.path.join(git_dir, b"commondir")).strip()
        if not named or b"\0" in named:
            raise ValueError("commondir names no folder")
        common = os.path.abspath(os.path.join(git_dir, named))
    return Repository(git_dir, common, os.path.abspath(worktree) if worktree is not None else None)


def read_small(path: bytes) -> bytes:
    """A regular file, whole.

    Raises:
        OSError: it cannot be read, is not a regular file (a FIFO would hang the reader),
            or is larger than any such file can be.
    """
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "a symbolic link") from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(_LIMIT + 1)
    finally:
        os.close(descriptor)
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
    symbolic: tuple[tuple[bytes, bytes], ...] = ()
    """Symbolic references with the names that they point to."""

    def target(self, name: bytes) -> str | None:
        """Return the object id that a full name leads to; None when the name is not known."""
        known, names = dict(self.tips), dict(self.symbolic)
        for _ in range(_MAX_SYMBOLIC_DEPTH):
            if name not in names:
                return known.get(name)
            name = names[name]
        return None


def references(repository: Repository) -> References:
    """Every reference: packed, loose, HEADs of linked worktrees and the pseudo ones beside HEAD."""
    symbolic: dict[bytes, bytes] = {}
    broken: list[tuple[bytes, str]] = []
    opaque = os.path.isdir(os.path.join(repository.common_dir, b"reftable"))
    found = _packed(repository, broken)
    for name, path in _loose(repository, broken):
        try:
            text = read_small(path).strip()
        except OSError as error:
            broken.append((name, error.strerror or "unreadable"))
            continue
        if _OID.match(text):
            found[name] = text.split()[0].decode()
        elif text.startswith(b"ref:"):
            symbolic[name] = text.removeprefix(b"ref:").strip()
        elif not (opaque and name == b"refs/heads"):
            # git puts a file in the place of that folder, so that an old git does not write there.
            broken.append((name, "holds no object id"))
    try:
        head = read_small(os.path.join(repository.git_dir, b"HEAD")).strip()
    except OSError as error:
        head = b""
        broken.append((b"HEAD", error.strerror or "unreadable"))
    target = head.removeprefix(b"ref:").strip() if head.startswith(b"ref:") else b"HEAD"
    read = References(
        tips=tuple(sorted(found.items())),
        head=None,
        opaque=opaque,
        broken=tuple(broken),
        symbolic=tuple(sorted(symbolic.items())),
    )
    return replace(read, head=read.target(target))


def _packed(repository: Repository, broken: list[tuple[bytes, str]]) -> dict[bytes, str]:
    """Return the object ids of packed references by name; a file that cannot be read goes to ``broken``."""
    packed = os.path.join(repository.common_dir, b"packed-refs")
    found: dict[bytes, str] = {}
    if os.path.lexists(packed):
        try:
            for line in read_small(packed).splitlines():
                oid, _, name = line.partition(b" ")
                if _OID.fullmatch(oid):
                    found[name] = oid.decode()
        except OSError as error:
            broken.append((b"packed-refs", error.strerror or "unreadable"))
    return found


def _loose(repository: Repository, broken: list[tuple[bytes, str]]) -> Iterator[tuple[bytes, bytes]]:
    """Names and files of references; folders that cannot be listed go to ``broken``."""

    def missed(error: OSError) -> None:
        name = os.path.relpath(os.fsencode(error.filename), repository.common_dir)
        broken.append((name, error.strerror or "unreadable"))

    tops = dict.fromkeys((repository.common_dir, repository.git_dir))
    worktrees = os.path.join(repository.common_dir, b"worktrees")
    if os.path.isdir(worktrees):
        try:
            tops.update(
                dict.fromkeys(os.path.join(worktrees, name) for name in sorted(os.listdir(worktrees)))
            )
        except OSError as error:
            missed(error)
    for top in tops:
        private = top not in (repository.common_dir, repository.git_dir)
        own = os.path.relpath(top, repository.common_dir) + b"/" if private else b""
        # ORIG_HEAD and its like are notes of the last command: what only they name, nothing reaches.
        if (own or top == repository.git_dir) and os.path.isfile(os.path.join(top, b"HEAD")):
            yield own + b"HEAD", os.path.join(top, b"HEAD")
        # os.walk does not follow links, and a reference name cannot be one.
        refs = os.path.join(top, b"refs")
        for folder, _, names in os.walk(refs, onerror=missed) if os.path.isdir(refs) else ():
            for name in names:
                path = os.path.join(folder, name)
                yield own + os.path.relpath(path, top), path
