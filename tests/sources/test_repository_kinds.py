"""Every kind of repository git can make: the key is found, the place named, and the verdict clear."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import git
import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.policy import FailOn, FailPolicy
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import keyscan

KEY = fake_key(seed="kinds")
LOCAL = ("-c", "protocol.file.allow=always")


def scanned(path: Path, *, files: bool = True) -> ScanResult:
    plan = make_plan(Options(paths=(str(path),), files=files, jobs=1))
    return pipeline.run(plan)


def told(result: ScanResult) -> dict[str, set[tuple[str, str]]]:
    """Path and exposure of each location, by fingerprint."""
    return {
        finding.fingerprint: {(where.path, where.exposure.value) for where in finding.locations}
        for finding in result.findings
    }


def at(path: str, exposure: str) -> dict[str, set[tuple[str, str]]]:
    return {fingerprint(KEY): {(path, exposure)}}


def gaps(result: ScanResult) -> list[tuple[str, str, bool]]:
    return [(gap.where, gap.reason, gap.by_design) for gap in result.gaps]


def removed(repo: Repo, name: str = "key.txt", key: str = KEY) -> str:
    """A key in history only; the commit that brought it."""
    commit = repo.leak(name, f"{key}\n")
    repo.run("rm", "--quiet", name)
    repo.leak("other.txt", name)
    return commit


# -- where a repository may lie, and what its HEAD may be ----------------------------------------


def mirror(repo: Repo) -> Path:
    removed(repo)
    repo.run("clone", "--quiet", "--mirror", ".", "../mirror.git")
    return repo.path.parent / "mirror.git"


def bare_with_worktree(repo: Repo) -> Path:
    removed(repo)
    repo.run("clone", "--quiet", "--bare", ".", "../bare.git")
    repo.run("-C", "../bare.git", "worktree", "add", "--quiet", "../tree", "main")
    return repo.path.parent / "bare.git"


def worktree_of_bare(repo: Repo) -> Path:
    return bare_with_worktree(repo).parent / "tree"


def worktree_inside_its_bare(repo: Repo) -> Path:
    removed(repo)
    repo.run("clone", "--quiet", "--bare", ".", "../hub/.bare")
    hub = repo.path.parent / "hub"
    repo.run("-C", "../hub/.bare", "worktree", "add", "--quiet", "../main", "main")
    return hub


def git_is_a_link(repo: Repo) -> Path:
    removed(repo)
    shutil.move(repo.path / ".git", repo.path.parent / "elsewhere")
    (repo.path / ".git").symlink_to("../elsewhere")
    return repo.path


def git_is_a_file(repo: Repo) -> Path:
    removed(repo)
    repo.run("init", "--quiet", "--separate-git-dir", "../elsewhere")
    return repo.path


def main_repository_gone(repo: Repo) -> Path:
    repo.leak("key.txt", KEY)
    repo.run("worktree", "add", "--quiet", "-b", "side", "../tree")
    shutil.rmtree(repo.path)
    return repo.path.parent / "tree"


def empty(repo: Repo) -> Path:
    repo.write("key.txt", KEY)
    return repo.path


def unborn_with_objects(repo: Repo) -> Path:
    removed(repo)
    repo.run("symbolic-ref", "HEAD", "refs/heads/none")
    return repo.path


def unborn_and_staged(repo: Repo) -> Path:
    repo.add("key.txt", KEY)
    (repo.path / "key.txt").unlink()
    return repo.path


def detached(repo: Repo) -> Path:
    repo.leak("key.txt", KEY)
    repo.run("checkout", "--quiet", "--detach")
    repo.run("branch", "--quiet", "-D", "main")
    (repo.path / "key.txt").unlink()
    return repo.path


def detached_behind(repo: Repo) -> Path:
    repo.leak("a.txt", "a")
    removed(repo)
    repo.run("checkout", "--quiet", "HEAD~2")
    return repo.path


@pytest.mark.parametrize(
    ("make", "path", "exposure", "missed"),
    [
        (mirror, "key.txt", "history", []),
        (bare_with_worktree, "key.txt", "history", []),
        (worktree_of_bare, "key.txt", "history", []),
        (worktree_inside_its_bare, "main/key.txt", "history", []),
        (git_is_a_link, "key.txt", "history", []),
        (git_is_a_file, "key.txt", "history", []),
        # Without git it is a file that could spread, and what is lost is said.
        (main_repository_gone, "key.txt", "file", [(".", "repository-unreadable", False)]),
        (empty, "key.txt", "untracked", []),
        (unborn_with_objects, "key.txt", "history", []),
        (unborn_and_staged, "key.txt", "staged", []),
        (detached, "key.txt", "tracked", []),
        (detached_behind, "key.txt", "history", []),
    ],
)
def test_a_kind_of_repository(
    repo: Repo, make: Callable[[Repo], Path], path: str, exposure: str, missed: list[tuple[str, str, bool]]
) -> None:
    result = scanned(make(repo))
    assert told(result) == at(path, exposure)
    assert gaps(result) == missed
    assert result.exit_code == ExitCode.BLOCKING


# -- reftable ----------------------------------------------------------------------------------


def as_reftable(repo: Repo) -> None:
    """What git 2.45 and newer leave on disk; older ones can neither make nor read it."""
    git_dir = repo.path / ".git"
    for name in ("refs", "logs"):
        shutil.rmtree(git_dir / name, ignore_errors=True)
    for name in ("packed-refs", "ORIG_HEAD"):
        (git_dir / name).unlink(missing_ok=True)
    (git_dir / "refs").mkdir()
    (git_dir / "refs/heads").write_text("this repository uses the reftable format\n")
    (git_dir / "HEAD").write_text("ref: refs/heads/.invalid\n")
    (git_dir / "reftable").mkdir()
    (git_dir / "reftable/tables.list").write_text("0x000000000001-0x000000000001-8d1ac1b4.ref\n")
    (git_dir / "reftable/0x000000000001-0x000000000001-8d1ac1b4.ref").write_bytes(b"REFT\1" + bytes(60))
    (git_dir / "config").write_text(
        "[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n\trefstorage = reftable\n"
    )


UNREAD = [(".", "references-unread", True)]


def test_all_commits_of_a_reftable_repository_are_history(repo: Repo) -> None:
    brought = removed(repo)
    lost = fake_key(seed="amended away")
    repo.leak("lost.txt", lost)
    repo.run("reset", "--quiet", "--hard", "HEAD~1")
    as_reftable(repo)
    result = scanned(repo.path)
    assert told(result) == {**at("key.txt", "history"), fingerprint(lost): {("lost.txt", "history")}}
    (finding,) = [each for each in result.findings if each.fingerprint == fingerprint(KEY)]
    assert [where.commit for where in finding.locations] == [brought]
    assert (gaps(result), result.complete, result.tally.commits) == (UNREAD, True, 3)


def test_a_clean_reftable_repository_was_looked_at(repo: Repo) -> None:
    repo.leak("a.txt", "a\n")
    as_reftable(repo)
    result = scanned(repo.path)
    assert (gaps(result), result.exit_code, result.tally.commits) == (UNREAD, ExitCode.CLEAN, 1)
    assert result.tally.blobs == 3


def test_a_range_of_a_reftable_repository_takes_full_ids(repo: Repo) -> None:
    base = repo.leak("a.txt", "a\n")
    brought = removed(repo)
    head = repo.run("rev-parse", "HEAD")
    as_reftable(repo)
    options = Options(paths=(str(repo.path),), jobs=1)
    with pytest.raises(KeyscanError) as raised:
        pipeline.run(make_plan(replace(options, commits="main~1..main")))
    assert raised.value.message == "unknown revision: main"
    assert "reftable" in raised.value.hint
    plan = make_plan(replace(options, commits=f"{base}..{head}"))
    result = pipeline.run(plan)
    assert told(result) == at("key.txt", "history")
    assert [where.commit for where in result.findings[0].locations] == [brought]
    plan = make_plan(replace(options, commits=f"{brought}..{head}"))
    result = pipeline.run(plan)
    assert (told(result), result.exit_code, result.tally.blobs) == ({}, ExitCode.CLEAN, 3)


def test_what_is_staged_in_a_reftable_repository(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.leak("a.txt", "a\n")
    as_reftable(repo)
    monkeypatch.chdir(repo.path)

    def staged() -> ScanResult:
        plan = make_plan(Options(staged=(), fail_policy=FailPolicy(FailOn.ANY)))
        return pipeline.run(plan)

    # HEAD is not known, so the whole index counts as new: more than is needed, never less.
    assert (told(staged()), staged().tally.files, staged().exit_code) == ({}, 1, ExitCode.CLEAN)
    (repo.path / "key.txt").write_text(KEY)
    blob = hashed(repo, "key.txt")
    index_only(repo, blob)
    assert told(staged()) == at("key.txt", "staged")
    assert staged().exit_code == ExitCode.BLOCKING


def test_a_commit_in_a_reftable_repository_is_not_told_to_untrack_its_files(repo: Repo) -> None:
    repo.leak("a.py", f"K = '{KEY}'\n")
    as_reftable(repo)
    text = keyscan("hook", "pre-commit", cwd=repo.path).text
    assert "Unstage  git restore --staged a.py\n" in text
    assert "(HEAD is not read, as reftable: files that were committed earlier count as staged)" in text
    text = keyscan("explain", fingerprint(KEY), cwd=repo.path).text
    assert "git restore --staged -- a.py" in text
    assert "rm --cached" not in text


def test_a_real_clone_with_reftable(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.txt", "a\n")
    brought = removed(repo)
    try:
        repo.run("clone", "--quiet", "--ref-format=reftable", ".", str(tmp_path / "clone"))
    except git.GitCommandError as error:
        if "unknown option" not in error.stderr:
            raise
        pytest.skip(f"git {repo.run('version').split()[2]} makes no reftable; 2.45 is needed")
    clone = Repo.there(tmp_path / "clone")
    result = scanned(clone.path)
    assert (told(result), gaps(result), result.tally.commits) == (at("key.txt", "history"), UNREAD, 3)
    head = clone.run("rev-parse", "HEAD")
    ran = keyscan("--range", f"{brought}~1..HEAD", cwd=clone.path)
    assert (ran.code, "kept as reftable, which is not read: give full commit ids" in ran.errors) == (2, True)
    assert keyscan("--range", f"{repo.run('rev-parse', 'HEAD~2')}..{head}", cwd=clone.path).code == 1
    assert keyscan("hook", "pre-commit", cwd=clone.path).code == 0
    (clone.path / "new.py").write_text(f"K = '{KEY}'\n")
    clone.run("add", "new.py")
    ran = keyscan("hook", "pre-commit", cwd=clone.path)
    assert (ran.code, "Unstage  git restore --staged new.py\n" in ran.text) == (1, True)
    clone.run("restore", "--staged", "new.py")
    line = f"refs/heads/main {head} refs/heads/main {'0' * 40}\n".encode()
    assert keyscan("hook", "pre-push", "origin", "somewhere", cwd=clone.path, stdin=line).code == 1
    ran = keyscan("explain", fingerprint(KEY), cwd=clone.path)
    assert (ran.code, "committed; pushed: unknown" in ran.text) == (0, True)
    assert keyscan("redact", "new.py", cwd=clone.path).code == 0
    assert KEY not in (clone.path / "new.py").read_text()


def hashed(repo: Repo, name: str) -> str:
    """The blob of a file, written with a repository of another kind around the same store."""
    return with_files_for_references(repo, "hash-object", "-w", name)


def index_only(repo: Repo, blob: str) -> None:
    with_files_for_references(repo, "update-index", "--add", "--cacheinfo", f"100644,{blob},key.txt")


def with_files_for_references(repo: Repo, *arguments: str) -> str:
    other = repo.path.parent / "other.git"
    if not other.exists():
        Repo(other, bare=True)
    env = {
        "GIT_DIR": str(other),
        "GIT_OBJECT_DIRECTORY": str(repo.path / ".git/objects"),
        "GIT_INDEX_FILE": str(repo.path / ".git/index"),
        "GIT_WORK_TREE": str(repo.path),
    }
    return repo.run(*arguments, env=env)


def test_a_push_from_a_reftable_repository(repo: Repo) -> None:
    removed(repo)
    head = repo.run("rev-parse", "HEAD")
    as_reftable(repo)
    line = f"refs/heads/main {head} refs/heads/main {'0' * 40}\n".encode()
    ran = keyscan("hook", "pre-push", "origin", "somewhere", cwd=repo.path, stdin=line)
    assert ran.code == ExitCode.BLOCKING
    assert "key.txt:1 " in ran.text


# -- submodules --------------------------------------------------------------------------------

INNER = fake_key(seed="inner")
MIDDLE = fake_key(seed="middle")


@pytest.fixture
def nested(tmp_path: Path) -> Repo:
    """A repository with a submodule ``libs/mid``, in which there is another, ``deep/inner``."""
    inner, middle, outer = (Repo(tmp_path / name) for name in ("inner", "middle", "outer"))
    removed(inner, "i.txt", INNER)
    removed(middle, "m.txt", MIDDLE)
    middle.run(*LOCAL, "submodule", "--quiet", "add", "../inner", "deep/inner")
    middle.commit("a submodule")
    outer.leak("a.txt", "a\n")
    outer.run(*LOCAL, "submodule", "--quiet", "add", "../middle", "libs/mid")
    outer.run(*LOCAL, "submodule", "--quiet", "update", "--init", "--recursive")
    outer.commit("a submodule")
    return outer


IN_PLACE = {
    fingerprint(INNER): {("libs/mid/deep/inner/i.txt", "history")},
    fingerprint(MIDDLE): {("libs/mid/m.txt", "history")},
}


@pytest.mark.parametrize("files", [True, False])
def test_submodules_are_scanned_with_their_history(nested: Repo, *, files: bool) -> None:
    result = scanned(nested.path, files=files)
    assert (told(result), gaps(result)) == (IN_PLACE, [])


def test_working_files_of_submodules_are_scanned_and_know_theirs(nested: Repo) -> None:
    (nested.path / "libs/mid/deep/inner/new.txt").write_text(KEY)
    result = scanned(nested.path)
    assert told(result) == {**IN_PLACE, **at("libs/mid/deep/inner/new.txt", "untracked")}


def test_a_store_whose_submodule_is_not_checked_out_is_named_by_itself(nested: Repo) -> None:
    nested.run("submodule", "--quiet", "deinit", "--force", "libs/mid")
    result = scanned(nested.path)
    assert told(result) == {
        fingerprint(INNER): {(".git/modules/libs/mid/modules/deep/inner/i.txt", "history")},
        fingerprint(MIDDLE): {(".git/modules/libs/mid/m.txt", "history")},
    }
    assert gaps(result) == []


def test_a_submodule_that_claims_another_worktree_is_not_believed(nested: Repo) -> None:
    store = nested.path / ".git/modules/libs/mid"
    nested.run("config", "--file", str(store / "config"), "core.worktree", "/")
    (nested.path / "libs/mid/new.txt").write_text(KEY)
    result = scanned(nested.path)
    assert told(result) == {**IN_PLACE, **at("libs/mid/new.txt", "untracked")}
    assert gaps(result) == []


def test_a_submodule_never_fetched_is_only_a_name(nested: Repo, tmp_path: Path) -> None:
    nested.run("clone", "--quiet", ".", str(tmp_path / "clone"))
    result = scanned(tmp_path / "clone")
    assert (told(result), gaps(result), result.exit_code) == ({}, [], ExitCode.CLEAN)


def test_a_range_and_the_index_hold_only_the_submodules_commit(
    nested: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle = nested.path / "libs/mid"
    (middle / "new.txt").write_text(KEY)
    nested.run("-C", str(middle), "add", "new.txt")
    nested.run("-C", str(middle), "commit", "--quiet", "-m", "in the submodule")
    nested.run("add", "libs/mid")
    monkeypatch.chdir(nested.path)
    plan = make_plan(Options(staged=(), fail_policy=FailPolicy(FailOn.ANY)))
    assert told(pipeline.run(plan)) == {}
    nested.commit("the submodule moved on")
    plan = make_plan(Options(commits="HEAD~1..HEAD", jobs=1))
    result = pipeline.run(plan)
    assert (told(result), gaps(result), result.exit_code) == ({}, [], ExitCode.CLEAN)
    # It is the submodule's own range that has it.
    plan = make_plan(Options(paths=("libs/mid",), commits="HEAD~1..HEAD", jobs=1))
    result = pipeline.run(plan)
    assert told(result) == at("new.txt", "tracked")
