"""A folder of the git directory that is swapped for a link while references are read."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from boltz_keyscan.sources.git.repo.repository import open_at, references

if TYPE_CHECKING:
    from pathlib import Path


def make_git_dir(path: Path) -> Path:
    (path / "objects").mkdir(parents=True)
    (path / "refs" / "heads").mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    (path / "refs" / "heads" / "main").write_text("1" * 40 + "\n")
    return path


def test_a_link_in_place_of_refs_is_a_broken_reference(tmp_path: Path) -> None:
    top = make_git_dir(tmp_path / "r.git")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "stolen").write_text("2" * 40 + "\n")
    (top / "refs" / "tags").symlink_to(tmp_path / "outside")
    found = open_at(os.fsencode(top))
    assert found is not None
    refs = references(found)
    assert refs.tips == ((b"refs/heads/main", "1" * 40),)
    assert refs.head == "1" * 40
    assert refs.broken == ((b"refs/tags", "a symbolic link"),)


def test_references_outside_are_never_read(tmp_path: Path) -> None:
    top = make_git_dir(tmp_path / "r.git")
    outside = tmp_path / "outside"
    (outside / "heads").mkdir(parents=True)
    (outside / "heads" / "main").write_text("2" * 40 + "\n")
    found = open_at(os.fsencode(top))
    assert found is not None
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            (top / "refs").rename(tmp_path / "kept")
            (top / "refs").symlink_to(outside)
            (top / "refs").unlink()
            (tmp_path / "kept").rename(top / "refs")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = {oid for _ in range(300) for _, oid in references(found).tips}
    finally:
        over.set()
        thread.join()
    assert seen <= {"1" * 40}
