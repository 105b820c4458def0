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

import pytest

from tests.report import samples
from tests.report.consumers.installed import TOOLS, missing

INSTALLED = TOOLS / "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"


def multitool() -> str:
    named = os.environ.get("SARIF_MULTITOOL") or shutil.which("Sarif.Multitool")
    found = named or (str(INSTALLED) if INSTALLED.exists() else None)
    if found is None:
        missing("Sarif.Multitool")
    return str(found)


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the validator says of each report at level error or warning; one start for all."""
    folder = tmp_path_factory.mktemp("sarif")
    texts = {
        name: samples.told("sarif", make(), show_placeholders=True) for name, make in samples.RESULTS.items()
    }
    texts |= {f"broken-{how}": broken(how) for how in WAYS}
    for name, text in texts.items():
        (folder / f"{name}.sarif").write_text(text, encoding="utf-8")
    log = folder / "log.json"
    command = [multitool(), "validate", str(folder / "*.sarif"), "--rule-kind", "Sarif;Ghas"]
    command += ["--level", "Error;Warning;Note", "--output", str(log), "--log", "ForceOverwrite"]
    # It runs for seconds: to compile better code takes longer than that code saves.
    env = {**os.environ, "DOTNET_TieredPGO": "0", "DOTNET_TC_CallCountThreshold": "10000"}
    subprocess.run(command, env=env, capture_output=True, check=False, timeout=300)
    found: dict[str, list[str]] = {name: [] for name in texts}
    (run,) = json.loads(log.read_text(encoding="utf-8-sig"))["runs"]
    assert all(invocation["executionSuccessful"] for invocation in run["invocations"])
    for result in run["results"]:
        if result.get("level", "warning") != "note":
            place = result["locations"][0]["physicalLocation"]["artifactLocation"]
            found[Path(place["uri"]).stem].append(f"{result['ruleId']} {result['message']}")
    return found


WAYS = ("region", "uri", "schema", "index", "message")


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


def test_no_error_and_no_warning(complaints: dict[str, list[str]]) -> None:
    assert [(name, complaints[name]) for name in samples.RESULTS if complaints[name]] == []


@pytest.mark.parametrize("how", WAYS)
def test_the_gate_closes(how: str, complaints: dict[str, list[str]]) -> None:
    """Controls: were these let through, the test above would prove nothing."""
    assert complaints[f"broken-{how}"]
