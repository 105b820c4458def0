"""Trees within trees that make 10^10 paths: every key is found and blocks, and its paths stay unknown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.sources.git.attribution import history_walk, locate
from boltz_keyscan.sources.git.repo import index
from tests.histories import nested
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import keyscan

KEY = fake_key()
TEN = [f"n{number}" for number in range(10)]
DEPTH = 12
SECONDS = 20


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """git's walks end sooner than they do for users, so that the tests do."""
    monkeypatch.setattr(history_walk, "_LEAST_SECONDS", 0.3)
    monkeypatch.setattr(index, "_MIN_SECONDS", 0.3)


IMPATIENT = """
from boltz_keyscan.sources.git.attribution import history_walk
from boltz_keyscan.sources.git.repo import index
index._MIN_SECONDS = history_walk._LEAST_SECONDS = 0.3
"""
"""The same for the program."""


def _scan(repo: Repo, *, files: bool = False) -> ScanResult:
    plan = make_plan(Options(paths=(str(repo.path),), files=files, jobs=1))
    return pipeline.run(plan)


def _blob(repo: Repo, content: str) -> str:
    path = repo.write("blob", content)
    oid = repo.run("hash-object", "-w", "blob")
    path.unlink()
    return oid


def _tree(repo: Repo, content: str = KEY, names: list[str] = TEN) -> str:
    return nested(repo, _blob(repo, content), names, DEPTH)


def _commit(repo: Repo, tree: str, *parents: str) -> str:
    options = [word for parent in parents for word in ("-p", parent)]
    return repo.run("commit-tree", tree, "-m", "nested", *options)


def _at_head(repo: Repo) -> None:
    repo.run("update-ref", "HEAD", _commit(repo, _tree(repo)))


def _at_head_with_an_index(repo: Repo) -> None:
    _at_head(repo)
    repo.add("staged.txt", "staged")


def _beside_a_file(repo: Repo) -> None:
    repo.leak("a.txt", KEY)
    tree = repo.run("write-tree")
    listing = f"{repo.run('ls-tree', tree)}\n040000 tree {_tree(repo, 'nothing here')}\tdeep"
    whole = nested_listing(repo, listing)
    repo.run("update-ref", "HEAD", _commit(repo, whole, "HEAD"))


def _in_the_past(repo: Repo) -> None:
    repo.leak("a.txt", "1")
    clean = repo.run("rev-parse", "HEAD^{tree}")
    bad = _commit(repo, _tree(repo), "HEAD")
    repo.run("update-ref", "HEAD", _commit(repo, clean, bad))


def _in_a_merge(repo: Repo) -> None:
    one, two = repo.leak("a.txt", "1"), repo.leak("a.txt", "2")
    repo.run("update-ref", "HEAD", _commit(repo, _tree(repo), one, two))


def _dangling(repo: Repo) -> None:
    repo.leak("a.txt", "1")
    _commit(repo, _tree(repo), "HEAD")


def _tagged(repo: Repo) -> None:
    repo.leak("a.txt", "1")
    repo.run("tag", "-a", "-m", "a tree", "deep", _tree(repo))


def _twice_with_a_difference(repo: Repo) -> None:
    """Two that differ at every path but not in the wanted blob."""
    key, one, two = _blob(repo, KEY), _blob(repo, "1"), _blob(repo, "2")
    first, second = (
        nested(
            repo,
            nested_listing(repo, f"100644 blob {key}\tk\n100644 blob {other}\to"),
            TEN,
            DEPTH,
            "040000 tree",
        )
        for other in (one, two)
    )
    repo.run("update-ref", "HEAD", _commit(repo, second, _commit(repo, first)))


def nested_listing(repo: Repo, listing: str) -> str:
    """A tree from lines as ``ls-tree`` shows them."""
    path = repo.path / "listing"
    path.write_text(listing + "\n")
    with path.open("rb") as lines:
        oid = repo.run("mktree", istream=lines)
    path.unlink()
    return oid


@pytest.mark.parametrize(
    "plant",
    [
        _at_head,
        _at_head_with_an_index,
        _in_the_past,
        _in_a_merge,
        _dangling,
        _tagged,
        _twice_with_a_difference,
    ],
)
def test_a_key_below_10_000_000_000_paths(repo: Repo, plant: Callable[[Repo], None]) -> None:
    plant(repo)

    result = _scan(repo)

    [finding] = result.findings
    assert finding.fingerprint == fingerprint(KEY)
    [where] = finding.locations
    assert (where.path, where.commit, where.exposure) == (f".git/blob/{where.blob}", None, "history")
    assert [(gap.reason, gap.by_design) for gap in result.gaps] == [("untraced", False)]
    assert result.exit_code == 1
    assert result.duration_s < SECONDS


