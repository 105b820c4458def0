"""The scanners: how each is started with the rules made for it, and how its report is read.

Each gets what ``boltz-keyscan rules export`` writes for it, and its own defaults otherwise;
nothing is verified and nothing sent. To add a scanner, write a function and a line in ``TOOLS``.

Boundary: child processes and their reports; counting is ``scoring``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from boltz_keyscan import exports, rules
from conformance.keys import fingerprint
from conformance.scoring import Found

_TOOLS = Path(__file__).resolve().parent.parent / ".tools/node_modules/.bin"
"""Folder into which ``make tools`` installs npm packages."""

_KEY = re.compile(r"(?:sk_bc_(?:admin|ws)_(?:live|test)_|shr_)[A-Za-z0-9_-]{43}")

FILTER = "detect_secrets.filters.heuristic.is_indirect_reference"
"""Filter of detect-secrets that is on by default and drops keys."""

_BETTERLEAKS = """\
import json, sys
from pybetterleaks import scan_dir
result = scan_dir(".", config_path=sys.argv[1], redact=False)
if not result.ok:
    sys.exit("; ".join(f"{error.code}: {error.message}" for error in result.errors))
rows = [(each.rule_id, each.file or "", each.secret or "") for each in result.findings]
json.dump(rows, sys.stdout)
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
    with _exported("kingfisher", "boltz.yml") as rule_file:
        argv = [_program("kingfisher", "pip install kingfisher-bin"), "scan", ".", "--git-history", "full"]
        argv += ["--load-builtins=false", "--rules-path", str(rule_file), "--rule", "all", "--no-validate"]
        argv += [
            "--no-update-check",
            "--quiet",
            "--format",
            "jsonl",
            "--rule-cache-dir",
            str(rule_file.parent),
        ]
        told = _run(argv, folder, {0, 200})
    for line in told.splitlines():
        # The last line is about the run.
        if line.startswith("{") and (finding := json.loads(line).get("finding")):
            yield from _found_in(_relative(finding["path"], folder), finding["snippet"])


def betterleaks(folder: Path) -> Iterator[Found]:
    """Betterleaks, by its binding for Python: files and archives, decoding; it reads no history that way."""
    if importlib.util.find_spec("pybetterleaks") is None:
        raise UnusableError("not installed: pip install pybetterleaks")
    with _exported("betterleaks", "boltz.toml") as rule_file:
        told = _run([sys.executable, "-c", _BETTERLEAKS, str(rule_file)], folder, {0})
    for rule, path, secret in json.loads(told):
        # The export extends betterleaks' own rules, which are not what is measured.
        if rule.startswith("boltz-"):
            yield from _found_in(_relative(path, folder), secret)


def detect_secrets(folder: Path) -> Iterator[Found]:
    """detect-secrets: files; it names what it found by SHA-1."""
    with _exported("detect-secrets", "boltz.py") as plugin:
        argv = [_program("detect-secrets", "pip install detect-secrets"), "scan", "--all-files"]
        told = _run(
            [*argv, "--no-verify", "--plugin", str(plugin), "--disable-filter", FILTER, "."],
            folder,
            {0},
        )
    for path, rows in json.loads(told)["results"].items():
        for row in rows:
            if row["type"].startswith("Boltz "):
                yield Found(_relative(path, folder), sha1=row["hashed_secret"])


def secretlint(folder: Path) -> Iterator[Found]:
    """secretlint: files that are text; which file is all that is read of its report."""
    program = _TOOLS / "secretlint"
    if not program.exists():
        raise UnusableError("not installed: make tools")
    with _exported("secretlint", ".secretlintrc.yaml") as rule_file:
        # Into a file: to a pipe it writes no more than 64 KiB.
        report = rule_file.with_name("report.json")
        argv = [str(program), "**/*", "**/.*", "--secretlintrc", str(rule_file), "--format", "json"]
        _run([*argv, "--maskSecrets", "--output", str(report)], folder, {0})
        told = report.read_text(encoding="utf-8")
    for row in json.loads(told):
        if row["messages"]:
            yield Found(_relative(row["filePath"], folder))


@contextlib.contextmanager
def _exported(name: str, file: str) -> Iterator[Path]:
    """The rules that ``boltz-keyscan rules export`` writes for a scanner, in a folder that goes away."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, file)
        path.write_text(exports.export_rules(name, rules.load()), encoding="utf-8")
        yield path


def _found_in(path: str, secret: str) -> Iterator[Found]:
    keys = _KEY.findall(secret)
    yield from (Found(path, fingerprint(key)) for key in keys)
    if not keys:
        yield Found(path)


def _relative(path: str, folder: Path) -> str:
    """The file below the folder; a scanner's path may go on in it: ``a.zip!b``, ``a.sqlite/table.sql``."""
    whole = str(folder.resolve()) + os.sep
    path = path.removeprefix(whole).removeprefix("./").split("!")[0]
    while path and not os.path.lexists(folder / path):
        path = path.rpartition("/")[0]
    return path


def _program(name: str, install: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise UnusableError(f"not installed: {install}")
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
    "secretlint": secretlint,
}
