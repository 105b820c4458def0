"""A git that complains, dies, lies or hangs: never a clean scan, whatever it was asked.

The program is given a git of ours that misbehaves for one command and hands everything
else to the real one. (One that lies without a mistake, as by leaving out the second half of
what is staged and ending well, is beyond any check.)
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.model.enums import ExitCode
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import Ran, keyscan

GIT = shutil.which("git")
KEY = fake_key("ws", "live", "bad git")
HISTORY = (".", "--history-only", "--no-cache")
RANGE = ("--range", "v0..HEAD")

# 30 bytes are less than an object id and less than the names of the files here.
MOODS = {
    "complains": f'echo "something is odd" >&2; exec {GIT} "$@"',
    "fails": f'{GIT} "$@"; exit 3',
    "dies": f'{GIT} "$@" | head -c 30; kill -9 $$',
    "is cut short": f'{GIT} "$@" | head -c 30; exit 0',
    "talks nonsense": """case " $* " in *" -z "*) end='\\0';; *) end='\\n';; esac
        yes 'some nonsense 1 2' | head -n 40 | tr '\\n' "$end"; exit 0""",
    "hangs": "sleep 600; exit 0",
    "closes its output and stays": "exec >&-; sleep 600; exit 0",
    "complains without a word": f'echo >&2; exec {GIT} "$@"',
}
FEW = ("closes its output and stays", "complains without a word")
"""Moods that make no difference to who reads the answer."""

HURRIED = """
from boltz_keyscan.sources.git.attribution import history_walk
from boltz_keyscan.sources.git.run import command
command.IDLE_TIMEOUT_S = command.TOTAL_TIMEOUT_S = command.EXIT_TIMEOUT_S = 1
history_walk._LEAST_SECONDS = 1
"""


REVISION = "cat-file --batch-check=%(objectname) %(objecttype) %(objectsize) -z"
"""The question for the object that a revision names."""


@dataclass(frozen=True)
class Asked:
    """A command of git, by words of it, and a scan that uses it."""

    words: str
    scan: tuple[str, ...]
    again: bool = False
    """A scan can be whole without it: it is asked in another way, or has nothing to say."""
    waits: bool = False
    """There is no other place in the code where somebody waits for an answer in this way."""


ASKED = (
    Asked(
        "--batch-all-objects --unordered --batch-check=%(objectname) %(objecttype) %(objectsize)",
        HISTORY,
        waits=True,
    ),
    Asked("--batch-command", HISTORY, again=True, waits=True),
    Asked("cat-file --buffer", HISTORY, waits=True),
    Asked("log --stdin", HISTORY, waits=True),
    Asked("log --no-walk=unsorted", HISTORY),
    Asked("rev-list --stdin", HISTORY, again=True),
    Asked("ls-tree", HISTORY, again=True),
    Asked("ls-files -s", HISTORY),
    Asked("diff-index", HISTORY, again=True),
    Asked("config", HISTORY, again=True),
    Asked(REVISION, RANGE),
    Asked("rev-list --objects", RANGE),
    Asked("cat-file --buffer", RANGE),
    Asked("ls-files -s", (".", "--no-history"), again=True),
    Asked("check-ignore", (".", "--no-history"), again=True),
    Asked("diff-index", ("--staged",), again=True, waits=True),
    Asked("cat-file --batch", ("--staged",), waits=True),
)

STAYING = {"--batch-command", "cat-file --batch"}
"""These stay until nothing is asked any more, and are ended then; each answer ends in a mark of its own."""


def cases() -> Iterator[Any]:
    for asked in ASKED:
        for mood in MOODS:
            needless = mood == "fails" and asked.words in STAYING
            needless |= mood == "hangs" and not asked.waits
            needless |= mood in FEW and asked.words != "cat-file --buffer"
            if not needless:
                yield pytest.param(asked, mood, id=f"{asked.words.split('=')[0]} in {asked.scan[0]} {mood}")


def build(path: Path) -> Repo:
    """A key in history, in a message, in the index and in an ignored file."""
    repo = Repo(path)
    repo.leak("a-file-with-a-name-of-more-than-thirty-characters.txt", "one\n")
    repo.run("tag", "v0")
    repo.leak("another-file-with-a-name-of-more-than-thirty.txt", f"x = {KEY}\n", f"about {KEY}")
    repo.run("rm", "--quiet", "another-file-with-a-name-of-more-than-thirty.txt")
    repo.commit("gone")
    repo.run("config", "extensions.none", "extensions")
    repo.add("a-staged-file-with-a-name-of-more-than-thirty.txt", "staged\n")
    repo.write(".git/info/exclude", "*.secret\n")
    repo.write("an-ignored-file-with-a-name-of-more-than-thirty.secret", f"{KEY}\n")
    return repo


_built: list[Repo] = []


@pytest.fixture
def template(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Built once, and not changed."""
    if not _built:
        _built.append(build(tmp_path_factory.mktemp("template") / "repo"))
    return _built[0]


