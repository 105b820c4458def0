"""The commit hook's command: which index it reads, and what it says when it cannot."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.hooked import Guarded, call, tells
from tests.keys import PREFIXES, fake_key
from tests.repos import Repo
from tests.running import Ran

KEY = fake_key("admin", "live", "hook")
TEXT = f"key = {KEY}\n"
CLEAN = "key = os.environ\n"

NO_WORKTREE = (
    b"error: the hook runs inside a git worktree, and this folder is in none\n"
    b"help: Change to your repository, or scan files with 'boltz-keyscan PATH'.\n"
)


@pytest.fixture
def repo(tmp_path: Path) -> Guarded:
    """A repository with one commit."""
    repo = Guarded(tmp_path / "repo", "plain")
    repo.add("a.py", CLEAN)
    repo.add("b.py", CLEAN * 2)
    repo.commit("begin")
    return repo


def _object(repo: Repo, oid: str) -> Path:
    return repo.path / ".git" / "objects" / oid[:2] / oid[2:]


def _stops(ran: Ran, at: str) -> None:
    assert ran.code == 1, ran
    tells(ran.text, KEY, at)


def _passes(ran: Ran, looked_at: str) -> None:
    assert (ran.code, ran.out, ran.err) == (0, f"boltz-keyscan: no key in {looked_at}\n".encode(), b"")


def _incomplete(ran: Ran, gap: str) -> None:
    assert (ran.code, ran.err) == (3, b"")
    # Lines are wrapped for the terminal.
    assert gap in " ".join(ran.text.split()), ran.text
    assert "INCOMPLETE 1 gap" in ran.text


def test_what_it_says_when_clean(repo: Guarded) -> None:
    _passes(repo.hook(), "0 staged files (0 bytes)")
    _passes(repo.hook("a.py"), "1 file of the index (17 bytes)")
    _passes(repo.hook("a.py", "b.py"), "2 files of the index (51 bytes)")
    repo.write("c.py", "x" * 2000)
    _passes(repo.hook("c.py"), "1 file that is not staged (2,000 bytes)")
    repo.write("d.py", "x")
    _passes(
        repo.hook("b.py", "c.py", "d.py"), "1 file of the index and 2 files that are not staged (2,035 bytes)"
    )


def test_a_placeholder_does_not_stop(repo: Guarded) -> None:
    repo.add("a.py", PREFIXES["admin", "live"] + "example\n")
    _passes(repo.hook(), "1 staged file (25 bytes)")


def test_both_names_of_the_same_content_are_told(repo: Guarded) -> None:
    repo.add("a.py", TEXT)
    repo.add("c.py", TEXT)
    ran = repo.hook()
    _stops(ran, "a.py:1:7")
    _stops(ran, "c.py:1:7")


@pytest.mark.parametrize("folder", ["outside", "bare", "repo/.git"])
def test_not_in_a_worktree(tmp_path: Path, repo: Guarded, folder: str) -> None:
    Repo(tmp_path / "bare", bare=True)
    (tmp_path / "outside").mkdir()
    for arguments in ([], ["a.py"]):
        ran = repo.hook(*arguments, cwd=tmp_path / folder)
        assert (ran.code, ran.out, ran.err) == (2, b"", NO_WORKTREE)


def test_the_folder_is_gone(repo: Guarded) -> None:
    script = (
        f"mkdir gone && cd gone && rmdir ../gone && exec '{sys.executable}' -m boltz_keyscan hook pre-commit"
    )
    ran = call(repo.path, "sh", "-c", script)
    assert ran.code == 2
    assert ran.errors == (
        "error: the current folder does not exist any more\nhelp: Change to your repository.\n"
    )


@pytest.mark.parametrize("arguments", [[], ["a.py"]])
def test_git_is_absent(tmp_path: Path, repo: Guarded, arguments: list[str]) -> None:
    ran = repo.hook(*arguments, env={"PATH": str(tmp_path)})
    assert (ran.code, ran.out) == (2, b"")
    assert ran.errors.startswith("error: git is not installed or not on PATH\nhelp: ")


@pytest.mark.parametrize("form", ["relative", "absolute"])
@pytest.mark.parametrize("names", [(), ("a.py",)])
def test_another_index(tmp_path: Path, repo: Guarded, form: str, names: tuple[str, ...]) -> None:
    other = {"GIT_INDEX_FILE": "../other" if form == "relative" else str(tmp_path / "other")}
    repo.run("read-tree", "HEAD", env={**os.environ, **other})
    repo.write("a.py", TEXT)
    repo.run("add", "a.py", env={**os.environ, **other})
    repo.write("a.py", CLEAN)
    _stops(repo.hook(*names, env=other), "a.py:1:7")
    assert repo.hook(*names).code == 0


def test_another_index_hides_what_the_usual_one_holds(repo: Guarded) -> None:
    repo.add("a.py", TEXT)
    other = {"GIT_INDEX_FILE": ".git/next"}
    repo.run("read-tree", "HEAD", env={**os.environ, **other})
    _passes(repo.hook(env=other), "0 staged files (0 bytes)")
    _passes(repo.hook("a.py", env=other), "1 staged file (17 bytes)")
    assert repo.hook().code == 1


def test_no_index_is_an_empty_one(repo: Guarded) -> None:
    _passes(repo.hook(env={"GIT_INDEX_FILE": ".git/none"}), "0 staged files (0 bytes)")
    (repo.path / ".git" / "index").unlink()
    _passes(repo.hook(), "0 staged files (0 bytes)")
    _passes(repo.hook("a.py"), "1 file that is not staged (17 bytes)")


@pytest.mark.parametrize("names", [(), ("a.py",)])
def test_an_index_that_cannot_be_read(repo: Guarded, names: tuple[str, ...]) -> None:
    repo.add("a.py", TEXT)
    path = repo.path / ".git" / "index"
    content = path.read_bytes()
    path.write_bytes(b"nothing of the kind, and long enough to be one")
    ran = repo.hook(*names)
    _incomplete(ran, ".: index-unreadable: git cannot read the index: error: bad signature 0x68746f6e")
    path.write_bytes(content[:20])
    _incomplete(repo.hook(*names), "index-unreadable: git cannot read the index: fatal: ")


@pytest.mark.parametrize("kind", ["fifo", "folder", "dangling"])
def test_an_index_that_is_no_file(repo: Guarded, kind: str) -> None:
    path = repo.path / ".git" / "other"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    ran = repo.hook("a.py", env={"GIT_INDEX_FILE": ".git/other"})
    _incomplete(ran, ".: index-unreadable: git cannot read the index: it is not a regular file")


@pytest.mark.parametrize("damage", ["gone", "garbled", "cut", "empty"])
@pytest.mark.parametrize("names", [(), ("a.py", "b.py")])
@pytest.mark.sampled
def test_a_staged_blob_that_cannot_be_read(repo: Guarded, damage: str, names: tuple[str, ...]) -> None:
    repo.add("a.py", os.urandom(3000))
    oid = repo.run("rev-parse", ":a.py")
    path = _object(repo, oid)
    content = path.read_bytes()
    path.chmod(0o644)
    match damage:
        case "gone":
            path.unlink()
        case "garbled":
            path.write_bytes(b"garbled" * 99)
        case "cut":
            path.write_bytes(content[:1500])
        case _:
            path.write_bytes(b"")
    _incomplete(
        repo.hook(*names), f"a.py: blob {oid}: corrupt-object: git cannot read it; run git fsck for details"
    )


def test_a_key_beside_a_blob_that_cannot_be_read(repo: Guarded) -> None:
    repo.add("a.py", "soon gone")
    _object(repo, repo.run("rev-parse", ":a.py")).unlink()
    repo.add("b.py", TEXT)
    ran = repo.hook()
    _stops(ran, "b.py:1:7")
    assert "INCOMPLETE 1 gap" in ran.text


def test_what_a_partial_clone_left_out_is_not_new(tmp_path: Path, repo: Guarded) -> None:
    repo.run("config", "uploadpack.allowFilter", "true")
    options = ["--quiet", "--no-checkout", "--filter=blob:none", f"file://{repo.path}"]
    repo.run("clone", *options, str(tmp_path / "clone"))
    clone = tmp_path / "clone"
    repo.run("-C", str(clone), "read-tree", "HEAD")
    (repo.path / ".git").rename(tmp_path / "out of reach")
    ran = repo.hook("a.py", cwd=clone)
    assert (ran.code, ran.err) == (0, b"")
    assert "partial-clone: this clone left it out" in " ".join(ran.text.split())
    _passes(repo.hook(cwd=clone), "0 staged files (0 bytes)")
    # A blob that is there and damaged is another matter.
    (clone / "new").write_text("new", encoding="utf-8")
    repo.run("-C", str(clone), "add", "new")
    oid = repo.run("-C", str(clone), "rev-parse", ":new")
    path = clone / ".git" / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"garbled" * 9)
    _incomplete(repo.hook(cwd=clone), f"new: blob {oid}: corrupt-object")


def test_a_name_that_could_be_an_option(repo: Guarded) -> None:
    repo.add("--help", TEXT)
    ran = repo.hook("--help")
    assert (ran.code, ran.out) == (2, b"")
    assert ran.errors == (
        "error: --help could be an option or a file; put -- before the files.\n"
        "help: See 'boltz-keyscan hook pre-commit --help'.\n"
    )
    _stops(repo.hook("--", "--help"), "--help:1:7")


def test_names_that_are_no_files(repo: Guarded) -> None:
    (repo.path / "src").mkdir()
    _incomplete(repo.hook("nowhere.py"), "nowhere.py: missing: neither in the index nor on disk")
    _incomplete(
        repo.hook("src"), "src: not-a-file: a folder; name files, or scan it with 'boltz-keyscan PATH'"
    )
    _incomplete(repo.hook("a.py", ""), "not-a-file")


def test_a_fifo_is_left_out_and_told(repo: Guarded) -> None:
    os.mkfifo(repo.path / "pipe")
    ran = repo.hook("pipe")
    assert (ran.code, ran.err) == (0, b"")
    assert "pipe: special-file: a FIFO is not read" in ran.text


def test_names_as_seen_from_elsewhere(tmp_path: Path, repo: Guarded) -> None:
    repo.add("src/a.py", TEXT)
    (tmp_path / "alias").symlink_to(repo.path)
    outside = tmp_path / "outside.py"
    outside.write_text(TEXT, encoding="utf-8")
    _stops(repo.hook("a.py", cwd=repo.path / "src"), "src/a.py:1:7  staged")
    _stops(repo.hook("../src/./a.py", cwd=repo.path / "src"), "src/a.py:1:7  staged")
    _stops(repo.hook(str(repo.path / "src" / "a.py")), "src/a.py:1:7  staged")
    _stops(repo.hook(str(tmp_path / "alias" / "src" / "a.py")), "src/a.py:1:7  staged")
    _stops(repo.hook("src/a.py", cwd=tmp_path / "alias"), "src/a.py:1:7  staged")
    _stops(repo.hook("../outside.py"), f"{outside}:1:7")


def test_a_link_on_disk_is_read_and_not_followed(tmp_path: Path, repo: Guarded) -> None:
    (tmp_path / "elsewhere").write_text(TEXT, encoding="utf-8")
    (repo.path / "link").symlink_to("../elsewhere")
    assert repo.hook("link").code == 0
    (repo.path / KEY).symlink_to(f"x{KEY}")
    ran = repo.hook(KEY)
    _stops(ran, "sk_bc_admin_live_[REDACTED]:1:1  untracked (also 1:2)")


def test_more_names_than_git_gets(repo: Guarded) -> None:
    names = [f"{'deep/' * 30}{number:04}.py" for number in range(1200)]
    blob = repo.run("hash-object", "-w", "a.py")
    lines = "".join(f"100644 {blob}\t{name}\n" for name in names)
    listing = repo.write("listing", lines)
    with listing.open("rb") as stream:
        repo.run("update-index", "--index-info", istream=stream)
    _passes(repo.hook(*names), "1,200 files of the index (17 bytes)")
    repo.write("key", TEXT)
    blob = repo.run("hash-object", "-w", "key")
    repo.run("update-index", "--cacheinfo", f"100644,{blob},{names[-1]}")
    assert repo.hook(*names[:-1]).code == 0
    assert repo.hook(*names).code == 1


@pytest.mark.parametrize("name", ["a blob", "a blob 3", "a\nblob", "a\rblob 3", " ", "\u00e9 blob"])
@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.sampled
def test_names_that_look_like_an_answer(repo: Guarded, name: str, *, staged: bool) -> None:
    repo.write(name, TEXT)
    if staged:
        repo.run("add", "--", name)
        repo.write(name, CLEAN)

    assert repo.hook("a.py", name, "b.py").code == 1


def test_what_was_only_announced(repo: Guarded) -> None:
    repo.write("later.py", TEXT)
    repo.write("void.py", "")
    repo.write("new\nline", TEXT)
    repo.run("add", "--intent-to-add", "later.py", "void.py", "new\nline")
    for path in (repo.path / ".git" / "objects" / "e6").iterdir():
        path.unlink()
    _passes(repo.hook(), "0 staged files (0 bytes)")
    _passes(repo.hook("void.py"), "1 file of the index (0 bytes)")
    _stops(repo.hook("later.py"), "later.py:1:7")
    _stops(repo.hook("new\nline"), "new\\x0aline:1:7")
    _stops(repo.hook("void.py", "new\nline", *("a.py",) * 99), "new\\x0aline:1:7")


def test_an_empty_file_that_was_staged_is_empty(repo: Guarded) -> None:
    repo.add("void.py", "")
    repo.write("void.py", TEXT)
    _passes(repo.hook("void.py"), "1 file of the index (0 bytes)")


@pytest.mark.parametrize("names", [(), ("b.py",)])
def test_a_conflict(repo: Guarded, names: tuple[str, ...]) -> None:
    repo.run("checkout", "--quiet", "-b", "other")
    repo.leak("b.py", TEXT)
    repo.run("checkout", "--quiet", "main")
    repo.leak("b.py", "ours\n")
    assert repo.try_git("merge", "other").code == 1
    # The side that is merged has the key in this file.
    ran = repo.hook(*names)
    assert ran.code == 0
    assert "1 key was there before and does not stop this commit" in ran.text
    another = fake_key("admin", "live", "another")
    repo.write("b.py", f"{TEXT}{another}\n")
    ran = repo.hook(*names)
    assert ran.code == 1
    tells(ran.text, another, "b.py:2:1")
    # What counts is what will be added, not what the two sides were.
    repo.write("b.py", CLEAN)
    _passes(repo.hook(*names), "1 file that is not staged (17 bytes)")
    (repo.path / "b.py").unlink()
    _passes(repo.hook(*names), f"0 {'files of the index' if names else 'staged files'} (0 bytes)")


@pytest.mark.parametrize("names", [(), ("a.py",)])
@pytest.mark.parametrize("where", [".git/index", "../elsewhere"])
@pytest.mark.sampled
def test_split_index(repo: Guarded, names: tuple[str, ...], where: str) -> None:
    index = {"GIT_INDEX_FILE": where}
    repo.add("a.py", TEXT)
    if where == "../elsewhere":
        (repo.path / ".git" / "index").rename(repo.path / where)
    repo.run("update-index", "--split-index", env={**os.environ, **index})
    assert list((repo.path / ".git").glob("sharedindex.*"))
    _stops(repo.hook(*names, env=index), "a.py:1:7")
    repo.write("c.py", CLEAN)
    repo.run("add", "c.py", env={**os.environ, **index})
    _stops(repo.hook(*names, env=index), "a.py:1:7")


def test_a_shared_index_that_is_no_file(repo: Guarded) -> None:
    repo.run("update-index", "--split-index")
    shared = next((repo.path / ".git").glob("sharedindex.*"))
    shared.unlink()
    os.mkfifo(shared)
    _incomplete(repo.hook("a.py"), "index-unreadable: git cannot read the index: the shared part of it")


@pytest.mark.parametrize("names", [(), ("in/deep/a.py", "out/deep/a.py")])
def test_sparse_index(repo: Guarded, names: tuple[str, ...]) -> None:
    repo.leak("in/deep/a.py", CLEAN)
    repo.leak("out/deep/a.py", CLEAN)
    repo.run("sparse-checkout", "set", "--cone", "--sparse-index", "in")
    assert "out/" in repo.run("ls-files", "--sparse").split()
    assert repo.hook(*names).code == 0
    repo.add("in/deep/a.py", TEXT)
    _stops(repo.hook(*names), "in/deep/a.py:1:7")
    blob = repo.run("rev-parse", ":in/deep/a.py")
    repo.run("update-index", "--add", "--cacheinfo", f"100644,{blob},out/deep/a.py")
    _stops(repo.hook(*names), "out/deep/a.py:1:7")


@pytest.mark.parametrize("names", [(), ("a.py",)])
def test_index_version_4_with_untracked_cache(repo: Guarded, names: tuple[str, ...]) -> None:
    repo.add("a.py", TEXT)
    repo.run("update-index", "--index-version", "4", "--force-untracked-cache")
    repo.run("status")
    _stops(repo.hook(*names), "a.py:1:7")


@pytest.mark.parametrize("names", [(), ("a.py",)])
def test_nothing_in_the_configuration_runs(repo: Guarded, names: tuple[str, ...]) -> None:
    repo.add(".gitattributes", "* filter=evil diff=evil\n")
    repo.add("a.py", TEXT)
    marker = repo.path / "marker"
    script = repo.write("run.sh", f"#!/bin/sh\ntouch '{marker}'\n")
    script.chmod(0o755)
    settings = (
        "core.fsmonitor",
        "diff.external",
        "filter.evil.clean",
        "filter.evil.smudge",
        "diff.evil.textconv",
    )
    for name in settings:
        repo.run("config", name, str(script))
    _stops(repo.hook(*names), "a.py:1:7")
    assert not marker.exists()
    # The trap does work: git itself falls into it.
    repo.try_git("status")
    assert marker.exists()


@pytest.mark.parametrize("names", [(), ("a.py",)])
def test_blobs_that_are_in_a_borrowed_store(tmp_path: Path, repo: Guarded, names: tuple[str, ...]) -> None:
    repo.write("key", TEXT)
    repo.run("hash-object", "-w", "key")
    clone = tmp_path / "clone"
    repo.run("clone", "--quiet", "--shared", str(repo.path), str(clone))
    (clone / "a.py").write_text(TEXT, encoding="utf-8")
    repo.run("-C", str(clone), "add", "a.py")
    oid = repo.run("-C", str(clone), "rev-parse", ":a.py")
    assert not (clone / ".git" / "objects" / oid[:2] / oid[2:]).exists()
    _stops(repo.hook(*names, cwd=clone), "a.py:1:7")
    (clone / "a.py").write_text(CLEAN * 3, encoding="utf-8")
    repo.run("-C", str(clone), "add", "a.py")
    _passes(repo.hook(*names, cwd=clone), f"1 {'file of the index' if names else 'staged file'} (51 bytes)")


@pytest.mark.parametrize("names", [(), ("a.py",)])
def test_sha256(tmp_path: Path, names: tuple[str, ...]) -> None:
    repo = Guarded(tmp_path / "repo", "plain", object_format="sha256")
    repo.add("a.py", TEXT)
    _stops(repo.hook(*names), "a.py:1:7")
    repo.commit("leak")
    repo.add("a.py", CLEAN)
    repo.add("void.py", "")
    _passes(repo.hook(), "2 staged files (17 bytes)")


@pytest.mark.parametrize("damage", ["ref", "commit", "tree"])
def test_with_a_damaged_head_everything_counts_as_new(repo: Guarded, damage: str) -> None:
    match damage:
        case "ref":
            (repo.path / ".git" / "refs" / "heads" / "main").write_text("garbled\n", encoding="utf-8")
        case "commit":
            _object(repo, repo.run("rev-parse", "HEAD")).unlink()
        case _:
            _object(repo, repo.run("rev-parse", "HEAD^{tree}")).unlink()
    _passes(repo.hook(), "2 staged files (51 bytes)")
    repo.add("b.py", TEXT)
    _stops(repo.hook(), "b.py:1:7")


def test_a_pack_that_is_just_being_written_is_no_gap(repo: Guarded) -> None:
    repo.add("a.py", CLEAN * 3)
    (repo.path / ".git" / "objects" / "pack" / f"pack-{'0' * 40}.pack").write_bytes(b"PACK")
    _passes(repo.hook(), "1 staged file (51 bytes)")


def test_no_object_store(repo: Guarded) -> None:
    linked = repo.path.parent / "linked"
    repo.run("worktree", "add", "--quiet", str(linked))
    (repo.path / ".git" / "objects").rename(repo.path / ".git" / "gone")
    _incomplete(repo.hook("a.py", cwd=linked), ".: object-store: cannot be read: No such file or directory")


def test_a_repository_named_by_git(tmp_path: Path, repo: Guarded) -> None:
    """What ``git --git-dir=... --work-tree=... commit`` exports, as dotfile managers use it."""
    home = tmp_path / "home"
    home.mkdir()
    (repo.path / ".git").rename(tmp_path / "dots")
    named = ("--git-dir", str(tmp_path / "dots"), "--work-tree", str(home))
    commit = (*named, "commit", "--quiet", "-m", "m")
    (home / "rc").write_text(TEXT, encoding="utf-8")
    assert repo.try_git(*named, "add", "rc", cwd=home).code == 0
    ran = repo.try_git(*commit, cwd=home)
    _stops(Ran(ran.code, ran.out + ran.err, b""), "rc:1:7")
    (home / "rc").write_text(CLEAN, encoding="utf-8")
    assert repo.try_git(*named, "add", "rc", cwd=home).code == 0
    ran = repo.try_git(*commit, cwd=home)
    assert ran.code == 0
    assert b"no key in 1 staged file (17 bytes)\n" in ran.out + ran.err


def test_the_repository_git_names_counts_and_not_the_one_around(tmp_path: Path, repo: Guarded) -> None:
    other = Repo(tmp_path / "repo" / "other")
    other.add("rc", TEXT)
    (other.path / ".git").rename(tmp_path / "dots")
    env = {"GIT_DIR": "../../dots"}
    _stops(repo.hook(cwd=other.path, env=env), "rc:1:7")
    _stops(repo.hook("rc", cwd=other.path, env=env), "rc:1:7  staged")
    _stops(repo.hook(env={"GIT_DIR": "../dots", "GIT_WORK_TREE": "other"}), "rc:1:7  staged")
    ran = repo.hook(env={"GIT_DIR": "../nowhere"})
    assert (ran.code, ran.out, ran.err) == (2, b"", NO_WORKTREE)