def test_a_path_in_the_index_is_known_all_the_same(repo: Repo) -> None:
    _beside_a_file(repo)

    result = _scan(repo)

    [finding] = result.findings
    assert [(where.path, where.exposure) for where in finding.locations] == [("a.txt", "staged")]
    assert [gap.reason for gap in result.gaps] == ["untraced"]
    assert result.exit_code == 1


@pytest.mark.parametrize(
    "names", [[f"is-{KEY}"], [*TEN, f"is-{KEY}"], [f"a-{KEY}", *TEN]], ids=["alone", "last", "first"]
)
def test_a_key_in_the_name_of_a_tree(repo: Repo, names: list[str]) -> None:
    inner = nested(repo, _blob(repo, "nothing here"), names, 1)
    repo.run("update-ref", "HEAD", _commit(repo, nested(repo, inner, TEN, DEPTH, "040000 tree")))

    result = _scan(repo)

    [finding] = result.findings
    assert finding.fingerprint == fingerprint(KEY)
    assert [where.path for where in finding.locations] == [f".git/tree/{inner}"]
    assert [gap.reason for gap in result.gaps] == ["untraced"]
    assert result.exit_code == 1


def test_a_key_at_more_paths_than_are_recorded(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_walk, "MAX_PLACES", 20)
    monkeypatch.setattr(locate, "_MAX_PATHS", 6)
    for number in range(30):
        repo.add(f"{number:02}.txt", KEY)
    repo.add("other.txt", fake_key(seed="other"))
    repo.commit("many")
    repo.run("rm", "-q", "other.txt", "00.txt")
    head = repo.commit("some are gone")

    result = _scan(repo)

    places = {finding.fingerprint: finding.locations for finding in result.findings}
    many, one = places[fingerprint(KEY)], places[fingerprint(fake_key(seed="other"))]
    assert 20 <= len(many) <= 30
    assert {where.commit for where in many} - {None} == {repo.run("rev-parse", f"{head}~1")}
    assert [(where.path, where.exposure) for where in one] == [("other.txt", "history")]
    assert [(gap.reason, gap.by_design) for gap in result.gaps] == [("many-paths", True)]


def test_many_keys_at_many_paths_are_told_within_a_bound(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "_MAX_LOCATIONS", 40)
    keys = [fake_key(seed=seed) for seed in range(10)]
    for number in range(9):
        repo.add(f"{number}.txt", "\n".join(keys))
    repo.commit("gone soon")
    repo.run("rm", "-q", "0.txt", "1.txt")
    repo.commit("two are gone")

    result = _scan(repo)

    assert [len(finding.locations) for finding in result.findings] == [4] * 10
    # Those that are still there come before those that are gone.
    assert {where.exposure.value for finding in result.findings for where in finding.locations} == {"tracked"}
    assert [gap.reason for gap in result.gaps] == ["many-paths"]


def test_files_and_history_together(repo: Repo) -> None:
    _at_head(repo)
    for number in range(250):
        repo.write(f"{number}.txt", fake_key(seed="file"))
    repo.run("add", "0.txt")

    result = _scan(repo, files=True)

    told = {
        finding.fingerprint: {where.exposure.value for where in finding.locations}
        for finding in result.findings
    }
    assert told == {
        fingerprint(KEY): {"history"},
        fingerprint(fake_key(seed="file")): {"staged", "untracked"},
    }
    assert [gap.reason for gap in result.gaps] == ["untraced"]


def test_a_range_and_a_hook_end_too(repo: Repo) -> None:
    start = repo.leak("a.txt", "1")
    repo.run("update-ref", "HEAD", _commit(repo, _tree(repo), "HEAD"))
    repo.add("b.txt", fake_key(seed="staged"))

    ranged = keyscan("--since", start, "--format", "json", ".", cwd=repo.path, changed=IMPATIENT)
    hooked = keyscan("hook", "pre-commit", cwd=repo.path, changed=IMPATIENT)

    assert [finding["fingerprint"] for finding in ranged.report["findings"]] == [fingerprint(KEY)]
    assert ranged.code == 1
    assert hooked.code == 1
