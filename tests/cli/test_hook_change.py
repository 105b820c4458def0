"""The commit hook judges what a commit changes: keys that its files had in a parent do not stop it."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boltz_keyscan import pipeline
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.policy import FailOn, FailPolicy
from tests.depth import examples
from tests.histories import Step, build
from tests.hooked import Guarded
from tests.keys import fake_key, fingerprint, short_fingerprint
from tests.repos import Repo
from tests.running import keyscan, scan_json

# Both kinds of hook in "make nightly"; in other runs each test has one of them.
pytestmark = pytest.mark.sampled(count=1)

OLD, OTHER, NEW = (fake_key("ws", "live", seed) for seed in ("old", "other", "new"))


@pytest.fixture(params=["plain", "pre-commit"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Guarded:
    """A repository in which a file has two keys."""
    repo = Guarded(tmp_path / "repo", str(request.param))
    repo.add("a.env", f"A={OLD}\nB={OTHER}\n")
    repo.commit("begin")
    return repo


def _commits(repo: Guarded, *arguments: str, old: int = 1) -> str:
    """Run a git command that makes a commit although files have keys; what the hook printed."""
    before = repo.tip()
    ran = repo.try_git(*arguments)
    printed = (ran.out + ran.err).decode("utf-8", "replace")
    assert ran.code == 0, printed
    assert repo.tip() != before
    if repo.kind == "plain":
        keys, verb = ("1 key was", "does") if old == 1 else (f"{old} keys were", "do")
        assert f"{keys} there before and {verb} not stop this commit: bk1:" in printed, printed
        assert "; boltz-keyscan . shows all places" in printed
    return printed


def test_a_commit_that_only_removes_passes(repo: Guarded) -> None:
    repo.add("a.env", f"B={OTHER}\n")

    printed = _commits(repo, "commit", "-m", "remove one of two")

    if repo.kind == "plain":
        assert "boltz-keyscan: no new key in 1 staged file (" in printed
        assert f"not stop this commit: {short_fingerprint(OTHER)}; " in printed
    repo.add("a.env", "clean\n")
    repo.passes("commit", "-m", "remove the other")


def test_a_new_key_beside_old_ones_stops_and_the_text_says_what_to_do(repo: Guarded) -> None:
    repo.add("a.env", f"A={OLD}\nB={OTHER}\nC={NEW}\n")

    printed = repo.stops("commit", "-m", "one more", key=NEW, at="a.env:3:3  staged")

    assert "COMMIT STOPPED. Nothing was committed; nothing has left this machine.\n" in printed
    assert "Do       read it from BOLTZ_API_KEY, then: git add a.env && git commit\n" in printed
    assert "Unstage  git restore --staged a.env\n" in printed
    assert (
        "Accept   on that line: # boltz-keyscan: ignore=REASON   (ignored in CI without --trust)" in printed
    )
    assert printed.count(": there before, passes") == 2


def test_an_old_key_in_another_file_is_new_there(repo: Guarded) -> None:
    repo.add("copy.env", f"X={OLD}\n")
    repo.stops("commit", "-m", "a copy", key=OLD, at="copy.env:1:3")
    repo.run("reset", "-q", "--hard")
    # The identical blob at another path is a copy as well.
    repo.add("copy.env", f"A={OLD}\nB={OTHER}\n")
    repo.stops("commit", "-m", "a copy", key=OLD, at="copy.env:1:3")


@pytest.mark.sampled
@pytest.mark.parametrize("edited", [False, True])
def test_a_renamed_file_takes_its_keys_along(repo: Guarded, *, edited: bool) -> None:
    repo.run("mv", "a.env", "b.env")
    if edited:
        repo.add("b.env", f"everything else is new\n\nA={OLD}\n")

    _commits(repo, "commit", "-m", "rename", old=1 if edited else 2)

    repo.run("mv", "b.env", "c.env")
    repo.add("c.env", f"A={OLD}\nnew={NEW}\n")
    repo.stops("commit", "-m", "rename and add", key=NEW, at="c.env:2:5")


def test_other_modes_and_types_are_no_new_keys(repo: Guarded) -> None:
    repo.run("update-index", "--chmod=+x", "a.env")
    _commits(repo, "commit", "-m", "executable", old=2)
    (repo.path / "link").symlink_to(OLD)
    repo.run("add", "link")
    repo.stops("commit", "-m", "a link", key=OLD, at="link:1:1")
    repo.run("commit", "--no-verify", "-qm", "a link")
    (repo.path / "link").unlink()
    repo.add("link", f"no link any more\n{OLD}\n")
    _commits(repo, "commit", "-m", "a file")


def test_amending(repo: Guarded) -> None:
    """The hook is not told that HEAD is replaced: it counts as the parent."""
    repo.add("a.env", f"A={OLD}\nB={OTHER}\nmore\n")
    _commits(repo, "commit", "--amend", "-m", "reworded", old=2)
    repo.add("a.env", f"A={OLD}\n")
    _commits(repo, "commit", "--amend", "--no-edit")
    repo.add("a.env", f"A={OLD}\nC={NEW}\n")
    repo.stops("commit", "--amend", "--no-edit", key=NEW, at="a.env:2:3")


def test_commits_of_a_part_of_the_files(repo: Guarded) -> None:
    """git commit -a and git commit PATH hand the hook an index of their own."""
    repo.write("a.env", f"A={OLD}\n")
    _commits(repo, "commit", "-a", "-m", "all")
    repo.write("a.env", f"A={OLD}\nmore\n")
    repo.add("b.env", NEW)
    _commits(repo, "commit", "-m", "this one", "a.env")


class TestMerges:
    """What any parent of a merge had does not stop it."""

    @staticmethod
    def _diverge(repo: Guarded, ours: str, theirs: str) -> None:
        repo.run("checkout", "-q", "-b", "topic", "HEAD")
        repo.leak("a.env", ours)
        repo.run("checkout", "-q", "main")
        repo.leak("a.env", theirs)
        repo.run("checkout", "-q", "topic")

    def test_a_merge_without_conflict(self, repo: Guarded) -> None:
        repo.run("checkout", "-q", "-b", "topic", "HEAD~0")
        repo.leak("topic.txt", "clean\n")
        repo.run("checkout", "-q", "main")
        repo.leak("main.env", f"{NEW}\n")
        repo.run("checkout", "-q", "topic")

        _commits(repo, "merge", "--no-edit", "main")

    def test_a_merge_with_a_conflict(self, repo: Guarded) -> None:
        self._diverge(repo, f"ours\nA={OLD}\n", f"theirs\nC={NEW}\n")
        assert repo.try_git("merge", "main").code == 1
        repo.add("a.env", f"both\nA={OLD}\nC={NEW}\n")
        third = fake_key("ws", "live", "third")
        repo.add("other.env", third)
        repo.stops("commit", "-m", "merge", key=third, at="other.env:1:1")
        repo.run("rm", "-q", "--cached", "other.env")

        _commits(repo, "commit", "-m", "merge", old=2)

    def test_a_conflict_that_ends_as_it_was_here(self, repo: Guarded) -> None:
        self._diverge(repo, f"ours\nA={OLD}\n", "theirs\n")
        assert repo.try_git("merge", "main").code == 1
        repo.run("checkout", "--ours", "a.env")
        repo.run("add", "a.env")

        ran = repo.try_git("commit", "-m", "merge")

        assert ran.code == 0, ran

    def test_an_octopus(self, repo: Guarded) -> None:
        for number, key in enumerate((OLD, OTHER, NEW)):
            repo.run("checkout", "-q", "-b", f"arm{number}", "main")
            repo.leak(f"arm{number}.env", f"{key}\n")
        repo.run("checkout", "-q", "main")
        repo.leak("main.txt", "clean\n")

        _commits(repo, "merge", "--no-edit", "arm0", "arm1", "arm2", old=3)


def test_picking_reverting_and_rebasing(repo: Guarded) -> None:
    """git runs no pre-commit hook for a picked commit, but when a conflict was resolved by hand."""
    repo.run("checkout", "-q", "-b", "topic")
    picked = repo.leak("a.env", f"topic\nA={OLD}\nC={NEW}\n")
    repo.run("checkout", "-q", "main")
    repo.leak("a.env", f"main\nA={OLD}\n")
    assert repo.try_git("cherry-pick", picked).code == 1
    repo.add("a.env", f"main\nA={OLD}\nC={NEW}\n")
    repo.stops("commit", "-m", "picked", key=NEW, at="a.env:3:3")
    repo.add("a.env", f"both\nA={OLD}\n")
    _commits(repo, "commit", "-m", "picked")
    repo.leak("a.env", "clean\n")
    repo.run("revert", "--no-commit", "HEAD")
    # What was taken away and comes back is new: no parent has it.
    repo.stops("commit", "-m", "back", key=OLD, at="a.env:2:3")


def test_a_file_that_is_named_and_not_changed_is_judged_whole(repo: Guarded) -> None:
    assert repo.hook("a.env").code == 1
    ran = repo.hook("a.env")
    assert "STOPPED" not in ran.text
    ran = repo.pre_commit("run", "--all-files")
    assert ran.code == 1
    assert short_fingerprint(OLD) in ran.text
    repo.add("a.env", f"A={OLD}\n")
    assert repo.hook("a.env").code == 0
    assert repo.hook().code == 0


def test_names_of_files_and_folders(repo: Guarded) -> None:
    repo.leak(f"{NEW}/a.txt", "clean\n")
    repo.add(f"{NEW}/a.txt", "still clean\n")
    repo.add(f"{NEW}/b.txt", "clean\n")
    _commits(repo, "commit", "-m", "in a folder that was there")
    repo.add(f"x-{NEW}", "clean\n")
    repo.stops("commit", "-m", "another name", key=NEW, at="x-sk_bc_ws_live_[REDACTED]:1:")
    repo.run("reset", "-q", "--hard")
    repo.run("mv", f"{NEW}/a.txt", f"moved-{NEW}")
    _commits(repo, "commit", "-m", "moved")


def _archive(form: str, *texts: str) -> bytes:
    stream = io.BytesIO()
    if form == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, text in enumerate(texts):
                archive.writestr(f"{number}.txt", text)
        return stream.getvalue()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number, text in enumerate(texts):
            entry = tarfile.TarInfo(f"{number}.txt")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


def test_archives_are_compared_as_a_whole(tmp_path: Path) -> None:
    """A key in a compressed archive is old only in the same archive; in plain sight it is known."""
    repo = Guarded(tmp_path / "repo", "plain")
    for form in ("zip", "tar"):
        repo.add(f"a.{form}", _archive(form, OLD * 3))
    repo.commit("begin")
    repo.run("mv", "a.zip", "b.zip")
    _commits(repo, "commit", "-m", "moved")
    repo.add("a.tar", _archive("tar", OLD, "more"))
    _commits(repo, "commit", "-m", "changed")
    repo.add("b.zip", _archive("zip", OLD, "more"))
    repo.stops("commit", "-m", "changed", key=OLD, at="b.zip!0.txt:1:1")


def test_a_parent_that_cannot_be_read_makes_nothing_old(tmp_path: Path) -> None:
    repo = Guarded(tmp_path / "repo", "plain")
    repo.leak("a.env", OLD)
    gone = repo.run("rev-parse", "HEAD:a.env")
    repo.add("a.env", f"{OLD} more")
    (repo.path / ".git" / "objects" / gone[:2] / gone[2:]).unlink()
    repo.stops("commit", "-m", "more", key=OLD, at="a.env:1:1")


def test_a_comment_for_the_new_place_is_enough(repo: Guarded) -> None:
    """Old places need no excuse beside new ones that have one."""
    repo.add("a.env", f"A={OLD}\n")
    repo.add("b.env", f"A={OLD}  # boltz-keyscan: ignore=agreed\n")

    ran = repo.try_git("commit", "-m", "agreed")

    assert ran.code == 0, ran


def test_the_report_of_what_is_staged(repo: Guarded) -> None:
    repo.add("a.env", f"A={OLD}\n")
    repo.add("b.env", f"A={OLD}\nC={NEW}\n")

    report = scan_json("--staged", cwd=repo.path)

    found = {finding["fingerprint"]: finding for finding in report["findings"]}
    assert [(place["path"], place["old"]) for place in found[fingerprint(OLD)]["locations"]] == [
        ("a.env", True),
        ("b.env", False),
    ]
    assert found[fingerprint(OLD)]["blocking"]
    assert report["scan"]["receipt"]["old"] == 0
    repo.run("reset", "-q", "b.env")
    report = scan_json("--staged", cwd=repo.path)
    assert [(finding["blocking"], finding["severity"]) for finding in report["findings"]] == [(False, "high")]
    assert (report["scan"]["receipt"]["old"], report["scan"]["exit_code"]) == (1, 0)
    text = " ".join(keyscan("--staged", cwd=repo.path).text.split())
    assert "Already there: the file had this key before the change that was scanned." in text
    assert "does not fail this run" in text
    assert "PASSED 1 key, none fails this run (exit 0)" in text
    sarif = keyscan("--staged", "--format", "sarif", cwd=repo.path).out
    assert b'"level":"note"' in sarif
    assert b'"old":true' in sarif


TREES = st.dictionaries(
    st.sampled_from(["a", "b", "d/c"]), st.sets(st.sampled_from([OLD, OTHER, NEW])).map(frozenset), max_size=3
)
Tree = Mapping[str, frozenset[str]]


def _files(tree: Tree, tag: str) -> dict[str, str]:
    # Beside the keys, every version of a file may differ.
    return {path: f"{tag}\n" + "".join(f"{key}\n" for key in sorted(keys)) for path, keys in tree.items()}


def _adds(parents: list[Tree], staged: Tree) -> bool:
    """Whether a commit adds a key to a file that had it in no parent, nor came from one that had it."""
    moved = {key for parent in parents for path, keys in parent.items() if path not in staged for key in keys}
    return any(
        key not in moved and not any(key in parent.get(path, ()) for parent in parents)
        for path, keys in staged.items()
        for key in keys
    )


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parents=st.lists(TREES, min_size=1, max_size=3), staged=TREES, same=st.booleans())
def test_the_law(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    parents: list[Tree],
    staged: Tree,
    *,
    same: bool,
) -> None:
    """A commit is stopped exactly when it adds a key to a file."""
    folder = tmp_path_factory.mktemp("law") / "repo"
    repo = Repo(folder)
    tags = ["same"] * 4 if same else ["0", "1", "2", "3"]
    history = {f"p{n}": Step((), _files(tree, tags[n])) for n, tree in enumerate(parents)}
    history["staged"] = Step((), _files(staged, tags[3]))
    refs = {"heads/main": "p0", **{f"heads/{name}": name for name in history}}
    ids = build(folder, history, refs)
    repo.run("read-tree", "staged")
    if parents[1:]:
        others = "".join(f"{ids[f'p{n}']}\n" for n in range(1, len(parents)))
        (folder / ".git" / "MERGE_HEAD").write_text(others, encoding="utf-8")
    monkeypatch.chdir(folder)
    plan = make_plan(Options(staged=(), fail_policy=FailPolicy(FailOn.ANY)))

    result = pipeline.run(plan)

    assert not result.gaps
    assert result.exit_code == int(_adds(parents, staged)), (parents, staged)
