"""Repositories that are damaged, incomplete or made to harm: what is said of each, word for word.

Every case runs the program and looks at three things: the gaps, the exit code, and that
stderr is empty. A repository that was not scanned whole never ends in 0.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.model.enums import ExitCode
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import Ran, keyscan

KEY = fake_key("ws", "live", "bad repositories")
FSCK = "git cannot read it; run git fsck for details"


def scanned(path: Path, *options: str, **more: Any) -> Ran:
    """A scan that must not hang, which is ended and fails, and must not complain."""
    ran = keyscan(path, "--format", "json", *options, **more)
    assert ran.errors == ""
    return ran


def gaps(ran: Ran) -> list[tuple[str, str, str]]:
    """Where, reason and detail of the gaps that are not by design."""
    return [
        (gap["where"], gap["reason"], gap["detail"]) for gap in ran.report["gaps"] if not gap["by_design"]
    ]


def asides(ran: Ran) -> list[tuple[str, str, str]]:
    """The gaps that are by design."""
    return [(gap["where"], gap["reason"], gap["detail"]) for gap in ran.report["gaps"] if gap["by_design"]]


def receipt(ran: Ran) -> Any:
    return ran.report["scan"]["receipt"]


def found(ran: Ran) -> set[str]:
    return {finding["fingerprint"] for finding in ran.report["findings"]}


def loose(repo: Repo, oid: str) -> Path:
    return repo.path / ".git/objects" / oid[:2] / oid[2:]


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def packed(repo: Repo, ending: str) -> Path:
    """Everything in one pack; its file with this ending."""
    repo.run("gc", "--quiet")
    (path,) = (repo.path / ".git/objects/pack").glob(f"pack-*.{ending}")
    path.chmod(0o644)
    return path


_templates: list[Path] = []


@pytest.fixture
def full(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Two commits and a folder, nothing to find; built once and copied."""
    if not _templates:
        repo = Repo(tmp_path_factory.mktemp("template"))
        for number in range(3):
            repo.add(f"folder/{number}.txt", b"".join(b"%d %d\n" % (number, line) for line in range(2000)))
        repo.leak("a.txt", "one\n", "first")
        repo.leak("a.txt", "two\n", "second")
        _templates.append(repo.path)
    shutil.copytree(_templates[0], tmp_path / "repo", symlinks=True)
    return Repo.there(tmp_path / "repo")


# -- damage --------------------------------------------------------------------------------


def test_a_sound_repository_is_complete(full: Repo) -> None:
    ran = scanned(full.path)
    assert (ran.code, gaps(ran), asides(ran)) == (ExitCode.CLEAN, [], [])


def test_a_corrupt_loose_blob(full: Repo) -> None:
    oid = full.run("rev-parse", "HEAD:a.txt")
    overwrite(loose(full, oid), b"not zlib")
    ran = scanned(full.path)
    assert gaps(ran) == [(f".: object {oid}", "corrupt-object", FSCK)]
    assert ran.code == ExitCode.INCOMPLETE


def test_a_loose_blob_cut_short_still_leaves_the_others(full: Repo) -> None:
    full.leak("key.txt", KEY)
    oid = full.run("rev-parse", "HEAD:folder/1.txt")
    overwrite(loose(full, oid), loose(full, oid).read_bytes()[:2000])
    ran = scanned(full.path, "--history-only")
    assert gaps(ran) == [(f".: blob {oid}", "corrupt-object", FSCK)]
    assert found(ran) == {fingerprint(KEY)}
    assert ran.code == ExitCode.BLOCKING


def test_a_corrupt_tree(full: Repo) -> None:
    oid = full.run("rev-parse", "HEAD:folder")
    overwrite(loose(full, oid), b"")
    ran = scanned(full.path)
    assert (f".: object {oid}", "corrupt-object", FSCK) in gaps(ran)
    assert {reason for _, reason, _ in gaps(ran)} <= {"corrupt-object", "index-unreadable"}
    assert ran.code == ExitCode.INCOMPLETE


def test_a_corrupt_commit_at_the_tip(full: Repo) -> None:
    oid = full.run("rev-parse", "HEAD")
    overwrite(loose(full, oid), b"not zlib")
    ran = scanned(full.path)
    assert (f".: object {oid}", "corrupt-object", FSCK) in gaps(ran)
    assert (".", "reference-broken", f"refs/heads/main: git cannot read {oid}") in gaps(ran)
    assert ran.code == ExitCode.INCOMPLETE


