"""The pages about other scanners: their commands are run, and their figures are those that come out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.tools import TOOLS
from tests.gate import absent
from tests.keys import fake_key
from tests.repos import Repo
from tests.running import ROOT, program

OTHERS = "docs/other-scanners.md"
COMPARED = "docs/comparison.md"

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
"""With the programs of this environment."""

LEAKED = fake_key("ws", "live", "pages")


def blocks(page: str, test: str) -> list[str]:
    """The blocks of a page that name a test of this file."""
    text = (ROOT / page).read_text(encoding="utf-8")
    mark = re.escape(f"<!-- run by: tests/exports/test_pages.py::{test} -->")
    return re.findall(rf"^{mark}\n```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def tables(text: str) -> list[str]:
    """The tables of scores in a text."""
    return re.findall(r"^\| scanner \| encodings .*\n(?:\|.*\n)+", text, re.MULTILINE)


class Stage:
    """A shell in a repository with a leak, where the program and the scanners are on the path."""

    def __init__(self, folder: Path) -> None:
        self.repo = Repo(folder / "project")
        self.repo.leak("settings.py", f'client = Boltz("{LEAKED}")\n')
        scripts = folder / "bin"
        scripts.mkdir()
        (scripts / "boltz-keyscan").symlink_to(program())
        (scripts / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (scripts / "python").chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{scripts}{os.pathsep}{PATH}",
            "PYTHONPATH": str(ROOT),
            # npx would ask whether there is a newer npm.
            "npm_config_offline": "true",
            "npm_config_update_notifier": "false",
        }

    def run(self, block: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-eu", "-c", block],
            cwd=self.repo.path,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def block_of(name: str) -> str:
    """The block of a scanner."""
    (found,) = (each for each in blocks(OTHERS, "test_other_scanners") if f"--for {name} " in each)
    return found


def needed(name: str) -> None:
    if shutil.which(name, path=PATH) is None:
        absent(f"{name} is not installed: pip install '.[peers]'")


@pytest.mark.parametrize(
    "name", ["gitleaks", "trufflehog", "github", "kingfisher", "detect-secrets", "secretlint"]
)
def test_other_scanners(name: str, stage: Stage) -> None:
    """Each block of docs/other-scanners.md."""
    folder = stage.repo.path
    match name:
        case "kingfisher" | "detect-secrets":
            needed(name)
        case "secretlint":
            installed = ROOT / ".tools/node_modules"
            if not (installed / "secretlint").exists():
                absent("secretlint is not installed: make tools")
            (folder / "node_modules").symlink_to(installed)
            (folder / ".env").write_text("# nothing\n")
    ran = stage.run(block_of(name))
    told = ran.stdout + ran.stderr
    match name:
        case "kingfisher":
            assert ran.returncode == 200, told
            assert "Boltz workspace live key" in told
        case "detect-secrets":
            # The key is in the baseline, so the hook lets it pass; the next one it does not.
            assert ran.returncode == 0, told
            found = json.loads((folder / ".secrets.baseline").read_text())["results"]["settings.py"]
            assert "Boltz workspace live key" in {row["type"] for row in found}
            stage.repo.write("settings.py", f'client = Boltz("{fake_key("admin", "live", "pages")}")\n')
            again = stage.run("detect-secrets-hook --baseline .secrets.baseline settings.py")
            assert again.returncode == 1
            assert "Boltz admin live key" in again.stdout
        case "secretlint":
            assert ran.returncode == 1, told
            assert "settings.py" in told
            assert "found matching ***" in told
        case _:
            assert (ran.returncode, told) == (0, "")
    if name == "github":
        assert len(json.loads((folder / "patterns.json").read_bytes())["patterns"]) == 5


def test_every_block_is_tested() -> None:
    found = blocks(OTHERS, "test_other_scanners")
    assert len(found) == 6
    text = (ROOT / OTHERS).read_text(encoding="utf-8")
    assert text.count("```sh\n") == len(found)
    assert text.count("```") == 2 * (len(found) + text.count("```text\n"))


@pytest.mark.sampled(count=0)
@pytest.mark.parametrize("page", [COMPARED])
def test_what_is_found(stage: Stage, page: str) -> None:
    """The table of docs/comparison.md; ``make test`` holds our row of it, in tests/test_conformance.py."""
    (block,) = blocks(page, "test_what_is_found")
    needed("kingfisher")
    ran = stage.run(block)
    missing = [line for line in ran.stderr.splitlines() if "not installed" in line]
    if missing:
        absent("; ".join(missing))
    assert ran.returncode == 0, ran.stderr
    assert tables((ROOT / page).read_text(encoding="utf-8")) == tables(ran.stdout)
    assert [row.split()[1] for row in ran.stdout.splitlines()[-len(TOOLS) :]] == list(TOOLS)


@pytest.mark.parametrize(
    ("told", "work", "peer"),
    [
        ("whole history of git's own repository", "history", "kingfisher"),
        ("100,000 files", "tree", "kingfisher"),
        ("4,843 files", "tree, files of git's HEAD: 4,843 of 48 MB", "kingfisher"),
        ("commit hook", "hook", "detect-secrets-hook"),
    ],
)
def test_the_ratios_are_those_of_the_benchmarks(told: str, work: str, peer: str) -> None:
    measured = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in measured if line.startswith(f"| {work} |") and f"| {peer} " in line)
    ratio = float(row.split("|")[4].split()[0])
    page = (ROOT / COMPARED).read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in page if line.startswith(f"| {told}"))
    assert float(line.split("|")[2].split()[0].rstrip(":")) == float(f"{ratio:.2g}")
    assert ("**slower**" in line) is (ratio > 1)
