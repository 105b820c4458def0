"""The command lines of the programs that a run starts: everybody on the machine can read them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.keys import fake_key
from tests.repos import Repo
from tests.running import Ran, keyscan

PLACES = ("folder", "branch", "tag", "path", "ignored", "untracked", "new", "pack", "remote")
KEYS = {place: fake_key("ws", "live", f"argv {place}") for place in PLACES}


class Recorded:
    """Runs of the program in which each start of git leaves its arguments in a file."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "command lines"
        programs = folder / "programs"
        programs.mkdir()
        wrapper = programs / "git"
        wrapper.write_text(
            f"""#!/bin/sh\nprintf '%s\\n' "$*" >>'{self.log}'\nexec {shutil.which("git")} "$@"\n"""
        )
        wrapper.chmod(0o755)
        self.path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    def run(self, *arguments: str, cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None) -> Ran:
        return keyscan(*arguments, cwd=cwd, stdin=stdin, env={**(env or {}), "PATH": self.path})

    def lines(self) -> list[str]:
        return self.log.read_text(errors="surrogateescape").splitlines() if self.log.exists() else []


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path)


@pytest.fixture
def named(tmp_path: Path) -> Repo:
    """A repository in which whatever has a name is called like a key."""
    repo = Repo(tmp_path / f"folder-{KEYS['folder']}")
    repo.leak("README", "hello\n")
    repo.run("branch", f"b-{KEYS['branch']}")
    folder = f"p-{KEYS['path']}"
    repo.add(f"{folder}/.boltz-keyscanignore", "nothing  # yet\n")
    repo.leak(f"{folder}/a.txt", f"{fake_key('ws', 'live', 'content')}\n")
    repo.run("tag", "-a", f"t-{KEYS['tag']}", "-m", "a tag")
    repo.add(".gitignore", "i-*\n")
    repo.commit("ignores")
    (repo.path / ".git" / "info" / "exclude").write_text("nothing\n")
    repo.write(f"i-{KEYS['ignored']}", fake_key("ws", "live", "ignored content"))
    repo.write(f"u-{KEYS['untracked']}", fake_key("ws", "live", "untracked content"))
    repo.run("config", "extensions.partialClone", f"r-{KEYS['remote']}")
    return repo


def whole(recorded: Recorded, repo: Repo) -> Ran:
    return recorded.run(".", "--no-cache", cwd=repo.path)


def whole_by_its_path(recorded: Recorded, repo: Repo) -> Ran:
    return recorded.run(str(repo.path), "--no-cache", cwd=repo.path.parent)


def with_a_damaged_pack(recorded: Recorded, repo: Repo) -> Ran:
    repo.run("repack", "-a", "-d", "-q")
    for path in (repo.path / ".git" / "objects" / "pack").glob("pack-*"):
        if path.suffix == ".pack":
            path.rename(path.with_name(f"pack-{KEYS['pack']}.pack"))
        else:
            path.unlink()
    return recorded.run(".", "--no-cache", cwd=repo.path)


def a_range(recorded: Recorded, repo: Repo) -> Ran:
    return recorded.run("--range", f"b-{KEYS['branch']}..t-{KEYS['tag']}", ".", cwd=repo.path)


def since_a_search(recorded: Recorded, repo: Repo) -> Ran:
    return recorded.run("--since", f"b-{KEYS['branch']}^{{/hello {KEYS['tag']}}}", ".", cwd=repo.path)


def trusting_a_branch(recorded: Recorded, repo: Repo) -> Ran:
    repo.run("branch", f"base-{KEYS['branch']}")
    trust = f"base:base-{KEYS['branch']}"
    return recorded.run(f"p-{KEYS['path']}", "--no-cache", "--trust", trust, cwd=repo.path)


def a_commit(recorded: Recorded, repo: Repo) -> Ran:
    repo.add(f"n-{KEYS['new']}", "nothing\n")
    repo.write(f"announced-{KEYS['new']}", "nothing\n")
    repo.run("add", "--intent-to-add", f"announced-{KEYS['new']}")
    names = [f"n-{KEYS['new']}", f"announced-{KEYS['new']}", f"u-{KEYS['untracked']}"]
    return recorded.run("hook", "pre-commit", *names, cwd=repo.path)


def everything_staged(recorded: Recorded, repo: Repo) -> Ran:
    repo.add(f"n-{KEYS['new']}", "nothing\n")
    return recorded.run("hook", "pre-commit", cwd=repo.path)


def a_push(recorded: Recorded, repo: Repo) -> Ran:
    name, head = f"refs/heads/b-{KEYS['branch']}", repo.run("rev-parse", "HEAD")
    line = f"{name} {head} {name} {'0' * 40}\n".encode()
    remote = f"r-{KEYS['remote']}"
    return recorded.run("hook", "pre-push", remote, f"/srv/{remote}", cwd=repo.path, stdin=line)


def a_push_of_names_through_pre_commit(recorded: Recorded, repo: Repo) -> Ran:
    given = {
        "PRE_COMMIT_FROM_REF": f"b-{KEYS['branch']}",
        "PRE_COMMIT_TO_REF": f"t-{KEYS['tag']}",
        "PRE_COMMIT_REMOTE_NAME": f"r-{KEYS['remote']}",
        "PRE_COMMIT_LOCAL_BRANCH": f"refs/heads/b-{KEYS['branch']}",
    }
    return recorded.run("hook", "pre-push", cwd=repo.path, env=given)


def a_push_that_comes_in(recorded: Recorded, repo: Repo) -> Ran:
    line = f"{'0' * 40} {repo.run('rev-parse', 'HEAD')} refs/heads/in-{KEYS['branch']}\n".encode()
    return recorded.run("hook", "pre-receive", cwd=repo.path / ".git", stdin=line)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (whole, 1),
        (whole_by_its_path, 1),
        (with_a_damaged_pack, 1),
        (a_range, 1),
        (since_a_search, 2),
        (trusting_a_branch, 1),
        (a_commit, 1),
        (everything_staged, 1),
        (a_push, 1),
        (a_push_of_names_through_pre_commit, 1),
        (a_push_that_comes_in, 1),
    ],
)
def test_no_key_stands_in_a_command_line(
    recorded: Recorded, named: Repo, action: Callable[[Recorded, Repo], Ran], code: int
) -> None:
    ran = action(recorded, named)

    assert ran.code == code, ran
    lines = recorded.lines()
    assert len(lines) > 2, "git was not started through the wrapper"
    assert [line for line in lines if any(key[-20:] in line for key in KEYS.values())] == []
