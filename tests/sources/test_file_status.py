"""Exposure of files around git directories: ``local`` only where no repository could add the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.model.enums import ExitCode, Situation
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.policy import situation
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import keyscan

KEY = fake_key("ws", "live", "file status")
LOOSE = "ab/" + "0" * 38


def scanned(path: Path, *, history: bool = True) -> ScanResult:
    plan = make_plan(Options(paths=(str(path),), history=history, jobs=1))
    return pipeline.run(plan)


def exposures(result: ScanResult) -> dict[str, set[str]]:
    """The exposures of KEY by path."""
    found: dict[str, set[str]] = {}
    for finding in result.findings:
        if finding.fingerprint == fingerprint(KEY):
            for location in finding.locations:
                found.setdefault(location.path, set()).add(location.exposure.value)
    return found


def lookalike(folder: Path, head: str = "ref: refs/heads/main\n") -> None:
    """A folder that git takes for a bare repository."""
    for name in ("objects/ab", "objects/info", "objects/pack", "refs/heads"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text(head)
    (folder / "refs/keep").write_text("so that git adds the folder\n")


# -- a lookalike in a worktree ---------------------------------------------------------------


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize("target", [".", "src"])
@pytest.mark.parametrize("state", ["tracked", "untracked", "local"])
@pytest.mark.sampled
def test_a_folder_that_git_takes_for_a_repository(
    repo: Repo, state: str, target: str, *, history: bool
) -> None:
    lookalike(repo.path / "src")
    repo.write("src/prod.env", f"K={KEY}\n")
    repo.write(".gitignore", "prod.env\n" if state == "local" else "")
    repo.run("add", ".gitignore", "src/HEAD", "src/refs")
    if state == "tracked":
        repo.run("add", "src/prod.env")
    repo.commit()

    result = scanned(repo.path / target, history=history)

    assert state in exposures(result)["src/prod.env"]
    assert (result.exit_code == ExitCode.BLOCKING) is (state != "local")


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize("name", [f"objects/{LOOSE}", "objects/info/" + "0" * 38, "objects/pack/pack-0.rev"])
@pytest.mark.parametrize("target", [".", "src"])
def test_a_file_with_the_name_of_an_object(repo: Repo, name: str, target: str, *, history: bool) -> None:
    lookalike(repo.path / "src")
    repo.write(f"src/{name}", f"K={KEY}\n")
    repo.run("add", "--all")
    repo.commit()

    result = scanned(repo.path / target, history=history)

    assert "tracked" in exposures(result)[f"src/{name}"]
    assert result.exit_code == ExitCode.BLOCKING


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(
    ("name", "exposure"),
    [
        ("prod.env", "file"),
        ("objects/info/" + "0" * 38, "file"),
        ("objects/notes", "file"),
        ("config", "local"),
        ("logs/refs/heads/main", "local"),
    ],
)
def test_a_lookalike_outside_any_worktree(tmp_path: Path, name: str, exposure: str, *, history: bool) -> None:
    lookalike(tmp_path / "src")
    path = tmp_path / "src" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"K={KEY}\n")

    assert exposures(scanned(tmp_path, history=history)) == {f"src/{name}": {exposure}}


def test_text_in_the_place_of_a_loose_object_is_read_without_history(repo: Repo) -> None:
    repo.write(f".git/objects/{LOOSE}", f"K={KEY}\n")

    assert exposures(scanned(repo.path, history=False)) == {f".git/objects/{LOOSE}": {"local"}}


def test_objects_behind_a_link_are_files_where_they_lie(repo: Repo) -> None:
    repo.leak("a.txt", "clean\n")
    shutil.move(repo.path / ".git/objects", repo.path / "store")
    (repo.path / ".git/objects").symlink_to("../store")
    repo.write(f"store/{LOOSE}", f"K={KEY}\n")

    result = scanned(repo.path)

    assert exposures(result) == {f"store/{LOOSE}": {"untracked"}}


# -- a repository that is part of another one --------------------------------------------------


@pytest.fixture
def committed_bare(repo: Repo, tmp_path: Path) -> Repo:
    """A worktree with a bare repository among its tracked files, whose key no reference reaches."""
    inner = Repo(tmp_path / "inner")
    inner.leak("a.txt", "clean\n")
    inner.leak("key.txt", KEY)
    inner.run("repack", "-adq")
    inner.run("reset", "--quiet", "--hard", "HEAD~1")
    shutil.copytree(inner.path / ".git", repo.path / "docs/x.git")
    shutil.rmtree(repo.path / "docs/x.git/logs")
    (repo.path / "docs/x.git/ORIG_HEAD").unlink()
    repo.write("docs/x.git/refs/keep", "\n")
    repo.run("add", "--all")
    repo.commit()
    return repo


@pytest.mark.parametrize("target", [".", "docs", "docs/x.git"])
def test_what_nothing_reaches_in_a_tracked_repository_spreads_with_it(
    committed_bare: Repo, target: str
) -> None:
    result = scanned(committed_bare.path / target)

    assert "history" in exposures(result)["docs/x.git/key.txt"]
    assert result.exit_code == ExitCode.BLOCKING


def test_packs_that_are_tracked_are_files_without_history(committed_bare: Repo) -> None:
    result = scanned(committed_bare.path, history=False)

    [(path, found)] = exposures(result).items()
    assert path.startswith("docs/x.git/objects/pack/pack-")
    assert found == {"tracked"}
    assert result.exit_code == ExitCode.BLOCKING


def test_an_inner_repository_does_not_hide_what_the_outer_one_tracks(repo: Repo) -> None:
    repo.leak("inner/key.txt", KEY)
    inner = Repo(repo.path / "inner")
    inner.write(".gitignore", "*\n")

    result = scanned(repo.path, history=False)

    assert exposures(result) == {"inner/key.txt": {"tracked"}}
    repo.run("rm", "--quiet", "--cached", "inner/key.txt")
    repo.commit()
    assert exposures(scanned(repo.path, history=False)) == {"inner/key.txt": {"local"}}


def test_an_outer_repository_that_does_not_answer_may_have_it(repo: Repo) -> None:
    repo.leak("inner/key.txt", KEY)
    Repo(repo.path / "inner").write(".gitignore", "*\n")
    os.mkfifo(repo.path / ".git/objects/pack/pack-0.pack")

    result = scanned(repo.path)

    assert exposures(result) == {"inner/key.txt": {"untracked"}}
    assert result.exit_code == ExitCode.BLOCKING


def test_a_staged_file_whose_content_head_has_elsewhere_is_committed(repo: Repo) -> None:
    repo.leak("old/b.txt", f"K={KEY}\n")
    repo.run("mv", "old", "new")
    for target in (".", "new"):
        result = scanned(repo.path / target, history=False)
        assert exposures(result) == {"new/b.txt": {"tracked"}}
        assert [situation(finding) for finding in result.findings] == [Situation.PUSHED]
    # The history has the path of HEAD, so the new one is what it is.
    found = scanned(repo.path)
    assert exposures(found) == {"old/b.txt": {"tracked"}, "new/b.txt": {"staged"}}
    # Another content has to be compared with every file of HEAD: only what is known is reported.
    repo.write("new/b.txt", f"J={KEY}\n")
    repo.run("add", "--all")
    assert exposures(scanned(repo.path, history=False)) == {"new/b.txt": {"staged"}}


# -- pointers ----------------------------------------------------------------------------------


def _git_dir_in_the_tree(folder: Path) -> None:
    lookalike(folder / "conf")
    (folder / ".git").write_text("gitdir: conf\n")


def _common_dir_in_the_tree(folder: Path) -> None:
    lookalike(folder / "conf")
    (folder / "link").mkdir()
    (folder / "link/HEAD").write_text("ref: refs/heads/main\n")
    (folder / "link/commondir").write_text("../conf\n")
    (folder / ".git").write_text("gitdir: link\n")


def _dot_git_is_a_link(folder: Path) -> None:
    lookalike(folder / "conf")
    (folder / ".git").symlink_to("conf")


@pytest.mark.parametrize("point", [_git_dir_in_the_tree, _common_dir_in_the_tree, _dot_git_is_a_link])
@pytest.mark.parametrize("name", ["prod.env", "config", "hooks/prod.env"])
def test_a_pointer_to_a_folder_of_the_tree(tmp_path: Path, point: Callable[[Path], None], name: str) -> None:
    point(tmp_path)
    path = tmp_path / "conf" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"# {KEY}\n")

    result = scanned(tmp_path, history=False)

    assert exposures(result) == {f"conf/{name}": {"untracked"}}
    assert result.exit_code == ExitCode.BLOCKING


# -- trust -------------------------------------------------------------------------------------


def test_a_committed_repository_is_not_asked_for_the_revision(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.txt", "clean\n")
    inner = Repo(tmp_path / "inner")
    inner.leak(".boltz-keyscanignore", "prod.env  # by whoever wrote the change\n")
    shutil.copytree(inner.path / ".git", repo.path / "src", dirs_exist_ok=True)
    repo.write("src/refs/keep", "\n")
    repo.write("src/prod.env", f"K={KEY}\n")
    repo.run("add", "--all")
    repo.commit()

    ran = keyscan("src", "--no-history", "--trust", "base:main", cwd=repo.path)

    assert ran.code == ExitCode.BLOCKING
