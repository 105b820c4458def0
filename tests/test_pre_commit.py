"""Real commits, stopped or let through by the hook: under the pre-commit program and as a plain git hook."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from tests.hooked import PRE_COMMIT, Guarded, call, manifest, tells
from tests.keys import fake_key, short_fingerprint
from tests.repos import Repo
from tests.running import ROOT, program

# Both kinds of hook in "make nightly"; in other runs each test has one of them.
pytestmark = pytest.mark.sampled(count=1)

PREK = (str(Path(sys.executable).with_name("prek")),)

KEY = fake_key("ws", "live", "hook")
TEXT = f'client = Boltz(api_key="{KEY}")\n'
CLEAN = "client = Boltz()\n"
QUIET = ("commit", "--quiet", "-m", "m")


@pytest.fixture(params=["pre-commit", "plain"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Guarded:
    """A repository without a commit."""
    return Guarded(tmp_path / "repo", request.param)


@pytest.fixture
def repo(empty: Guarded) -> Guarded:
    """A repository with one commit of two files."""
    return _begun(empty)


@pytest.fixture
def plain(tmp_path: Path) -> Guarded:
    """The same, with the plain git hook only."""
    return _begun(Guarded(tmp_path / "repo", "plain"))


@pytest.fixture
def framed(tmp_path: Path) -> Guarded:
    """The same, with pre-commit only."""
    return _begun(Guarded(tmp_path / "repo", "pre-commit"))


def _begun(repo: Guarded) -> Guarded:
    repo.add("a.py", CLEAN * 9)
    repo.add("b.py", CLEAN)
    repo.commit("begin")
    return repo


def test_the_manifest_is_valid() -> None:
    ran = call(ROOT, *PRE_COMMIT, "validate-manifest", ".pre-commit-hooks.yaml")
    assert (ran.code, ran.out, ran.err) == (0, b"", b"")
    assert [hook["id"] for hook in manifest()] == [
        "boltz-keyscan",
        "boltz-keyscan-system",
        "boltz-keyscan-push",
        "boltz-keyscan-all",
    ]


@pytest.mark.parametrize("runner", [PRE_COMMIT, PREK], ids=["pre-commit", "prek"])
def test_both_runners_run_the_hook_on_path(tmp_path: Path, runner: tuple[str, ...]) -> None:
    """As it is published: nothing is installed for it."""
    (hook,) = (hook for hook in manifest() if hook["id"] == "boltz-keyscan-system")
    (tmp_path / "hooks.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": [hook]}]}))
    repo = Repo(tmp_path / "repo")
    path = os.pathsep.join([str(program().parent), os.environ["PATH"]])
    for text, code in ((TEXT, 1), (CLEAN, 0)):
        repo.add("a.py", text)
        ran = call(repo.path, *runner, "run", "--config", "../hooks.yaml", env={"PATH": path})
        assert ran.code == code, ran
        assert (short_fingerprint(KEY).encode() in ran.out) == bool(code)


def test_first_commit(empty: Guarded) -> None:
    empty.add("a.py", TEXT)
    empty.stops(*QUIET, key=KEY, at="a.py:1:25")
    empty.add("a.py", CLEAN)
    empty.passes(*QUIET)


def test_commit(repo: Guarded) -> None:
    repo.add("src/new.py", TEXT)
    repo.stops(*QUIET, key=KEY, at="src/new.py:1:25")
    repo.add("src/new.py", CLEAN)
    repo.passes(*QUIET)


@pytest.mark.sampled
@pytest.mark.parametrize(("kind", "mode"), [("admin", "test"), ("ws", "test")])
def test_a_test_key_stops_a_commit_too(plain: Guarded, kind: str, mode: str) -> None:
    key = fake_key(kind, mode)
    plain.add("a.py", key)
    plain.stops(*QUIET, key=key, at="a.py:1:1")


def test_commit_from_a_folder(plain: Guarded) -> None:
    plain.add("src/new.py", TEXT)
    ran = plain.try_git(*QUIET, cwd=plain.path / "src")
    assert ran.code == 1
    tells(ran.text + ran.errors, KEY, "src/new.py:1:25")


def test_commit_all(repo: Guarded) -> None:
    repo.write("a.py", TEXT)
    repo.stops(*QUIET, "-a", key=KEY, at="a.py:1:25")
    repo.write("a.py", CLEAN)
    repo.passes(*QUIET, "-a")


def test_commit_of_a_path(repo: Guarded) -> None:
    repo.write("a.py", CLEAN)
    repo.add("b.py", TEXT)
    repo.passes(*QUIET, "a.py")
    repo.write("a.py", TEXT)
    repo.add("b.py", CLEAN * 2)
    repo.stops(*QUIET, "a.py", key=KEY, at="a.py:1:25")
    repo.passes(*QUIET, "b.py")


def test_amend(repo: Guarded) -> None:
    repo.add("a.py", TEXT)
    repo.stops(*QUIET, "--amend", key=KEY, at="a.py:1:25")
    repo.add("a.py", CLEAN)
    repo.passes(*QUIET, "--amend")


def test_a_key_that_is_only_in_the_worktree_does_not_stop(repo: Guarded) -> None:
    repo.add("a.py", CLEAN)
    repo.write("a.py", CLEAN + TEXT)
    repo.passes(*QUIET)
    assert KEY.encode() in (repo.path / "a.py").read_bytes()


def test_a_key_that_is_only_in_the_index_stops(repo: Guarded) -> None:
    repo.write("staged", CLEAN + TEXT)
    blob = repo.run("hash-object", "-w", "staged")
    repo.run("update-index", "--cacheinfo", f"100644,{blob},a.py")
    repo.stops(*QUIET, key=KEY, at="a.py:2:25")


def test_a_key_that_head_has_already_does_not_stop_the_next_edit_of_its_file(repo: Guarded) -> None:
    repo.add("a.py", TEXT)
    repo.commit("leak")
    repo.add("a.py", TEXT + CLEAN)
    _passes_with_an_old_key(repo, *QUIET)
    repo.add("b.py", CLEAN * 2)
    repo.passes(*QUIET)


def _passes_with_an_old_key(repo: Guarded, *arguments: str) -> None:
    ran = repo.try_git(*arguments)
    assert ran.code == 0, ran
    printed = (ran.out + ran.err).decode()
    ran_it = "1 key was there before and does not stop this commit" if repo.kind == "plain" else "Passed"
    assert ran_it in printed, printed


def test_rename_with_an_edit(repo: Guarded) -> None:
    repo.run("mv", "a.py", "c.py")
    repo.add("c.py", CLEAN * 9 + TEXT)
    repo.stops(*QUIET, key=KEY, at="c.py:10:25")
    repo.add("c.py", CLEAN * 8)
    repo.passes(*QUIET)


def test_merge_resolution(repo: Guarded) -> None:
    _diverge(repo, "theirs\n")
    assert repo.try_git("merge", "--quiet", "other").code == 1
    repo.add("b.py", TEXT)
    repo.stops(*QUIET, key=KEY, at="b.py:1:25")
    repo.add("b.py", CLEAN * 3)
    repo.passes(*QUIET)


def test_merge_without_conflict(repo: Guarded) -> None:
    repo.run("checkout", "--quiet", "-b", "other")
    repo.add("c.py", TEXT)
    repo.commit("c")
    repo.run("checkout", "--quiet", "main")
    repo.add("a.py", CLEAN)
    repo.commit("a")
    _passes_with_an_old_key(repo, "merge", "--no-edit", "other")


def _diverge(repo: Guarded, theirs: str) -> None:
    repo.run("checkout", "--quiet", "-b", "other")
    repo.add("b.py", theirs)
    repo.commit("theirs")
    repo.run("checkout", "--quiet", "main")
    repo.add("b.py", "ours\n")
    repo.commit("ours")


def test_linked_worktree(repo: Guarded) -> None:
    linked = repo.path.parent / "linked"
    repo.run("worktree", "add", "--quiet", "-b", "side", str(linked))
    (linked / "a.py").write_text(TEXT, encoding="utf-8")
    ran = repo.try_git(*QUIET, "-a", cwd=linked)
    assert ran.code == 1
    tells(ran.text + ran.errors, KEY, "a.py:1:25")
    (linked / "a.py").write_text(CLEAN, encoding="utf-8")
    assert repo.try_git(*QUIET, "-a", cwd=linked).code == 0


def test_symbolic_link(repo: Guarded) -> None:
    (repo.path / "link").symlink_to(f"/nowhere/{KEY}")
    repo.run("add", "link")
    repo.stops(*QUIET, key=KEY, at="link:1:10")
    (repo.path / "link").unlink()
    (repo.path / "link").symlink_to("a.py")
    repo.run("add", "link")
    repo.passes(*QUIET)


def test_file_name(repo: Guarded) -> None:
    repo.add(f"keys/{KEY}.txt", CLEAN)
    repo.stops(*QUIET, key=KEY, at="keys/sk_bc_ws_live_[REDACTED].txt:1:6")


def test_deletions_only(repo: Guarded) -> None:
    repo.run("rm", "--quiet", "a.py")
    repo.passes(*QUIET, staged=0)


def test_submodule(repo: Guarded) -> None:
    inner = Guarded(repo.path / "inner", "plain")
    inner.add("x", TEXT)
    inner.commit("x")
    repo.run("-c", "advice.addEmbeddedRepo=false", "add", "inner")
    if repo.kind == "plain":
        repo.passes(*QUIET, staged=0)
    else:
        repo.passes(*QUIET)


def test_commit_inside_a_submodule(plain: Guarded) -> None:
    allow = ("-c", "protocol.file.allow=always")
    plain.run(*allow, "submodule", "--quiet", "add", str(plain.path / ".git"), "module")
    hooks = plain.path / ".git" / "modules" / "module" / "hooks"
    hooks.mkdir(exist_ok=True)
    (plain.path / ".git" / "hooks" / "pre-commit").rename(hooks / "pre-commit")
    (plain.path / "module" / "a.py").write_text(TEXT, encoding="utf-8")
    ran = plain.try_git(*QUIET, "-a", cwd=plain.path / "module")
    assert ran.code == 1
    tells(ran.text + ran.errors, KEY, "a.py:1:25")
    (plain.path / "module" / "a.py").write_text(CLEAN, encoding="utf-8")
    assert plain.try_git(*QUIET, "-a", cwd=plain.path / "module").code == 0


def test_intent_to_add(repo: Guarded) -> None:
    repo.write("later.py", TEXT)
    repo.run("add", "--intent-to-add", "later.py")
    repo.add("a.py", CLEAN)
    repo.passes(*QUIET)
    repo.stops(*QUIET, "-a", key=KEY, at="later.py:1:25")


def test_name_that_is_an_option(repo: Guarded) -> None:
    repo.add("--help", TEXT)
    repo.stops(*QUIET, key=KEY, at="--help:1:25")
    repo.add("--help", CLEAN)
    repo.passes(*QUIET)


@pytest.mark.sampled(count=2)
@pytest.mark.parametrize("name", [":(exclude)a.py", ":!x", "[a].py", "*", "back\\slash", "with space"])
def test_name_that_git_could_take_for_a_pattern(plain: Guarded, name: str) -> None:
    plain.add("other.py", CLEAN)
    plain.write(name, TEXT)
    plain.run("--literal-pathspecs", "add", "--", name)
    plain.stops(*QUIET, key=KEY, at=f"{name}:1:25")
    ran = plain.hook("--", name)
    assert ran.code == 1
    tells(ran.text, KEY, f"{name}:1:25")


def test_name_that_is_not_text(plain: Guarded) -> None:
    raw = b"caf\xe9\nbar.py"
    (plain.path / os.fsdecode(raw)).write_text(TEXT, encoding="utf-8")
    plain.run("add", "--all")
    at = "caf\\xe9\\x0abar.py:1:25"
    plain.stops(*QUIET, key=KEY, at=at)
    ran = plain.hook("--", raw)
    assert ran.code == 1
    tells(ran.text, KEY, at)


def test_name_that_is_not_text_does_not_get_past_pre_commit(framed: Guarded) -> None:
    # pre-commit itself gives up on it; what matters is that nothing is committed.
    (framed.path / os.fsdecode(b"caf\xe9.py")).write_text(TEXT, encoding="utf-8")
    framed.run("add", "--all")
    before = framed.tip()
    ran = framed.try_git(*QUIET)
    assert ran.code != 0
    assert framed.tip() == before


def test_all_files(framed: Guarded) -> None:
    assert framed.pre_commit("run", "boltz-keyscan", "--all-files").code == 0
    framed.add("old.py", TEXT)
    framed.commit("leak")
    framed.add("a.py", CLEAN)
    framed.commit("later")
    ran = framed.pre_commit("run", "boltz-keyscan", "--all-files")
    assert ran.code == 1
    tells(ran.text, KEY, "old.py:1:25")


def test_all_files_with_what_has_no_blob(framed: Guarded) -> None:
    inner = Guarded(framed.path / "inner", "plain")
    inner.commit("x")
    framed.run("-c", "advice.addEmbeddedRepo=false", "add", "inner")
    framed.add("void", "")
    framed.write("later.py", CLEAN)
    framed.run("add", "--intent-to-add", "later.py")
    ran = framed.pre_commit("run", "boltz-keyscan", "--all-files", "--verbose")
    assert ran.code == 0, ran
    assert "no key in 3 files of the index and 1 file that is not staged (" in ran.text
    framed.write("later.py", TEXT)
    ran = framed.pre_commit("run", "boltz-keyscan", "--all-files")
    assert ran.code == 1
    tells(ran.text, KEY, "later.py:1:25")


def test_all_files_in_the_middle_of_a_conflict(framed: Guarded) -> None:
    _diverge(framed, TEXT)
    assert framed.try_git("merge", "--quiet", "other").code == 1
    # The commit that is merged has the key in this file.
    assert framed.pre_commit("run", "boltz-keyscan", "--all-files").code == 0
    another = fake_key(seed="another")
    framed.write("b.py", f"{TEXT}{another}\n")
    ran = framed.pre_commit("run", "boltz-keyscan", "--all-files")
    assert ran.code == 1
    tells(ran.text, another, "b.py:2:1")
    framed.write("b.py", CLEAN)
    assert framed.pre_commit("run", "boltz-keyscan", "--all-files").code == 0


def test_named_files(framed: Guarded) -> None:
    framed.write("untracked.py", TEXT)
    framed.write("other.py", CLEAN)
    assert framed.pre_commit("run", "boltz-keyscan", "--files", "other.py", "a.py").code == 0
    ran = framed.pre_commit("run", "boltz-keyscan", "--files", "untracked.py")
    assert ran.code == 1
    tells(ran.text, KEY, "untracked.py:1:25")
    assert "untracked" in ran.text


def test_the_manual_hook_sees_the_history(framed: Guarded) -> None:
    command = ("run", "--hook-stage", "manual", "boltz-keyscan-all")
    ran = framed.pre_commit(*command)
    assert ran.code == 0, ran
    assert "CLEAN   no Boltz key (exit 0)" in ran.text
    framed.add("old.py", TEXT)
    framed.commit("leak")
    framed.run("rm", "--quiet", "old.py")
    framed.commit("gone")
    assert framed.pre_commit("run", "boltz-keyscan", "--all-files").code == 0
    ran = framed.pre_commit(*command)
    assert ran.code == 1
    assert f"  {short_fingerprint(KEY)}  " in ran.text
    assert "rewrite old.py:1  " in ran.text
    assert KEY[-20:] not in ran.text
