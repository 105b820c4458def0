"""Sparse indexes are read without unfolding them; every other index is left alone."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from boltz_keyscan.sources.git.repo.sparse_index import drop_folders
from tests.histories import nested
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import keyscan, scan_json


@pytest.fixture
def sparse(repo: Repo) -> Repo:
    """A sparse checkout of one folder of two, with the other as one entry of the index."""
    repo.add("a/in.txt", "1")
    repo.add("b/c/out.txt", fake_key(seed="out"))
    repo.commit()
    repo.run("sparse-checkout", "set", "--cone", "--sparse-index", "a")
    assert repo.run("ls-files", "--sparse").splitlines() == ["a/in.txt", "b/"]
    return repo


def _index(repo: Repo) -> bytes:
    return (repo.path / ".git" / "index").read_bytes()


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_copy_has_all_entries_but_whole_folders(sparse: Repo, tmp_path: Path, version: int) -> None:
    sparse.add("a/" + "long" * 40 + ".txt", "2")
    sparse.add("a/in.txt", "3")
    sparse.run("update-index", "--index-version", str(version))
    if version == 3:
        sparse.write("a/later.txt", "4")
        sparse.run("add", "--intent-to-add", "a/later.txt")
    expected = [
        line for line in sparse.run("ls-files", "--sparse", "-s").splitlines() if not line.endswith("/")
    ]

    copy = drop_folders(_index(sparse), 20)

    assert copy is not None
    (tmp_path / "index").write_bytes(copy)
    plain = ["-c", "core.sparseCheckout=false"]
    told = sparse.run(*plain, "ls-files", "-s", env={"GIT_INDEX_FILE": str(tmp_path / "index")})
    assert told.splitlines() == expected
    assert len(expected) >= 2


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_an_ordinary_index_is_left_alone(tmp_path: Path, object_format: str, version: int) -> None:
    repo = Repo(tmp_path / "repo", object_format=object_format)
    for name in ("a/sdir", "a/sdir.txt", "folder/sdir", "long" * 40 + "/sdir"):
        repo.add(name, "1")
    repo.run("update-index", "--index-version", str(version))

    assert b"sdir\0\0\0\0" in _index(repo) or version == 4
    assert drop_folders(_index(repo), 20 if object_format == "sha1" else 32) is None


def test_what_is_staged_in_a_sparse_checkout_is_seen(sparse: Repo) -> None:
    sparse.add("a/new.txt", fake_key(seed="new"))

    report = scan_json("--history-only", ".", cwd=sparse.path)
    hooked = keyscan("hook", "pre-commit", cwd=sparse.path)

    told = {finding["fingerprint"]: finding["exposure"] for finding in report["findings"]}
    assert told == {fingerprint(fake_key(seed="new")): "staged", fingerprint(fake_key(seed="out")): "tracked"}
    assert report["gaps"] == []
    assert hooked.code == 1


def _forged(repo: Repo, path: bytes, tree: str) -> bytes:
    """An index with one entry, for a whole folder."""
    flags = struct.pack(">HH", 0x4000 | len(path), 0x4000)
    entry = struct.pack(">10I", 0, 0, 0, 0, 0, 0, 0o040000, 0, 0, 0) + bytes.fromhex(tree) + flags + path
    body = b"DIRC" + struct.pack(">II", 3, 1) + entry + bytes(8 - len(entry) % 8) + b"sdir" + bytes(4)
    (repo.path / ".git" / "index").write_bytes(body + hashlib.sha1(body, usedforsecurity=False).digest())
    return body


def test_trees_nested_without_end_in_an_index(repo: Repo) -> None:
    repo.leak("a.txt", fake_key())
    oid = repo.run("rev-parse", "HEAD:a.txt")
    _forged(repo, b"deep/", nested(repo, oid, [f"n{number}" for number in range(10)], 12))

    report = scan_json("--history-only", ".", cwd=repo.path)

    [finding] = report["findings"]
    assert [(where["path"], where["exposure"]) for where in finding["locations"]] == [("a.txt", "tracked")]
    assert report["gaps"] == []


@pytest.mark.parametrize("cut", [13, 40, 75, 90])
def test_a_broken_one_is_a_gap(repo: Repo, cut: int) -> None:
    repo.leak("a.txt", fake_key())
    body = _forged(repo, b"a-folder-with-a-name/", repo.run("rev-parse", "HEAD^{tree}"))
    (repo.path / ".git" / "index").write_bytes(body[:cut] + b"sdir")

    report = scan_json("--history-only", ".", cwd=repo.path)

    assert len(report["findings"]) == 1
    assert {gap["reason"] for gap in report["gaps"]} == {"index-unreadable"}
