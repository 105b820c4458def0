"""A folder that became a symbolic link between listing and opening is a gap, and leads nowhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.finding import Discovered, Shard, ShardResult
from boltz_keyscan.sources.files.batch import LARGE_FILE_BYTES
from boltz_keyscan.sources.files.shard import walk_tree
from boltz_keyscan.sources.git.bundle import BundleSource
from boltz_keyscan.sources.safe_open import DirectoryOpener
from boltz_keyscan.sources.tree import TreeSource
from conformance.containers import bundle, text, zipped
from tests.keys import fake_key

KEY = fake_key()
DETECTOR = KeyDetector.of(rules.load())

CONTENTS = {
    "small": text(KEY),
    "large": text(KEY) + b"." * LARGE_FILE_BYTES,
    "container": zipped({"a.env": text(KEY)}),
    "bundle": bundle(KEY),
}


def all_of(work: Iterable[Shard | Discovered]) -> Iterator[ShardResult]:
    """Scan shards, and what turned out to be in them."""
    for item in work:
        match item:
            case Discovered(reader):
                yield from all_of(reader.work())
            case shard:
                result = shard.scan(DETECTOR)
                yield result
                yield from all_of(within(result))


def within(result: ShardResult) -> Iterator[Shard | Discovered]:
    """Containers and bundles that a shard found."""
    yield from result.more
    yield from (Discovered(BundleSource(file).open()) for file in result.bundles)


def swapped(tree: Path, folder: str) -> Callable[[], None]:
    """Put a link to a folder outside in the place of one inside."""

    def swap() -> None:
        (tree / folder).rename(tree.parent / "moved")
        (tree / folder).symlink_to(tree.parent / "outside")

    return swap


def built(tmp_path: Path, content: bytes, name: str = "f") -> Path:
    for top in ("tree/a/b", "outside/b", "outside"):
        (tmp_path / top).mkdir(parents=True, exist_ok=True)
    (tmp_path / "tree" / "a" / name).write_bytes(b"inside")
    (tmp_path / "tree" / "a" / "b" / name).write_bytes(b"inside")
    for inner in (".", "b"):
        (tmp_path / "outside" / inner / name).write_bytes(content)
    return tmp_path / "tree"


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_before_files_are_read(tmp_path: Path, content: bytes) -> None:
    tree = built(tmp_path, content)
    shards = list(TreeSource(os.fsencode(tree), b"").open().work())
    swapped(tree, "a")()
    results = list(all_of(shards))
    assert not [hit for result in results for hit in result.hits]
    gaps = {(gap.where, gap.reason) for result in results for gap in result.gaps}
    assert gaps == {("a/f", "unreadable"), ("a/b/f", "unreadable")}


@pytest.mark.parametrize("name", ["container", "bundle"])
def test_before_a_container_or_a_bundle_is_opened(tmp_path: Path, name: str) -> None:
    """It was inside when it was read, and its folder is a link when it is opened."""
    tree = built(tmp_path, CONTENTS[name])
    (tree / "a" / "f").write_bytes(CONTENTS[name])
    work = TreeSource(os.fsencode(tree), b"").open().work()
    first = [item.scan(DETECTOR) for item in work if not isinstance(item, Discovered)]
    swapped(tree, "a")()
    results = [later for result in first for later in all_of(within(result))]
    assert [(gap.where, gap.reason) for result in results for gap in result.gaps] == [("a/f", "unreadable")]
    assert not [hit for result in results for hit in result.hits]


def test_before_a_link_is_read(tmp_path: Path) -> None:
    tree = built(tmp_path, b"")
    (tree / "a" / "link").symlink_to("nowhere")
    (tmp_path / "outside" / "link").symlink_to(KEY)
    shards = list(TreeSource(os.fsencode(tree), b"").open().work())
    swapped(tree, "a")()
    results = list(all_of(shards))
    assert not [hit for result in results for hit in result.hits]
    assert "a/link" in {gap.where for result in results for gap in result.gaps}


@pytest.mark.parametrize("folder", ["a", "a/b"])
def test_before_a_folder_is_listed(tmp_path: Path, folder: str) -> None:
    tree = built(tmp_path, text(KEY), name=f"{KEY}.txt")
    (tree / folder / f"{KEY}.txt").unlink()
    found = []
    for walked in walk_tree(os.fsencode(tree)):
        found.append(walked)
        if walked.folder == folder.encode().rpartition(b"/")[0]:
            swapped(tree, folder)()
    (last,) = [walked for walked in found if walked.folder == os.fsencode(folder)]
    assert (last.names, [name for name, _ in last.errors]) == ([], [os.fsencode(folder)])


def test_a_repository_behind_a_link_is_not_opened(tmp_path: Path) -> None:
    tree = built(tmp_path, b"")
    (tree / "a" / ".git").mkdir()
    (tmp_path / "outside" / ".git").mkdir()
    results = []
    for shard in TreeSource(os.fsencode(tree), b"", files=True).open().work():
        results.append(shard)
        if (tree / "a").is_symlink() is False:
            swapped(tree, "a")()
    reasons = {gap.reason for result in all_of(results) for gap in result.gaps}
    assert reasons & {"repository-unreadable", "unreadable"}


def test_a_root_that_is_a_link_is_followed(tmp_path: Path) -> None:
    tree = built(tmp_path, b"")
    (tree / "a" / "f").write_bytes(text(KEY))
    (tmp_path / "alias").symlink_to(tree)
    results = all_of(TreeSource(os.fsencode(tmp_path / "alias"), b"").open().work())
    assert [hit.origin.path for result in results for hit in result.hits] == [b"a/f"]


def test_a_tree_deeper_than_descriptors_are_many(tmp_path: Path) -> None:
    """And longer than any path that the system takes at once."""
    names = [b"%030d" % number for number in range(300)]
    with DirectoryOpener(os.fsencode(tmp_path)) as opener:
        for at in range(len(names)):
            path, folder = opener.resolve(b"/".join(names[: at + 1]))
            os.mkdir(path, dir_fd=folder)
        path, folder = opener.resolve(b"/".join([*names, b"f"]))
        file = os.open(path, os.O_CREAT | os.O_WRONLY, dir_fd=folder)
        os.write(file, text(KEY))
        os.close(file)
    results = list(all_of(TreeSource(os.fsencode(tmp_path), b"").open().work()))
    assert [hit.origin.path for result in results for hit in result.hits] == [b"/".join([*names, b"f"])]
