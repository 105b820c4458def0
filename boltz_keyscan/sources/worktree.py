"""What git knows of files in a worktree: tracked, untracked, or ignored.

Asked only for files with a hit. git reads our skeleton, the repository's index and the
``.gitignore`` files of the tree, never its configuration; so patterns of a personal
``core.excludesFile`` do not count, and a file hidden only by them is ``untracked``.

Boundary: exposure of working files; history is ``trace``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from boltz_keyscan.errors import GitError
from boltz_keyscan.model import Exposure, Gap
from boltz_keyscan.sources import _git
from boltz_keyscan.sources.replies import NONSENSE
from boltz_keyscan.sources.repository import Repository, references

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Worktree:
    """A checkout whose files can be asked about."""

    repository: Repository
    view: _git.View

    def exposures(self, paths: Sequence[bytes]) -> tuple[dict[bytes, Exposure], tuple[Gap, ...]]:
        """The exposure of each absolute path below the worktree.

        A path whose answer could not be had is ``untracked``, which blocks.
        """
        top = self.repository.worktree or b""
        names = {path: os.path.relpath(path, top) for path in paths}
        known = dict.fromkeys(paths, Exposure.UNTRACKED)
        try:
            listed = _git.fields(self.view, "ls-files", "-z") if self.view.index else ()
            tracked = set(names.values()).intersection(listed)
            committed = self._committed([name for name in names.values() if name in tracked])
            ignored = self._ignored([name for name in names.values() if name not in tracked])
        except (GitError, OSError) as error:
            told = error.message.splitlines()[0] if isinstance(error, GitError) else error.strerror
            detail = f"which files are tracked or ignored is unknown: {told}"
            return known, (Gap(os.fsdecode(top), "untraced", detail),)
        for path, name in names.items():
            if name in committed:
                known[path] = Exposure.TRACKED
            elif name in tracked:
                known[path] = Exposure.STAGED
            elif name in ignored:
                known[path] = Exposure.LOCAL
        return known, ()

    def _committed(self, names: list[bytes]) -> set[bytes]:
        """Those that HEAD has; the rest was only added so far."""
        head = references(self.repository).head
        if head is None or not names:
            return set()
        # Path by path: a listing of all that HEAD has can be without an end. And through stdin,
        # since command lines are seen by everybody on the machine and a name may be a key.
        found: set[bytes] = set()
        odd = [name for name in names if b"\n" in name]
        for group in ([name for name in names if b"\n" not in name], *([name] for name in odd)):
            lines = [head.encode() + b":" + name + b"\0" for name in group]
            answer, told = _git.run(self.view, "cat-file", "--batch-check=%(objecttype)", "-z", lines=lines)
            if told:
                raise GitError(told)
            *kinds, rest = answer.split(b"\n")
            # Names may hold a LF in the answer "... missing", so there can be more lines.
            if rest or len(kinds) < len(group):
                raise GitError(NONSENSE)
            found.update(name for name, kind in zip(group, kinds, strict=False) if kind == b"blob")
        return found

    def _ignored(self, names: list[bytes]) -> set[bytes]:
        top = self.repository.worktree or b""
        # A FIFO called .gitignore would hang git.
        names = [name for name in names if _plain_ignores(top, name)]
        if not names:
            return set()
        excludes = os.path.join(self.repository.common_dir, b"info", b"exclude")
        view = replace(self.view, worktree=top, excludes=excludes if os.path.isfile(excludes) else None)
        # Without --no-index git leaves out what is tracked: should the list of that have been cut
        # short, the file is untracked for us, which blocks, and not ignored.
        # "./" keeps a name that begins with a colon from being read as pathspec magic.
        lines = [b"./" + name + b"\0" for name in names]
        answer, told = _git.run(view, "check-ignore", "-z", "--stdin", lines=lines, seconds=_SECONDS)
        if told and told != _git.NO_MATCH:
            raise GitError(told)
        return {name.removeprefix(b"./") for name in answer.split(b"\0")}


def _plain_ignores(top: bytes, name: bytes) -> bool:
    folder = os.path.dirname(name)
    while True:
        ignore = os.path.join(top, folder, b".gitignore")
        if os.path.lexists(ignore) and not os.path.isfile(ignore):
            return False
        if not folder:
            return True
        folder = os.path.dirname(folder)
