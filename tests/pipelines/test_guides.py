"""What the guides to pipelines and hooks show is run, or checked by somebody else's schema.

The pages: ci-github.md, ci-gitlab.md, pre-commit.md, server-hook.md; docker.md is in ``test_docker``.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import boltz_keyscan
from tests.checkout import OWNER
from tests.hooked import config
from tests.keys import fake_key, short_fingerprint
from tests.pipelines.services import ACTION, Job, Server, checked, tool, validate
from tests.repos import Repo
from tests.running import ROOT, Ran, program

DOCS = ROOT / "docs"
KEY = fake_key("ws", "live", "in a guide")
TEST_KEY = fake_key("ws", "test", "in a guide")
TAG = f"v{boltz_keyscan.__version__}"


def block(page: str, language: str, test: str) -> str:
    """The one block of a page that says it is run or checked by this test."""
    text = (DOCS / page).read_text(encoding="utf-8")
    comment = rf"<!-- (?:run|checked) by: tests/pipelines/\w+\.py::{test} -->\n"
    (found,) = re.findall(rf"{comment}```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def rows(page: str, heading: str) -> list[list[str]]:
    """The body of the table below a heading, without code marks."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table
    lines = table[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def environment(folder: Path, *, started: bool = False) -> dict[str, str]:
    """A shell's variables, with ``pre-commit`` and ``boltz-keyscan``, in full or as a copy, on the path."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    python = shlex.quote(sys.executable)
    for name, command in (
        ("boltz-keyscan", f"{python} -P -m boltz_keyscan" if started else str(program())),
        ("pre-commit", f"{python} -P -m pre_commit"),
    ):
        (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (programs / name).chmod(0o755)
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def shell(folder: Path, commands: str, env: dict[str, str], *before: str) -> Ran:
    """Run a block as a reader would, from top to bottom, stopping at the first failure."""
    done = subprocess.run(
        [*before, "bash", "-euc", commands],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert KEY.encode() not in done.stdout + done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def said(ran: Ran) -> str:
    return (ran.out + ran.err).decode("utf-8", "replace")


# ci-github.md


def workflow_checked(folder: Path, text: str) -> None:
    """GitHub's schema of workflows, and a linter that looks for what an attacker would."""
    path = folder / ".github" / "workflows" / "boltz-keyscan.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    validate("github-workflows", str(path))
    # By tag: a page cannot know the commit it is part of, and says what pinning is.
    settings = folder / "zizmor.yml"
    settings.write_text('rules: {unpinned-uses: {config: {policies: {"*": ref-pin}}}}\n')
    checked(tool("zizmor"), "--offline", "--no-progress", "--config", str(settings), str(path))


def used(steps: list[Any]) -> Any:
    """The step that uses the action, which is in this repository at this version."""
    (step,) = (step for step in steps if step.get("uses", "").startswith(f"{OWNER}/"))
    assert step["uses"] == f"{OWNER}/boltz-keyscan@{TAG}"
    assert set(step.get("with", {})) <= set(ACTION["inputs"])
    return step


def test_the_workflow_for_github(tmp_path: Path) -> None:
    text = block("ci-github.md", "yaml", "test_the_workflow_for_github")
    workflow_checked(tmp_path, text)
    # In YAML 1.1 "on" is true.
    workflow = yaml.safe_load(text)
    assert set(workflow[True]) == {"push", "pull_request", "merge_group", "schedule"}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "read", "security-events": "write"}
    assert "with" not in used(job["steps"])
    assert job["steps"][0]["with"]["fetch-depth"] == 0