def test_a_key_behind_a_corrupt_commit_is_found_all_the_same(full: Repo) -> None:
    broken = full.leak("key.txt", KEY)
    full.run("rm", "--quiet", "key.txt")
    full.commit("removed")
    overwrite(loose(full, broken), b"not zlib")
    ran = scanned(full.path, "--history-only", "--fail-on-unexposed")
    assert found(ran) == {fingerprint(KEY)}
    assert ran.code == ExitCode.BLOCKING
    assert "untraced" in {reason for _, reason, _ in gaps(ran)}


def test_a_corrupt_object_in_a_pack(full: Repo) -> None:
    path = packed(full, "pack")
    content = path.read_bytes()
    overwrite(path, content[:200] + bytes(40) + content[240:])
    ran = scanned(full.path)
    assert {(reason, detail) for _, reason, detail in gaps(ran)} >= {("corrupt-object", FSCK)}
    assert ran.code == ExitCode.INCOMPLETE


def test_a_truncated_pack(full: Repo) -> None:
    full.leak("key.txt", KEY)
    full.run("rm", "--quiet", "key.txt")
    full.commit("removed")
    head = full.run("rev-parse", "HEAD")
    path = packed(full, "pack")
    overwrite(path, path.read_bytes()[:-2000])
    ran = scanned(full.path, "--history-only")
    told = f"{path.name}: its checksum is not the one its index names; what can be read of it is read"
    assert (".", "pack-damaged", told) in gaps(ran)
    # What comes before the cut is read: commits are at the beginning of a pack.
    assert (".", "reference-broken", f"refs/heads/main: git cannot read {head}") not in gaps(ran)
    assert len(gaps(ran)) > 1
    assert receipt(ran)["commits"] == 4


def test_an_index_without_its_pack_is_not_passed_over_in_silence(full: Repo) -> None:
    path = packed(full, "pack")
    path.unlink()
    # git still has some objects and an unborn branch, and says nothing at all of the pack.
    full.run("hash-object", "-w", "folder/1.txt")
    full.run("symbolic-ref", "HEAD", "refs/heads/none")
    (full.path / ".git/packed-refs").unlink()
    (full.path / ".git/index").unlink()
    ran = scanned(full.path)
    told = f"{path.stem}.idx has no .pack, so its objects are lost"
    assert gaps(ran) == [(".", "pack-incomplete", told)]
    assert ran.code == ExitCode.INCOMPLETE


def test_a_corrupt_index(full: Repo) -> None:
    index = full.path / ".git/index"
    index.write_bytes(b"garbage")
    ran = scanned(full.path)
    told = f"git cannot read the index: fatal: {index}: index file smaller than expected"
    assert gaps(ran) == [(".", "index-unreadable", told)]
    assert ran.code == ExitCode.INCOMPLETE


def test_a_reference_that_leads_nowhere(full: Repo) -> None:
    nobody = "1" * 40
    (full.path / ".git/refs/heads/lost").write_text(nobody + "\n")
    (full.path / ".git/refs/heads/nonsense").write_text("nonsense\n")
    (full.path / ".git/ORIG_HEAD").write_text(nobody + "\n")
    ran = scanned(full.path)
    assert gaps(ran) == [
        (".", "reference-broken", f"refs/heads/lost: git cannot read {nobody}"),
        (".", "reference-unreadable", "refs/heads/nonsense: holds no object id"),
    ]
    assert ran.code == ExitCode.INCOMPLETE


def test_a_config_git_would_refuse(full: Repo) -> None:
    (full.path / ".git/config").write_text("[extensions\n")
    ran = scanned(full.path)
    assert gaps(ran) == [
        (".", "config-unreadable", "config is not valid; the object format is taken to be sha1")
    ]
    assert ran.code == ExitCode.INCOMPLETE


def test_an_object_store_that_cannot_be_listed(full: Repo, unprivileged: tuple[str, ...]) -> None:
    (full.path / ".git/objects/pack").chmod(0)
    ran = keyscan(full.path, "--format", "json", "--history-only", before=unprivileged)
    assert (".", "object-store", "history not read: Permission denied") in gaps(ran)
    assert ran.code == ExitCode.INCOMPLETE


