"""Every place in a repository where a key can stand: found, and with the right story."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import git
import pytest

from boltz_keyscan import scan
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.plan import Options, scan_plan
from boltz_keyscan.rules import load
from boltz_keyscan.sources import _git, bulk, listing
from boltz_keyscan.sources.history import ObjectShard
from boltz_keyscan.sources.listing import Pending
from boltz_keyscan.sources.objects import tree_entries
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import scan_json


@dataclass(frozen=True)
class Planted:
    """A key in one place, and what must be said of it."""

    fingerprint: str
    path: str
    exposure: str
    commit: str | None


class Ledger:
    """Plants keys and remembers where."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.planted: dict[str, Planted] = {}

    def key(self, place: str) -> str:
        return fake_key("ws", "live", place)

    def note(self, place: str, path: str, exposure: str, commit: str | None) -> None:
        self.planted[place] = Planted(fingerprint(self.key(place)), path, exposure, commit)


def _plant(repo: Repo) -> Ledger:  # noqa: PLR0915 - one paragraph for each place, none shorter for being apart
    """One key in each place of a repository that is not a plain file of HEAD."""
    ledger = Ledger(repo)
    key = ledger.key
    repo.leak("a.txt", "hello\n", "base")

    commit = repo.leak("a.txt", f"x={key('removed')}\n")
    repo.leak("a.txt", "hello\n", "removed again")
    ledger.note("removed", "a.txt", "history", commit)

    commit = repo.leak("deep/er/head.txt", f"x={key('head')}\n")
    ledger.note("head", "deep/er/head.txt", "tracked", commit)

    repo.write(".gitattributes", "hidden.bin -diff binary\n")
    repo.add("hidden.bin", b"\0\1" + key("attribute").encode() + b"\0")
    repo.run("add", ".gitattributes")
    ledger.note("attribute", "hidden.bin", "tracked", repo.commit("hidden from diffs"))

    repo.run("tag", "-a", "v1", "-m", f"release {key('tag')}")
    ledger.note("tag", f".git/tag/{repo.run('rev-parse', 'v1')}", "history", None)

    commit = repo.commit(f"about {key('message')}")
    ledger.note("message", f".git/commit/{commit}", "history", commit)

    commit = repo.commit("by somebody", f"--author={key('author')} <a@example.invalid>")
    ledger.note("author", f".git/commit/{commit}", "history", commit)

    repo.run("notes", "add", "-m", f"note {key('note')}")
    noted = repo.run("rev-parse", "refs/notes/commits")
    path = repo.run("ls-tree", "--name-only", noted)
    ledger.note("note", path, "history", noted)

    repo.write("a.txt", f"old stash {key('older stash')}\n")
    repo.run("stash", "push", "--quiet")
    ledger.note("older stash", "a.txt", "unreachable", repo.run("rev-parse", "refs/stash"))
    repo.write("untracked.txt", f"u {key('untracked stash')}\n")
    repo.write("a.txt", f"new stash {key('stash')}\n")
    repo.run("stash", "push", "--quiet", "--include-untracked")
    stash = repo.run("rev-parse", "refs/stash")
    ledger.note("stash", "a.txt", "history", stash)
    ledger.note("untracked stash", "untracked.txt", "history", repo.run("rev-parse", "refs/stash^3"))

    commit = repo.leak("gone.txt", f"d {key('dangling')}\n")
    repo.run("reset", "--quiet", "--hard", "HEAD~1")
    ledger.note("dangling", "gone.txt", "unreachable", commit)

    commit = repo.leak("amended.txt", f"a {key('amended')}\n")
    repo.add("amended.txt", "clean\n")
    repo.commit("amended", "--amend")
    ledger.note("amended", "amended.txt", "unreachable", commit)

    repo.run("checkout", "--quiet", "-b", "side")
    repo.leak("a.txt", "side\n", "side")
    repo.run("checkout", "--quiet", "main")
    repo.leak("a.txt", "main\n", "main")
    with pytest.raises(git.GitCommandError):
        repo.run("merge", "--quiet", "side")
    repo.add("a.txt", f"resolved {key('merge')}\n")
    ledger.note("merge", "a.txt", "history", repo.commit("merged"))
    repo.leak("a.txt", "after the merge\n", "after")

    name = f"named-{key('file name')}.txt"
    commit = repo.leak(name, "1\n")
    repo.run("rm", "--quiet", "--", name)
    repo.commit("unnamed")
    ledger.note("file name", "named-sk_bc_ws_live_[REDACTED].txt", "history", commit)

    folder = f"in-{key('folder name')}"
    commit = repo.leak(f"{folder}/f.txt", "2\n")
    repo.run("rm", "--quiet", "-r", "--", folder)
    repo.commit("moved out")
    ledger.note("folder name", "in-sk_bc_ws_live_[REDACTED]", "history", commit)

    repo.run("branch", f"b/{key('branch')}")
    ledger.note("branch", ".git/refs/heads/b/sk_bc_ws_live_[REDACTED]", "history", None)

    repo.add("staged.txt", f"s {key('staged')}\n")
    repo.write("staged.txt", "not in the worktree\n")
    ledger.note("staged", "staged.txt", "staged", None)

    repo.add("lost.txt", f"l {key('lost blob')}\n")
    oid = repo.run("rev-parse", ":lost.txt")
    repo.run("rm", "--quiet", "--cached", "lost.txt")
    (repo.path / "lost.txt").unlink()
    ledger.note("lost blob", f".git/blob/{oid}", "unreachable", None)
    return ledger


