"""The GitHub action: its steps on real clones, with the events and variables that GitHub documents."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pip
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from pipelines import github
from pipelines.part import Change, Nothing
from tests import checkout
from tests.keys import fake_key, fingerprint
from tests.pipelines.services import (
    ACTION,
    OLD,
    STEPS,
    ZEROS,
    Job,
    Server,
    checked,
    expression,
    interpreter,
    leaky,
    tool,
    validate,
    wheels,
)
from tests.repos import Repo
from tests.running import ROOT

NEW = fake_key("admin", "live", "new")
MAIN = "refs/heads/main"
REPOSITORY = {"repository": {"default_branch": "main"}}


def line(key: str) -> str:
    return f"key = '{key}'\n"


def pushed(before: str, after: str, ref: str = MAIN, **more: Any) -> dict[str, Any]:
    return {"ref": ref, "before": before, "after": after, "deleted": False, **REPOSITORY, **more}


def pulled(base: str, head: str) -> dict[str, Any]:
    return {"pull_request": {"base": {"sha": base}, "head": {"sha": head}}, **REPOSITORY}


def found(job: Job) -> set[str]:
    report = json.loads(Path(job.output("json-file")).read_bytes())
    return {finding["fingerprint"] for finding in report["findings"]}


def prints(*keys: str) -> set[str]:
    return {fingerprint(key) for key in keys}


@pytest.fixture
def server(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server whose default branch holds an old leak."""
    return leaky(tmp_path, tmp_path_factory)


def leaks_and_removes(repo: Repo) -> None:
    """Two commits: the second does not undo what the first did."""
    repo.leak("new.py", line(NEW))
    repo.run("rm", "--quiet", "new.py")
    repo.commit("never mind")


# What is scanned.


