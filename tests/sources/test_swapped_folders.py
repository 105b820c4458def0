"""Folders of a git directory that are links, or are swapped for one while they are read."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ShardResult
from boltz_keyscan.sources.git import history
from boltz_keyscan.sources.git.objects.listing import new_packs, read_names
from boltz_keyscan.sources.git.objects.scan_cache import Memory
from boltz_keyscan.sources.git.packs import reader
from boltz_keyscan.sources.git.packs.check import check_packs
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.repo.repository import open_at
from boltz_keyscan.sources.trusted_files import TreeFiles
from tests.keys import fake_key, fingerprint
from tests.packer import Packer
from tests.repos import Repo
from tests.running import keyscan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from boltz_keyscan.sources.git.packs.check import CheckedStores
    from boltz_keyscan.sources.git.run.command import RepoView

DETECTOR = KeyDetector.of(rules.load())
INSIDE = fake_key(seed="inside")
OUTSIDE = fake_key(seed="outside")


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
    refs = read_references(found)
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
    with swapped(top / "refs", outside):
        seen = {oid for _ in range(300) for _, oid in read_references(found).tips}
    assert seen <= {"1" * 40}


@contextlib.contextmanager
def swapped(folder: Path, outside: Path) -> Iterator[None]:
    """Swap a folder for a link to another one and back, all the time."""
    over = threading.Event()
    kept = folder.parent.parent / "kept"

    def swap() -> None:
        while not over.is_set():
            folder.rename(kept)
            folder.symlink_to(outside)
            time.sleep(0.0002)
            folder.unlink()
            kept.rename(folder)
            time.sleep(0.0002)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def write_pack(folder: Path, key: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    packer = Packer()
    packer.whole(key.encode())
    return packer.write(folder)


def make_stores(tmp_path: Path) -> tuple[Path, Path]:
    """A git directory with one pack, and a store outside with one of the same name and one of another."""
    top = make_git_dir(tmp_path / "r.git")
    (top / "refs" / "heads" / "main").unlink()
    pack = write_pack(top / "objects" / "pack", INSIDE)
    other = write_pack(tmp_path / "outside" / "pack", OUTSIDE)
    for ending in (".pack", ".idx"):
        shutil.copy(other.with_suffix(ending), other.parent / pack.with_suffix(ending).name)
    return top, tmp_path / "outside"


def view_of(top: Path) -> RepoView:
    found = open_at(os.fsencode(top))
    assert found is not None
    view = prepare_repository(found, os.fsencode(top), ".").view
    assert view is not None
    return view


def read_directly(view: RepoView) -> set[str]:
    """The keys in the packs, read without git."""
    stems = new_packs(view, Memory())
    shards = [shard for stem in stems for shard in reader.shards(view, ".", stem)]
    return {hit.match.fingerprint for shard in shards for hit in shard.scan(DETECTOR).hits}


@pytest.mark.parametrize("name", ["objects", "objects/pack"])
@pytest.mark.parametrize("linked", [False, True], ids=["as it is", "through our links"])
def test_packs_outside_are_never_read(tmp_path: Path, name: str, *, linked: bool) -> None:
    top, outside = make_stores(tmp_path)
    if linked:
        (top / "lent").mkdir()
        (top / "objects" / "info").mkdir()
        (top / "objects" / "info" / "alternates").write_text("../lent\n")
    view = view_of(top)
    names = set(read_names(view.stores).packs)
    assert linked == (view.objects != os.fsencode(top / "objects"))
    assert read_directly(view) == {fingerprint(INSIDE)}

    with swapped(top / name, outside if name == "objects" else outside / "pack"):
        seen = set().union(*(read_directly(view) for _ in range(600)))
        for _ in range(100):
            with contextlib.suppress(OSError):
                assert set(read_names(view.stores).packs) <= names

    assert seen <= {fingerprint(INSIDE)}


@pytest.mark.parametrize("name", ["objects", "objects/pack"])
def test_a_link_that_appears_after_the_decision_is_a_gap(tmp_path: Path, name: str) -> None:
    top, outside = make_stores(tmp_path)
    view = view_of(top)
    (top / name).rename(tmp_path / "kept")
    (top / name).symlink_to(outside if name == "objects" else outside / "pack")

    checked = check_packs(view, ".", ())
    assert [(gap.where, gap.reason) for gap in checked.gaps] == [(".", "object-store")]
    assert checked.view.objects != view.objects
    assert new_packs(view, Memory()) == {}
    with pytest.raises(OSError, match="became a link"):
        read_names(view.stores)
    (path,) = (tmp_path / "kept").glob("**/*.pack")
    stem = os.fsencode(top / "objects" / "pack" / path.stem)
    (shard,) = reader.shards(view, ".", stem)
    (gap,) = shard.scan(DETECTOR).gaps
    assert (gap.reason, gap.by_design) == ("object-store", False)


def test_a_link_that_appears_before_the_listing_is_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, outside = make_stores(tmp_path)
    found = open_at(os.fsencode(top))
    assert found is not None
    right = check_packs

    def check_then_swap(*arguments: Any) -> CheckedStores:
        checked = right(*arguments)
        (top / "objects").rename(tmp_path / "kept")
        (top / "objects").symlink_to(outside)
        return checked

    monkeypatch.setattr(history, "check_packs", check_then_swap)
    source = history.HistorySource(found, b"", ".", os.fsencode(top)).open()
    results = [shard.scan(DETECTOR) for shard in source.work()]
    gaps = [gap for result in results for gap in result.gaps]
    assert [(gap.reason, gap.by_design) for gap in gaps if gap.reason == "object-store"] == [
        ("object-store", False)
    ]
    assert not any(result.hits for result in results)
    assert source.locate(ShardResult(gaps=tuple(gaps)), DETECTOR).pairs == ()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


@pytest.mark.parametrize("name", ["objects/pack", "index", "worktrees/side"])
def test_a_link_in_the_git_directory_is_a_gap(repo: Repo, tmp_path: Path, name: str) -> None:
    """It leads to the same part of another repository, which has a key there."""
    other = Repo(tmp_path / "other")
    repo.leak("a.txt", "clean\n")
    repo.run("worktree", "add", "--quiet", "--detach", "../side")
    other.leak("b.txt", OUTSIDE + "\n")
    other.write(OUTSIDE, "its name is in the index\n")
    other.run("add", ".")
    other.run("gc", "--quiet")
    place = repo.path / ".git" / name
    with contextlib.suppress(FileNotFoundError):
        place.rename(tmp_path / "kept")
    place.symlink_to(other.path / ".git" / ("" if name == "worktrees/side" else name))

    ran = keyscan(repo.path, "--format", "json")

    reason = "special-file" if name == "objects/pack" else "index-unreadable"
    assert reason in {gap["reason"] for gap in ran.report["gaps"] if not gap["by_design"]}
    assert (ran.report["findings"], ran.code) == ([], ExitCode.INCOMPLETE)


def test_a_trusted_file_outside_is_never_read(tmp_path: Path) -> None:
    for folder, text in (("tree/conf", "inside"), ("outside", "outside")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "baseline.json").write_text(text)
    files = TreeFiles(os.fsencode(tmp_path / "tree"))
    seen = set()
    with swapped(tmp_path / "tree/conf", tmp_path / "outside"):
        for _ in range(2000):
            with contextlib.suppress(KeyscanError):
                seen.add(files.read(os.fsencode(tmp_path / "tree/conf/baseline.json")))
    assert seen <= {b"inside", None}