def _history(report: Any) -> dict[str, list[Any]]:
    """Locations in history by fingerprint."""
    return {
        finding["fingerprint"]: [
            where
            for where in finding["locations"]
            if where["blob"] or where["path"].startswith((".git/refs", ".git/commit"))
        ]
        for finding in report["findings"]
    }


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_each_place_is_found_and_explained(tmp_path: Path, object_format: str, packed: bool) -> None:  # noqa: FBT001
    repo = Repo(tmp_path / "repo", object_format=object_format)
    ledger = _plant(repo)
    if packed:
        # Pack all, what no reference reaches included, and the references too.
        repo.run("repack", "-a", "-d", "-k", "-q")
        repo.run("pack-refs", "--all")

    report = scan_json("--history-only", ".", cwd=repo.path)

    assert report["gaps"] == []
    assert {finding["fingerprint"] for finding in report["findings"]} == {
        planted.fingerprint for planted in ledger.planted.values()
    }
    places = _history(report)
    for place, planted in ledger.planted.items():
        told = {(where["path"], where["exposure"], where["commit"]) for where in places[planted.fingerprint]}
        assert told == {(planted.path, planted.exposure, planted.commit)}, place


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
    monkeypatch.setattr("boltz_keyscan.sources.walk.MOST_ARGUMENTS", 3)
    plan = scan_plan(Options(paths=(str(repo.path),), files=False))
    [finding] = scan.run(plan.targets, plan.sources, plan.terms).findings

    assert {(where.path, where.commit) for where in finding.locations} == {
        (f"f{number}.txt", commit) for number in range(40)
    }


class TestShards:
    """The listing is cut without losing a line, and a shard's result does not depend on the cut."""

    def test_every_line_is_in_one_shard(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(listing, "SHARD_BYTES", 1000)
        monkeypatch.setattr(listing, "SHARD_OBJECTS", 7)
        lines = [b"%040x blob %d\n" % (number, (number * 37) % 900) for number in range(100)]
        pending = Pending()

        shards = [shard for at in range(0, 100, 13) for shard in pending.add(b"".join(lines[at : at + 13]))]
        shards += pending.rest()

        assert b"".join(text for text, _ in shards) == b"".join(lines)
        for text, weight in shards:
            sizes = [int(line.split()[2]) for line in text.splitlines()]
            assert sum(sizes) == weight
            assert len(sizes) <= 7
            assert sum(sizes[:-1]) < 1000

    @pytest.mark.parametrize("size", [1, 200, 5_000, 1 << 30])
    def test_results_do_not_depend_on_the_cut(
        self, repo: Repo, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        ledger = _plant(repo)
        monkeypatch.setattr(listing, "SHARD_BYTES", size)
        plan = scan_plan(Options(paths=(str(repo.path),), files=False))
        found = scan.run(plan.targets, plan.sources, plan.terms)

        assert {finding.fingerprint for finding in found.findings} == {
            planted.fingerprint for planted in ledger.planted.values()
        }
        assert found.gaps == ()

    def test_a_stream_that_lacks_an_object_is_read_one_by_one(self, repo: Repo) -> None:
        repo.leak("a.txt", fake_key())
        oid = repo.run("rev-parse", "HEAD:a.txt")
        view = _git.View(_git.skeleton("sha1"), bytes(repo.path / ".git" / "objects"))
        absent = b"%040x blob 5\n" % 7
        size = (repo.path / "a.txt").stat().st_size
        shard = ObjectShard(view, ".", absent + b"%s blob %d\n" % (oid.encode(), size), 0)

        result = shard.scan(KeyDetector.of(load()))

        bulk.release()
        assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(fake_key())]
        assert [(gap.where, gap.reason) for gap in result.gaps] == [(f".: blob {7:040x}", "corrupt-object")]

    def test_a_blob_that_looks_like_the_end_of_the_stream_hides_nothing(self, repo: Repo) -> None:
        repo.add("1.txt", b"0" * 40 + b" missing\n")
        repo.add("2.txt", fake_key())
        repo.commit()

        report = scan_json("--history-only", ".", cwd=repo.path)

        assert [finding["fingerprint"] for finding in report["findings"]] == [fingerprint(fake_key())]
        assert report["gaps"] == []


def test_tree_entries_are_names_and_ids(repo: Repo) -> None:
    repo.add("a b.txt", "1")
    repo.add("z/f", "2")
    repo.commit()
    raw = git.Repo(repo.path).head.commit.tree.data_stream.read()

    assert list(tree_entries(raw, 20)) == [
        (b"a b.txt", repo.run("rev-parse", "HEAD:a b.txt")),
        (b"z", repo.run("rev-parse", "HEAD:z")),
    ]


def test_the_workers_result_is_the_same(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    _plant(repo)

    def found(jobs: int) -> tuple[object, ...]:
        plan = scan_plan(Options(paths=(str(repo.path),)))
        result = scan.run(plan.targets, plan.sources, plan.terms, jobs)
        return result.findings, result.gaps, result.tally

    alone = found(1)
    monkeypatch.setattr(scan, "INLINE", -1)
    monkeypatch.setattr(listing, "SHARD_OBJECTS", 5)

    assert found(2) == alone
