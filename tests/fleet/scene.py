"""A fleet on a server: forks with a shared key, a key in a pull request, and what goes wrong with others."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

from tests.keys import fake_key
from tests.repos import Repo

SHARED = fake_key("admin", "live", "fleet shared")
"""In five repositories, first in ``origin``."""
PULLED = fake_key("ws", "live", "fleet pulled")
"""In a reference of a pull request only, which no branch reaches."""
PRIVATE = fake_key("ws", "test", "fleet private")
"""In a repository that asks for a token, in an archive: a worker starts a process to open it."""
KEYS = (SHARED, PULLED, PRIVATE)

CLEAN = 6
"""Repositories without a key."""

FAILING = {
    "open/absent.git": "fetch-failed",
    "moved/origin.git": "fetch-redirected",
    "open/../../etc": "fetch-failed",
}
"""Paths on the server that cannot be fetched, with the reasons."""


def build(root: Path) -> None:
    """Make the bare repositories of the server."""
    for number in range(CLEAN):
        repo = Repo(root / f"work/clean-{number}")
        for commit in range(2):
            repo.leak(f"src/module_{commit}.py", f"value = {number * 10 + commit}\n" * 40, "work")
        publish(repo, root / f"open/clean-{number}.git")
    origin = Repo(root / "work/origin")
    for commit in range(40):
        origin.add(f"src/{commit}.py", f"line = {commit}\n" * 20)
    origin.commit("begin")
    origin.leak("settings.py", f"KEY = '{SHARED}'\n", "settings")
    origin.run("rm", "--quiet", "settings.py")
    origin.commit("take it out")
    publish(origin, root / "open/origin.git")
    for fork in range(4):
        copy = root / f"work/fork-{fork}"
        shutil.copytree(origin.path, copy)
        forked = Repo.there(copy)
        forked.leak(f"own-{fork}.txt", f"fork {fork}\n", "own")
        publish(forked, root / f"open/fork-{fork}.git")
    pulled = Repo(root / "work/pulled")
    pulled.leak("README", "pulled\n", "begin")
    pulled.run("checkout", "--quiet", "-b", "contribution")
    pulled.leak("config.env", f"BOLTZ_API_KEY={PULLED}\n", "try")
    pulled.run("update-ref", "refs/pull/7/head", "contribution")
    pulled.run("checkout", "--quiet", "main")
    pulled.run("branch", "--quiet", "-D", "contribution")
    publish(pulled, root / "open/pulled.git")
    private = Repo(root / "work/private")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("note.txt", f"{PRIVATE}\n")
    private.leak("notes.zip", packed.getvalue(), "notes")
    publish(private, root / "private/one.git")
    Repo(root / "open/empty.git", bare=True)
    Repo(root / "open/größe & co.git", bare=True)


def publish(repo: Repo, target: Path) -> None:
    """Make a bare repository with all references of a repository, packed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    Repo.there(repo.path).run("clone", "--quiet", "--mirror", str(repo.path), str(target))


def addresses(base: str) -> list[str]:
    """The addresses of all repositories, those that fail too."""
    names = [f"open/clean-{number}.git" for number in range(CLEAN)]
    names += ["open/origin.git", *(f"open/fork-{fork}.git" for fork in range(4)), "open/pulled.git"]
    names += ["open/empty.git", "private/one.git", "open/gr%C3%B6%C3%9Fe%20&%20co.git", *FAILING]
    return [f"{base}/{name}" for name in names]


def as_github(urls: list[str]) -> bytes:
    """The list as ``gh repo list --json url,isFork`` prints it."""
    return json.dumps([{"isFork": "fork" in url, "url": url} for url in urls]).encode()


def as_gitlab(urls: list[str]) -> bytes:
    """The list as two pages of GitLab's projects API."""
    half = len(urls) // 2
    pages = (urls[:half], urls[half:])
    return b"".join(
        json.dumps([{"id": number, "http_url_to_repo": url} for number, url in enumerate(page)]).encode()
        for page in pages
    )
