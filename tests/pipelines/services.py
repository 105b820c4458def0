"""Stand-ins for what runs a pipeline: the clone it makes, the variables it sets, the steps it runs.

Steps are those of ``action.yml`` and of the template, run as the services say they do it:
bash with their options, expressions filled in, outputs read back from files.
"""

from __future__ import annotations

import atexit
import copy
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from click.testing import CliRunner

from tests.gate import absent
from tests.keys import fake_key
from tests.repos import Repo
from tests.running import ROOT, Ran, program

if TYPE_CHECKING:
    import pytest

ZEROS = "0" * 40
ACTION: Any = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: dict[str, Any] = {step.get("id", step["name"]): step for step in ACTION["runs"]["steps"]}
WHEELS = ROOT / ".tools" / "wheels"


@functools.cache
def interpreter(*, started: bool = False) -> str:
    """A Python like the one ``install.sh`` makes, but with this checkout and what the tests have.

    Unless the scan is to be ``started`` in full, it is a copy of the program that is kept ready.
    """
    folder = Path(tempfile.mkdtemp(prefix="boltz-keyscan-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    venv.create(folder, symlinks=True, with_pip=False)
    packages = next(folder.glob("lib/python3.*/site-packages"))
    lines = [str(ROOT), sysconfig.get_path("purelib")]
    python = folder / "bin" / "python"
    if not started:
        # What the scripts of the pipelines start: the scanner, by the name of the Python they run in.
        instead = folder / "bin" / "instead"
        scan = f'shift 3; PYTHONPATH={ROOT} exec {program()} "$@"'
        instead.write_text(
            f'#!/bin/sh\ncase "$1 $2 $3" in "-I -m boltz_keyscan") {scan} ;; esac\nexec {python} "$@"\n'
        )
        instead.chmod(0o755)
        lines.append(f"import sys; sys.executable = {str(instead)!r}")
    (packages / "checkout.pth").write_text("".join(f"{line}\n" for line in lines))
    return str(python)


def wheels() -> dict[str, str]:
    """Variables with which pip takes the pinned packages from a folder, and reaches no network."""
    if not list(WHEELS.glob("hatchling-*.whl")):
        absent(f"the pinned packages are not in {WHEELS}: make tools")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS), "PIP_CONFIG_FILE": os.devnull}


