"""Time of attribution alone: one run that finds the commits of given objects, and its peers.

`python -m benchmarks.attribution REPO FILE` reads object ids from FILE, one a line, and asks for
them the way a scan does after it has found something in them.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boltz_keyscan.sources.git.attribution.commit_search import CommitSearch
from boltz_keyscan.sources.git.objects.scan_cache import Memory
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.repo.repository import open_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEED = 20240
MANY = 1000
PATHS = 1000


@dataclass(frozen=True, slots=True)
class Subjects:
    """Files of object ids to look up, and the file of commits in place of `--all`."""

    tips: Path
    ordinary: tuple[str, Path]
    """A blob that an ordinary commit brought, and the file that names it."""
    merged: tuple[str, Path] | None
    """One that came to be in a merge; built workloads have none."""
    many: Path


def subjects(repo: Path, reader: Mapping[str, str], blobs: Sequence[Path], scratch: Path) -> Subjects:
    """Choose what to ask for, by a seed, among all blobs of the repository.

    Raises:
        RuntimeError: it is not a repository, or no commit of it brought a blob.
    """
    found = open_at(os.fsencode(repo))
    if found is None:
        raise RuntimeError(f"not a git repository: {repo}")
    tips = _file(scratch / "tips", sorted({oid for _, oid in read_references(found).tips}))
    ids = sorted(line for file in blobs for line in file.read_text().split())
    chosen = random.Random(SEED).sample(ids, min(MANY, len(ids)))
    plain = _first(["--no-merges"], tips, reader)
    merged = _first(["--merges", "-c"], tips, reader)
    if plain is None:
        raise RuntimeError("no commit of it brought a blob")
    return Subjects(
        tips,
        (plain, _file(scratch / "ordinary", [plain])),
        (merged, _file(scratch / "merged", [merged])) if merged else None,
        _file(scratch / "many", chosen),
    )


def _first(options: list[str], tips: Path, reader: Mapping[str, str]) -> str | None:
    """Return the blob of the first change that `git log` lists past the newest hundred commits."""
    argv = [
        "git",
        "log",
        "--stdin",
        *options,
        "--skip=100",
        "--raw",
        "--no-renames",
        "--no-abbrev",
        "--format=",
    ]
    with (
        tips.open("rb") as stdin,
        subprocess.Popen(argv, env=dict(reader), stdin=stdin, stdout=subprocess.PIPE, text=True) as process,
    ):
        for line in process.stdout or ():
            words = line.split("\t")[0].split()
            parents = line.count(":", 0, 8)
            oid = words[2 * parents + 1] if parents and len(words) > 2 * parents + 1 else ""
            if words and words[parents] == "100644" and oid.strip("0"):
                process.kill()
                return oid
    return None


def _file(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(line + "\n" for line in lines))
    return path


def main(repo: str, file: str) -> None:
    """Print of how many of the objects a commit was learnt."""
    found = open_at(os.fsencode(Path(repo).resolve()))
    if found is None:
        raise SystemExit(f"not a git repository: {repo}")
    opened = prepare_repository(found, b"/", repo)
    if opened.view is None:
        raise SystemExit(f"cannot be read: {repo}")
    wanted = dict.fromkeys(Path(file).read_text(encoding="ascii").split())
    refs = read_references(found)
    # A scan has counted the commits by now; here a number that is surely large enough.
    result = CommitSearch(opened.view, refs, 1_000_000, Memory()).search(wanted, PATHS)
    print(len({oid for oid, _ in result.introduced}))


if __name__ == "__main__":
    main(*sys.argv[1:])
