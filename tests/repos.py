"""Repositories for tests: those of the conformance suite, under the name every test knows."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import git

from conformance import repos


class Repo(repos.Repo):
    """One that begins as a copy of an empty one that git made, which takes a third of the time."""

    def __init__(self, path: Path, *, object_format: str = "sha1", bare: bool = False) -> None:
        folder = path if bare else path / ".git"
        if folder.exists():
            super().__init__(path, object_format=object_format, bare=bare)
            return
        shutil.copytree(_empty(object_format, bare), folder)
        self.path, self.git = path, git.Git(path)


@functools.cache
def _empty(object_format: str, bare: bool) -> Path:  # noqa: FBT001 - a cache takes both as they come
    folder = Path(tempfile.mkdtemp(prefix="boltz-keyscan-empty-"))
    atexit.register(shutil.rmtree, folder)
    made = repos.Repo(folder / "repo", object_format=object_format, bare=bare).path
    found = made if bare else made / ".git"
    for sample in (found / "hooks").iterdir():
        sample.unlink()
    return found
