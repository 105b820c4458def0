"""What the documents say is what the program does."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import boltz_keyscan
from boltz_keyscan import rules
from boltz_keyscan.advice import EXPOSURE
from boltz_keyscan.ci_detection import VARIABLES
from boltz_keyscan.model.enums import ExitCode, Exposure, Situation, Status
from boltz_keyscan.policy import SECURITY_SEVERITY
from boltz_keyscan.report import REPORTERS
from boltz_keyscan.scan_roots import CONFIGS
from boltz_keyscan.triage import baseline, ignore_file
from tests import checkout, docstages
from tests.docstages import IN_USE, LEAKED, OTHER, PAST, Place
from tests.keys import fingerprint
from tests.pipelines.services import Job
from tests.repos import Repo
from tests.running import ROOT, keyscan

README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
SUPPRESSIONS = (ROOT / "docs/suppressions.md").read_text(encoding="utf-8")
LIMITS = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
WORDS = (ROOT / "docs/words.md").read_text(encoding="utf-8")
KEY_STATUS = (ROOT / "docs/key-status.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(
    path
    for path in checkout.files()
    if path.suffix == ".md" and "golden" not in path.parts  # those are reports
)


def section(title: str, text: str = README) -> str:
    """A section with its subsections."""
    level = title.partition(" ")[0]
    (found,) = re.findall(
        rf"^{re.escape(title)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    return str(found)


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def table(text: str) -> list[list[str]]:
    """The body rows of a table, without code marks."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines[2:]]


def help_text(columns: int) -> str:
    return keyscan("--help", env={"COLUMNS": str(columns)}).text


# The help, and the tables made of what the program knows.


def test_the_help_is_shown_as_it_is() -> None:
    assert blocks("text", section("## Usage", REFERENCE)) == [help_text(80)]


def test_a_wider_terminal_says_the_same() -> None:
    assert help_text(100).split() == help_text(80).split()
    assert max(map(len, help_text(80).splitlines())) <= 80
    assert max(map(len, help_text(100).splitlines())) <= 100


def test_the_exit_table() -> None:
    told = dict(table(section("## Exit codes", REFERENCE)))
    assert {int(code) for code in told} == {int(code) for code in ExitCode}
    helped = help_text(100).partition("Exit codes:\n")[2].splitlines()
    assert told == {line.split()[0]: line.split(maxsplit=1)[1] for line in helped}


def test_the_rule_table() -> None:
    told = [[*row[:2], *row[3:]] for row in table(section("## What it finds"))]
    loaded = rules.load()
    assert told == [[r.id, r.prefix, str(r.severity), SECURITY_SEVERITY[r.severity]] for r in loaded]


def test_every_exposure_is_explained() -> None:
    rows = table(section("## Exposure", WORDS))
    assert [row[:2] for row in rows] == [[str(each), EXPOSURE[each]] for each in Exposure]


def test_every_situation_is_explained() -> None:
    assert [row[0] for row in table(section("## Situation", WORDS))] == [str(each) for each in Situation]


def test_the_formats_are_named() -> None:
    assert f"[{'|'.join(('auto', *REPORTERS))}]" in REFERENCE


def test_the_readme_is_short() -> None:
    assert len(README.encode()) < 10_000


# Files that other programs read.


def test_the_yaml_blocks_parse() -> None:
    found = [yaml.safe_load(block) for block in blocks("yaml")]
    assert [next(iter(each)) for each in found] == ["name", "repos"]


def hooks_told() -> list[str]:
    (config,) = (each for each in map(yaml.safe_load, blocks("yaml")) if "repos" in each)
    return [hook["id"] for hook in config["repos"][0]["hooks"]]


def test_the_hooks_are_those_there_are() -> None:
    hooks: Any = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    # The others are on the page of the guide.
    assert hooks_told() == [hook["id"] for hook in hooks if hook["language"] == "python"]


@pytest.mark.parametrize(("page", "kind"), [("ci-github.md", "jobs"), ("pre-commit.md", "repos")])
def test_the_guide_shows_the_same_snippet(page: str, kind: str) -> None:
    """In README and guide, comments aside; both name the file that it belongs into."""
    guide = (ROOT / "docs" / page).read_text(encoding="utf-8")
    mine, its = (
        next(each for each in map(yaml.safe_load, blocks("yaml", text)) if kind in each)
        for text in (README, guide)
    )
    assert mine == its
    file = {"jobs": "`.github/workflows/boltz-keyscan.yml`", "repos": "`.pre-commit-config.yaml`"}[kind]
    for text in (README, guide):
        assert file in text.partition(f"\n{kind}:")[0].rpartition("\n## ")[2]


