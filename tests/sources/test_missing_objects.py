"""Objects that are absent: those that a partial clone leaves out are counted, others are gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.finding import ShardResult, Tally
from boltz_keyscan.sources.git.objects.listing import Names
from boltz_keyscan.sources.git.objects.scan_cache import Memory
from boltz_keyscan.sources.git.repo import shallow
from boltz_keyscan.sources.git.repo.missing_objects import MissingShard, Reach
from boltz_keyscan.sources.git.repo.references import References
from boltz_keyscan.sources.git.run import command as git
from tests.running import keyscan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repos import Repo


def test_a_count_of_an_earlier_scan_is_reported_without_git() -> None:
    def extended(commits: int | None, missing: int = 0) -> ShardResult:
        known = Reach(frozenset(), commits, missing)
        refs = References((), None, opaque=False, broken=())
        shard = MissingShard(
            git.RepoView("", b""), "repo", refs, partial=False, is_small=commits is not None, known=known
        )
        return shard.scan(KeyDetector.of(rules.load()))

    result = extended(7, 25)
    [gap] = result.gaps
    assert (gap.reason, gap.by_design, result.tally.objects_missing) == ("partial-clone", True, 25)
    assert "cloned: 25;" in gap.detail
    assert (result.tally.commits_reached, result.tally.stores_uncounted) == (7, 0)
    assert extended(None) == ShardResult(tally=Tally(stores_uncounted=1))


def scanned(path: Path, *options: str) -> tuple[int, set[tuple[str | None, tuple[str, ...]]]]:
    """The exit code, and object and paths of each gap of an absent or unreadable object."""
    run = keyscan(path, "--format", "json", *options)
    gaps = [gap for gap in run.report["gaps"] if gap["reason"] == "corrupt-object"]
    return run.code, {(gap["object"], tuple(gap["paths"])) for gap in gaps}


@pytest.fixture
def old(repo: Repo) -> Repo:
    """A repository whose files in HEAD are other ones than those of its first commit."""
    repo.write("d/a.txt", "first\n")
    repo.run("add", ".")
    repo.commit("first")
    repo.write("d/a.txt", "second\n")
    repo.run("add", ".")
    repo.commit("second")
    return repo


def take_away(repo: Repo, oid: str) -> None:
    (repo.path / ".git/objects" / oid[:2] / oid[2:]).unlink()


@pytest.mark.parametrize(
    ("revision", "paths"), [("HEAD~:d/a.txt", ("d/a.txt",)), ("HEAD~:d", None), ("HEAD~", None)]
)
def test_an_absent_object_of_a_whole_clone_is_a_gap(
    old: Repo, revision: str, paths: tuple[str, ...] | None
) -> None:
    oid = old.run("rev-parse", revision)
    take_away(old, oid)

    code, gaps = scanned(old.path)

    assert code == 3
    assert oid in {name for name, _ in gaps}
    if paths:
        assert gaps == {(oid, paths)}


def test_a_lost_pack_is_some_gaps_and_a_number(old: Repo) -> None:
    for number in range(12):
        old.write(f"n/{number}.txt", f"{number}\n")
    old.run("add", ".")
    old.commit("many")
    lost = old.run("ls-tree", "-r", "--object-only", "HEAD", "n").split()
    old.run("rm", "-rq", "n")
    old.commit("gone")
    for oid in lost:
        take_away(old, oid)

    report = keyscan(old.path, "--format", "json").report

    details = [gap["detail"] for gap in report["gaps"]]
    assert len(details) == 11
    assert [detail for detail in details if detail.startswith("2 more objects")]


def test_an_absent_object_is_reported_again_from_the_cache(old: Repo, tmp_path: Path) -> None:
    cache = ("--cache-dir", str(tmp_path / "cache"))
    oid = old.run("rev-parse", "HEAD~:d/a.txt")
    assert scanned(old.path, *cache) == (0, set())
    take_away(old, oid)
    assert scanned(old.path, *cache) == scanned(old.path, *cache) == (3, {(oid, ("d/a.txt",))})


def test_what_need_not_be_there_is_no_gap(old: Repo, tmp_path: Path) -> None:
    # A submodule's commit, and what only a commit named that no reference reaches.
    old.run("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    old.commit("submodule")
    old.write("b.txt", "dropped\n")
    old.run("add", ".")
    old.commit("dropped")
    blob = old.run("rev-parse", "HEAD:b.txt")
    old.run("reset", "-q", "--hard", "HEAD~")
    old.run("reflog", "expire", "--expire=now", "--all")
    take_away(old, blob)
    assert scanned(old.path) == (0, set())
    old.run("clone", "-q", "--depth", "1", f"file://{old.path}", str(tmp_path / "shallow"))
    assert scanned(tmp_path / "shallow") == (0, set())


def absent(repo: Repo, *, is_clone: bool = False, known: frozenset[str] | None = None) -> set[str | None]:
    """The absent objects that are noticed in a large store."""
    view = git.RepoView(git.skeleton("sha1"), str(repo.path / ".git/objects").encode())
    refs = References(((b"refs/heads/main", repo.run("rev-parse", "main")),), None, opaque=False, broken=())
    reach = None if known is None else Reach(known, None)
    shard = MissingShard(view, "repo", refs, partial=False, is_complete=True, is_clone=is_clone, known=reach)
    result = shard.scan(KeyDetector.of(rules.load()))
    assert result.tally.stores_uncounted == 1
    return {gap.oid for gap in result.gaps}


@pytest.mark.parametrize(
    ("revision", "seen_in_a_clone"), [("HEAD~:d/a.txt", 0), ("HEAD~:d", 0), ("HEAD~", 1)]
)
def test_a_large_store_is_looked_through_unless_it_is_as_git_wrote_it(
    old: Repo, revision: str, seen_in_a_clone: int
) -> None:
    oid = old.run("rev-parse", revision)
    take_away(old, oid)
    assert oid in absent(old)
    assert len(absent(old, is_clone=True)) == seen_in_a_clone


@pytest.mark.parametrize(
    ("packs", "loose", "kind"),
    [
        ({"a": 50_000}, (), (True, True)),
        ({"a": 50_001}, (), (False, True)),
        ({"a": 50_001}, ("1" * 40,), (False, False)),
        ({"a": 30_000, "b": 30_000}, (), (False, False)),
    ],
)
def test_a_clone_is_one_pack(packs: dict[str, int], loose: tuple[str, ...], kind: tuple[bool, bool]) -> None:
    names = Names(packs, frozenset(loose))
    assert (names.is_small, names.is_clone(Memory())) == kind


@pytest.mark.parametrize(
    ("memory", "is_clone"),
    [
        (Memory(frozenset({"a"})), True),
        (Memory(frozenset({"b", "c"}), frozenset({"1" * 40})), True),
        (Memory(frozenset({"a", "b"})), False),
        (Memory(frozenset({"a"}), frozenset({"1" * 40})), False),
    ],
)
def test_what_is_left_of_a_store_is_no_clone(memory: Memory, *, is_clone: bool) -> None:
    assert Names({"a": 1}, frozenset()).is_clone(memory) is is_clone


def test_a_large_store_is_looked_through_from_where_it_was_known(old: Repo) -> None:
    known = frozenset({old.run("rev-parse", "HEAD~")})
    oid = old.run("rev-parse", "HEAD:d/a.txt")
    assert absent(old, known=known) == set()
    take_away(old, oid)
    assert absent(old, known=known) == {oid}
    assert absent(old, known=frozenset({old.run("rev-parse", "HEAD")})) == set()
    # References that never were: everything is walked.
    assert absent(old, known=frozenset({"1" * 40})) == {oid}


def test_without_shallow_boundaries_no_git_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(git, "GitProcess")
    assert shallow.find_hidden_parents(git.RepoView(git.skeleton("sha1"), b"/nowhere")) == ([], "")
