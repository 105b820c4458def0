"""The GitLab template: against the schema of GitLab, and its script with the variables GitLab documents."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.gitlab import REPORTS
from tests import checkout
from tests.keys import fake_key, fingerprint, short_fingerprint
from tests.pipelines.services import OLD, ZEROS, Server, gitlab, leaky, tool, validate, wheels
from tests.repos import Repo
from tests.running import ROOT

TEMPLATE = (ROOT / "templates" / "boltz-keyscan.yml").read_text(encoding="utf-8")
SPEC: Any
JOB: Any
SPEC, JOB = yaml.safe_load_all(TEMPLATE)

NEW = fake_key("admin", "live", "new")


@pytest.fixture
def server(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    return leaky(tmp_path, tmp_path_factory)


def leaks_and_removes(repo: Repo) -> None:
    repo.leak("new.py", f"key = '{NEW}'\n")
    repo.run("rm", "--quiet", "new.py")
    repo.commit("never mind")


def pipeline(source: str, commit: str, **more: str) -> dict[str, str]:
    """docs.gitlab.com, "Predefined CI/CD variables reference"; those of a branch unless told otherwise."""
    given = {
        "CI_PIPELINE_SOURCE": source,
        "CI_COMMIT_SHA": commit,
        "CI_COMMIT_BEFORE_SHA": ZEROS,
        "CI_COMMIT_BRANCH": "main",
        "CI_DEFAULT_BRANCH": "main",
        **more,
    }
    return {name: value for name, value in given.items() if value}


def found(clone: Repo) -> set[str]:
    report = json.loads((clone.path / REPORTS["json"]).read_bytes())
    return {finding["fingerprint"] for finding in report["findings"]}


def prints(*keys: str) -> set[str]:
    return {fingerprint(key) for key in keys}


def test_a_push(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    leaks_and_removes(server.work)
    after = server.push()
    clone = server.checkout(after, "refs/heads/main")
    address = "https://gitlab.example.invalid/jobs/1"
    variables = pipeline("push", after, CI_COMMIT_BEFORE_SHA=before, CI_JOB_URL=address)
    ran = gitlab(clone, variables, started=True)
    assert ran.code == 1, ran
    assert f"The report as a page: {address}/artifacts/file/{REPORTS['html']}" in ran.text
    assert b"<h1>" in (clone.path / REPORTS["html"]).read_bytes()
    assert found(clone) == prints(NEW)
    assert short_fingerprint(NEW) in ran.text
    report = json.loads((clone.path / REPORTS["gitlab"]).read_bytes())
    assert [each["severity"] for each in report["vulnerabilities"]] == ["Critical"]
    assert b"<testcase" in (clone.path / REPORTS["junit"]).read_bytes()


def test_an_old_key_in_a_changed_file_does_not_fail(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    server.work.leak("old.py", f"more\nkey = '{OLD}'\n")
    after = server.push()
    clone = server.checkout(after, "refs/heads/main")
    ran = gitlab(clone, pipeline("push", after, CI_COMMIT_BEFORE_SHA=before))
    assert ran.code == 0, ran
    assert found(clone) == prints(OLD)
    assert "Already there: the file had this key before the change" in ran.text


def test_a_new_branch(server: Server) -> None:
    server.branch("topic")
    leaks_and_removes(server.work)
    after = server.push()
    clone = server.checkout(after, "refs/heads/topic")
    ran = gitlab(clone, pipeline("push", after, CI_COMMIT_BRANCH="topic"))
    assert ran.code == 1, ran
    assert found(clone) == prints(NEW)


@pytest.mark.parametrize("kind", ["source", "merged"])
def test_a_merge_request(server: Server, kind: str) -> None:
    """A pipeline of its source, and one of the result merged with a target that went on."""
    base = target = server.work.run("rev-parse", "HEAD")
    server.branch("topic")
    leaks_and_removes(server.work)
    head = server.push()
    if kind == "merged":
        server.work.run("checkout", "--quiet", "main")
        server.work.leak("later.py", f"key = '{fake_key('ws', 'live', 'later')}'\n")
        target = server.push()
        server.work.run("merge", "--quiet", "--no-ff", "-m", "merge", head)
        head = server.work.run("rev-parse", "HEAD")
        server.work.run("push", "--quiet", "origin", "HEAD:refs/merge-requests/1/merge")
    clone = server.checkout(head, "refs/pull/1/merge")
    variables = pipeline(
        "merge_request_event",
        head,
        CI_COMMIT_BRANCH="",
        CI_MERGE_REQUEST_DIFF_BASE_SHA=base,
        CI_MERGE_REQUEST_TARGET_BRANCH_SHA=target if kind == "merged" else "",
    )
    ran = gitlab(clone, variables)
    assert ran.code == 1, ran
    assert found(clone) == prints(NEW)


@pytest.mark.parametrize("source", ["schedule", "web", "api", "trigger", "parent_pipeline"])
def test_other_pipelines_scan_everything(server: Server, source: str) -> None:
    commit = server.push()
    clone = server.checkout(commit, "refs/heads/main")
    assert gitlab(clone, pipeline(source, commit)).code == 1
    assert found(clone) == prints(OLD)


def test_a_tag_is_scanned_with_its_message(server: Server) -> None:
    server.work.run("tag", "-a", "v1", "-m", f"release with {NEW}")
    server.work.run("push", "--quiet", "origin", "v1")
    commit = server.push()
    clone = server.checkout(commit, "refs/heads/main")
    assert gitlab(clone, pipeline("push", commit, CI_COMMIT_BRANCH="", CI_COMMIT_TAG="v1")).code == 1
    assert found(clone) == prints(OLD, NEW)


def test_everything_when_asked(server: Server) -> None:
    commit = server.push()
    clone = server.checkout(commit, "refs/heads/main")
    variables = pipeline("push", commit, CI_COMMIT_BEFORE_SHA=commit)
    assert gitlab(clone, variables).code == 0
    assert gitlab(clone, {**variables, "KEYSCAN_SCAN": "all"}).code == 1
    assert gitlab(clone, {**variables, "KEYSCAN_SCAN": "all", "KEYSCAN_FAIL_ON": "never"}).code == 0
    assert gitlab(clone, {**variables, "KEYSCAN_SCAN": "all", "KEYSCAN_ARGS": "--fail-on admin"}).code == 0


def test_a_shallow_clone_fails_and_says_what_to_do(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    server.work.run("rm", "--quiet", "old.py")
    after = server.work.commit("clean now")
    server.push()
    clone = server.checkout(after, "refs/heads/main", depth=1)
    ran = gitlab(clone, pipeline("push", after, CI_COMMIT_BEFORE_SHA=before))
    assert ran.code == 3
    assert "Set GIT_DEPTH to 0 for this job." in ran.errors


def test_a_partial_clone_fails_and_says_what_to_do(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    leaks_and_removes(server.work)
    after = server.push()
    clone = server.checkout(after, "refs/heads/main", left_out="blob:none")
    ran = gitlab(clone, pipeline("push", after, CI_COMMIT_BEFORE_SHA=before))
    assert ran.code == 3, ran
    assert "without --filter" in " ".join(ran.text.split())
    [gap] = json.loads((clone.path / REPORTS["json"]).read_bytes())["gaps"]
    assert (gap["reason"], gap["by_design"]) == ("partial-clone", False)


def test_no_reference_is_taken_for_a_commit(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    leaks_and_removes(server.work)
    after = server.push()
    clone = server.checkout(after, "refs/heads/main")
    clone.run("update-ref", f"refs/tags/{before}", after)
    clone.run("update-ref", f"refs/heads/{after}", before)
    assert gitlab(clone, pipeline("push", after, CI_COMMIT_BEFORE_SHA=before)).code == 1
    assert found(clone) == prints(NEW)


def test_no_change_excuses_its_own_leak(server: Server) -> None:
    server.branch("topic")
    server.work.add(".boltz-keyscanignore", "new.py  # mine\n")
    server.work.commit("excuse")
    before = server.push()
    leaks_and_removes(server.work)
    after = server.push()
    clone = server.checkout(after, "refs/heads/topic")
    variables = pipeline("push", after, CI_COMMIT_BEFORE_SHA=before, CI_COMMIT_BRANCH="topic")
    assert gitlab(clone, variables).code == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"KEYSCAN_SCAN": "half"},
        {"KEYSCAN_ARGS": "'"},
        {"KEYSCAN_FAIL_ON": "some"},
        {"CI_PROJECT_DIR": "/nowhere/at/all"},
        {"CI_COMMIT_SHA": "a" * 40},
    ],
    ids=str,
)
def test_what_is_wrong_is_an_error(server: Server, wrong: dict[str, str]) -> None:
    commit = server.push()
    clone = server.checkout(commit, "refs/heads/main")
    ran = gitlab(clone, {**pipeline("push", commit, CI_COMMIT_BEFORE_SHA=commit), **wrong})
    assert ran.code == 2, ran
    assert b"Traceback" not in ran.err
    assert not (clone.path / REPORTS["gitlab"]).exists()


# The file itself.


def documents(folder: Path, text: str = TEMPLATE) -> list[str]:
    """Head and body of the template in a file each: a validator takes one document."""
    paths = []
    for number, part in enumerate(text.split("\n---\n")):
        path = folder / f"part-{number}.yml"
        path.write_text(part + "\n")
        paths.append(str(path))
    assert len(paths) == 2
    return paths


def test_the_schema_agrees(tmp_path: Path) -> None:
    validate("gitlab-ci", *documents(tmp_path))


@pytest.mark.parametrize(
    ("old", "new"),
    [("when: always", "when: ever"), ("access: developer", "access: me"), ("needs: []", "need: 1")],
)
def test_the_schema_can_say_no(tmp_path: Path, old: str, new: str) -> None:
    assert old in TEMPLATE
    with pytest.raises(AssertionError, match="Schema validation errors"):
        validate("gitlab-ci", *documents(tmp_path, TEMPLATE.replace(old, new)))


def test_the_reports_are_those_that_are_written() -> None:
    artifacts = JOB["boltz-keyscan"]["artifacts"]
    kept = {*artifacts["paths"], *artifacts["reports"].values()}
    assert kept == set(REPORTS.values())
    assert artifacts["reports"]["secret_detection"] == REPORTS["gitlab"]


def test_every_input_is_used() -> None:
    used = set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", TEMPLATE))
    assert used == set(SPEC["spec"]["inputs"])


def filled(value: str, inputs: dict[str, str]) -> str:
    """A value of the template as GitLab fills it in."""
    return re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda found: inputs[found[1]], value)


def test_the_script_from_clone_to_report(server: Server, tmp_path: Path) -> None:
    """What a runner does: bash with its options, the lines of ``script`` in one shell, in the clone."""
    source = Repo(checkout.copy(tmp_path / "source"))
    source.run("add", "--all")
    source.commit("as published")
    inputs = {name: str(given.get("default", "")) for name, given in SPEC["spec"]["inputs"].items()}
    source.run("tag", inputs["version"])
    inputs["source"] = source.path.as_uri()
    job = JOB["boltz-keyscan"]
    commit = server.push()
    clone = server.checkout(commit, "refs/heads/main")
    variables = {
        **os.environ,
        **wheels(),
        **pipeline("schedule", commit),
        "CI": "true",
        "CI_PROJECT_DIR": str(clone.path),
        "PYTHON": tool("python"),
        **{name: filled(value, inputs) for name, value in job["variables"].items()},
    }
    script = "\n".join(job["script"])
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=clone.path,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1, done
    assert found(clone) == prints(OLD)
    for name in REPORTS.values():
        assert (clone.path / name).stat().st_size
