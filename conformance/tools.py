"""The scanners: how each is started with one rule for Boltz keys, and how its report is read.

Each gets the plain rule its own language can express and its own defaults otherwise;
nothing is verified and nothing sent. To add a scanner, write a function and a line in ``TOOLS``.

Boundary: child processes and their reports; counting is ``scoring``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from conformance.keys import fingerprint
from conformance.scoring import Found

_PLAIN = r"sk_bc_(?:admin|ws)_(?:live|test)_[A-Za-z0-9_-]{43}"
_KEY = re.compile(_PLAIN)

_KINGFISHER = f"""\
rules:
  - name: Boltz API key
    id: conformance.boltz.1
    pattern: '({_PLAIN})'
    min_entropy: 3.0
    confidence: medium
    examples: []
"""

_GITLEAKS = f"""\
[[rules]]
id = "boltz"
description = "Boltz API key"
regex = '''({_PLAIN})'''
keywords = ["sk_bc_"]
"""

_DETECT_SECRETS = f"""\
import re

from detect_secrets.plugins.base import RegexBasedDetector


class BoltzDetector(RegexBasedDetector):
    secret_type = "Boltz API key"
    denylist = [re.compile(r"{_PLAIN}")]
"""


class UnusableError(Exception):
    """A scanner is not there, or did not report."""


def ours(folder: Path) -> Iterator[Found]:
    """This project."""
    argv = [sys.executable, "-m", "boltz_keyscan", "--format", "json", "--fail-on", "never"]
    told = _run([*argv, "--no-cache", "--trust", "none", "."], folder, {0, 3})
    for finding in json.loads(told)["findings"]:
        if finding["severity"] == "note":
            continue
        for location in finding["locations"]:
            yield Found(location["path"], finding["fingerprint"])


def kingfisher(folder: Path) -> Iterator[Found]:
    """Kingfisher: files, archives and history, decoding Base64."""
    with tempfile.TemporaryDirectory() as scratch:
        rules = Path(scratch, "boltz.yml")
        rules.write_text(_KINGFISHER, encoding="utf-8")
        argv = [_program("kingfisher", "kingfisher-bin"), "scan", ".", "--git-history", "full"]
        argv += ["--load-builtins=false", "--rules-path", str(rules), "--rule", "all", "--no-validate"]
        argv += ["--no-update-check", "--quiet", "--format", "jsonl", "--rule-cache-dir", scratch]
        told = _run(argv, folder, {0, 200})
    for line in told.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            finding = row.get("finding", row)
            yield from _named(
                _relative(str(finding.get("path", "")), folder), str(finding.get("snippet", ""))
            )


def betterleaks(folder: Path) -> Iterator[Found]:
    """Betterleaks: files, with archives and decoding; and the history of the repository."""
    program = _program("betterleaks", "pybetterleaks")
    with tempfile.TemporaryDirectory() as scratch:
        rules = Path(scratch, "boltz.toml")
        rules.write_text(_GITLEAKS, encoding="utf-8")
        common = ["--config", str(rules), "--no-banner", "--exit-code", "0", "--report-format", "json"]
        common += ["--max-decode-depth", "3", "--max-archive-depth", "8", "--report-path"]
        for kind, path in (("dir", "."), ("git", "git/main")):
            report = Path(scratch, f"{kind}.json")
            _run([program, kind, path, *common, str(report)], folder, {0})
            for row in json.loads(report.read_text(encoding="utf-8")) or ():
                yield from _named(_relative(row["File"].split("!")[0], folder), row["Secret"])


def detect_secrets(folder: Path) -> Iterator[Found]:
    """detect-secrets: files; it names what it found by SHA-1."""
    with tempfile.TemporaryDirectory() as scratch:
        plugin = Path(scratch, "boltz.py")
        plugin.write_text(_DETECT_SECRETS, encoding="utf-8")
        argv = [_program("detect-secrets", "detect-secrets"), "scan", "--all-files", "--no-verify"]
        told = _run([*argv, "--plugin", str(plugin), "."], folder, {0})
    for path, rows in json.loads(told)["results"].items():
        for row in rows:
            if row["type"] == "Boltz API key":
                yield Found(path.removeprefix("./"), sha1=row["hashed_secret"])


def _named(path: str, secret: str) -> Iterator[Found]:
    keys = _KEY.findall(secret)
    yield from (Found(path, fingerprint(key)) for key in keys)
    if not keys:
        yield Found(path)


def _relative(path: str, folder: Path) -> str:
    whole = str(folder.resolve()) + os.sep
    return path.removeprefix(whole).removeprefix("./")


def _program(name: str, package: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise UnusableError(f"not installed: pip install {package}")
    return found


def _run(argv: list[str], folder: Path, good: set[int]) -> str:
    root = str(Path(__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": root}
    ran = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if ran.returncode not in good:
        said = (ran.stderr or ran.stdout).strip().splitlines()
        raise UnusableError(f"failed with {ran.returncode}: {said[-1] if said else 'without a word'}")
    return ran.stdout


TOOLS: dict[str, Callable[[Path], Iterator[Found]]] = {
    "boltz-keyscan": ours,
    "kingfisher": kingfisher,
    "betterleaks": betterleaks,
    "detect-secrets": detect_secrets,
}