@pytest.fixture
def repo(template: Repo, tmp_path: Path) -> Repo:
    """A copy, where git may do what it will."""
    shutil.copytree(template.path, tmp_path / "repo", symlinks=True)
    return Repo.there(tmp_path / "repo")


_sound: dict[tuple[str, ...], Ran] = {}


def sound(template: Repo, arguments: tuple[str, ...]) -> Ran:
    """What a scan comes to when git does as it should."""
    if arguments not in _sound:
        _sound[arguments] = scanned(template, arguments)
    return _sound[arguments]


def moody(folder: Path, words: str, mood: str) -> dict[str, str]:
    """The environment in which git has a mood when it is asked with these words."""
    program = folder / "bin/git"
    program.parent.mkdir()
    case = f'case " $* " in *" {words} "*) : > {folder}/asked; {MOODS[mood]};; esac'
    program.write_text(f'#!/bin/sh\n{case}\nexec {GIT} "$@"\n')
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def scanned(
    repo: Repo, arguments: tuple[str, ...], env: dict[str, str] | None = None, *, hurried: bool = False
) -> Ran:
    changed = HURRIED if hurried else ""
    return keyscan(*arguments, "--jobs", "1", "--format", "json", cwd=repo.path, env=env, changed=changed)


def gaps(ran: Ran) -> set[str]:
    return {gap["reason"] for gap in ran.report["gaps"] if not gap["by_design"]}


@pytest.mark.sampled
@pytest.mark.parametrize(("asked", "mood"), list(cases()))
def test_a_git_in_a_bad_mood(template: Repo, repo: Repo, tmp_path: Path, asked: Asked, mood: str) -> None:
    # Cut off from us, one that stays is waited for as one that hangs.
    hurried = "sleep 600" in MOODS[mood] or (asked.words in STAYING and "head" in MOODS[mood])
    ran = scanned(repo, asked.scan, moody(tmp_path, asked.words, mood), hurried=hurried)

    assert (tmp_path / "asked").exists()
    if ran.code == ExitCode.USAGE:
        # Nothing can be said at all without knowing what to scan.
        assert asked.scan == RANGE
        assert asked.words == REVISION
        return
    assert ran.code in {ExitCode.CLEAN, ExitCode.BLOCKING, ExitCode.INCOMPLETE}, ran
    assert ran.errors == ""
    if not gaps(ran):
        assert asked.again, ran.text
        wanted = sound(template, asked.scan)
        assert {each["fingerprint"] for each in ran.report["findings"]} == {
            each["fingerprint"] for each in wanted.report["findings"]
        }
        assert ran.code in {wanted.code, ExitCode.BLOCKING}
    else:
        assert ran.code != ExitCode.CLEAN


def test_a_git_that_does_not_tell_its_version(repo: Repo, tmp_path: Path) -> None:
    ran = scanned(repo, HISTORY, moody(tmp_path, "version", "hangs"), hurried=True)
    assert gaps(ran) == {"git-unusable"}
    assert ran.code == ExitCode.INCOMPLETE


def test_what_was_found_before_is_not_lost_when_git_does_not_answer(repo: Repo, tmp_path: Path) -> None:
    warm = (".", "--history-only", "--cache-dir", str(tmp_path / "cache"))
    assert scanned(repo, warm).code == ExitCode.BLOCKING
    again = scanned(repo, warm)
    assert {each["fingerprint"] for each in again.report["findings"]} == {fingerprint(KEY)}
    ran = scanned(repo, warm, moody(tmp_path, "cat-file --buffer", "is cut short"))
    assert "object-store" in gaps(ran)
    assert ran.code != ExitCode.CLEAN


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="limits are set on Linux only")
def test_limits_of_git(repo: Repo, tmp_path: Path) -> None:
    """Memory, files and core files, as a child sees them; and nothing of our environment."""
    env = moody(tmp_path, "cat-file --buffer", "complains")
    program = tmp_path / "bin/git"
    look = f"cat /proc/self/limits /proc/self/environ > {tmp_path}/seen"
    program.write_text(program.read_text().replace(f": > {tmp_path}/asked", f"sleep 0.2; {look}"))
    scanned(repo, HISTORY, {**env, "BOLTZ_API_KEY": KEY, "LD_BIND_NOW": "1"})
    seen = (tmp_path / "seen").read_text()
    lines = {line[:25].strip(): line[25:].split()[0] for line in seen.splitlines() if line.startswith("Max ")}
    assert lines["Max data size"] == str(8 << 30)
    assert lines["Max file size"] == str(16 << 20)
    assert lines["Max core file size"] == "0"
    assert KEY not in seen
    assert "LD_BIND_NOW" not in seen
