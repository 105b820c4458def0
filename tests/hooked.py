"""Repositories whose commits are guarded by the real hook, through pre-commit or as a plain git hook."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.keys import short_fingerprint
from tests.repos import Repo
from tests.running import ROOT, Ran, keyscan, program

CONFIG = "hooks.yaml"
"""Beside the repository: a first commit shall hold what the test puts into it."""

PRE_COMMIT = (sys.executable, "-m", "pre_commit")
ISOLATED = "python -I -m boltz_keyscan"
"""How the published hooks start the program."""

STAGES = ("pre-commit", "pre-merge-commit")


def manifest() -> list[dict[str, Any]]:
    """The hooks as they are published."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert isinstance(hooks, list)
    return hooks


@functools.cache
def config() -> str:
    """A ``.pre-commit-config.yaml`` with the published hooks, run from this checkout and not installed."""
    hooks = [
        {
            **{name: value for name, value in hook.items() if name != "minimum_pre_commit_version"},
            "language": "system",
            "entry": hook["entry"].replace(ISOLATED, str(program()), 1),
        }
        for hook in manifest()
        if hook["language"] == "python"
    ]
    return yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]})


Environment = dict[str, str] | None


def call(folder: Path, *command: str | bytes, env: Environment = None) -> Ran:
    """Any command, its exit code and bytes, in an environment where hooks find this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=120)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@functools.cache
def installed() -> dict[str, str]:
    """The scripts that ``pre-commit install`` writes, which are the same in every repository."""
    with tempfile.TemporaryDirectory() as folder:
        repo = Repo(Path(folder) / "repo")
        types = [option for stage in STAGES for option in ("--hook-type", stage)]
        ran = call(repo.path, *PRE_COMMIT, "install", "--config", f"../{CONFIG}", *types)
        assert ran.code == 0, ran
        return {stage: (repo.path / ".git" / "hooks" / stage).read_text(encoding="utf-8") for stage in STAGES}


class Guarded(Repo):
    """A repository with the hook installed, by ``pre-commit`` or as a ``plain`` script."""

    def __init__(self, path: Path, kind: str, *, object_format: str = "sha1") -> None:
        super().__init__(path, object_format=object_format)
        self.kind = kind
        (path.parent / CONFIG).write_text(config(), encoding="utf-8")
        scripts = (
            installed()
            if kind == "pre-commit"
            else dict.fromkeys(STAGES, f"#!/bin/sh\nexec {program()} hook pre-commit\n")
        )
        for stage, text in scripts.items():
            script = path / ".git" / "hooks" / stage
            script.parent.mkdir(exist_ok=True)
            script.write_text(text, encoding="utf-8")
            script.chmod(0o755)

    def commit(self, message: str = "a commit", *options: str) -> str:
        """Commit what is staged, past the hook."""
        return super().commit(message, "--no-verify", *options)

    def pre_commit(self, verb: str, *arguments: str) -> Ran:
        """The ``pre-commit`` program here."""
        return call(self.path, *PRE_COMMIT, verb, "--config", f"../{CONFIG}", *arguments)

    def hook(
        self, *arguments: str | bytes, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> Ran:
        """The hook's command, as pre-commit or a person calls it."""
        return keyscan("hook", "pre-commit", *arguments, cwd=cwd or self.path, env=env)

    def tip(self) -> bytes:
        """What HEAD names; nothing before the first commit."""
        return call(self.path, "git", "rev-parse", "--quiet", "--verify", "HEAD").out

    def try_git(
        self, *arguments: str | bytes, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> Ran:
        """Any git command, which a hook may stop."""
        return call(cwd or self.path, "git", *arguments, env=env)

    def passes(self, *arguments: str | bytes, staged: int = 1) -> None:
        """The git command makes a commit, after the hook said in one line what it looked at."""
        before = self.tip()
        ran = self.try_git(*arguments)
        said = (ran.out + ran.err).decode("utf-8", "replace")
        assert ran.code == 0, said
        assert self.tip() != before
        if self.kind == "plain":
            noun = "file" if staged == 1 else "files"
            line = rf"boltz-keyscan: no key in {staged} staged {noun} \([\d,]+ bytes\)"
        else:
            verdict = "Passed" if staged else r"\(no files to check\)Skipped"
            line = rf"Boltz API keys \(staged content\)\.+{verdict}"
        assert len(re.findall(f"^{line}$", said, re.MULTILINE)) == 1, said

    def stops(self, *arguments: str | bytes, key: str, at: str) -> str:
        """The git command makes no commit, and prints which key stands where; all it printed."""
        before = self.tip()
        ran = self.try_git(*arguments)
        assert ran.code != 0
        assert self.tip() == before
        said = (ran.out + ran.err).decode("utf-8", "replace")
        tells(said, key, at)
        return said


def tells(said: str, key: str, at: str) -> None:
    """The text names the key in the only form there is, and its place."""
    assert f" key {short_fingerprint(key)}" in said, said
    # Hooks print the line; a test may name the column too.
    place = re.sub(r"(:\d+):.*", r"\1", at, flags=re.DOTALL)
    assert f"  {place}" in said, said
    assert key[-20:] not in said


def push(repo: Repo, *arguments: str) -> tuple[bool, str]:
    """Push to origin; return whether it went through, and what the pusher was told."""
    ran = subprocess.run(
        ["git", "push", "-q", "origin", *arguments],
        cwd=repo.path,
        capture_output=True,
        check=False,
        text=True,
    )
    return ran.returncode == 0, ran.stdout + ran.stderr