def test_references_that_cannot_be_listed(full: Repo, unprivileged: tuple[str, ...]) -> None:
    (full.path / ".git/refs/heads").chmod(0)
    ran = keyscan(full.path, "--format", "json", "--history-only", before=unprivileged)
    assert gaps(ran) == [
        (".", "reference-unreadable", "refs/heads: Permission denied"),
        (".git/refs/heads", "unreadable", "cannot be read: Permission denied"),
    ]
    assert ran.code == ExitCode.INCOMPLETE


# -- borrowed objects ----------------------------------------------------------------------


def borrowing(tmp_path: Path) -> tuple[Repo, Repo]:
    """Two repositories; the second has the key's objects only through the first."""
    lender = Repo(tmp_path / "both/lender")
    lender.leak("key.txt", KEY)
    lender.run("rm", "--quiet", "key.txt")
    lender.commit("removed")
    lender.run("clone", "--quiet", "--shared", ".", "../borrower")
    return lender, Repo(tmp_path / "both/borrower")


def test_a_missing_alternate(tmp_path: Path) -> None:
    lender, borrower = borrowing(tmp_path)
    head = borrower.run("rev-parse", "HEAD")
    shutil.rmtree(lender.path)
    ran = scanned(borrower.path)
    told = f"it borrows objects from {lender.path}/.git/objects, which does not exist"
    assert (".", "alternate-missing", told) in gaps(ran)
    assert (".", "reference-broken", f"refs/heads/main: git cannot read {head}") in gaps(ran)
    assert ran.code == ExitCode.INCOMPLETE


def test_an_alternate_outside_the_scanned_folder_is_not_read(tmp_path: Path) -> None:
    lender, borrower = borrowing(tmp_path)
    ran = scanned(borrower.path)
    why = "outside the scanned folder; --follow-alternates reads them"
    told = f"it borrows objects from {lender.path}/.git/objects, {why}"
    assert (".", "alternate-outside", told) in gaps(ran)
    assert found(ran) == set()
    assert ran.code == ExitCode.INCOMPLETE


def test_an_alternate_elsewhere_is_read_when_asked(tmp_path: Path) -> None:
    _, borrower = borrowing(tmp_path)
    ran = scanned(borrower.path, "--follow-alternates")
    assert (ran.code, gaps(ran), found(ran)) == (ExitCode.BLOCKING, [], {fingerprint(KEY)})


def test_an_alternate_inside_the_scanned_folder_is_read(tmp_path: Path) -> None:
    lender, borrower = borrowing(tmp_path)
    ran = scanned(tmp_path / "both")
    assert (ran.code, gaps(ran), found(ran)) == (ExitCode.BLOCKING, [], {fingerprint(KEY)})
    # The borrower alone, with the lender inside it, explains the key too.
    shutil.move(lender.path, borrower.path / "vendored")
    store = borrower.path / "vendored/.git/objects"
    (borrower.path / ".git/objects/info/alternates").write_text(f"# a comment\n{store}\n")
    shutil.rmtree(borrower.path / "vendored/.git/refs")
    ran = scanned(borrower.path, "--history-only")
    (finding,) = ran.report["findings"]
    assert finding["exposure"] == "history"
    assert finding["locations"][0]["path"] == "key.txt"


def test_a_path_no_system_takes_is_a_missing_alternate(full: Repo) -> None:
    (full.path / ".git/objects/info/alternates").write_bytes(b"/nowhere\0/at/all\n")
    ran = scanned(full.path)
    told = "it borrows objects from /nowhere, which does not exist"
    assert gaps(ran) == [(".", "alternate-missing", told)]
    assert ran.code == ExitCode.INCOMPLETE


# -- other kinds of repositories -----------------------------------------------------------


