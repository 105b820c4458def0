"""Microsoft's SARIF validator, with GitHub's rules, finds no error and no warning.

It always exits 0, for input that is not even JSON as well, so its output log decides.
Found through ``SARIF_MULTITOOL``, on the PATH, or where ``make tools`` puts it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.report import samples
from tests.report.consumers.installed import TOOLS, missing

if TYPE_CHECKING:
    from collections.abc import Iterable

INSTALLED = TOOLS / "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"


def multitool() -> str:
    named = os.environ.get("SARIF_MULTITOOL") or shutil.which("Sarif.Multitool")
    found = named or (str(INSTALLED) if INSTALLED.exists() else None)
    if found is None:
        missing("Sarif.Multitool")
    return str(found)


def complaints(files: Iterable[Path], log: Path) -> list[str]:
    """What the validator says at level error or warning, and whether it ran to its end."""
    command = [multitool(), "validate", *map(str, files), "--rule-kind", "Sarif;Ghas"]
    command += ["--level", "Error;Warning;Note", "--output", str(log), "--log", "ForceOverwrite"]
    subprocess.run(command, capture_output=True, check=False, timeout=300)
    found = []
    for run in json.loads(log.read_text(encoding="utf-8-sig"))["runs"]:
        if not all(invocation["executionSuccessful"] for invocation in run["invocations"]):
            found.append("the validator did not run to its end")
        found += [text for text in map(complaint, run["results"]) if text]
    return found


def complaint(result: dict[str, Any]) -> str:
    level = result.get("level", "warning")
    if level == "note":
        return ""
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    return f"{level} {result['ruleId']} {place} {result['message']}"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.sarif"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_error_and_no_warning(tmp_path: Path) -> None:
    files = [
        written(tmp_path, name, samples.told("sarif", sample(), show_placeholders=True))
        for name, sample in samples.RESULTS.items()
    ]
    assert complaints(files, tmp_path / "log.json") == []


def broken(how: str) -> str:
    document = json.loads(samples.told("sarif", samples.tree()))
    run = document["runs"][0]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    match how:
        case "region":
            place["region"]["endColumn"] = 0
        case "uri":
            place["artifactLocation"]["uri"] = "a b%zz"
        case "schema":
            run["surprise"] = True
        case "index":
            run["results"][0]["ruleIndex"] = 99
        case "message":
            del run["results"][0]["message"]
    return json.dumps(document)


@pytest.mark.parametrize("how", ["region", "uri", "schema", "index", "message"])
def test_the_gate_closes(how: str, tmp_path: Path) -> None:
    """Controls: were these let through, the test above would prove nothing."""
    assert complaints([written(tmp_path, how, broken(how))], tmp_path / "log.json")