def test_the_version_is_this_one() -> None:
    assert f"rev: v{boltz_keyscan.__version__}\n" in README
    assert f"## [{boltz_keyscan.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_changelog_names_every_release_once() -> None:
    heads = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[0] == "Unreleased"
    assert len(set(heads)) == len(heads)


# Verbs, links and blocks.


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_verb_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    told = set(re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(encoding="utf-8"), re.MULTILINE))
    assert told <= verbs, told - verbs


def test_the_two_commands_come_first() -> None:
    assert re.findall(r"^(make \w+)", blocks("console")[0], re.MULTILINE) == ["make scan", "make test"]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_verbs_told_can_be_run(page: str) -> None:
    """Each line of make, without doing it; what builds environments is done for real in ``.ci/run``."""
    first = blocks("console", (ROOT / page).read_text(encoding="utf-8"))[0]
    lines = [line.partition("#")[0].split() for line in first.splitlines()]
    assert {line[0] for line in lines} == {"make"}
    for line in lines:
        subprocess.run([*line, "--dry-run"], cwd=ROOT, capture_output=True, check=True)
    run = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert {verb for line in lines for verb in line[1:]} - {"help"} <= set(re.findall(r"make ([a-z]+)", run))


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_alone_shows_the_verbs() -> None:
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for verb in ("help", "scan", "test", "lint", "bench", "tools", "fmt", "clean"):
        assert re.search(rf"^  {verb} +\w", shown, re.MULTILINE), verb


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_in_code_marks_exist(document: Path) -> None:
    """A document that names a module or a folder names one that is there."""
    text = document.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:boltz_keyscan|conformance|tests|rules|benchmarks|\.ci)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path


# Recipes: each is run.


def commands(text: str) -> list[str]:
    """The commands of a shell block; one that ends in a pipe goes on in the next line."""
    found = [""]
    for line in text.splitlines():
        found[-1] += line + "\n"
        if not line.endswith("|"):
            found.append("")
    return [command.strip() for command in found if command.strip()]


RECIPES = {
    title: [command for block in blocks("sh", body) for command in commands(block)]
    for title, body in re.findall(r"^## (.*?)\n(.*?)(?=^##|\Z)", README, re.MULTILINE | re.DOTALL)
}


class Recipe:
    """The stage ``leaky``, where the recipes of the README are run one command at a time."""

    def __init__(self, at: Place) -> None:
        self.at = at
        self.repo = Repo(at.here)
        self.environment = at.environment

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return self.at.run(command)

    def run_all(self, title: str) -> list[subprocess.CompletedProcess[str]]:
        """The commands of a recipe in order; none of them may show a key."""
        done = [self.run(command) for command in RECIPES[title]]
        for each in done:
            for key in self.at.keys:
                assert key not in each.stdout + each.stderr
            assert each.stderr == "", each
        return done


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Recipe]:
    with docstages.leaky(tmp_path) as at:
        yield Recipe(at)


def test_every_recipe_is_tested() -> None:
    assert [title for title, found in RECIPES.items() if found] == [
        "An audit",
        "In CI",
        "Before every commit",
        "From a pipe, and into jq",
        "On a repository with old leaks",
        "Check and revoke keys",
    ]
    install = [line for line in commands("\n".join(blocks("sh"))) if line.startswith("pipx ")]
    assert sum(map(len, RECIPES.values())) + len(install) == len(commands("\n".join(blocks("sh"))))


def test_the_first_screen_says_what_to_do() -> None:
    """A result, the installation, and a command for each task, within 40 lines."""
    first = "\n".join(README.splitlines()[:40])
    assert re.findall(r"^make \w+", first, re.MULTILINE) == ["make scan", "make test"]
    assert "\npipx install ." in first
    assert len(table(first)) > 6


