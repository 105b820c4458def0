"""This project's own files: what git knows here, or, in an unpacked sdist, what is not ignored."""

from __future__ import annotations

import fnmatch
import importlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

from tests.running import ROOT

IN_GIT = (ROOT / ".git").exists()

OWNER: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"][
    "Source"
].split("/")[-2]
"""The account that holds this repository; ``OWNER`` until ``make release`` writes it."""


def git(*arguments: str) -> str:
    """What git says about this checkout, whoever owns it; an error is a failed test."""
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def files() -> list[Path]:
    """Tracked files, and new ones that are not ignored: what the next commit could hold."""
    if IN_GIT:
        listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        # A file that is deleted but still tracked has nothing to look at.
        return sorted({ROOT / name for name in listed if name and (ROOT / name).is_file()})
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.strip()]
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not _matches(name, ignored)]
        found += [ROOT / folder / name for name in names if not _matches(name, ignored)]
    return sorted(found)


def script(name: str) -> ModuleType:
    """A script of ``.ci``, loaded; it finds those beside it."""
    if (folder := str(ROOT / ".ci")) not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def copy(to: Path) -> Path:
    """The project's files in another place, where nothing else writes; the place."""
    for path in files():
        target = to / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(path, target, follow_symlinks=False)
        except FileNotFoundError:
            # An editor's temporary file, gone since it was listed.
            continue
    return to
