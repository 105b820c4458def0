"""Jobs that docs/scale.md shows for Slurm and Kubernetes: judged by a linter and a schema, and run."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import jsonschema
import yaml

from tests.pipelines.services import checked, tool
from tests.pipelines.test_guides import environment
from tests.repos import Repo
from tests.running import ROOT, keyscan


def block(language: str, test: str) -> str:
    """The block of scale.md that a test here reads."""
    text = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"::{test} -->\n```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def run_parts(folder: Path, script: Path, variables: list[dict[str, str]], states: list[str]) -> None:
    """Run a script for each part of a list of two repositories, and see that the merged states are whole."""
    for name in ("one", "two"):
        Repo(folder / name).leak("a.txt", f"{name}\n")
    (folder / "repos.txt").write_text("one\ntwo\n")
    for each in variables:
        env = {**os.environ, **environment(folder), **each}
        ran = subprocess.run(
            ["sh", str(script)], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, ""), ran
    merged = keyscan("fleet", "merge", "--state", "whole", *states, cwd=folder)
    assert (merged.code, "2 repositories: 2 scanned" in merged.text) == (0, True), merged


def test_the_array_of_slurm(tmp_path: Path) -> None:
    script = tmp_path / "scan.sh"
    script.write_text(block("sh", "test_the_array_of_slurm"))
    checked(tool("shellcheck"), str(script))
    count = {"SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1"}
    tasks = [count | {"SLURM_ARRAY_TASK_ID": number} for number in "12"]
    run_parts(tmp_path, script, tasks, ["fleet-1", "fleet-2"])


def test_the_job_of_kubernetes(tmp_path: Path) -> None:
    manifest = yaml.safe_load(block("yaml", "test_the_job_of_kubernetes"))
    schema = json.loads((ROOT / "tests/schemas/kubernetes-job-1.34.json").read_bytes())
    jsonschema.Draft202012Validator(schema).validate(manifest)
    spec = manifest["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in spec["volumes"]}
    (command,) = container["args"]
    assert f'/{manifest["spec"]["completions"]}"' in command
    script = tmp_path / "scan.sh"
    script.write_text(
        "#!/bin/sh\n" + command.replace('/64"', '/2"').replace("/lists/", "").replace("/states/", "") + "\n"
    )
    checked(tool("shellcheck"), str(script))
    tasks = [{"JOB_COMPLETION_INDEX": number} for number in "01"]
    run_parts(tmp_path, script, tasks, ["part-0", "part-1"])