def test_an_audit(recipe: Recipe) -> None:
    here, both = recipe.run_all("An audit")
    assert (here.returncode, both.returncode) == (1, 1)
    assert "FAILED  2 keys (exit 1)" in here.stdout
    assert fingerprint(PAST)[:12] in here.stdout
    assert fingerprint(OTHER)[:12] in both.stdout
    assert "../other-project/.env" in both.stdout


def test_the_report_shown_is_real(recipe: Recipe) -> None:
    """The README's report, less what differs from run to run and what it leaves out."""
    (shown,) = blocks("text")

    def steady(report: str) -> str:
        report = re.sub(r"(since|on) \d+ [A-Z][a-z]+", r"\1 DAY", report)
        return re.sub(r"\b[0-9a-f]{7}\b(?! )|\b[0-9a-f]{7}(?= \")", "COMMIT", report)

    real = steady(recipe.run("boltz-keyscan .").stdout)
    for part in steady(shown).split("[...]\n"):
        assert part in real


def test_in_ci(recipe: Recipe) -> None:
    (done,) = recipe.run_all("In CI")
    assert done.returncode == 1
    report = json.loads((recipe.repo.path / "keys.json").read_bytes())
    assert report["scan"]["complete"]
    assert len(report["findings"]) == 2
    assert json.loads((recipe.repo.path / "keys.sarif").read_bytes())["version"] == "2.1.0"


def test_the_step_of_the_workflow(recipe: Recipe) -> None:
    """The action, with the inputs it gets there; what it does on which event is in ``tests/pipelines``."""
    (workflow,) = (each for each in map(yaml.safe_load, blocks("yaml")) if "jobs" in each)
    checkout_step, step = workflow["jobs"]["boltz-keyscan"]["steps"]
    assert checkout_step["with"]["fetch-depth"] == 0
    assert step["uses"] == f"{checkout.OWNER}/boltz-keyscan@v{boltz_keyscan.__version__}"
    job = Job(recipe.repo, "schedule", {"repository": {"default_branch": "main"}}, step.get("with", {}))
    assert job.step("scan").code == 1
    assert job.uploads
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["boltz-keyscan"]["permissions"]["security-events"] == "write"
    assert json.loads(Path(job.output("sarif-file")).read_bytes())["runs"]


def test_a_shallow_clone_is_an_error_in_ci(recipe: Recipe, tmp_path: Path) -> None:
    recipe.repo.run("rm", "--quiet", "fold.ipynb")
    recipe.repo.commit("clean now")
    shutil.rmtree(tmp_path / "other-project")
    recipe.repo.run("clone", "--quiet", "--depth=1", recipe.repo.path.as_uri(), str(tmp_path / "shallow"))
    assert keyscan(".", cwd=tmp_path / "shallow").code == 0
    assert keyscan(".", "--require-complete", cwd=tmp_path / "shallow").code == 3


def test_before_every_commit(recipe: Recipe, tmp_path: Path) -> None:
    (installed,) = recipe.run_all("Before every commit")
    assert installed.returncode == 0
    recipe.repo.write("clean.txt", "nothing\n")
    assert recipe.run("git add clean.txt && git commit -m clean").returncode == 0
    recipe.repo.write("new.env", f"BOLTZ_API_KEY={OTHER}\n")
    refused = recipe.run("git add new.env && git commit -m leak")
    assert refused.returncode == 1
    assert fingerprint(OTHER)[:12] in refused.stdout + refused.stderr
    assert recipe.repo.run("log", "-1", "--format=%s") == "clean"
    recipe.repo.run("init", "--quiet", "--bare", str(tmp_path / "elsewhere.git"))
    pushed = recipe.run("git push ../elsewhere.git HEAD:main")
    assert pushed.returncode == 1
    assert fingerprint(LEAKED)[:12] in pushed.stdout + pushed.stderr


def test_on_a_server(recipe: Recipe, tmp_path: Path) -> None:
    assert "server-hook.md" in README
    recipe.repo.run("init", "--quiet", "--bare", str(tmp_path / "server.git"))
    assert recipe.run("cd ../server.git && boltz-keyscan hook install pre-receive").returncode == 0
    pushed = recipe.run("git push ../server.git HEAD:main")
    assert pushed.returncode == 1
    assert fingerprint(LEAKED)[:12] in pushed.stdout + pushed.stderr