def test_the_workflow_of_the_readme(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (workflow,) = (found for found in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "jobs:" in found)
    workflow_checked(tmp_path, workflow)


def test_the_steps_that_go_on(tmp_path: Path) -> None:
    text = block("ci-github.md", "yaml", "test_the_steps_that_go_on")
    steps = yaml.safe_load(text)["steps"]
    whole = {
        "name": "x",
        "on": "push",
        "permissions": {},
        "jobs": {"x": {"runs-on": "ubuntu-latest", "permissions": {"contents": "read"}, "steps": steps}},
    }
    workflow_checked(tmp_path / "linted", yaml.safe_dump(whole))
    step = used(steps)
    server = Server(tmp_path)
    server.work.leak("a.py", TEST_KEY)
    clone = server.checkout(server.push(), "refs/heads/main")
    inputs = {name: str(value) for name, value in step["with"].items()}
    job = Job(clone, "schedule", {"repository": {"default_branch": "main"}}, inputs)
    assert job.step("scan").code == 1
    assert not job.uploads
    outputs = {
        name: job.output(value.split("outputs.")[1].removesuffix(" }}"))
        for name, value in steps[-1]["env"].items()
    }
    told = shell(clone.path, steps[-1]["run"], {**os.environ, **outputs})
    assert told.text == "1 of 1 keys fail, exit code 1\n"


def test_the_tables_of_inputs_and_outputs_are_the_actions() -> None:
    told = {name: default for name, default, _ in rows("ci-github.md", "## Inputs")}
    assert told == {name: given.get("default", "") for name, given in ACTION["inputs"].items()}
    assert [name for name, _ in rows("ci-github.md", "## Outputs")] == list(ACTION["outputs"])


# ci-gitlab.md


def template() -> tuple[Any, Any]:
    spec, job = yaml.safe_load_all((ROOT / "templates" / "boltz-keyscan.yml").read_text(encoding="utf-8"))
    return spec["spec"], job


def test_the_include_for_gitlab(tmp_path: Path) -> None:
    text = block("ci-gitlab.md", "yaml", "test_the_include_for_gitlab")
    (tmp_path / ".gitlab-ci.yml").write_text(text)
    validate("gitlab-ci", str(tmp_path / ".gitlab-ci.yml"))
    (include,) = yaml.safe_load(text)["include"]
    spec, _ = template()
    assert include["remote"].endswith(f"/{OWNER}/boltz-keyscan/{TAG}/templates/boltz-keyscan.yml")
    assert set(include["inputs"]) <= set(spec["inputs"])
    assert spec["inputs"]["version"]["default"] == TAG


def test_the_override_for_gitlab(tmp_path: Path) -> None:
    text = block("ci-gitlab.md", "yaml", "test_the_override_for_gitlab")
    _, job = template()
    override = yaml.safe_load(text)
    assert set(override) == set(job)
    (tmp_path / "ci.yml").write_text(
        yaml.safe_dump({name: {**job[name], **override[name]} for name in override}).replace("$[[", "x[[")
    )
    validate("gitlab-ci", str(tmp_path / "ci.yml"))


def test_the_table_of_inputs_is_the_templates() -> None:
    spec, _ = template()
    told = {name: default for name, default, _ in rows("ci-gitlab.md", "## Inputs")}
    assert told == {name: given.get("default", "") for name, given in spec["inputs"].items()}


def test_gitlab_without_the_template(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.work.leak("a.py", KEY)
    clone = server.checkout(server.push(), "refs/heads/main")
    ran = shell(
        clone.path,
        block("ci-gitlab.md", "sh", "test_gitlab_without_the_template"),
        {**environment(tmp_path, started=True), "CI": "true"},
    )
    assert ran.code == 1
    report = json.loads((clone.path / "gl-secret-detection-report.json").read_bytes())
    assert len(report["vulnerabilities"]) == 1


# pre-commit.md


def hooked(folder: Path, text: str) -> Repo:
    """A repository with the hooks of a configuration; from this checkout, as nothing is installed here."""
    wanted = [hook["id"] for hook in yaml.safe_load(text)["repos"][0]["hooks"]]
    published = {hook["id"]: hook for hook in yaml.safe_load(config())["repos"][0]["hooks"]}
    repo = Repo(folder / "project")
    here = {"repos": [{"repo": "local", "hooks": [published[name] for name in wanted]}]}
    repo.leak(".pre-commit-config.yaml", yaml.safe_dump(here))
    server = Repo(folder / "server.git", bare=True)
    repo.run("remote", "add", "origin", str(server.path))
    return repo


def test_pre_commit(tmp_path: Path) -> None:
    text = block("pre-commit.md", "yaml", "test_pre_commit")
    (source,) = yaml.safe_load(text)["repos"]
    assert (source["repo"], source["rev"]) == (f"https://github.com/{OWNER}/boltz-keyscan", TAG)
    repo, env = hooked(tmp_path, text), environment(tmp_path)
    commands = block("pre-commit.md", "sh", "test_pre_commit")
    assert shell(repo.path, commands, env).code == 0
    repo.add("a.py", TEST_KEY)
    stopped = shell(repo.path, "git commit -m leak", env)
    assert stopped.code == 1
    assert short_fingerprint(TEST_KEY) in said(stopped)
    # What the page says of skipping, and of the hook that still sees it.
    assert shell(repo.path, "SKIP=boltz-keyscan git commit -m leak && git rm -q a.py", env).code == 0
    assert shell(repo.path, "git commit -m 'never mind'", env).code == 0
    pushed = shell(repo.path, "git push origin main", env)
    assert pushed.code == 1
    assert short_fingerprint(TEST_KEY) in said(pushed)


@pytest.mark.parametrize("leaks", [False, True])
def test_what_pre_commit_ci_runs_needs_no_network(tmp_path: Path, *, leaks: bool) -> None:
    """All files, the stage pre-commit only, and nothing but loopback, which is down."""
    alone = ("unshare", "--user", "--map-root-user", "--net")
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody be without a network")
    repo = hooked(tmp_path, block("pre-commit.md", "yaml", "test_pre_commit"))
    repo.leak("gone.py", KEY)
    repo.run("rm", "--quiet", "gone.py")
    repo.leak("a.py", TEST_KEY if leaks else "clean\n")
    ran = shell(repo.path, "pre-commit run --all-files", environment(tmp_path, started=True), *alone)
    assert ran.code == int(leaks), ran
    # The page says so: it sees the files of the last commit, and not what is in history only.
    assert short_fingerprint(KEY) not in said(ran)
    assert re.findall(r"^- hook id: (.*)", said(ran), re.MULTILINE) == ["boltz-keyscan"] * leaks


def test_plain_hooks(tmp_path: Path) -> None:
    repo, env = Repo(tmp_path / "project"), environment(tmp_path)
    assert shell(repo.path, block("pre-commit.md", "sh", "test_plain_hooks"), env).code == 0
    repo.add("a.py", TEST_KEY)
    assert shell(repo.path, "git commit -m leak", env).code == 1
    assert shell(repo.path, "git commit --no-verify -m leak", env).code == 0


# server-hook.md


class Pushed:
    """A server beside a clone, and what happens to pushes."""

    def __init__(self, folder: Path) -> None:
        self.server = Repo(folder / "project.git", bare=True)
        self.clone = Repo(folder / "clone")
        self.clone.leak("old.py", fake_key("ws", "live", "was there before"))
        self.clone.run("remote", "add", "origin", str(self.server.path))
        self.clone.run("push", "--quiet", "origin", "main")
        self.env = environment(folder)

    def holds(self) -> str:
        """A clean push passes, one with a key is refused; what was told then."""
        self.clone.leak("clean.py", "clean\n")
        assert shell(self.clone.path, "git push -q origin main", self.env).code == 0
        self.clone.leak("fold.py", f'\n\nkey = "{KEY}"\n')
        self.clone.run("rm", "--quiet", "fold.py")
        self.clone.commit("never mind")
        refused = shell(self.clone.path, "git push -q origin main", self.env)
        assert refused.code == 1
        assert short_fingerprint(KEY) in said(refused)
        assert self.server.run("log", "-1", "--format=%s", "main") == "leak"
        return said(refused)


def test_the_hook_of_a_plain_server(tmp_path: Path) -> None:
    pushed = Pushed(tmp_path)
    commands = block("server-hook.md", "sh", "test_the_hook_of_a_plain_server")
    assert shell(tmp_path, commands, pushed.env).code == 0
    told = [" ".join(line.split()) for line in pushed.holds().splitlines()]
    page = (DOCS / "server-hook.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    commit = pushed.clone.run("log", "-1", "--abbrev=7", "--format=%h %x22%s%x22", "HEAD~1")
    real = shown.replace("bk1:0123abcd", short_fingerprint(KEY)).replace('1a2b3c4 "Fold script"', commit)
    for line in real.splitlines():
        assert " ".join(line.split()) in told, told


OPT = "/opt/boltz-keyscan/bin/python -I -m boltz_keyscan"

DISPATCHER = """#!/bin/sh
# As Gitea writes it, and as Gitaly does it: every executable file of the folder gets the same input.
input=$(cat)
for hook in pre-receive.d/* hooks/pre-receive.d/*; do
    [ -x "$hook" ] || continue
    printf '%s\\n' "$input" | {environment} "$hook" || exit 1
done
"""

GITALY = (
    'env -i PATH="$PATH" HOME="$HOME" PYTHONPATH="$PYTHONPATH" GIT_DIR="$PWD" '
    'GIT_OBJECT_DIRECTORY="$GIT_OBJECT_DIRECTORY" '
    'GIT_ALTERNATE_OBJECT_DIRECTORIES="$GIT_ALTERNATE_OBJECT_DIRECTORIES"'
)
"""The variables Gitaly gives to a hook (its internal/gitaly/hook/custom.go), besides its own GL_*."""


@pytest.mark.parametrize("how", ["", GITALY], ids=["gitea", "gitlab"])
def test_the_hook_of_gitlab_and_gitea(tmp_path: Path, how: str) -> None:
    script = block("server-hook.md", "sh", "test_the_hook_of_gitlab_and_gitea")
    assert OPT in script
    pushed = Pushed(tmp_path)
    program = shutil.which("boltz-keyscan", path=pushed.env["PATH"])
    assert program is not None
    hooks = pushed.server.path / "hooks"
    folder = hooks / "pre-receive.d"
    folder.mkdir(parents=True)
    (folder / "boltz-keyscan").write_text(script.replace(OPT, program))
    (hooks / "pre-receive").write_text(DISPATCHER.replace("{environment}", how))
    for path in (folder / "boltz-keyscan", hooks / "pre-receive"):
        path.chmod(0o755)
    pushed.holds()


def test_the_archive_for_gitaly(tmp_path: Path) -> None:
    """The part of what is shown for GitLab that runs without it: the hook lies where Gitaly looks."""
    page = (DOCS / "server-hook.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^tar .*$", page, re.MULTILINE)
    hook = tmp_path / "custom_hooks/pre-receive.d/boltz-keyscan"
    hook.parent.mkdir(parents=True)
    hook.write_text(block("server-hook.md", "sh", "test_the_hook_of_gitlab_and_gitea"))
    hook.chmod(0o755)
    assert shell(tmp_path, command, dict(os.environ)).code == 0
    with tarfile.open(tmp_path / "custom_hooks.tar") as archive:
        member = archive.getmember("custom_hooks/pre-receive.d/boltz-keyscan")
    assert member.mode & 0o111
