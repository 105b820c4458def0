"""Digests of repositories on this machine: equal as long as a scan would read the same.

A scan reads every object of a store, reachable or not, so the digest covers the store as well as the
references. Files of a worktree are compared by what the system records of them; the time of the last
change of an inode cannot be set by a program.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from boltz_keyscan.sources.git.repo.references import References, read_references
from boltz_keyscan.sources.git.repo.repository import Repository, open_at


def hash_references(head: str, names: Mapping[str, str]) -> str:
    """Return a digest of references, the same for those that a server lists and those of its mirror.

    Args:
        head: the object id of HEAD; empty before the first commit.
        names: object ids by full name.
    """
    lines = (f"{oid} {name}".encode("utf-8", "surrogateescape") for name, oid in names.items())
    return _hash((head.encode(), *sorted(lines)))


def references_digest(folder: str) -> str:
    """Return the digest of the references of a mirror; empty if it cannot be read."""
    return _compute(folder, _hash_references_of)


def content_digest(folder: str) -> str:
    """Return a digest of all that a scan of a repository reads; empty if it cannot be made."""
    return _compute(folder, lambda it: _hash((*_reference_lines(it), *_store(it), *_files(it))))


def _compute(folder: str, digest: Callable[[Repository], str]) -> str:
    try:
        repository = open_at(os.fsencode(folder))
        return "" if repository is None else digest(repository)
    except (OSError, ValueError):
        # Scanned, the repository has a gap that describes the error.
        return ""


def _hash_references_of(repository: Repository) -> str:
    known = _readable(read_references(repository))
    return hash_references(known.head or "", {os.fsdecode(name): oid for name, oid in known.tips})


def _hash(lines: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\0".join(lines)).hexdigest()


def _reference_lines(repository: Repository) -> tuple[bytes, ...]:
    known = _readable(read_references(repository))
    return (
        *(b"%s %s" % (oid.encode(), name) for name, oid in known.tips),
        *(b"%s -> %s" % pair for pair in known.symbolic),
        (known.head or "").encode(),
    )


def _readable(known: References) -> References:
    if known.opaque or known.broken:
        raise ValueError("references that are not read")
    return known


def _store(repository: Repository) -> Iterator[bytes]:
    """Yield names of packs, and the state of folders with loose objects."""
    with os.scandir(repository.objects) as entries:
        folders = sorted((entry for entry in entries if entry.is_dir()), key=lambda entry: entry.name)
    for folder in folders:
        if folder.name == b"pack":
            yield b"pack\0" + b"\0".join(sorted(os.listdir(folder.path)))
        else:
            yield _state(folder.name, folder.stat())
    for name in (b"info/alternates", b"../shallow", b"../config"):
        yield _state_at(os.path.join(repository.objects, name))


def _files(repository: Repository) -> Iterator[bytes]:
    """Yield the state of each file beside the store: of the worktree, and of the git folder."""
    stores = {os.path.realpath(repository.objects)}
    tops = [repository.common_dir, repository.git_dir]
    tops += [repository.worktree] if repository.worktree is not None else []
    for top in dict.fromkeys(tops):
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(
                name for name in folders if os.path.realpath(os.path.join(folder, name)) not in stores
            )
            for name in sorted((*names, *folders)):
                yield _state_at(os.path.join(folder, name))


def _state_at(path: bytes) -> bytes:
    try:
        return _state(path, os.lstat(path))
    except OSError:
        return path + b"\0absent"


def _state(name: bytes, status: os.stat_result) -> bytes:
    values = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return name + b"\0" + " ".join(map(str, values)).encode()