class Server:
    """A server with one repository, and a clone of somebody who pushes to it."""

    def __init__(self, folder: Path, default: str = "main") -> None:
        self.folder = folder
        self.default = default
        self.bare = Repo(folder / "server.git", bare=True)
        # As GitHub and GitLab have it: any commit that is there can be asked for.
        self.bare.run("config", "uploadpack.allowAnySHA1InWant", "true")
        self.bare.run("config", "uploadpack.allowFilter", "true")
        self.bare.run("symbolic-ref", "HEAD", f"refs/heads/{default}")
        self.work = Repo(folder / "work")
        self.work.run("checkout", "--quiet", "-b", default) if default != "main" else None
        self.work.run("remote", "add", "origin", self.bare.path.as_uri())
        self.work.add("README", "a project\n")
        self.work.commit("first")

    def moved(self, folder: Path) -> Server:
        """A copy of all of it in another folder."""
        other = copy.copy(self)
        other.folder = folder
        for name in ("server.git", "work"):
            shutil.copytree(self.folder / name, folder / name, symlinks=True)
        other.bare, other.work = Repo.there(folder / "server.git"), Repo.there(folder / "work")
        other.work.run("remote", "set-url", "origin", other.bare.path.as_uri())
        return other

    def push(self, *options: str) -> str:
        """Push the current branch; the commit that is there now."""
        self.work.run("push", "--quiet", *options, "origin", "HEAD")
        return self.work.run("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        self.work.run("checkout", "--quiet", "-b", name)

    def merged(self, number: int = 1) -> str:
        """The commit that GitHub makes of a pull request of the current branch: refs/pull/N/merge."""
        head = self.work.run("rev-parse", "HEAD")
        self.work.run("checkout", "--quiet", "--detach", f"origin/{self.default}")
        self.work.run("merge", "--quiet", "--no-ff", "-m", "merge", head)
        self.work.run("push", "--quiet", "origin", f"HEAD:refs/pull/{number}/merge")
        return self.work.run("rev-parse", "HEAD")

    def checkout(
        self, commit: str, ref: str, *, depth: int = 0, left_out: str = "", name: str = "checkout"
    ) -> Repo:
        """A clone as actions/checkout makes it (its src/ref-helper.ts, getRefSpecForAllHistory)."""
        clone = Repo(self.folder / name)
        clone.run("remote", "add", "origin", self.bare.path.as_uri())
        own = ref.replace("refs/heads/", "refs/remotes/origin/").replace("refs/pull/", "refs/remotes/pull/")
        specs = [f"+{commit}:{own}"]
        if not depth:
            specs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
            specs += [f"+{commit}:{own}"] if ref.startswith("refs/pull/") else []
        options = ["--no-tags", "--prune"] + ([f"--depth={depth}"] if depth else [])
        options += [f"--filter={left_out}"] if left_out else []
        clone.run("fetch", "--quiet", *options, "origin", *specs)
        clone.run("checkout", "--quiet", "--detach", commit)
        return clone


OLD = fake_key("ws", "live", "old")
_leaky: list[Server] = []


def leaky(folder: Path, factory: pytest.TempPathFactory) -> Server:
    """A server whose default branch holds an old leak, built once and copied."""
    if not _leaky:
        _leaky.append(Server(factory.mktemp("server")))
        _leaky[0].work.leak("old.py", f"key = '{OLD}'\n")
        _leaky[0].push()
    return _leaky[0].moved(folder)


def expression(text: str, known: dict[str, Any]) -> Any:
    """The value of the few forms of expression that ``action.yml`` uses."""
    text = text.replace("!cancelled()", "True").replace("||", " or ").replace("&&", " and ")

    def value(found: re.Match[str]) -> str:
        return found[0] if found[0] in {"or", "and", "True"} else repr(known[found[0]])

    code = re.sub(r"'[^']*'|([A-Za-z][\w.-]*)", lambda found: value(found) if found[1] else found[0], text)
    return eval(code, {"__builtins__": {}})


def filled(text: str, known: dict[str, Any]) -> str:
    """A text with its expressions replaced."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(expression(found[1].strip(), known)), text)


@dataclass
class Job:
    """A job of GitHub Actions that uses the action once."""

    clone: Repo
    event: str
    payload: Any
    inputs: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    action: Path = ROOT
    started: bool = False
    """Whether the scanner is started in full."""

    def __post_init__(self) -> None:
        self.temp = self.clone.path.parent / "runner temp"
        self.temp.mkdir(exist_ok=True)
        self.summary = self.temp / "summary.md"
        self.summary.write_text("what another step wrote\n")
        given = {name: str(known.get("default", "")) for name, known in ACTION["inputs"].items()}
        assert set(self.inputs) <= set(given)
        self.known = {f"inputs.{name}": value for name, value in {**given, **self.inputs}.items()}
        self.known["github.workspace"] = str(self.clone.path)
        # What install.sh would have told; a test that runs it overwrites this.
        self.known["steps.install.outputs.python"] = interpreter(started=self.started)

    def environment(self) -> dict[str, str]:
        """As docs.github.com, "Variables reference", lists it."""
        event = self.temp / "event.json"
        event.write_text(self.payload if isinstance(self.payload, str) else json.dumps(self.payload))
        return {
            **os.environ,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_EVENT_NAME": self.event,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_WORKSPACE": str(self.clone.path),
            "RUNNER_TEMP": str(self.temp),
            "RUNNER_TOOL_CACHE": str(self.temp / "no tools"),
            **self.variables,
        }

    def step(self, name: str) -> Ran:
        """Run one step that has a script, and take its outputs (bash as for ``shell: bash``)."""
        step = STEPS[name]
        output, script = self.temp / f"output-{name}", self.temp / f"{name}.sh"
        output.write_text("")
        script.write_text(filled(step["run"], self.known))
        env = {key: filled(value, self.known) for key, value in step.get("env", {}).items()}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.clone.path,
            env={**self.environment(), "GITHUB_OUTPUT": str(output), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=300,
        )
        for line in output.read_text().splitlines():
            key, _, value = line.partition("=")
            self.known[f"steps.{name}.outputs.{key}"] = value
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def output(self, name: str) -> str:
        """An output of the action."""
        return filled(ACTION["outputs"][name]["value"], self.known)

    @property
    def uploads(self) -> bool:
        """Whether the step that uploads would run."""
        condition = STEPS["Upload to code scanning"]["if"].removeprefix("${{").removesuffix("}}").strip()
        return bool(expression(condition, self.known))


def gitlab(clone: Repo, variables: dict[str, str], *, started: bool = False) -> Ran:
    """The scan of the template in a job of GitLab, with the variables its runner sets."""
    command = [interpreter(started=started), "-I", str(ROOT / "pipelines" / "gitlab.py")]
    env = {**os.environ, "CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": str(clone.path), **variables}
    ran = subprocess.run(
        command,
        cwd=clone.path,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def tool(name: str) -> str:
    """A program of the development environment, which stands beside its Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        absent(f"{name} is not installed: pip install -e '.[dev]'")
    return found


def checked(*command: str, cwd: Path = ROOT) -> None:
    """A linter or validator has nothing to say."""
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def validate(schema: str, *paths: str) -> None:
    """Validate documents with check-jsonschema, in this process: its start takes longer than the rest.

    Raises:
        AssertionError: a document does not follow the schema.
    """
    tool("check-jsonschema")
    import check_jsonschema  # noqa: PLC0415 - not there in every environment

    transform = ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
    ran = CliRunner().invoke(
        check_jsonschema.main, ["--builtin-schema", f"vendor.{schema}", *transform, *paths]
    )
    assert ran.exit_code == 0, ran.output
