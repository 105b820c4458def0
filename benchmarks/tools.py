"""The command lines that are compared, ours and the peers', and how each one's find is counted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.grown import restored
from benchmarks.measure import Command, Pipeline, simple
from benchmarks.synthetic import PLANTED, planted_in
from tests.keys import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.grown import Grown
    from benchmarks.repository import BlobLists

ROOT = Path(__file__).resolve().parent.parent
NEEDLE = "sk_bc_"
OURS = "ours"


@dataclass(frozen=True, slots=True)
class Tool:
    """One side of a comparison.

    `found` counts the planted things in the output of `check` (of `command` when there is none).
    `command` is None when the program is not there; `install` then says how to get it.
    """

    name: str
    command: Command | None
    found: Callable[[str], int] = planted_in
    check: Command | None = None
    install: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """Settings of every command line: output folder, environment and number of jobs."""

    base: Path
    env: Mapping[str, str]
    jobs: int | None

    def our_command(self) -> tuple[list[str], dict[str, str]]:
        """The console script beside this interpreter if it runs this checkout, else the package itself."""
        script = Path(sys.executable).with_name("boltz-keyscan")
        probe = [sys.executable, "-c", "import boltz_keyscan; print(boltz_keyscan.__file__)"]
        seen = subprocess.run(probe, cwd=self.base, env=self.env, capture_output=True, text=True, check=False)
        if script.exists() and seen.stdout.startswith(str(ROOT) + os.sep):
            return [str(script)], dict(self.env)
        return [sys.executable, "-m", "boltz_keyscan"], {**self.env, "PYTHONPATH": str(ROOT)}

    def our_options(self) -> str:
        """The help text of our scan command, to learn which options this version has."""
        argv, env = self.our_command()
        argv.append("--help")
        done = subprocess.run(argv, cwd=self.base, env=env, capture_output=True, text=True, check=False)
        return done.stdout

    def ours(self, path: Path, *options: str, name: str = OURS, before: Grown | None = None) -> Tool:
        """Our scan of `path`; 3 is a good exit code, for a real repository may miss an object.

        With `before`, the cache is put back to what it was each time.
        """
        argv, env = self.our_command()
        jobs = [] if self.jobs is None else ["--jobs", str(self.jobs)]
        argv += [*options, "--format", "json", "--fail-on", "never", *jobs, str(path)]
        if before is not None:
            argv = restored(before, argv)
        return Tool(name, simple(argv, self.base, env, {0, 3}), _our_finds)

    def ours_everyday(
        self, clean: Path, leaky: Path, *options: str, removed: Path | None = None, name: str = OURS
    ) -> Tool:
        """Our scan of a small clean repository; the leaky one shows that it finds the keys.

        `removed` is a cache that is empty in each run; below it is the user's cache too.
        """
        tool, check = self.ours(clean, *options, name=name), self.ours(leaky, *options)
        if tool.command is None or check.command is None:
            return tool
        env = tool.command.env if removed is None else {**tool.command.env, "XDG_CACHE_HOME": str(removed)}
        return replace(
            tool,
            command=replace(tool.command, env=env, removed=removed),
            check=replace(check.command, env=env),
        )

    def kingfisher_everyday(self, clean: Path, leaky: Path, history: str) -> Tool:
        """Kingfisher on the same repositories."""
        return replace(self.kingfisher(clean, history), check=self.kingfisher(leaky, history).command)

    def our_hook(self, clean: Path, leaky: Path) -> Tool:
        """Our pre-commit hook on one staged file."""
        argv, env = self.our_command()
        argv += ["hook", "pre-commit", "settings.py"]
        return Tool(OURS, simple(argv, clean, env), _names_the_file, simple(argv, leaky, env, {1}))

    def attribution(self, repo: Path, ids: Path) -> Tool:
        """Attribution of objects to commits, as in a scan."""
        argv = [sys.executable, "-m", "benchmarks.attribution", str(repo), str(ids)]
        env = {**self.env, "PYTHONPATH": str(ROOT)}
        return Tool(OURS, simple(argv, self.base, env), int)

    def git_log(self, name: str, tips: Path, reader: Mapping[str, str], *options: str) -> Tool:
        """A walk of git's over all that references reach (`--all`, said as a list)."""
        pipeline = Pipeline((("git", "log", "--stdin", *options),), tips)
        return Tool(name, Command((pipeline,), self.base, reader))

    def kingfisher(self, path: Path, history: str) -> Tool:
        """Kingfisher with its own defaults, one Boltz rule, no built-in rules, nothing sent anywhere."""
        rules = self.base / "kingfisher-rule.yml"
        rules.write_text(_KINGFISHER_RULE.replace("PREFIX", NEEDLE))
        program = _program("kingfisher")
        argv = [program or "", "scan", str(path), "--git-history", history, "--load-builtins=false"]
        argv += ["--rules-path", str(rules), "--rule", "all", "--no-validate", "--no-update-check", "--quiet"]
        argv += ["--rule-cache-dir", str(self.base / "kingfisher-cache"), "--format", "jsonl"]
        argv += [] if self.jobs is None else ["--jobs", str(self.jobs)]
        command = simple(argv, self.base, self.env, {0, 200}) if program else None
        return Tool("kingfisher", command, install="pip install kingfisher-bin")

    def git_floor(self, lists: BlobLists, reader: Mapping[str, str]) -> Tool:
        """Git and grep on the same blobs, two of each side by side."""
        stages = (("git", "cat-file", "--batch", "--buffer"), ("grep", "-aF", NEEDLE))
        pipelines = tuple(Pipeline(stages, half) for half in lists.halves)
        command = Command(pipelines, self.base, reader, frozenset({0, 1}))
        return Tool("git floor", command if _program("grep") else None, install="install grep")

    def ripgrep(self, path: Path) -> Tool:
        """Ripgrep for one literal, nothing left out."""
        program = _program("rg")
        argv = [program or "", "-uuu", "-aF", NEEDLE, str(path)]
        command = simple(argv, self.base, self.env, {0, 1}) if program else None
        return Tool("rg", command, install="install ripgrep")

    def detect_secrets(self, clean: Path, leaky: Path) -> Tool:
        """The pre-commit hook of detect-secrets on the same staged file."""
        name, install = "detect-secrets-hook", "pip install detect-secrets"
        program = _program(name)
        if program is None:
            return Tool(name, None, install=install)
        argv = [program, "settings.py"]
        return Tool(name, simple(argv, clean, self.env), _names_the_file, simple(argv, leaky, self.env, {1}))

    def import_click(self) -> Tool:
        """The least a command line program on click can take."""
        return Tool("import click", simple([sys.executable, "-c", "import click"], self.base, self.env))


def _program(name: str) -> str | None:
    """The program beside this interpreter, or on the path."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def our_report(text: str) -> dict[str, object]:
    """Our JSON report, or an empty one when it is none."""
    try:
        report = json.loads(text)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _our_finds(text: str) -> int:
    findings = our_report(text).get("findings")
    if not isinstance(findings, list):
        return 0
    seen = {finding.get("fingerprint") for finding in findings if isinstance(finding, dict)}
    return sum(fingerprint(key) in seen for key in PLANTED)


def _names_the_file(text: str) -> int:
    return int("settings.py" in text)


_KINGFISHER_RULE = """\
rules:
  - name: Boltz API key
    id: bench.boltz.1
    pattern: '(PREFIX(?:admin|ws)_(?:live|test)_[A-Za-z0-9_-]{43})'
    min_entropy: 3.0
    confidence: medium
    examples: []
"""
