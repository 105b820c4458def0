"""Files of a revision, many through one git."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources import trusted_files
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.trusted_files import CommitFileReader, open_revision
from tests.repos import Repo


@pytest.fixture
def many(repo: Repo) -> Repo:
    for number in range(100):
        repo.write(f"d{number}/e/f.txt", f"{number}\n")
    repo.write("odd\nname *", "odd")
    repo.write("empty", "")
    repo.run("add", ".")
    repo.run("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    repo.commit("all")
    return repo


def test_many_files_and_one_git(many: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    top = os.fsencode(many.path)
    contents = CommitFileReader(open_revision(top, "HEAD"))
    started: list[tuple[Any, ...]] = []
    start = git.GitProcess.__init__

    def counted(child: git.GitProcess, *arguments: Any, **options: Any) -> None:
        started.append(arguments)
        start(child, *arguments, **options)

    monkeypatch.setattr(git.GitProcess, "__init__", counted)
    # The commit's word, not that of what lies there now.
    many.write("d7/e/f.txt", "changed")
    (many.path / "d8/e/f.txt").unlink()
    for number in (*range(100), *range(100)):
        assert contents.read(top + b"/d%d/e/f.txt" % number) == b"%d\n" % number
    assert contents.read(top + b"/odd\nname *") == b"odd"
    assert contents.read(top + b"/empty") == b""
    assert len(started) == 1


def test_what_is_not_there(many: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    top = os.fsencode(many.path)
    contents = CommitFileReader(open_revision(top, "HEAD"))
    for path in (
        b"/d1/f.txt",
        b"/nowhere/f.txt",
        b"/empty/f.txt",
        b"/d1/e/f.txt/x",
        b"/odd*",
        b"-elsewhere/x",
    ):
        assert contents.read(top + path) is None
    assert contents.read(os.fsencode(many.path.parent)) is None
    with pytest.raises(GitError):
        contents.read(top + b"/module")
    monkeypatch.setattr(trusted_files, "MAX_FILE_BYTES", 2)
    assert contents.read(top + b"/d1/e/f.txt") == b"1\n"
    with pytest.raises(GitError, match="more than 2 bytes"):
        contents.read(top + b"/d10/e/f.txt")
    # And the next one is read as if nothing had been.
    assert contents.read(top + b"/d2/e/f.txt") == b"2\n"


def test_a_git_that_has_ended_is_an_error_of_its_own(many: Repo) -> None:
    """A broken pipe would end the program as if the reader of its report had gone: with exit code 0."""
    revision = open_revision(os.fsencode(many.path), "HEAD")
    with git.GitProcess(revision.view, "cat-file", "--batch", stdin=subprocess.PIPE) as child:
        child.kill()
        child.wait()
        with pytest.raises(GitError, match="git ended early"):
            child.write(b"x" * (1 << 20))
