"""Repositories built by real git through GitPython: our own, so its trust in them is right."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import git


class Repo:
    """A repository under construction. Each method does one thing git can do."""

    def __init__(self, path: Path, *, object_format: str = "sha1", bare: bool = False) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git = git.Git(path)
        options = ["--quiet", "--initial-branch=main", f"--object-format={object_format}"]
        self.git.init(*options, *(["--bare"] if bare else []))

    @classmethod
    def there(cls, path: Path) -> Self:
        """One that was made before, as by copying another."""
        repo = cls.__new__(cls)
        repo.path, repo.git = path, git.Git(path)
        return repo

    def run(self, *arguments: str, **options: object) -> str:
        """Any git command; its output. Raises git.GitCommandError when it fails."""
        return str(self.git.execute(["git", *arguments], **options))  # type: ignore[call-overload]  # a plain text call

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the worktree."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def add(self, name: str, content: str | bytes) -> None:
        """A file in the worktree and in the index."""
        self.write(name, content)
        self.run("add", "--", name)

    def commit(self, message: str = "a commit", *options: str) -> str:
        """Commit what is staged; the new commit's id."""
        # Without looking whether there is something to tidy up, which takes as long again.
        self.run(
            "-c", "maintenance.auto=false", "commit", "--quiet", "--allow-empty", "-m", message, *options
        )
        return self.head()

    def head(self) -> str:
        """The id of the commit that is checked out; read without git where it is in the usual file."""
        try:
            reference = (self.path / ".git/HEAD").read_text().removeprefix("ref: ").strip()
            return (self.path / ".git" / reference).read_text().strip()
        except OSError:
            return self.run("rev-parse", "HEAD")

    def leak(self, name: str, content: str | bytes, message: str = "leak") -> str:
        """A file added and committed; the commit's id."""
        self.add(name, content)
        return self.commit(message)
