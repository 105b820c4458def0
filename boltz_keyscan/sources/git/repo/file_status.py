"""Exposure of files in one worktree: what HEAD, the index and the ignore files say of them.

Asked only for files with a hit. git reads our skeleton, the repository's index and the
``.gitignore`` files of the tree, never its configuration; so patterns of a personal
``core.excludesFile`` do not count, and a file hidden only by them is ``untracked``.

Boundary: exposure of working files; keys in blobs are ``committed``, history is ``trace``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from boltz_keyscan.errors import GitError
from boltz_keyscan.model.enums import Exposure
from boltz_keyscan.model.finding import Detector, Gap, Hit
from boltz_keyscan.sources.git.committed import Blobs, Versions
from boltz_keyscan.sources.git.repo.index import SUBMODULE
from boltz_keyscan.sources.git.repo.repository import Repository, references
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import UNEXPECTED_OUTPUT, parsing_git_output

_SECONDS = 60

_BLOB = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) blob")


@dataclass(frozen=True, slots=True)
class Worktree:
    """A checkout whose files can be asked about."""

    repository: Repository
    view: git.RepoView
    where: str
    """Name of the repository in gaps."""
    partial: bool = False
    """Objects were left out when it was cloned, so that HEAD's blob may be missing."""

    def find_exposures(
        self, placed: Sequence[tuple[bytes, Hit]], detector: Detector
    ) -> tuple[list[Exposure], tuple[Gap, ...]]:
        """Return the exposure of each hit in a file below the worktree, given by its absolute path.

        A hit whose answer could not be had is ``untracked``, which blocks.
        """
        top = self.repository.worktree or b""
        names = {path: os.path.relpath(path, top) for path, _ in placed}
        try:
            staged = self._read_staged(frozenset(names.values()))
            committed, complaint = self._read_committed(list(staged))
            lost = self._find_lost(set(staged).difference(committed), complaint)
            ignored = self._ignored([name for name in names.values() if name not in staged])
        except (GitError, OSError) as error:
            told = error.message.splitlines()[0] if isinstance(error, GitError) else error.strerror
            detail = f"which files are tracked or ignored is unknown: {told}"
            return [Exposure.UNTRACKED] * len(placed), (Gap(self.where, "untraced", detail),)
        exposures: list[Exposure] = []
        with Blobs(self.view, detector, self.where, by_design=self.partial and not complaint) as blobs:
            for path, hit in placed:
                name = names[path]
                if name in staged:
                    versions = Versions(path, committed.get(name), staged[name], name in lost)
                    exposures.append(blobs.find_exposure(hit, versions))
                else:
                    exposures.append(Exposure.LOCAL if name in ignored else Exposure.UNTRACKED)
        return exposures, blobs.gaps

    def _read_staged(self, names: Collection[bytes]) -> dict[bytes, list[str]]:
        """Return the blobs that the index has at each of the paths; several during a conflict."""
        found: dict[bytes, list[str]] = {}
        if self.view.index is None:
            return found
        for line in git.fields(self.view, "ls-files", "-s", "-z"):
            facts, _, path = line.partition(b"\t")
            if path in names:
                with parsing_git_output():
                    mode, oid, _ = facts.split(b" ")
                blobs = found.setdefault(path, [])
                if mode != SUBMODULE:
                    blobs.append(oid.decode("ascii", "replace"))
        return found

    def _read_committed(self, names: list[bytes]) -> tuple[dict[bytes, str], str]:
        """Return the blobs that HEAD has at the paths, and git's complaint."""
        found: dict[bytes, str] = {}
        complaint = ""
        head = references(self.repository).head
        if head is None or not names:
            return found, complaint
        # Path by path: a listing of all that HEAD has can be without an end. And through stdin,
        # since command lines are seen by everybody on the machine and a name may be a key.
        odd = [name for name in names if b"\n" in name]
        for group in ([name for name in names if b"\n" not in name], *([name] for name in odd)):
            lines = [head.encode() + b":" + name + b"\0" for name in group]
            form = "--batch-check=%(objectname) %(objecttype)"
            answer, told = git.run(self.view, "cat-file", form, "-z", lines=lines)
            complaint = complaint or told
            *answers, rest = answer.split(b"\n")
            # Names may hold a LF in the answer "... missing", so there can be more lines.
            if rest or len(answers) < len(group):
                raise GitError(told or UNEXPECTED_OUTPUT)
            for name, line in zip(group, answers, strict=False):
                if (blob := _BLOB.fullmatch(line)) is not None:
                    found[name] = blob[1].decode()
        return found, complaint

    def _find_lost(self, names: set[bytes], complaint: str) -> set[bytes]:
        """Return those of the staged paths without a blob in HEAD that HEAD may have all the same.

        git calls both missing: a path that HEAD does not have, and a blob that is not here.
        """
        head = references(self.repository).head
        if not names or head is None or not (self.partial or complaint):
            return set()
        options = ("--cached", "--name-only", "--no-renames", "--diff-filter=A", "-z")
        return names.difference(git.fields(self.view, "diff-index", *options, head, seconds=_SECONDS))

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
        answer, told = git.run(view, "check-ignore", "-z", "--stdin", lines=lines, seconds=_SECONDS)
        if told and told != git.NO_MATCH:
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