def test_from_a_pipe(recipe: Recipe) -> None:
    log, own = (recipe.run(command) for command in RECIPES["From a pipe, and into jq"][:2])
    assert log.returncode == 1
    assert fingerprint(LEAKED)[:12] in log.stdout
    assert own.returncode == 0
    assert own.stdout == f"{fingerprint(IN_USE)}\n"


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_json_into_jq(recipe: Recipe) -> None:
    done = recipe.run(RECIPES["From a pipe, and into jq"][2])
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"critical\tpushed\tfold.ipynb\t{fingerprint(LEAKED)}",
        f"high\tpushed\told.py\t{fingerprint(PAST)}",
    ]


def test_on_a_repository_with_old_leaks(recipe: Recipe) -> None:
    *_, after = done = recipe.run_all("On a repository with old leaks")
    assert [each.returncode for each in done] == [0, 0, 0, 0]
    assert "2 keys suppressed" in after.stdout
    recipe.repo.run("commit", "--quiet", "-m", "adopt")
    recipe.repo.leak("new.py", f"K = '{IN_USE}'\n")
    assert fingerprint(IN_USE)[:12] in recipe.run("boltz-keyscan . -q").stdout
    # The change that brings the key brings no excuse for it.
    recipe.run("boltz-keyscan baseline update --add --reason mine")
    recipe.repo.run("update-ref", "refs/remotes/origin/main", "HEAD~1")
    assert recipe.run("boltz-keyscan .").returncode == 0
    assert recipe.run("boltz-keyscan . --trust base:origin/main").returncode == 1
    assert recipe.run(f"boltz-keyscan explain {fingerprint(LEAKED)}").returncode == 0


def test_is_it_alive(tmp_path: Path) -> None:
    title = "Check and revoke keys"
    with docstages.api(tmp_path) as at:
        verified, shown, saved, compared, audited = (at.run(each) for each in RECIPES[title])
    assert (verified.returncode, shown.returncode, saved.returncode, audited.returncode) == (1, 0, 0, 1)
    assert "it is key key-past" in " ".join(verified.stdout.split())
    assert "key-past 'pipeline'" in shown.stderr
    assert "ambiguous" in compared.stdout
    assert "[LEAKED]" in audited.stdout


def test_every_status_is_explained() -> None:
    (line,) = (line for line in WORDS.splitlines() if line.startswith("| status "))
    assert re.findall(r"`([a-z-]+)`", line) == [str(status) for status in Status]
    rows = table(section("## Reading the status", KEY_STATUS))
    assert [row[0] for row in rows] == [str(status) for status in Status]


def test_the_trusts_and_the_files_are_those_there_are() -> None:
    told = SUPPRESSIONS
    for name in (baseline.NAME, ignore_file.NAME, *CONFIGS, f"[tool.{CONFIGS[0].removesuffix('.toml')}]"):
        assert f"`{name}`" in told
    for mode in ("tree", "base:REV", "none"):
        assert f"\n| `{mode}` |" in told


# What it says it does not see, it does not see: a limit that has gone must leave the list.


def test_narrow_lines_of_an_encoding_are_still_a_limit(tmp_path: Path) -> None:
    assert "narrower than 24 columns" in LIMITS
    encoded = base64.b64encode(f"key={LEAKED} and more".encode()).decode()
    lines = {columns: re.sub(f"(.{{{columns}}})", "\\1\n", encoded) for columns in (6, 24)}
    for columns, code in ((6, 0), (24, 1)):
        (tmp_path / "encoded.txt").write_text(lines[columns])
        assert keyscan(tmp_path).code == code


def test_a_personal_excludes_file_is_still_not_obeyed(tmp_path: Path) -> None:
    assert "core.excludesFile" in LIMITS
    repo = Repo(tmp_path / "repo")
    (tmp_path / "mine").write_text("*.env\n")
    repo.run("config", "core.excludesFile", str(tmp_path / "mine"))
    repo.write("my.env", LEAKED)
    assert keyscan(repo.path).code == 1
    repo.write(".gitignore", "*.env\n")
    assert keyscan(repo.path).code == 0


def test_every_variable_of_ci_is_listed() -> None:
    rows = table(section("## Trust", SUPPRESSIONS).partition("CI is detected")[2])
    assert rows[: len(VARIABLES)] == [list(each) for each in VARIABLES.items()]
