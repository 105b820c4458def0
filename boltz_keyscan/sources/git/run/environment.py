"""The parts of a repository that git may read, and the environment variables that limit it to them."""

from __future__ import annotations

import os

from boltz_keyscan import fsutil
from boltz_keyscan.records import dataclass
from boltz_keyscan.system.paths import GIT_SETTINGS
from boltz_keyscan.system.processes import system_variables

ID_BYTES = {"sha1": 20, "sha256": 32}
"""Bytes of an object id, by the object format, which is the name of its hash."""

OBJECT_FORMATS = {size: name for name, size in ID_BYTES.items()}


@dataclass(frozen=True, slots=True)
class RepoView:
    """The parts of one repository that git may read. Picklable."""

    skeleton: str
    """An empty git directory of this package, of the right object format. Never written to."""
    objects: bytes
    """The object store, absolute."""
    alternates: tuple[bytes, ...] = ()
    """Further object stores that are safe to read, absolute."""
    index: bytes | None = None
    other_indexes: tuple[bytes, ...] = ()
    """The indexes of the repository's other worktrees."""
    shallow: bytes | None = None
    """The repository's list of shallow boundaries, for commit walks."""
    worktree: bytes | None = None
    excludes: bytes | None = None
    """The repository's own list of ignored paths. Not passed as an argument: any user can read those."""
    id_bytes: int = 20
    """Bytes of an object id."""

    @property
    def stores(self) -> tuple[bytes, ...]:
        """All object stores."""
        return (self.objects, *self.alternates)


def absolute_path() -> str:
    """Return PATH without relative entries, which depend on the current folder."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if os.path.isabs(entry))


def find_program(name: str) -> str | None:
    """Return the absolute path of a program; None if there is none.

    Only absolute entries of PATH are searched. ``shutil.which`` would look into the working folder first on
    Windows, whatever the path (CVE-2023-40590).
    """
    for folder in absolute_path().split(os.pathsep):
        path = os.path.join(folder, name + fsutil.PROGRAM_ENDING)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def environment(view: RepoView) -> dict[str, str]:
    """Return the variables, see git(1). Each one blocks a known way to misuse git."""
    null_file, home, objects = os.devnull, view.skeleton, fsutil.decode(view.objects)
    variables = {
        **system_variables(),
        "PATH": absolute_path(),
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "LC_ALL": "C",
        "GIT_DIR": home,
        "GIT_OBJECT_DIRECTORY": objects,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": null_file,
        "GIT_CONFIG_SYSTEM": null_file,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "false",
        "SSH_ASKPASS": "false",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_PAGER": "cat",
        "GIT_FLUSH": "0",
        "GIT_ADVICE": "0",
        # glibc would return each large object's memory to the system and fault it in again
        # (mallopt(3)); keeping it saves 0.7 of 21 s over 14 GB.
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
        "MALLOC_TOP_PAD_": str(64 << 20),
    }
    optional = {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.fsencode(os.pathsep).join(view.alternates) or None,
        "GIT_INDEX_FILE": view.index,
        "GIT_SHALLOW_FILE": view.shallow,
        "GIT_WORK_TREE": view.worktree,
        # check-ignore, the one command that gets a worktree, refuses this variable.
        "GIT_LITERAL_PATHSPECS": b"1" if view.worktree is None else None,
    }
    settings = (
        dict(GIT_SETTINGS) if view.excludes is None else {**GIT_SETTINGS, "core.excludesFile": view.excludes}
    )
    for number, (key, value) in enumerate(settings.items()):
        optional |= {f"GIT_CONFIG_KEY_{number}": key.encode(), f"GIT_CONFIG_VALUE_{number}": value}
    variables |= {"GIT_CONFIG_COUNT": str(len(settings))} if settings else {}
    variables.update({name: os.fsdecode(value) for name, value in optional.items() if value is not None})
    return variables
