"""Linked worktrees inside the scanned folder: the same repository, whose files count from their own root."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import scan_json

KEY = fake_key("ws", "live", "linked")
LINKED = ".agents/one"
DATA = "tests/data/k.json"


@pytest.fixture
def linked(repo: Repo) -> Repo:
    """A repository with an accepted key, and a linked worktree inside of it."""
    repo.add(DATA, KEY)
    repo.add(".boltz-keyscanignore", "tests/data/**  # revoked\n")
    repo.leak(".gitignore", ".agents/\n")
    repo.run("worktree", "add", "--quiet", LINKED, "-b", "one")
    return repo


def blocking(repo: Repo, *options: str) -> set[str]:
    """The paths of locations of keys that block."""
    report = scan_json(".", *options, cwd=repo.path)
    return {
        place["path"]
        for finding in report["findings"]
        if finding["blocking"]
        for place in finding["locations"]
    }


@pytest.mark.parametrize("trust", ["tree", "base:HEAD"])
def test_its_files_count_from_its_root(linked: Repo, trust: str) -> None:
    assert blocking(linked, "--trust", trust) == set()
    assert blocking(linked, "--trust", "none")


@pytest.mark.parametrize("trust", ["tree", "base:HEAD"])
def test_an_entry_says_nothing_of_other_paths(linked: Repo, trust: str) -> None:
    linked.write(f"{LINKED}/src/k.json", fake_key("ws", "live", "elsewhere"))
    assert blocking(linked, "--trust", trust) == {f"{LINKED}/src/k.json"}


def test_its_own_file_is_read_from_the_tree_and_not_from_the_revision(linked: Repo) -> None:
    linked.write(f"{LINKED}/src/k.json", fake_key("ws", "live", "elsewhere"))
    linked.write(f"{LINKED}/.boltz-keyscanignore", "src/**  # not real\ntests/data/**  # revoked\n")
    assert blocking(linked, "--trust", "tree") == set()
    assert blocking(linked, "--trust", "base:HEAD") == {f"{LINKED}/src/k.json"}


def test_a_comment_at_the_revision_counts_in_it(linked: Repo) -> None:
    linked.leak("a.txt", f"{fake_key('ws', 'live', 'a')}  # boltz-keyscan: ignore=not real\n")
    linked.run("-C", LINKED, "merge", "--quiet", "main")
    assert blocking(linked, "--trust", "base:HEAD") == set()


def test_its_baseline_counts_in_it(linked: Repo) -> None:
    key = fake_key("ws", "live", "accepted")
    linked.write(f"{LINKED}/new.txt", key)
    line = f'{fingerprint(key)} boltz-workspace-live-key "new.txt" "known" "me" forever'
    linked.write(f"{LINKED}/.boltz-keyscan-baseline", f"# boltz-keyscan baseline 1\n{line}\n")
    assert blocking(linked) == set()


def test_what_is_said_around_it_counts_too(linked: Repo) -> None:
    linked.write(f"{LINKED}/src/k.json", fake_key("ws", "live", "elsewhere"))
    linked.write(".boltz-keyscanignore", "tests/data/**  # revoked\n.agents/**  # of agents\n")
    assert blocking(linked) == set()


def test_its_exposure_is_by_its_own_index(linked: Repo) -> None:
    linked.write(f"{LINKED}/new.txt", fake_key("ws", "live", "new"))
    report = scan_json(".", cwd=linked.path)
    told = {
        place["path"]: place["exposure"]
        for finding in report["findings"]
        for place in finding["locations"]
        if place["path"].startswith(LINKED)
    }
    assert told == {f"{LINKED}/{DATA}": "tracked", f"{LINKED}/new.txt": "untracked"}


def _only_points_to_the_repository(linked: Repo) -> None:
    """A folder that says it is a linked worktree, of which the repository knows nothing."""
    shutil.copytree(linked.path / LINKED, linked.path / "forged")
    shutil.rmtree(linked.path / LINKED)
    linked.run("worktree", "prune")
    (linked.path / "forged/.git").write_text(f"gitdir: {linked.path}/.git\n")


def _takes_the_place_of_another(linked: Repo) -> None:
    """It points to the record of a worktree that lies elsewhere."""
    shutil.copytree(linked.path / LINKED, linked.path / "forged")


def _is_another_repository(linked: Repo) -> None:
    shutil.copytree(linked.path / LINKED, linked.path / "forged")
    (linked.path / "forged/.git").unlink()
    other = Repo(linked.path / "forged")
    other.run("add", "--all")
    other.commit()


@pytest.mark.parametrize(
    "forge", [_only_points_to_the_repository, _takes_the_place_of_another, _is_another_repository]
)
@pytest.mark.parametrize("trust", ["tree", "base:HEAD"])
@pytest.mark.sampled
def test_a_folder_that_is_none_is_not_taken_for_one(linked: Repo, forge: object, trust: str) -> None:
    assert callable(forge)
    forge(linked)
    assert f"forged/{DATA}" in blocking(linked, "--trust", trust)


def test_a_pointer_to_what_is_not_mounted_is_named(linked: Repo, tmp_path: Path) -> None:
    shutil.move(linked.path / LINKED, tmp_path / "mounted")
    away = linked.path / ".git/worktrees/one"
    shutil.move(linked.path, tmp_path / "away")

    report = scan_json(".", cwd=tmp_path / "mounted")

    told = f"history not read: .git points to {away}, which is not there (not mounted?)"
    assert [(gap["where"], gap["detail"]) for gap in report["gaps"]] == [
        (".", f"{told}; make it available at that path")
    ]
