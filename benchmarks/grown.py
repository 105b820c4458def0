"""A repository that got a hundred commits since it was scanned, and the cache of that scan.

It borrows the objects of the repository it grew from, which stays as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.repository import git_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

COMMITS = 100
_REFERENCE = "refs/heads/grown"


@dataclass(frozen=True, slots=True)
class Grown:
    """The repository, and the cache folder as it was when the commits came."""

    repo: Path
    cache: Path


def grow(repo: Path, base: Path, env: Mapping[str, str], scan: Callable[[Path, Path], None]) -> Grown:
    """Build the repository from scratch; ``scan`` is called with it and a cache folder before it grows."""
    grown = Grown(base / "grown.git", base / "grown-cache")
    for place in (grown.repo, grown.cache):
        shutil.rmtree(place, ignore_errors=True)
    store = git_folder(repo)
    subprocess.run(["git", "init", "-q", "--bare", "--template=", str(grown.repo)], env=env, check=True)
    info = grown.repo / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{store / 'objects'}\n")
    for name in ("packed-refs", "HEAD"):
        if (store / name).exists():
            shutil.copy(store / name, grown.repo / name)
    if (store / "refs").is_dir():
        shutil.copytree(store / "refs", grown.repo / "refs", dirs_exist_ok=True)
    scan(grown.repo, grown.cache)
    newest = ["git", f"--git-dir={grown.repo}", "rev-list", "--all", "-n", "1", "--timestamp"]
    time, start = subprocess.run(newest, env=env, check=True, capture_output=True, text=True).stdout.split()
    command = ["git", f"--git-dir={grown.repo}", "fast-import", "--quiet", "--done"]
    subprocess.run(command, env=env, check=True, input=b"".join(_stream(start.encode(), int(time))))
    return grown


def restored(grown: Grown, argv: list[str]) -> list[str]:
    """Return a command line that restores the cache before each run."""
    used = f"{grown.cache}-used"
    script = 'rm -rf "$1" && cp -Rp "$0" "$1" && shift && exec "$@"'
    return ["sh", "-c", script, os.fspath(grown.cache), used, *argv]


def used_cache(grown: Grown) -> str:
    """Return the cache folder for such a command line."""
    return f"{grown.cache}-used"


def _stream(start: bytes, time: int) -> Iterator[bytes]:
    """Yield commits of two files each, one of 20 KB and a small one, ten minutes after one another."""
    for number in range(1, COMMITS + 1):
        who = b"Bench <bench@example.invalid> %d +0000" % (time + 600 * number)
        yield b"commit %s\nauthor %s\ncommitter %s\n" % (_REFERENCE.encode(), who, who)
        yield b"data 5\nGrow\n\n"
        if number == 1:
            yield b"from %s\n" % start
        for name, lines in ((b"large", 500), (b"small", 20)):
            text = b"".join(b"line %d of version %d of it\n" % (line, number) for line in range(lines))
            yield b"M 100644 inline grown/%s.txt\ndata %d\n%s\n" % (name, len(text), text)
    yield b"done\n"