def test_a_sha256_repository_is_read_and_explained(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo", object_format="sha256")
    commit = repo.leak("key.txt", KEY)
    repo.run("rm", "--quiet", "key.txt")
    repo.commit("removed")
    ran = scanned(repo.path)
    (finding,) = ran.report["findings"]
    (location,) = finding["locations"]
    assert (location["path"], location["commit"], location["exposure"]) == ("key.txt", commit, "history")
    assert (ran.code, gaps(ran), len(commit)) == (ExitCode.BLOCKING, [], 64)


def test_a_shallow_clone(full: Repo, tmp_path: Path) -> None:
    full.run("clone", "--quiet", "--depth=1", f"file://{full.path}", str(tmp_path / "clone"))
    detail = "commits before the shallow boundary are not here; git fetch --unshallow brings them"
    ran = scanned(tmp_path / "clone")
    assert (ran.code, gaps(ran), asides(ran)) == (ExitCode.CLEAN, [], [(".", "shallow", detail)])
    assert scanned(tmp_path / "clone", "--require-complete").code == ExitCode.INCOMPLETE


@pytest.mark.parametrize(
    ("kept", "missing"),
    [
        ("blob:none", 5),
        # Of trees it does not have git cannot say what would be in them.
        ("tree:0", 2),
        ("blob:limit=1k", 3),
    ],
)
def test_a_partial_clone_is_counted_and_nothing_is_fetched(
    full: Repo, tmp_path: Path, kept: str, missing: int
) -> None:
    full.run("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    full.run("clone", "--quiet", "--no-checkout", f"--filter={kept}", f"file://{full.path}", str(clone))
    before = objects(clone)
    ran = scanned(clone)
    detail = f"objects left out when it was cloned: {missing}; a clone without --filter has them"
    assert (ran.code, gaps(ran), asides(ran)) == (ExitCode.CLEAN, [], [(".", "partial-clone", detail)])
    assert receipt(ran)["objects_missing"] == missing
    assert objects(clone) == before
    assert scanned(clone, "--require-complete").code == ExitCode.INCOMPLETE
    # It is known by its packs even when its configuration is gone.
    (clone / ".git/config").unlink()
    assert asides(scanned(clone)) == [(".", "partial-clone", detail)]


def objects(path: Path) -> list[Path]:
    return sorted((path / ".git/objects").rglob("*"))


def test_a_partial_clone_that_has_everything_has_no_gap(full: Repo, tmp_path: Path) -> None:
    full.run("config", "uploadpack.allowFilter", "true")
    full.run("clone", "--quiet", "--filter=blob:limit=1g", f"file://{full.path}", str(tmp_path / "clone"))
    ran = scanned(tmp_path / "clone")
    assert (ran.code, gaps(ran), asides(ran)) == (ExitCode.CLEAN, [], [])
    assert receipt(ran)["objects_missing"] == 0


def test_a_key_in_what_a_partial_clone_has_is_found(repo: Repo, tmp_path: Path) -> None:
    repo.leak("key.txt", KEY)
    repo.run("rm", "--quiet", "key.txt")
    repo.leak("other.txt", "other\n")
    repo.run("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    repo.run("clone", "--quiet", "--filter=blob:limit=1g", f"file://{repo.path}", str(clone))
    (finding,) = scanned(clone).report["findings"]
    assert (finding["exposure"], finding["locations"][0]["path"]) == ("history", "key.txt")


def test_a_repository_of_somebody_else(full: Repo) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a repository to somebody else")
    full.leak("key.txt", KEY)
    full.run("rm", "--quiet", "key.txt")
    full.commit("removed")
    full.write("ignored.txt", fake_key("ws", "live", "ignored"))
    full.write(".gitignore", "ignored.txt\n")
    for path in (full.path, *full.path.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    ran = scanned(full.path)
    assert gaps(ran) == []
    assert {finding["exposure"] for finding in ran.report["findings"]} == {"history", "local"}
    assert ran.code == ExitCode.BLOCKING


# -- .git that is not what it should be ----------------------------------------------------

NO_PARTS = ".git has no HEAD, objects and refs"
ABSENT = ".git points to /nowhere/at/all, which is not there (not mounted?); make it available at that path"


def git_file(text: bytes) -> Callable[[Path], object]:
    return lambda dot_git: dot_git.write_bytes(text)


def git_folder(dot_git: Path) -> None:
    dot_git.mkdir()
    (dot_git / "HEAD").write_text("ref: refs/heads/main\n")
    for name in ("objects", "refs"):
        (dot_git / name).mkdir()


def with_common_dir(text: bytes) -> Callable[[Path], object]:
    def make(dot_git: Path) -> None:
        git_folder(dot_git)
        (dot_git / "commondir").write_bytes(text)

    return make


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (git_file(b"gitdir: /nowhere/at/all\n"), ABSENT),
        (git_file(b"gitdir: .\n"), NO_PARTS),
        (git_file(b"gitdir: \0\n"), ".git is a file but does not say 'gitdir:'"),
        (git_file(b""), ".git is a file but does not say 'gitdir:'"),
        (Path.mkdir, NO_PARTS),
        (os.mkfifo, NO_PARTS),
        (lambda dot_git: dot_git.symlink_to("nowhere"), "No such file or directory"),
        (lambda dot_git: dot_git.symlink_to(".git"), "Too many levels of symbolic links"),
        (with_common_dir(b"\0"), "commondir names no folder"),
        (with_common_dir(b"\n"), "commondir names no folder"),
    ],
)
def test_a_dot_git_that_leads_nowhere(tmp_path: Path, make: Callable[[Path], object], told: str) -> None:
    (tmp_path / "repo").mkdir()
    make(tmp_path / "repo/.git")
    ran = scanned(tmp_path / "repo")
    assert gaps(ran) == [(".", "repository-unreadable", f"history not read: {told}")]
    assert ran.code == ExitCode.INCOMPLETE
    assert scanned(tmp_path / "repo", "--no-history").code in {ExitCode.CLEAN, ExitCode.INCOMPLETE}
    ran = keyscan(tmp_path / "repo", "--history-only")
    assert ran.errors == (
        f"error: not a usable git repository: {tmp_path / 'repo'}: {told}\nhelp: Check its .git.\n"
    )
    assert ran.code == ExitCode.USAGE


def test_an_object_store_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    with_common_dir(b"/nowhere\n")(tmp_path / "repo/.git")
    ran = scanned(tmp_path / "repo")
    assert gaps(ran) == [(".", "object-store", "history not read: No such file or directory")]
    assert ran.code == ExitCode.INCOMPLETE


def test_a_new_repository_is_complete_but_has_no_history(repo: Repo) -> None:
    ran = scanned(repo.path)
    assert (ran.code, gaps(ran)) == (ExitCode.CLEAN, [])
    assert receipt(ran)["files"] > 0
    ran = scanned(repo.path, "--history-only")
    assert gaps(ran) == [(str(repo.path), "nothing-scanned", "there was nothing to scan")]
    assert ran.code == ExitCode.INCOMPLETE


# -- made to hang --------------------------------------------------------------------------


def not_read(name: str) -> list[tuple[str, str, str]]:
    return [(".", "special-file", f"history not read: objects/{name} is not a regular file")]


LOOSE_NAME = "ab/" + "c" * 38
PACK_NAME = f"pack/pack-{'1' * 40}.idx"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (".git/HEAD", [(".", "reference-unreadable", "HEAD: not a regular file")]),
        (".git/packed-refs", [(".", "reference-unreadable", "packed-refs: not a regular file")]),
        (".git/refs/heads/x", [(".", "reference-unreadable", "refs/heads/x: not a regular file")]),
        (".git/config", [(".", "config-unreadable", "config cannot be read: not a regular file")]),
        (".git/index", [(".", "index-unreadable", "the index is not a regular file")]),
        (
            ".git/objects/info/alternates",
            [
                (".", "alternate-unreadable", "objects/info/alternates: not a regular file"),
                *not_read("info/alternates"),
            ],
        ),
        (f".git/objects/{LOOSE_NAME}", not_read(LOOSE_NAME)),
        (f".git/objects/{PACK_NAME}", not_read(PACK_NAME)),
        (".git/objects/pack/multi-pack-index", not_read("pack/multi-pack-index")),
        (".git/objects/info/commit-graph", not_read("info/commit-graph")),
        (
            ".git/objects/info/commit-graphs/commit-graph-chain",
            not_read("info/commit-graphs/commit-graph-chain"),
        ),
        # git needs none of these to read objects, and no scan opens them but as files.
        (".git/shallow", []),
        (".git/commondir", []),
        (".git/info/exclude", []),
        (".git/info/grafts", []),
        (".git/logs/HEAD", []),
        (".git/ORIG_HEAD", []),
        (".gitignore", []),
        (".gitattributes", []),
    ],
)
@pytest.mark.sampled(count=8)
def test_a_fifo_hangs_nobody(full: Repo, name: str, told: list[tuple[str, str, str]]) -> None:
    full.write("leak.txt", KEY)
    path = full.path / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    ran = scanned(full.path)
    assert gaps(ran) == told
    assert asides(ran) == [(name, "special-file", "a FIFO is not read")]
    # The file beside it is looked at, and its exposure asked for, whatever git lacks for that.
    assert found(ran) == {fingerprint(KEY)}
    assert ran.code == ExitCode.BLOCKING


