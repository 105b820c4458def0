"""Every hiding place wherever it may lie: a folder, archives of it, a history that has them no more.

One tree of the encodings and the containers of both corpora, with the decoys of both: each
key is found in each place, with how it is hidden, and nothing else is.
"""

from __future__ import annotations

import bz2
import fnmatch
import gzip
import lzma
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance import containers
from conformance import encodings as corpus
from conformance.containers import cpio, seven, tarred, zipped, zstd
from tests.detect.test_corpus import key_of
from tests.keys import fingerprint
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import keyscan, scan_json

TEXT: dict[str, bytes] = {
    **{each.name: each.build(key_of(each)) for each in corpus.HIDINGS},
    **corpus.DECOYS,
}
BOXED: dict[str, bytes] = {
    **{name: build(containers.key_of(name)) for name, (build, _) in containers.CORPUS.items()},
    **containers.DECOYS,
}
TREE = {f"text/{name}": content for name, content in TEXT.items()} | {
    f"boxed/{name}": content for name, content in BOXED.items()
}

ARCHIVES: dict[str, tuple[Callable[[Mapping[str, bytes]], bytes], Mapping[str, bytes]]] = {
    "all.zip": (zipped, TREE),
    "all.tar.gz": (lambda members: gzip.compress(tarred(members)), TREE),
    "text.tar.bz2": (lambda members: bz2.compress(tarred(members)), TEXT),
    "text.tar.xz": (lambda members: lzma.compress(tarred(members)), TEXT),
    "text.tar.zst": (lambda members: zstd(tarred(members)), TEXT),
    "text.7z": (seven, TEXT),
    "text.cpio": (cpio, TEXT),
}
"""File name: how it is made, and of what."""

GAPS = Counter({"corrupt-container": 6, "too-deep": 2})
"""cut.zip lacks its directory and the end of its last member, in the folder and in the archives of
all of it; in those two eight.gz is one too deep."""

Place = tuple[str, tuple[str, ...], tuple[str, ...]]
"""Path, members, and the chain of encodings."""


ROWS = {"settings.sqlite": ("settings[2].value",)}


def wanted() -> dict[str, list[Place]]:
    """Where each key stands; a ``*`` is for what depends on it."""
    tree: dict[str, Place] = {
        fingerprint(key_of(each)): (f"text/{each.name}", ROWS.get(each.name, ()), each.chain)
        for each in corpus.HIDINGS
    }
    for name, (_, members) in containers.CORPUS.items():
        tree[fingerprint(containers.key_of(name))] = (f"boxed/{name}", members, ())
    return {key: [*_places(*place)] for key, place in tree.items()}


def _places(path: str, members: tuple[str, ...], chain: tuple[str, ...]) -> list[Place]:
    places = [(f"tree/{path}", members, chain)]
    for archive, (_, content) in ARCHIVES.items():
        name = path if content is TREE else path.removeprefix("text/")
        # Eight within one another are as deep as it goes.
        if name in content and name != "boxed/eight.gz":
            places.append((archive, (name, *members), chain))
    return places


def check(report: Any) -> None:
    """All of the keys, each in all of its places, and no more."""
    found = {
        # One place may have it twice: an image has its environment in its history as well.
        finding["fingerprint"]: sorted(
            {
                (place["path"], tuple(place["members"]), tuple(place["decoded"]))
                for place in finding["locations"]
            }
        )
        for finding in report["findings"]
        if finding["severity"] != "note"
    }
    expected = wanted()
    assert found.keys() == expected.keys()
    for key, places in expected.items():
        assert len(found[key]) == len(places), places[0]
        for (path, members, chain), (wanted_path, patterns, wanted_chain) in zip(
            found[key], sorted(places), strict=True
        ):
            assert (path, chain, len(members)) == (wanted_path, wanted_chain, len(patterns))
            for member, pattern in zip(members, patterns, strict=True):
                assert fnmatch.fnmatchcase(member, pattern.replace("[", "[[]")), (path, member)
    assert Counter(gap["reason"] for gap in report["gaps"]) == GAPS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree, and archives of it."""
    path = tmp_path_factory.mktemp("corpus")
    for name, content in TREE.items():
        file = path / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for name, (build, members) in ARCHIVES.items():
        (path / name).write_bytes(build(members))
    return path


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.sampled(count=1)
def test_in_a_folder(folder: Path, jobs: str) -> None:
    ran = keyscan(folder, "--format", "json", "--jobs", jobs)
    check(ran.report)
    assert ran.code == 1
    assert leaks(ran.out + ran.err, *(key_of(each) for each in corpus.HIDINGS)) == []


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.sampled(count=1)
def test_in_a_history_that_has_it_no_more(folder: Path, tmp_path: Path, jobs: str) -> None:
    repo = Repo(tmp_path / "repo")
    shutil.copytree(folder, repo.path, dirs_exist_ok=True)
    repo.run("add", "--force", ".")
    leak = repo.commit("all of it")
    repo.run("rm", "-rq", ".")
    repo.commit("gone")
    repo.run("gc", "--quiet")
    report = scan_json(repo.path, "--jobs", jobs, "--no-cache")
    check(report)
    places = [place for finding in report["findings"] for place in finding["locations"]]
    assert {(place["commit"], place["exposure"]) for place in places} == {(leak, "history")}
