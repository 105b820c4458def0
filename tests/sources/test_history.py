"""Every place in a repository where a key can stand: found, and with the right story."""

from __future__ import annotations

from pathlib import Path

import git
import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.rules import load
from boltz_keyscan.sources.git.objects import shard as objects_shard
from boltz_keyscan.sources.git.objects import stream
from boltz_keyscan.sources.git.objects.reader import tree_entries
from boltz_keyscan.sources.git.objects.shard import ObjectShard, Pending
from boltz_keyscan.sources.git.run import command
from boltz_keyscan.workers import scan_pool
from conformance.gitplaces import plant
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import scan_json


def test_author_dates_are_told_as_written(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2024-05-01T12:00:00+0200")
    repo.leak("a.txt", fake_key())

    [finding] = scan_json("--history-only", ".", cwd=repo.path)["findings"]

    assert [where["author_date"] for where in finding["locations"]] == ["2024-05-01T12:00:00+02:00"]


def test_the_first_commit_is_the_oldest_one(repo: Repo) -> None:
    first = repo.leak("a.txt", fake_key())
    repo.leak("a.txt", "gone")
    repo.leak("a.txt", fake_key(), "back again")

    [finding] = scan_json("--history-only", ".", cwd=repo.path)["findings"]

    assert [(where["commit"], where["exposure"]) for where in finding["locations"]] == [(first, "tracked")]


def test_one_blob_at_several_paths_is_told_at_each(repo: Repo) -> None:
    first = repo.leak("a.txt", fake_key())
    repo.run("mv", "a.txt", "b.txt")
    repo.add("c/d.txt", fake_key())
    second = repo.commit("copies")

    [finding] = scan_json("--history-only", ".", cwd=repo.path)["findings"]

    assert {(where["path"], where["exposure"], where["commit"]) for where in finding["locations"]} == {
        ("a.txt", "history", first),
        ("b.txt", "tracked", second),
        ("c/d.txt", "tracked", second),
    }


def test_a_bare_repository_and_its_plain_files(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.txt", fake_key())
    bare = tmp_path / "bare.git"
    repo.run("clone", "--quiet", "--bare", ".", str(bare))
    (bare / "config").write_text(
        (bare / "config").read_text()
        + f'[remote "o"]\n\turl = https://u:{fake_key(seed="url")}@example.invalid/\n'
    )

    report = scan_json(".", cwd=bare)

    told = {
        finding["fingerprint"]: {(where["path"], where["exposure"]) for where in finding["locations"]}
        for finding in report["findings"]
    }
    assert told == {
        fingerprint(fake_key()): {("a.txt", "tracked")},
        fingerprint(fake_key(seed="url")): {("config", "local")},
    }


def test_a_linked_worktree_sees_the_shared_store_and_its_own_index(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.txt", fake_key())
    tree = tmp_path / "linked"
    repo.run("worktree", "add", "--quiet", str(tree))
    linked = tree / "own.txt"
    linked.write_text(fake_key(seed="own"))
    git.Git(tree).add("own.txt")

    report = scan_json("--history-only", ".", cwd=tree)

    told = {finding["fingerprint"]: finding["exposure"] for finding in report["findings"]}
    assert told == {fingerprint(fake_key()): "tracked", fingerprint(fake_key(seed="own")): "staged"}


def test_a_folder_of_repositories_scans_each(tmp_path: Path) -> None:
    for name in ("one", "two/nested"):
        Repo(tmp_path / name).leak("a.txt", fake_key(seed=name))

    report = scan_json("--history-only", ".", cwd=tmp_path)

    paths = {where["path"] for finding in report["findings"] for where in finding["locations"]}
    assert paths == {"one/a.txt", "two/nested/a.txt"}
    assert report["scan"]["receipt"]["commits"] == 2


def test_replaced_and_grafted_objects_are_seen_as_they_are(repo: Repo) -> None:
    repo.leak("a.txt", fake_key())
    oid = repo.run("rev-parse", "HEAD:a.txt")
    clean = repo.write("clean.txt", "clean\n")
    other = repo.run("hash-object", "-w", "--", str(clean))
    repo.run("replace", oid, other)

    [finding] = scan_json("--history-only", ".", cwd=repo.path)["findings"]

    assert finding["exposure"] == "tracked"


def test_many_hits_are_traced_without_a_longer_command_line(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        repo.add(f"f{number}.txt", f"{number} {fake_key()}\n")
    commit = repo.commit("many")
    monkeypatch.setattr("boltz_keyscan.sources.git.attribution.history_walk.MAX_ARGUMENTS", 3)
    plan = make_plan(Options(paths=(str(repo.path),), files=False, jobs=1))
    [finding] = pipeline.run(plan).findings

    assert {(where.path, where.commit) for where in finding.locations} == {
        (f"f{number}.txt", commit) for number in range(40)
    }


class TestShards:
    """The listing is cut without losing a line, and a shard's result does not depend on the cut."""

    def test_every_line_is_in_one_shard(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(objects_shard, "SHARD_BYTES", 1000)
        monkeypatch.setattr(objects_shard, "SHARD_OBJECTS", 7)
        lines = [b"%040x blob %d\n" % (number, (number * 37) % 900) for number in range(100)]
        view = command.RepoView(command.skeleton("sha1"), b"")
        pending = Pending(view, ".")

        shards = [shard for at in range(0, 100, 13) for shard in pending.add(b"".join(lines[at : at + 13]))]
        shards += pending.flush()

        assert b"".join(shard.listing for shard in shards) == b"".join(lines)
        for shard in shards:
            sizes = [int(line.split()[2]) for line in shard.listing.splitlines()]
            assert sum(sizes) == shard.weight
            assert len(sizes) <= 7
            assert sum(sizes[:-1]) < 1000

    @pytest.mark.parametrize("size", [1, 200, 5_000, 1 << 30])
    def test_results_do_not_depend_on_the_cut(
        self, repo: Repo, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        ledger = plant(repo)
        monkeypatch.setattr(objects_shard, "SHARD_BYTES", size)
        plan = make_plan(Options(paths=(str(repo.path),), files=False, jobs=1))
        found = pipeline.run(plan)

        assert {finding.fingerprint for finding in found.findings} == {
            planted.fingerprint for planted in ledger.planted.values()
        }
        assert found.gaps == ()

    def test_a_stream_that_lacks_an_object_is_read_one_by_one(self, repo: Repo) -> None:
        repo.leak("a.txt", fake_key())
        oid = repo.run("rev-parse", "HEAD:a.txt")
        view = command.RepoView(command.skeleton("sha1"), bytes(repo.path / ".git" / "objects"))
        absent = b"%040x blob 5\n" % 7
        size = (repo.path / "a.txt").stat().st_size
        shard = ObjectShard(view, ".", absent + b"%s blob %d\n" % (oid.encode(), size), 0)

        result = shard.scan(KeyDetector.of(load()))

        stream.release()
        assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(fake_key())]
        assert [(gap.where, gap.reason) for gap in result.gaps] == [(f".: blob {7:040x}", "corrupt-object")]

    def test_a_blob_that_looks_like_the_end_of_the_stream_hides_nothing(self, repo: Repo) -> None:
        repo.add("1.txt", b"0" * 40 + b" missing\n")
        repo.add("2.txt", fake_key())
        repo.commit()

        report = scan_json("--history-only", ".", cwd=repo.path)

        assert [finding["fingerprint"] for finding in report["findings"]] == [fingerprint(fake_key())]
        assert report["gaps"] == []


def test_tree_entries_are_modes_names_and_ids(repo: Repo) -> None:
    repo.add("a b.txt", "1")
    repo.add("z/f", "2")
    repo.commit()
    raw = git.Repo(repo.path).head.commit.tree.data_stream.read()

    assert list(tree_entries(raw, 20)) == [
        (b"100644", b"a b.txt", repo.run("rev-parse", "HEAD:a b.txt")),
        (b"40000", b"z", repo.run("rev-parse", "HEAD:z")),
    ]


def test_the_workers_result_is_the_same(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(repo)

    def found(jobs: int) -> tuple[object, ...]:
        plan = make_plan(Options(paths=(str(repo.path),), jobs=jobs))
        result = pipeline.run(plan)
        return result.findings, result.gaps, result.tally

    alone = found(1)
    monkeypatch.setattr(pipeline, "MAX_INLINE_BYTES", -1)
    monkeypatch.setattr(scan_pool, "is_worthwhile", lambda _: True)
    monkeypatch.setattr(objects_shard, "SHARD_OBJECTS", 5)

    assert found(2) == alone
