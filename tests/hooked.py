"""Repositories whose commits are guarded by the real hook, through pre-commit or as a plain git hook."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.keys import fingerprint
from tests.repos import Repo
from tests.running import ROOT, Ran

PROGRAM = f"{shlex.quote(sys.executable)} -m boltz_keyscan"
STAGES = ("pre-commit", "pre-merge-commit")


def manifest() -> list[dict[str, Any]]:
    """The hooks as they are published."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert isinstance(hooks, list)
    return hooks


def config() -> str:
    """A ``.pre-commit-config.yaml`` with the published hooks, run from this checkout instead of an installed copy."""
    hooks = [
        {
            **{name: value for name, value in hook.items() if name != "minimum_pre_commit_version"},
            "language": "system",
            "entry": hook["entry"].replace("boltz-keyscan", PROGRAM, 1),
        }
        for hook in manifest()
    ]
    return yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]})


def call(folder: Path, *command: str | bytes, env: dict[str, str] | None = None) -> Ran:
    """Any command, its exit code and bytes, in an environment where hooks find this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=120)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


class Guarded(Repo):
    """A repository with the hook installed, by ``pre-commit`` or as a ``plain`` script."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(path)
        self.kind = kind
        hooks = path / ".git" / "hooks"
        hooks.mkdir(exist_ok=True)
        if kind == "pre-commit":
            # Beside the repository: a first commit shall hold what the test puts into it.
            (path.parent / "hooks.yaml").write_text(config(), encoding="utf-8")
            types = [option for stage in STAGES for option in ("--hook-type", stage)]
            installed = self.pre_commit("install", *types)
            assert installed.code == 0, installed
        else:
            for stage in STAGES:
                script = hooks / stage
                script.write_text(f"#!/bin/sh\nexec {PROGRAM} hook pre-commit\n", encoding="utf-8")
                script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def pre_commit(self, verb: str, *arguments: str) -> Ran:
        """The ``pre-commit`` program here."""
        settings = str(self.path.parent / "hooks.yaml")
        return call(self.path, sys.executable, "-m", "pre_commit", verb, "--config", settings, *arguments)

    def hook(self, *arguments: str | bytes, cwd: Path | None = None, env: dict[str, str] | None = None) -> Ran:
        """The hook's command, as pre-commit or a person calls it."""
        command = (sys.executable, "-m", "boltz_keyscan", "hook", "pre-commit", *arguments)
        return call(cwd or self.path, *command, env=env)

    def head(self) -> bytes:
        """What HEAD names; nothing before the first commit."""
        return call(self.path, "git", "rev-parse", "--quiet", "--verify", "HEAD").out

    def try_git(self, *arguments: str | bytes, cwd: Path | None = None, env: dict[str, str] | None = None) -> Ran:
        """Any git command, which a hook may stop."""
        return call(cwd or self.path, "git", *arguments, env=env)

    def passes(self, *arguments: str | bytes, staged: int = 1) -> None:
        """The git command makes a commit, after the hook said in one line what it looked at."""
        before = self.head()
        ran = self.try_git(*arguments)
        said = (ran.out + ran.err).decode("utf-8", "replace")
        assert ran.code == 0, said
        assert self.head() != before
        if self.kind == "plain":
            noun = "file" if staged == 1 else "files"
            line = rf"boltz-keyscan: no key in {staged} staged {noun} \([\d,]+ bytes\)"
        else:
            line = r"Boltz API keys \(staged content\)\.+" + ("Passed" if staged else r"\(no files to check\)Skipped")
        assert len(re.findall(f"^{line}$", said, re.MULTILINE)) == 1, said

    def stops(self, *arguments: str | bytes, key: str, at: str) -> None:
        """The git command makes no commit, and the reader learns which key stands where."""
        before = self.head()
        ran = self.try_git(*arguments)
        assert ran.code != 0
        assert self.head() == before
        tells((ran.out + ran.err).decode("utf-8", "replace"), key, at)


def tells(said: str, key: str, at: str) -> None:
    """The text names the key in the only form there is, and its place."""
    assert f"{key[: key.rindex('_', 0, 18) + 1]}[REDACTED]  {fingerprint(key)}" in said, said
    assert f"    {at}" in said, said
    assert key[-20:] not in said
