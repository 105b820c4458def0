"""Each scan starts git as rarely as it can: every start takes milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from boltz_keyscan import cli, pipeline
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.sources.git.run import command
from tests.hostile import HOSTILE
from tests.keys import fake_key

if TYPE_CHECKING:
    from pathlib import Path

    from boltz_keyscan.model.finding import ScanResult
    from tests.repos import Repo


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of git that this process starts, with their options."""
    seen: list[list[str]] = []
    start = command.GitProcess.__init__

    def spy(self: command.GitProcess, view: command.RepoView, *arguments: Any, **options: Any) -> None:
        words = [word for word in map(str, arguments) if word != "-c" and "=" not in word.partition("-")[0]]
        seen.append(words)
        start(self, view, *arguments, **options)

    monkeypatch.setattr(command.GitProcess, "__init__", spy)
    return seen


def scan(repo: Repo, cache: Path | None, *, files: bool = False) -> ScanResult:
    options = Options(paths=(str(repo.path),), files=files, cache=str(cache) if cache else None, jobs=1)
    return pipeline.run(make_plan(options))


def names(starts: list[list[str]]) -> list[str]:
    """Return the names of the commands, and forget them."""
    found = [words[0] for words in starts]
    starts.clear()
    return found


def test_a_clean_history(repo: Repo, tmp_path: Path, starts: list[list[str]]) -> None:
    repo.leak("a.txt", "nothing", "here")
    repo.run("gc", "-q")
    repo.leak("b.txt", "nothing", "here, loose")
    first = scan(repo, tmp_path / "cache")
    # A walk, the list of all objects, their content, and the names in the index.
    assert names(starts) == ["rev-list", "cat-file", "cat-file", "diff-index"]

    second = scan(repo, tmp_path / "cache")
    assert names(starts) == ["diff-index"]
    assert second.tally.cached == first.tally.blobs
    assert second.tally.commits_reached == first.tally.commits_reached
    assert second.gaps == first.gaps == ()


def test_new_loose_objects_are_looked_up_by_their_ids(
    repo: Repo, tmp_path: Path, starts: list[list[str]]
) -> None:
    repo.leak("a.txt", "nothing", "here")
    repo.run("gc", "-q")
    scan(repo, tmp_path / "cache")
    repo.leak("b.txt", fake_key(), "new")
    starts.clear()
    found = scan(repo, tmp_path / "cache")
    assert not any("--batch-all-objects" in words for words in starts)
    assert len(found.findings) == 1
    assert found.tally.blobs == 3
    assert scan(repo, None).tally.blobs == found.tally.blobs + found.tally.cached


def test_a_key_in_files_and_history_lists_the_index_once(repo: Repo, starts: list[list[str]]) -> None:
    repo.leak("a.txt", fake_key())
    found = scan(repo, None, files=True)
    assert len(found.findings) == 1
    assert names(starts).count("ls-files") == 1


def test_a_partial_clone_is_walked_once_for_the_same_key(
    repo: Repo, tmp_path: Path, starts: list[list[str]]
) -> None:
    cache = tmp_path / "cache"
    repo.leak("a.txt", fake_key(seed="old"))
    repo.run("gc", "-q")
    [pack] = (repo.path / ".git/objects/pack").glob("*.pack")
    pack.with_suffix(".promisor").touch()
    first = scan(repo, cache)
    assert "log" in names(starts)

    second = scan(repo, cache)
    assert not any(word.startswith("--find-object") for words in starts for word in words)
    assert second.findings == first.findings

    # Commits that are fetched later can be older ones, so everything is searched again.
    repo.leak("b.txt", fake_key(seed="old"), "again")
    starts.clear()
    third = scan(repo, cache)
    walked = [words for words in starts if any(word.startswith("--find-object") for word in words)]
    assert len(walked) == 2
    assert third.findings == scan(repo, None).findings


def test_a_missing_tip_of_a_small_history_is_a_gap(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.txt", "nothing")
    (repo.path / ".git/refs/heads/lost").write_text("1234567890" * 4 + "\n")
    [gap] = [gap for gap in scan(repo, tmp_path / "cache").gaps if gap.reason == "reference-broken"]
    assert gap.detail.startswith("refs/heads/lost")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        # The changes; the content, and what HEAD has.
        ((), ["diff-index", "cat-file", "cat-file"]),
        (("a.txt",), ["cat-file", "cat-file", "diff-index", "cat-file"]),
    ],
)
def test_a_commit_that_is_stopped_is_scanned_once(
    repo: Repo,
    starts: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    named: tuple[str, ...],
    expected: list[str],
) -> None:
    repo.leak("a.txt", "nothing")
    repo.write("a.txt", fake_key())
    repo.run("add", ".")
    monkeypatch.chdir(repo.path)
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert cli.main(["hook", "pre-commit", *named]) == 1
    assert names(starts) == expected


def test_the_paths_of_an_archive_in_head_need_no_walk(
    repo: Repo, tmp_path: Path, starts: list[list[str]]
) -> None:
    repo.leak("old.zip", HOSTILE["encrypted.zip"][0]())
    repo.run("mv", "old.zip", "new.zip")
    repo.run("commit", "-qm", "moved")
    for _ in ("cold", "with a cache"):
        [gap] = scan(repo, tmp_path / "cache").gaps
        assert gap.paths == ("new.zip",)
        assert "log" not in names(starts)

    repo.run("rm", "-q", "new.zip")
    repo.run("commit", "-qm", "removed")
    [gap] = scan(repo, tmp_path / "cache").gaps
    assert gap.paths == ("new.zip", "old.zip")
    assert "log" in names(starts)
    [gap] = scan(repo, tmp_path / "cache").gaps
    assert gap.paths == ("new.zip", "old.zip")
    assert "log" not in names(starts)
