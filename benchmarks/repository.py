"""A repository as the measurements need it: its blobs listed and cut in two, its HEAD checked out.

Git never reads the repository's own configuration here: it runs in an empty git folder that
borrows the object store, so nothing in the repository can run, hide or slow anything.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class BlobLists:
    """Two files of blob ids, one id a line, in pack order, of about the same number of bytes."""

    halves: tuple[Path, Path]
    blobs: int
    bytes: int


def git_folder(path: Path) -> Path:
    """The folder that holds `objects`: of a work tree, a linked one, or a bare repository."""
    dot_git = path / ".git"
    if dot_git.is_file():
        linked = path / dot_git.read_text().removeprefix("gitdir:").strip()
        common = linked / "commondir"
        return (linked / common.read_text().strip()).resolve() if common.exists() else linked.resolve()
    found = dot_git if dot_git.is_dir() else path
    if not (found / "objects").is_dir():
        raise FileNotFoundError(f"not a git repository: {path}")
    return found.resolve()


def reader_env(repo: Path, scratch: Path, env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which git sees the objects of `repo` and none of its configuration."""
    store = git_folder(repo)
    empty = scratch / "reader"
    for name in ("objects", "refs"):
        (empty / name).mkdir(parents=True, exist_ok=True)
    (empty / "HEAD").write_text("ref: refs/heads/x\n")
    asked = ["git", "config", "--file", str(store / "config"), "--no-includes"]
    sha256 = _output([*asked, "--get", "extensions.objectformat"], env, ok={0, 1}).strip() == "sha256"
    extra = "[extensions]\n\tobjectFormat = sha256\n" if sha256 else ""
    core = f"[core]\n\trepositoryformatversion = {int(sha256)}\n\tbare = true\n"
    (empty / "config").write_text(core + extra)
    return {
        **env,
        "LC_ALL": "C",
        "GIT_DIR": str(empty),
        "GIT_OBJECT_DIRECTORY": str(store / "objects"),
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOW_PROTOCOL": "",
    }


def blob_lists(reader: Mapping[str, str], scratch: Path) -> BlobLists:
    """Lists every blob of the object store, reachable or not, and cuts the list in two by bytes."""
    argv = ["git", "cat-file", "--batch-all-objects", "--unordered"]
    argv.append("--batch-check=%(objecttype) %(objectsize) %(objectname)")
    rows = [line.split() for line in _output(argv, reader).splitlines() if line.startswith("blob ")]
    total = sum(int(size) for _, size, _ in rows)
    halves = (scratch / "blobs.0", scratch / "blobs.1")
    seen = 0
    with halves[0].open("w") as first, halves[1].open("w") as second:
        for _, size, oid in rows:
            (first if seen < total / 2 else second).write(oid + "\n")
            seen += int(size)
    return BlobLists(halves, len(rows), total)


def checkout(repo: Path, base: Path, scratch: Path, env: Mapping[str, str]) -> Path:
    """The files of HEAD as a plain folder below `base`, made once per commit."""
    git = ["git", f"--git-dir={git_folder(repo)}"]
    head = _output([*git, "rev-parse", "--verify", "HEAD^{commit}"], env).strip()
    place = base / f"checkout-{head[:16]}"
    if not place.exists():
        draft = base / "checkout.part"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        index = scratch / "checkout.index"
        index.unlink(missing_ok=True)
        reader = {**reader_env(repo, scratch, env), "GIT_INDEX_FILE": str(index)}
        _output(["git", "read-tree", head], reader)
        git = ["git", "-c", "core.bare=false", f"--work-tree={draft}"]
        _output([*git, "checkout-index", "--all", "--quiet"], reader)
        draft.rename(place)
    return place


def _output(argv: list[str], env: Mapping[str, str], ok: set[int] | None = None) -> str:
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode not in (ok or {0}):
        raise RuntimeError(f"{' '.join(argv[:3])} ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout
