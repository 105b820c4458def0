"""Trees within trees that make 10^10 paths: scanned like anything else, and told within bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.sources.git.attribution import locate, log
from boltz_keyscan.sources.git.repo import index
from tests.histories import nested
from tests.kept import kept
from tests.keys import fake_key, fingerprint
from tests.repos import Repo

KEY = fake_key()
TEN = [f"n{number}" for number in range(10)]
DEPTH = 12


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """git's walks end sooner than they do for users, so that the tests do."""
    monkeypatch.setattr(log, "_LEAST_SECONDS", 0.3)
    monkeypatch.setattr(index, "_MIN_SECONDS", 0.3)


IMPATIENT = """
from boltz_keyscan.sources.git.attribution import log
from boltz_keyscan.sources.git.repo import index
index._MIN_SECONDS = log._LEAST_SECONDS = 0.3
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
    """Two that differ at every path but not in the wanted blob: compared pair by pair, not path by path."""
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
    ("plant", "exposure", "paths"),
    [
        (_at_head, "tracked", 1000),
        (_at_head_with_an_index, "tracked", 1000),
        (_beside_a_file, "tracked", 1),
        (_in_the_past, "history", 1000),
        (_in_a_merge, "tracked", 1000),
        (_dangling, "unreachable", 1000),
        (_tagged, "history", 1000),
        (_twice_with_a_difference, "tracked", 1000),
    ],
)
def test_a_key_below_10_000_000_000_paths(
    repo: Repo, plant: Callable[[Repo], None], exposure: str, paths: int
) -> None:
    plant(repo)

    result = _scan(repo)

    [finding] = result.findings
    assert finding.fingerprint == fingerprint(KEY)
    assert {where.exposure.value for where in finding.locations} == {exposure}
    assert len(finding.locations) == len({where.path for where in finding.locations}) == paths
    assert [(gap.reason, gap.by_design) for gap in result.gaps] == [("many-paths", True)] * (paths > 1)
    assert result.complete
    assert result.exit_code == (0 if exposure == "unreachable" else 1)


def test_the_paths_named_are_the_first_and_their_commit_is_told(repo: Repo) -> None:
    _at_head(repo)

    [finding] = _scan(repo).findings

    head = repo.run("rev-parse", "HEAD")
    assert {where.commit for where in finding.locations} == {head}
    assert [where.path for where in finding.locations][:2] == [
        "/".join(["n0"] * DEPTH),
        "/".join(["n0"] * 11 + ["n1"]),
    ]
    for where in finding.locations[::200]:
        assert repo.run("rev-parse", f"HEAD:{where.path}") == where.blob


@pytest.mark.parametrize(
    "names", [[f"is-{KEY}"], [*TEN, f"is-{KEY}"], [f"a-{KEY}", *TEN]], ids=["alone", "last", "first"]
)
def test_a_key_in_the_name_of_a_tree(repo: Repo, names: list[str]) -> None:
    inner = nested(repo, _blob(repo, "nothing here"), names, 1)
    repo.run("update-ref", "HEAD", _commit(repo, nested(repo, inner, TEN, DEPTH, "040000 tree")))

    result = _scan(repo)

    [finding] = result.findings
    assert finding.fingerprint == fingerprint(KEY)
    assert {where.exposure.value for where in finding.locations} == {"tracked"}
    assert 1 < len(finding.locations) <= 1000
    assert result.complete


def test_a_key_in_names_at_every_depth(repo: Repo) -> None:
    repo.run("update-ref", "HEAD", _commit(repo, _tree(repo, "nothing here", [f"is-{KEY}", *TEN])))

    result = _scan(repo)

    [finding] = result.findings
    assert {where.exposure.value for where in finding.locations} == {"tracked"}
    assert len({where.blob for where in finding.locations}) == DEPTH
    assert result.complete


def test_many_keys_in_one_blob_have_their_paths_in_turn(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "_MAX_PATHS", 600)
    keys = [fake_key(seed=seed) for seed in range(200)]
    repo.run("update-ref", "HEAD", _commit(repo, _tree(repo, "\n".join(keys))))

    result = _scan(repo)

    assert {finding.fingerprint for finding in result.findings} == set(map(fingerprint, keys))
    assert {len(finding.locations) for finding in result.findings} == {3}


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


def test_one_commit_after_the_other_without_end(repo: Repo) -> None:
    """Each of many commits has its own, of which the next one keeps nothing."""
    parents: list[str] = []
    for number in range(12):
        tree = nested(repo, _tree(repo), [f"v{number}"], 1, "040000 tree")
        parents = [_commit(repo, tree, *parents)]
    repo.run("update-ref", "HEAD", *parents)

    result = _scan(repo)

    assert {where.exposure.value for where in result.findings[0].locations} == {"tracked", "history"}
    assert result.complete


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
        fingerprint(KEY): {"tracked"},
        fingerprint(fake_key(seed="file")): {"staged", "untracked"},
    }
    assert result.complete


def test_a_range_and_a_hook_end_too(repo: Repo) -> None:
    start = repo.leak("a.txt", "1")
    repo.run("update-ref", "HEAD", _commit(repo, _tree(repo), "HEAD"))
    repo.add("b.txt", fake_key(seed="staged"))

    ranged = kept("--since", start, "--format", "json", ".", cwd=repo.path, changed=IMPATIENT)
    hooked = kept("hook", "pre-commit", cwd=repo.path, changed=IMPATIENT)

    assert [finding["fingerprint"] for finding in ranged.report["findings"]] == [fingerprint(KEY)]
    assert ranged.code == 1
    assert hooked.code == 1
