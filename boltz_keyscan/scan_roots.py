"""Scanned folders, and the trusted files that apply to each: those of the tree, or of a revision."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from boltz_keyscan import fsutil
from boltz_keyscan.ci_detection import is_automated
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.plan import STDIN, choose_prefixes
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.git.repo.repository import (
    enclosing,
    find_linked_worktrees,
    is_below,
    resolve_folder,
)
from boltz_keyscan.sources.trusted_files import TreeFiles, TrustedFiles, find_tree_top, open_revision
from boltz_keyscan.system.paths import relative
from boltz_keyscan.triage.text_file import TextFile

STDIN_NAME = "<stdin>"
"""Name of standard input in reports."""

CONFIGS = ("boltz-keyscan.toml", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Trust:
    """Value of ``--trust``."""

    mode: str
    """``none``, ``tree`` or ``base``."""
    revision: str = ""
    by_default: bool = False

    @classmethod
    def of(cls, text: str | None, environment: Mapping[str, str]) -> Trust:
        """Parse ``--trust``, or return the default for this environment.

        Raises:
            KeyscanError: it is none of the three forms.
        """
        if text is None:
            return cls("none" if is_automated(environment) else "tree", by_default=True)
        mode, colon, revision = text.partition(":")
        if (mode, colon) in {("none", ""), ("tree", "")} or (mode == "base" and revision):
            return cls(mode, revision)
        raise KeyscanError(
            f"not a trust setting: {text}", "Give none, tree, or base:REV, for example base:origin/main."
        )

    def __str__(self) -> str:
        return f"{self.mode}:{self.revision}" if self.revision else self.mode


@dataclass(frozen=True, slots=True)
class ScanRoot:
    """A scanned folder, and the trusted files that apply to it."""

    folder: bytes
    """Absolute path of the scanned folder, or of the folder of the scanned file."""
    scope: str
    """Prefix of its paths in reports."""
    trusted_files: TrustedFiles | None
    """None when the files of the tree are not trusted."""
    linked: bool = False
    """A linked worktree inside another scanned folder."""

    def files(self, names: Sequence[str]) -> Iterator[tuple[bytes, bytes]]:
        """Yield path and content of each file of these names, from the folder upwards."""
        if self.trusted_files is None:
            return
        for folder in folders_upwards(self.folder, self.trusted_files.top):
            for name in names:
                path = os.path.join(folder, os.fsencode(name))
                content = self._read(self.trusted_files, path, name)
                if content is not None:
                    yield path, content

    @staticmethod
    def _read(trusted_files: TrustedFiles, path: bytes, name: str) -> bytes | None:
        try:
            return trusted_files.read(path)
        except KeyscanError:
            if name != CONFIGS[1]:
                raise
            # Most projects have a pyproject.toml; an unreadable one may have no table of this program.
            return None

    def nearest(self, name: str) -> tuple[bytes, bytes] | None:
        """Return path and content of the nearest file of this name."""
        return next(self.files((name,)), None)

    def text(self, path: bytes, content: bytes) -> TextFile:
        """Return a trusted file, with the path to display."""
        return TextFile(display_path(path), content, self.trusted_files.label if self.trusted_files else "")


def folders_upwards(folder: bytes, top: bytes = b"") -> Iterator[bytes]:
    """Yield a folder and those around it, up to ``top`` or the root."""
    yield folder
    while folder not in {top, os.path.dirname(folder)}:
        folder = os.path.dirname(folder)
        yield folder


def find_root_of(path: str, roots: Iterable[ScanRoot]) -> ScanRoot | None:
    """Return the innermost root of a path in reports."""
    inside = (root for root in roots if path.startswith(root.scope))
    return max(inside, key=lambda root: len(root.scope), default=None)


def display_path(path: bytes) -> str:
    """Return a path relative to the current folder when it is below it."""
    current = os.path.join(os.getcwdb(), b"")
    return fsutil.decode(path.removeprefix(current))


def scan_roots(paths: Iterable[str], trust: Trust, *, part: bool = False) -> tuple[ScanRoot, ...]:
    """Return a root for each scanned path, and for linked worktrees.

    Args:
        paths: the scanned paths.
        trust: files that are trusted.
        part: a part of the repositories is scanned; its paths are relative to the root of the repository.

    Raises:
        KeyscanError: the revision cannot be resolved.
        GitError: git cannot be used.
    """
    paths = tuple(dict.fromkeys(paths))
    roots: dict[tuple[bytes, str], ScanRoot] = {}
    by_top: dict[bytes, TrustedFiles | None] = {}
    prefixes = {} if part else choose_prefixes(paths)
    for path in paths:
        scope = "" if part else fsutil.decode(prefixes[path]) if path != STDIN else STDIN_NAME
        if part:
            folder = resolve_folder(find_tree_top(os.path.abspath(os.fsencode(path))))
        else:
            folder = resolve_folder(os.fsencode(path)) if path != STDIN else os.getcwdb()
        top = find_tree_top(folder)
        if top not in by_top:
            by_top[top] = _open_trusted_files(folder, trust)
        roots[folder, scope] = ScanRoot(folder, scope, by_top[top])
    linked = [worktree for root in roots.values() for worktree in _find_linked(root)]
    return (*roots.values(), *linked)


def _find_linked(root: ScanRoot) -> Iterator[ScanRoot]:
    """Yield the linked worktrees inside a root; their trusted files are their own."""
    repository = enclosing(root.folder) if root.trusted_files is not None else None
    if repository is None or root.trusted_files is None:
        return
    for worktree in find_linked_worktrees(repository):
        if is_below(worktree, root.folder):
            scope = root.scope + fsutil.decode(relative(worktree, root.folder)) + "/"
            yield ScanRoot(worktree, scope, replace(root.trusted_files, top=worktree), linked=True)


def _open_trusted_files(folder: bytes, trust: Trust) -> TrustedFiles | None:
    match trust.mode:
        case "tree":
            return TreeFiles(find_tree_top(folder))
        case "base":
            return open_revision(folder, trust.revision)
        case _:
            return None