def test_a_bare_repository_without_a_readable_head_is_still_one(full: Repo, tmp_path: Path) -> None:
    full.leak("key.txt", KEY)
    bare = tmp_path / "bare.git"
    full.run("clone", "--quiet", "--bare", ".", str(bare))
    (bare / "HEAD").unlink()
    os.mkfifo(bare / "HEAD")
    ran = scanned(bare)
    assert found(ran) == {fingerprint(KEY)}
    assert gaps(ran) == [(".", "reference-unreadable", "HEAD: not a regular file")]


def test_an_include_of_a_fifo_hangs_nobody(full: Repo) -> None:
    os.mkfifo(full.path / "pipe")
    # The word makes the program ask git what the configuration says.
    full.run("config", "extensions.none", "extensions")
    with (full.path / ".git/config").open("a") as config:
        config.write(f"[include]\n\tpath = {full.path}/pipe\n")
    ran = scanned(full.path)
    assert (ran.code, gaps(ran)) == (ExitCode.CLEAN, [])


def test_a_socket_is_left_out(full: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(full.path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        ran = scanned(full.path)
    assert (ran.code, asides(ran)) == (
        ExitCode.CLEAN,
        [("socket", "special-file", "a socket is not read")],
    )


# -- made to run something -----------------------------------------------------------------


def test_nothing_a_configuration_names_is_run(full: Repo, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    full.leak("key.txt", KEY)
    full.write("leak.txt", fake_key("ws", "live", "worktree"))
    full.write(".gitattributes", "* filter=evil diff=evil\n")
    hooks = full.path / ".git/hooks"
    for sample in list(hooks.iterdir()):
        shutil.copy(program, sample.with_suffix(""))
    keys = [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "core.askPass",
        "core.gitProxy",
        "diff.external",
        "diff.evil.command",
        "diff.evil.textconv",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "gpg.program",
        "credential.helper",
        "remote.origin.uploadpack",
        "uploadpack.packObjectsHook",
    ]
    for key in keys:
        full.run("config", key, str(program))
    for key, value in {
        "core.hooksPath": str(hooks),
        "core.worktree": "/",
        "log.showSignature": "true",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{program}",
        "protocol.ext.allow": "always",
        "core.repositoryFormatVersion": "1",
    }.items():
        full.run("config", key, value)
    # A missing object is what makes git fetch.
    gone = full.run("rev-parse", "HEAD~1:a.txt")
    loose(full, gone).unlink()
    ran = scanned(full.path)
    assert not marker.exists()
    assert found(ran) == {fingerprint(KEY), fingerprint(fake_key("ws", "live", "worktree"))}
    assert gaps(ran) == []
    assert receipt(ran)["objects_missing"] == 1


def test_a_git_in_the_scanned_folder_is_never_started(full: Repo, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = full.write("git", f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    ran = scanned(Path(), cwd=full.path, env={"PATH": f".::{os.environ['PATH']}"})
    assert (ran.code, marker.exists()) == (ExitCode.CLEAN, False)


# -- git itself ----------------------------------------------------------------------------

UPGRADE = "Install git 2.39.4 or newer, or scan files only with --no-history."


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (None, "git is not installed or not on PATH"),
        ("#!/bin/sh\necho git version 2.30.0\n", "git 2.30.0 is too old to read untrusted repositories"),
        (
            "#!/bin/sh\necho git version 2.39.3.windows.1\n",
            "git 2.39.3 is too old to read untrusted repositories",
        ),
        ("#!/bin/sh\nexit 3\n", "git does not run: {git} exited with status 3"),
        ("#!/nowhere/at/all\n", "git does not run: {git}: No such file or directory"),
        ("no program", "git does not run: {git}: Exec format error"),
    ],
)
def test_a_git_that_cannot_be_used(full: Repo, tmp_path: Path, script: str | None, told: str) -> None:
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    if script is not None:
        program.write_text(script)
        program.chmod(0o755)
    env = {"PATH": str(program.parent)}
    ran = keyscan(full.path, "--format", "json", env=env)
    detail = f"history not read: {told.format(git=program)}; {UPGRADE}"
    assert gaps(ran) == [(".", "git-unusable", detail)]
    assert (ran.code, ran.errors) == (ExitCode.INCOMPLETE, "")
    assert receipt(ran)["files"] > 10
    assert keyscan(full.path, "--no-history", env=env).code == ExitCode.CLEAN
    full.write("leak.txt", KEY)
    assert keyscan(full.path, env=env).code == ExitCode.BLOCKING
