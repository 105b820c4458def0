"""What a scan can do without (a home, a cache, a terminal) never brings it down."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keys import fake_key
from tests.repos import Repo
from tests.running import ROOT

NOBODY = 4242
"""A user id without an entry in the passwd file."""


def interpreter() -> str:
    """A Python of our version that every user may run; the one that runs this may lie in a private home."""
    ours = os.path.realpath(sys.executable)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for python in (ours, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            subprocess.run([python, "-c", ""], check=True, user=NOBODY, group=NOBODY, extra_groups=[])
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip(f"no {version} here that another user may run")


@pytest.fixture(scope="module")
def python() -> str:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can become a user without a home")
    return interpreter()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a repository that holds a key, for every user to read (as pytest's own are not)."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        repo = Repo(top / "repo")
        repo.leak("a.env", f"K={fake_key()}\n")
        (top / "sealed").mkdir(mode=0o555)
        (top / "private").mkdir(mode=0o700)
        (top / "file").touch()
        top.chmod(0o755)
        subprocess.run(["/bin/chmod", "-R", "a+rX", top / "repo"], check=True)
        yield top


def scan(python: str, place: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Scan as a user without a home."""
    packages = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("-packages"))])
    ran = subprocess.run(
        [python, "-m", "boltz_keyscan", ".", *arguments],
        cwd=place / "repo",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": packages, **environment},
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("environment", [{}, {"XDG_CACHE_HOME": "relative"}], ids=["none", "relative"])
def test_without_a_home_nothing_is_cached_and_that_is_told(
    python: str, place: Path, environment: dict[str, str]
) -> None:
    code, told = scan(python, place, environment)
    assert (code, told) == (
        1,
        "warning: nothing is cached: this user has no home folder; set HOME, or use --cache-dir\n",
    )
    assert scan(python, place, environment, "--no-cache") == (1, "")
    assert not (place / "repo" / "relative").exists()
    assert not (place / "repo" / "~").exists()


@pytest.mark.parametrize(
    ("name", "folder"), [("HOME", "/"), ("HOME", "sealed"), ("XDG_CACHE_HOME", "private"), ("HOME", "file")]
)
def test_a_cache_that_cannot_be_written_costs_a_warning(
    python: str, place: Path, name: str, folder: str
) -> None:
    code, told = scan(python, place, {name: str(place / folder)})
    assert code == 1
    assert all(line.startswith("warning: cache ") for line in told.splitlines())
    assert told


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A disk with no room left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(disk)]
    if os.name != "posix" or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("a disk cannot be mounted here")
    (disk / "cache").mkdir()
    with (disk / "filling").open("wb", buffering=0) as filling, contextlib.suppress(OSError):
        while True:
            filling.write(bytes(1 << 10))
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_costs_a_warning(full: Path, repo: Repo) -> None:
    repo.leak("a.env", f"K={fake_key()}\n")
    ran = subprocess.run(
        [sys.executable, "-m", "boltz_keyscan", ".", "--cache-dir", full / "cache"],
        cwd=repo.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "warning: cache not written" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "environment",
    [
        {"COLUMNS": "many", "LINES": "-3"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "TERM": ""},
        {"LC_ALL": "no_NO"},
    ],
    ids=["size", "posix", "locale"],
)
def test_what_a_terminal_says_of_itself_is_not_needed(environment: dict[str, str], repo: Repo) -> None:
    repo.leak("é.env", f"K={fake_key()}\n")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("LC_") and name != "LANG"
    }
    ran = subprocess.run(
        [sys.executable, "-m", "boltz_keyscan", ".", "--no-cache"],
        cwd=repo.path,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, b"")