def test_a_push_is_scanned_from_before_to_after(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    leaks_and_removes(server.work)
    after = server.push()
    job = Job(server.checkout(after, MAIN), "push", pushed(before, after), started=True)
    ran = job.step("scan")
    assert ran.code == 1, ran
    assert found(job) == prints(NEW)
    assert (job.output("exit-code"), job.output("keys"), job.output("failing-keys")) == ("1", "1", "1")
    assert job.output("gaps") == "0"
    assert re.search(r"^::error .*admin live", ran.text, re.MULTILINE)
    # What another step wrote stays, and the report comes behind it.
    summary = job.summary.read_text()
    assert summary.startswith("what another step wrote\n\n## Boltz keys\n")
    assert fingerprint(NEW) in summary
    sarif = json.loads(Path(job.output("sarif-file")).read_bytes())
    assert [run["automationDetails"]["id"] for run in sarif["runs"]] == [
        "boltz-keyscan/tree/",
        "boltz-keyscan/history/",
    ]
    # The next push would close the alert of this one.
    assert not job.uploads
    assert "SARIF not uploaded" in ran.text


def test_a_push_without_a_key_passes_what_was_there_before(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    server.work.leak("clean.py", "nothing\n")
    after = server.push()
    job = Job(server.checkout(after, MAIN), "push", pushed(before, after))
    assert job.step("scan").code == 0
    assert found(job) == set()


def test_an_old_key_in_a_changed_file_is_a_notice(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    server.work.leak("old.py", f"more\n{line(OLD)}")
    after = server.push()
    job = Job(server.checkout(after, MAIN), "push", pushed(before, after))
    ran = job.step("scan")
    assert ran.code == 0, ran
    assert (job.output("exit-code"), job.output("keys"), job.output("failing-keys")) == ("0", "1", "0")
    assert re.search(r"^::notice .*%0AAlready there: the file had this key", ran.text, re.MULTILINE)
    assert "Already there: the file had this key before the change" in job.summary.read_text()


@pytest.mark.parametrize("event", ["push", "schedule", "workflow_dispatch", "release"])
def test_everything_is_scanned_when_asked_or_when_nothing_was_pushed(server: Server, event: str) -> None:
    commit = server.push()
    job = Job(server.checkout(commit, MAIN), event, REPOSITORY)
    if event == "push":
        job = Job(job.clone, event, pushed(commit, commit), {"scan": "all"})
    assert job.step("scan").code == 1
    assert found(job) == prints(OLD)
    assert job.uploads


def test_a_new_branch_is_compared_with_the_default_branch(server: Server) -> None:
    server.branch("topic")
    leaks_and_removes(server.work)
    after = server.push()
    job = Job(server.checkout(after, "refs/heads/topic"), "push", pushed(ZEROS, after, "refs/heads/topic"))
    assert job.step("scan").code == 1
    assert found(job) == prints(NEW)


def test_the_first_push_of_all_is_scanned_whole(server: Server) -> None:
    after = server.push()
    job = Job(server.checkout(after, MAIN), "push", pushed(ZEROS, after))
    assert job.step("scan").code == 1
    assert found(job) == prints(OLD)


def forced(server: Server) -> tuple[str, str]:
    """A push that throws away a commit, which no clone has from then on."""
    server.work.leak("gone.py", "gone\n")
    before = server.push()
    server.work.run("reset", "--quiet", "--hard", "HEAD~1")
    leaks_and_removes(server.work)
    return before, server.push("--force")


def test_a_forced_branch_is_compared_with_the_default_branch(server: Server) -> None:
    server.branch("topic")
    before, after = forced(server)
    clone = server.checkout(after, "refs/heads/topic")
    job = Job(clone, "push", pushed(before, after, "refs/heads/topic", forced=True))
    assert job.step("scan").code == 1
    assert found(job) == prints(NEW)


def test_a_forced_default_branch_is_scanned_whole(server: Server) -> None:
    before, after = forced(server)
    job = Job(server.checkout(after, MAIN), "push", pushed(before, after, forced=True))
    assert job.step("scan").code == 1
    assert found(job) == prints(OLD, NEW)


def test_a_tag_is_scanned_with_its_message(server: Server) -> None:
    server.work.run("tag", "-a", "v1", "-m", f"release with {NEW}")
    server.work.run("push", "--quiet", "origin", "v1")
    commit = server.push()
    tag = server.work.run("rev-parse", "v1")
    job = Job(server.checkout(commit, MAIN), "push", pushed(ZEROS, tag, "refs/tags/v1"))
    assert job.step("scan").code == 1
    assert found(job) == prints(OLD, NEW)


@pytest.mark.parametrize(
    "payload", [pushed("a" * 40, ZEROS, deleted=True), pushed("a" * 40, ZEROS)], ids=["told", "zeros"]
)
def test_of_what_was_deleted_there_is_nothing_to_scan(server: Server, payload: Any) -> None:
    job = Job(server.checkout(server.push(), MAIN), "push", payload)
    ran = job.step("scan")
    assert (ran.code, ran.text) == (0, "Nothing to scan: a branch or tag was deleted.\n")
    assert (job.output("exit-code"), job.output("sarif-file"), job.uploads) == ("0", "", False)


def pull_request(server: Server) -> tuple[str, str]:
    """The current branch as a pull request, after the default branch went on; base and head."""
    base = server.work.run("rev-parse", "origin/main")
    return base, server.push()


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_pull_request_is_scanned_from_base_to_head(server: Server, event: str) -> None:
    server.branch("topic")
    leaks_and_removes(server.work)
    base, head = pull_request(server)
    clone = server.checkout(server.merged(), "refs/pull/1/merge")
    job = Job(clone, event, pulled(base, head))
    assert job.step("scan").code == 1
    assert found(job) == prints(NEW)
    # Scanned from its base each time, so no upload closes what an earlier one opened.
    assert job.uploads


def test_a_merge_queue_is_scanned_as_a_pull_request(server: Server) -> None:
    server.branch("topic")
    leaks_and_removes(server.work)
    base, head = pull_request(server)
    group = {"merge_group": {"base_sha": base, "head_sha": head}, **REPOSITORY}
    job = Job(server.checkout(head, "refs/heads/topic"), "merge_group", group)
    assert job.step("scan").code == 1
    assert found(job) == prints(NEW)


# Clones that are not what the event is about.


def test_a_shallow_clone_fails_and_says_what_to_do(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    server.work.run("rm", "--quiet", "old.py")
    after = server.work.commit("clean now")
    server.push()
    job = Job(server.checkout(after, MAIN, depth=1), "push", pushed(before, after))
    ran = job.step("scan")
    assert ran.code == 3
    assert "Give actions/checkout 'fetch-depth: 0'." in ran.text
    assert job.output("exit-code") == "3"
    # Of what was not seen the alerts would be closed.
    assert not job.uploads


def test_a_shallow_clone_of_a_merge_has_not_the_head_of_its_pull_request(server: Server) -> None:
    """The default of actions/checkout, where the workflow fetched the base."""
    server.work.run("rm", "--quiet", "old.py")
    server.work.commit("clean now")
    server.push()
    server.branch("topic")
    leaks_and_removes(server.work)
    base, head = pull_request(server)
    clone = server.checkout(server.merged(), "refs/pull/1/merge", depth=1)
    clone.run("fetch", "--quiet", "--depth=1", "origin", base)
    job = Job(clone, "pull_request", pulled(base, head))
    ran = job.step("scan")
    assert ran.code == 3, ran
    assert "fetch-depth: 0" in ran.text
    assert json.loads(Path(job.output("json-file")).read_bytes())["gaps"]


def test_a_partial_clone_fails_and_says_what_to_do(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    leaks_and_removes(server.work)
    after = server.push()
    job = Job(server.checkout(after, MAIN, left_out="blob:none"), "push", pushed(before, after))
    ran = job.step("scan")
    assert ran.code == 3, ran
    assert "Leave 'filter' out of actions/checkout." in ran.text
    [gap] = json.loads(Path(job.output("json-file")).read_bytes())["gaps"]
    assert (gap["reason"], gap["by_design"]) == ("partial-clone", False)
    assert not job.uploads


@pytest.mark.parametrize("event", ["push", "pull_request"])
def test_no_reference_is_taken_for_a_commit(server: Server, event: str) -> None:
    """A tag called like the commit the event begins at, and one called like the default branch."""
    base = server.work.run("rev-parse", "HEAD")
    server.branch("topic")
    leaks_and_removes(server.work)
    head = server.push()
    excuse(server.work)
    clone = server.checkout(head, "refs/heads/topic")
    clone.run("fetch", "--quiet", str(server.work.path), "HEAD")
    for name in (base, "origin/main", "refs/remotes/origin/main"):
        clone.run("update-ref", f"refs/tags/{name}", "FETCH_HEAD")
    payload = pushed(base, head, "refs/heads/topic") if event == "push" else pulled(base, head)
    job = Job(clone, event, payload)
    assert job.step("scan").code == 1
    assert found(job) == prints(NEW)
    ambiguous = Job(clone, event, payload, {"trust": "base:origin/main"})
    ran = ambiguous.step("scan")
    assert ran.code == 2, ran
    assert "refs/tags/origin/main or refs/remotes/origin/main" in ran.text + ran.errors


def test_a_leak_in_a_shallow_clone_is_a_leak(server: Server) -> None:
    job = Job(server.checkout(server.push(), MAIN, depth=1), "schedule", REPOSITORY)
    ran = job.step("scan")
    assert ran.code == 1
    assert "fetch-depth: 0" in ran.text
    assert found(job) == prints(OLD)


def test_a_checkout_of_something_else_is_an_error(server: Server) -> None:
    commit = server.push()
    job = Job(server.checkout(commit, MAIN), "push", pushed(commit, "a" * 40))
    ran = job.step("scan")
    assert ran.code == 2
    assert f"::error title=boltz-keyscan::this clone does not have commit {'a' * 40}." in ran.text
    assert (job.output("exit-code"), job.uploads) == ("2", False)


# Whose word counts.


def excuse(repo: Repo) -> None:
    """A commit that lets every key in new.py and old.py pass."""
    repo.add(".boltz-keyscanignore", "new.py  # mine\nold.py  # known\n")
    repo.commit("excuse")


def test_no_change_excuses_its_own_leak(server: Server) -> None:
    server.branch("topic")
    excuse(server.work)
    before = server.push()
    # Not even when the excuse was pushed first.
    leaks_and_removes(server.work)
    after = server.push()
    clone = server.checkout(after, "refs/heads/topic")
    assert Job(clone, "push", pushed(before, after, "refs/heads/topic")).step("scan").code == 1
    base = server.work.run("rev-parse", "origin/main")
    assert Job(clone, "pull_request", pulled(base, after)).step("scan").code == 1


def test_the_excuse_of_the_default_branch_counts(server: Server) -> None:
    excuse(server.work)
    base = server.push()
    server.branch("topic")
    server.work.leak("new.py", line(NEW))
    head = server.push()
    clone = server.checkout(head, "refs/heads/topic")
    job = Job(clone, "pull_request", pulled(base, head))
    assert job.step("scan").code == 0
    assert (job.output("keys"), job.output("failing-keys")) == ("1", "0")
    assert Job(clone, "schedule", REPOSITORY).step("scan").code == 0
    assert Job(clone, "schedule", REPOSITORY, {"trust": "none"}).step("scan").code == 1


def test_a_push_to_the_default_branch_is_judged_by_what_stood_there_before(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD")
    excuse(server.work)
    server.work.leak("new.py", line(NEW))
    after = server.push()
    assert Job(server.checkout(after, MAIN), "push", pushed(before, after)).step("scan").code == 1


# Inputs.


def test_inputs_reach_the_scanner(server: Server) -> None:
    clone = server.checkout(server.push(), MAIN)
    for inputs, code in (
        ({"fail-on": "never"}, 0),
        ({"fail-on": "admin"}, 0),
        ({"args": "--fail-on 'never' -v"}, 0),
        ({"upload-sarif": "never"}, 1),
        ({"upload-page": "always"}, 1),
        ({"baseline": "nowhere"}, 2),
    ):
        job = Job(clone, "schedule", REPOSITORY, inputs)
        assert job.step("scan").code == code, inputs
        assert job.uploads == (code != 2 and "upload-sarif" not in inputs)
        assert job.known["steps.scan.outputs.keep-page"] == str("upload-page" in inputs).lower()


def test_a_push_is_uploaded_when_asked(server: Server) -> None:
    before = server.work.run("rev-parse", "HEAD~1")
    after = server.push()
    job = Job(server.checkout(after, MAIN), "push", pushed(before, after), {"upload-sarif": "always"})
    assert job.step("scan").code == 1
    assert job.uploads


@pytest.mark.parametrize(("event", "uploads"), [("push", False), ("pull_request", True)])
def test_dependabot_may_not_upload_a_push(server: Server, event: str, *, uploads: bool) -> None:
    before = server.work.run("rev-parse", "HEAD~1")
    after = server.push()
    payload = pushed(before, after) if event == "push" else pulled(before, after)
    actor = {"GITHUB_ACTOR": "dependabot[bot]"}
    job = Job(server.checkout(after, MAIN), event, payload, {"upload-sarif": "always"}, actor)
    assert job.step("scan").code == 1
    assert job.uploads == uploads


def test_the_repository_may_lie_below_the_workspace(server: Server) -> None:
    clone = server.checkout(server.push(), MAIN, name="workspace/the code")
    job = Job(Repo(clone.path.parent), "schedule", REPOSITORY, {"path": "the code"})
    assert job.step("scan").code == 1
    report = json.loads(Path(job.output("json-file")).read_bytes())
    assert {place["path"] for key in report["findings"] for place in key["locations"]} == {"old.py"}


def test_another_category_is_in_the_file(server: Server) -> None:
    """It goes before what upload-sarif is given (codeql-action, populateRunAutomationDetails)."""
    job = Job(server.checkout(server.push(), MAIN), "schedule", REPOSITORY, {"category": "keys/second"})
    job.step("scan")
    sarif = json.loads(Path(job.output("sarif-file")).read_bytes())
    assert [run["automationDetails"]["id"] for run in sarif["runs"]] == [
        "keys/second/tree/",
        "keys/second/history/",
    ]


@pytest.mark.parametrize(
    "inputs",
    [{"scan": "half"}, {"upload-sarif": "yes"}, {"args": "'"}, {"path": "nowhere"}, {"fail-on": "some"}],
    ids=str,
)
def test_a_wrong_input_is_an_error(server: Server, inputs: dict[str, str]) -> None:
    job = Job(server.checkout(server.push(), MAIN), "schedule", REPOSITORY, inputs)
    ran = job.step("scan")
    assert ran.code == 2, ran
    assert b"Traceback" not in ran.err
    assert (job.output("exit-code"), job.output("keys"), job.uploads) == ("2", "0", False)


@pytest.mark.parametrize("payload", ["", "{", "\x00", "[" * 100_000], ids=["empty", "cut", "nul", "deep"])
def test_an_event_that_is_no_json_is_an_error(server: Server, payload: str) -> None:
    job = Job(server.checkout(server.push(), MAIN), "push", payload)
    ran = job.step("scan")
    assert ran.code == 2, ran
    assert b"Traceback" not in ran.err


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["a" * 40, ZEROS, MAIN]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["ref", "before", "after", "deleted", "pull_request", "merge_group", "head", "base"]
            )
            | st.sampled_from(["sha", "head_sha", "base_sha"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["push", "pull_request", "merge_group", "schedule", "x"]),
    st.dictionaries(
        st.sampled_from(["ref", "before", "after", "deleted", "pull_request", "merge_group"]), JSON
    ),
)
def test_of_any_event_only_commit_ids_are_taken(event: str, payload: dict[str, Any]) -> None:
    try:
        told = github.change(event, payload, "refs/remotes/origin/main")
    except Nothing:
        assert event == "push"
        return
    assert isinstance(told, Change)
    for commit in (told.start, told.end):
        assert re.fullmatch(r"|[0-9a-f]{40}|[0-9a-f]{64}", commit)
        assert commit == "" or commit.strip("0")


# Strangers' words and files.

NAMES = [
    "x$(touch${IFS}pwned)",
    "x`touch${IFS}pwned`",
    "x;touch${IFS}pwned",
    "x'\"&|touch${IFS}pwned",
    "::error::pwned".replace(":", "\uff1a"),
    "-x--upload-pack=touch",
    "${{github.token}}",
    "snow\u2603",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.sampled(count=2)
def test_names_of_branches_do_nothing(tmp_path: Path, name: str) -> None:
    default = name.lstrip("-")
    server = Server(tmp_path, default=default)
    server.work.leak("old.py", line(OLD))
    before = server.push()
    leaks_and_removes(server.work)
    after = server.push()
    repository = {"repository": {"default_branch": default}}
    clone = server.checkout(after, f"refs/heads/{default}")
    told = {"head_commit": {"message": name}, **repository}
    for payload in (
        *([{**pushed(before, after, f"refs/heads/{default}"), **told}] if name != default else []),
        {**pushed(ZEROS, after, f"refs/heads/{name}"), **told},
        {**pushed(before, after, f"refs/heads/{name}"), **told},
    ):
        variables = {"GITHUB_REF": f"refs/heads/{name}", "GITHUB_REF_NAME": name, "GITHUB_HEAD_REF": name}
        # In full with the name in each place where there is one.
        whole = payload["before"] != ZEROS
        job = Job(clone, "push", payload, variables=variables, started=whole)
        ran = job.step("scan")
        topic = payload["before"] == ZEROS and name != default
        assert ran.code == (0 if topic else 1), ran
        # The report names the branch that has the key, and nothing else does.
        assert ran.text.count(name) == ran.text.count(f"origin/{name}")
        assert not list(tmp_path.rglob("pwned"))


def test_nothing_of_the_checkout_is_run(server: Server) -> None:
    """Not as a module either, whatever the job set for its own Python."""
    evil = "import pathlib; pathlib.Path(__file__).with_name('pwned').touch()\n"
    for module in ("click", "json", "regex", "sitecustomize", "boltz_keyscan/__init__", "pipelines/part"):
        server.work.add(f"{module}.py", evil)
    server.work.add("pip.conf", "[global]\nindex-url = https://example.invalid/\n")
    server.work.commit("modules")
    clone = server.checkout(server.push(), MAIN)
    variables = {"PYTHONPATH": ".", "PYTHONSTARTUP": "click.py"}
    job = Job(clone, "schedule", REPOSITORY, variables=variables, started=True)
    ran = job.step("scan")
    assert ran.code == 1, ran
    assert found(job) == prints(OLD)
    assert not list(clone.path.rglob("pwned"))


def test_no_report_holds_a_key(server: Server) -> None:
    job = Job(server.checkout(server.push(), MAIN), "schedule", REPOSITORY)
    ran = job.step("scan")
    written = [path for path in job.temp.rglob("*") if path.is_file()]
    assert len(written) > 4
    for told in (ran.out, ran.err, *(path.read_bytes() for path in written)):
        assert OLD.encode() not in told


# The file itself.


def test_no_expression_stands_in_a_script() -> None:
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")
        assert ("run" in step) != ("uses" in step)


def test_other_actions_are_pinned() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert len(used) == 3
    for each in used:
        assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)


def test_every_input_is_used_and_every_output_is_set(server: Server) -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    for name in ACTION["inputs"]:
        assert f"inputs.{name} " in text, name
    job = Job(server.checkout(server.push(), MAIN), "schedule", REPOSITORY)
    job.step("scan")
    assert all(job.output(name) for name in ACTION["outputs"])
    address = "https://github.example.invalid/artifacts/1"
    job.known["steps.page.outputs.artifact-url"] = address
    assert job.step("link").code == 0
    assert job.summary.read_text().endswith(f"[The report as a page]({address}), an artifact of this run\n")


def test_the_schema_and_the_linters_agree() -> None:
    validate("github-actions", str(ROOT / "action.yml"))
    checked(tool("zizmor"), "--offline", "--pedantic", "--no-progress", "action.yml")
    checked(tool("shellcheck"), *(str(path) for path in (ROOT / "pipelines").glob("*.sh")))


@pytest.mark.parametrize(
    ("old", "new"),
    [("using: composite", "using: compost"), ("      shell: bash\n", ""), ("icon: shield", "icon: key")],
)
def test_the_schema_can_say_no(tmp_path: Path, old: str, new: str) -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "action.yml"
    broken.write_text(text.replace(old, new))
    with pytest.raises(AssertionError, match="Schema validation errors"):
        validate("github-actions", str(broken))


def test_what_is_pinned_is_what_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = {
        "requirements.txt": project["project"]["dependencies"],
        "build.txt": project["build-system"]["requires"],
    }
    for name, needs in declared.items():
        text = (ROOT / "pipelines" / name).read_text()
        pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)(?: ; [^\n\\]+)? \\$", text, re.MULTILINE))
        assert len(pinned) == len(re.findall(r"^[^#\s]", text, re.MULTILINE))
        for need in map(Requirement, needs):
            assert pinned[need.name.lower()] in need.specifier, need
        # Each with the hash of at least one file.
        assert not re.search(r"\\\n(?!    --hash=sha256:[0-9a-f]{64})", text)


# All of it.


def test_all_steps_one_after_the_other(server: Server, tmp_path: Path) -> None:
    """The action from a checkout of its own, installed as on a runner, from the packages that are pinned."""
    before = server.work.run("rev-parse", "HEAD~1")
    after = server.push()
    action = checkout.copy(tmp_path / "actions" / "boltz-keyscan")
    clone = server.checkout(after, MAIN)
    job = Job(clone, "push", pushed(before, after), action=action, variables=wheels())
    assert job.step("python").code == 0
    assert Path(job.known["steps.python.outputs.found"]).is_file()
    # PATH may have a newer one; this is the one for which the pinned packages were fetched.
    job.known |= {"steps.python.outputs.found": sys.executable, "steps.setup.outputs.python-path": ""}
    installed = job.step("install")
    assert installed.code == 0, installed
    assert job.known["steps.install.outputs.python"] != interpreter()
    # What runs is what was installed: its sources may go.
    shutil.rmtree(action / "boltz_keyscan")
    ran = job.step("scan")
    assert ran.code == 1, ran
    assert found(job) == prints(OLD)


def _python_with_pip_at_hand(folder: Path) -> Path:
    """A Python whose new environments refer to our pip: unpacking one takes seconds."""
    (folder / "packages").mkdir()
    (folder / "packages/pip").symlink_to(Path(pip.__file__).parent)
    python = folder / "python"
    python.write_text(
        f'#!/bin/sh\nset -e\n{sys.executable} "$@" --without-pip\n'
        f'echo {folder}/packages >"$(echo "$4"/lib/python*/site-packages)/pip.pth"\n'
    )
    python.chmod(0o755)
    return python


def test_what_install_says_when_it_cannot(tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    job = Job(Repo(tmp_path / "clone"), "push", "{}", variables=nowhere)
    job.known |= {
        "steps.python.outputs.found": str(_python_with_pip_at_hand(tmp_path)),
        "steps.setup.outputs.python-path": "",
    }
    del job.known["steps.install.outputs.python"]
    ran = job.step("install")
    assert ran.code != 0
    assert "No matching distribution found" in ran.errors
    assert "steps.install.outputs.python" not in job.known


def test_no_python_is_told(tmp_path: Path) -> None:
    """A PATH with what the scripts need, and with Pythons that are too old or do not run."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "dirname", "mktemp"):
        (programs / name).symlink_to(shutil.which(name) or name)
    for name, script in (("python3", "exit 1"), ("python3.13", "exit 127")):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    job = Job(Repo(tmp_path / "clone"), "push", "{}", variables={"PATH": str(programs)})
    assert job.step("python").code == 0
    assert job.known["steps.python.outputs.found"] == ""
    # So the step that sets one up runs; were it to fail, the next one says it.
    assert expression(STEPS["setup"]["if"], job.known)
    job.known["steps.setup.outputs.python-path"] = ""
    ran = job.step("install")
    assert ran.code == 2
    assert ran.errors.startswith("error: no Python 3.11 or newer")


def test_python_is_found_among_the_tools_of_a_runner(tmp_path: Path) -> None:
    tools = tmp_path / "tools/Python/3.12.1/x64/bin"
    tools.mkdir(parents=True)
    (tools / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "python").chmod(0o755)
    variables = {"PATH": "/nowhere", "RUNNER_TOOL_CACHE": str(tmp_path / "tools")}
    script = [shutil.which("sh") or "sh", str(ROOT / "pipelines/python.sh")]
    done = subprocess.run(script, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tools}/python\n"
