"""What a release needs: one version, one account, workflows with few rights, and the cut of the changelog.

``make release-check`` builds the packages; ``.ci/run`` runs it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.util
import json
import re
import shutil
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import boltz_keyscan
from tests import checkout
from tests.checkout import OWNER, files
from tests.gate import absent
from tests.pipelines.services import checked, tool, validate
from tests.running import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DAY = dt.date(2027, 2, 3)

# What each job may do; everything else is not given.
RIGHTS = {
    "ci.yml": {"linux": {"contents": "read"}, "systems": {"contents": "read"}},
    "release.yml": {
        "build": {"contents": "read"},
        "attest": {"attestations": "write", "contents": "read", "id-token": "write"},
        "publish": {"id-token": "write"},
    },
}


@pytest.fixture(scope="module")
def release() -> ModuleType:
    return checkout.script("release")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The files that a release changes."""
    for name in (
        "README.md",
        "CHANGELOG.md",
        "pyproject.toml",
        "docs",
        "templates",
        "man",
        "pipelines",
        "boltz_keyscan/_version.py",
    ):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    return tmp_path


def test_the_pages_name_one_account() -> None:
    account = r"(?:github\.com/|githubusercontent\.com/|uses: |CI_SERVER_FQDN/)([^/\s]+)/boltz-keyscan"
    named = [
        (path.relative_to(ROOT).as_posix(), found)
        for path in files()
        if path.suffix in {".md", ".yml", ".yaml", ".toml"}
        for found in re.findall(account, path.read_text(encoding="utf-8"))
    ]
    assert {owner for _, owner in named} == {OWNER}
    assert {path for path, _ in named} >= {"README.md", "pyproject.toml", "templates/boltz-keyscan.yml"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_few_rights_and_runs_pinned_actions(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == RIGHTS[path.name]
    assert "secrets." not in text
    uses = re.findall(r"uses: (.*)", text)
    assert uses
    assert [each for each in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[0-9.]+", each)] == []
    validate("github-workflows", str(path))
    checked(tool("zizmor"), "--offline", "--no-progress", "--pedantic", str(path))


def test_an_action_has_one_commit_everywhere() -> None:
    places = [*WORKFLOWS, ROOT / "action.yml"]
    pinned: dict[str, set[str]] = {}
    for path in places:
        for name, commit in re.findall(r"uses: (\S+)@([0-9a-f]{40})", path.read_text(encoding="utf-8")):
            pinned.setdefault(name, set()).add(commit)
    assert {name: commits for name, commits in pinned.items() if len(commits) > 1} == {}


def test_workflows_run_for_merge_queues() -> None:
    """A required check that does not run there blocks the queue for ever."""
    workflow: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    # YAML 1.1 reads "on" as true.
    assert set(workflow[True]) == {"push", "pull_request", "merge_group"}
    for page in ("README.md", "docs/ci-github.md"):
        assert "\n  pull_request:\n  merge_group:\n" in (ROOT / page).read_text(encoding="utf-8")


def test_the_cut_of_a_release(release: ModuleType, copied: Path) -> None:
    entries = (copied / "CHANGELOG.md").read_text(encoding="utf-8").partition(release.UNRELEASED)[2]
    release.cut("9.8.7", "an-account", DAY, copied)
    assert release.version(copied) == "9.8.7"
    assert release.owner(copied) == "an-account"
    changelog = (copied / "CHANGELOG.md").read_text(encoding="utf-8")
    assert release.latest(changelog) == "9.8.7"
    assert changelog.endswith(f"{release.UNRELEASED}\n\n## [9.8.7] - 2027-02-03{entries}")
    pages = "".join(
        path.read_text(encoding="utf-8") for path in (*copied.glob("*.md"), *copied.glob("*/*.[my]*"))
    )
    for written in (
        "uses: an-account/boltz-keyscan@v9.8.7",
        "rev: v9.8.7",
        "/an-account/boltz-keyscan/v9.8.7/templates",
    ):
        assert written in pages
    assert f"{OWNER}/boltz-keyscan" not in pages
    assert f"boltz-keyscan@v{boltz_keyscan.__version__}" not in pages
    listed = json.loads((copied / "pipelines/sbom.cdx.json").read_text(encoding="utf-8"))
    assert listed["metadata"]["component"]["version"] == "9.8.7"
    page = (copied / release.MAN_PAGE).read_text(encoding="utf-8")
    assert '.TH BOLTZ-KEYSCAN 1 2027-02-03 "boltz-keyscan 9.8.7" ' in page
    assert "an\\-account/boltz\\-keyscan" in page
    # The next one keeps the account, and has nothing to release yet.
    with pytest.raises(release.ReleaseError, match=r"nothing under"):
        release.cut("9.9.0", None, DAY, copied)


@pytest.mark.parametrize(
    ("number", "account", "message"),
    [
        ("nine", "an-account", "nine is no version, such as 0.2.0"),
        ("", "an-account", " is no version, such as 0.2.0"),
        ("9.8.7", "not/one", "name the account that holds the repository: --owner NAME"),
        ("9.8.7", "OWNER", "name the account that holds the repository: --owner NAME"),
    ],
)
def test_a_cut_that_cannot_be(
    release: ModuleType, copied: Path, number: str, account: str, message: str
) -> None:
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(release.ReleaseError) as raised:
        release.cut(number, account, DAY, copied)
    assert str(raised.value) == message
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("tag", ["v9.8.7", f"{boltz_keyscan.__version__}"])
def test_a_tag_of_another_version_is_not_released(release: ModuleType, tag: str) -> None:
    with pytest.raises(release.ReleaseError, match=f"the tag is {re.escape(tag)}, and"):
        release.check_texts(tag)


def test_the_sbom_has_every_dependency_with_its_licence() -> None:
    """In the versions that pipelines install; ``make sbom`` writes it again."""
    sbom: Any = checkout.script("sbom")
    listed = json.loads((ROOT / sbom.SBOM).read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = {sbom.normalize(part["name"]): part["version"] for part in listed["components"]}
    assert sbom.direct_dependencies(project) <= set(versions)
    pinned = sbom.pins((ROOT / sbom.PINS).read_text(encoding="utf-8"))
    assert len(pinned) > 20
    assert {name: versions.get(name) for name in pinned} == pinned
    assert {sbom.normalize(p["name"]) for p in listed["components"] if p["scope"] == "required"} == set(
        pinned
    )
    assert listed["metadata"]["component"]["version"] == boltz_keyscan.__version__
    assert sbom.unlicensed(listed) == []


REPORT = {"install": [{"metadata": {"name": "boltz-keyscan"}}, {"metadata": {"name": "Brotli"}}]}


@pytest.mark.parametrize(
    ("changed", "asked", "message"),
    [
        (lambda _: None, REPORT, None),
        (lambda found: found["components"][0].pop("licenses"), REPORT, "no licence is known of: "),
        (lambda found: found["components"][0].pop("name"), REPORT, "the SBOM is not valid: "),
        (lambda found: found["metadata"]["component"].update(version="9"), REPORT, "is of another version"),
        (lambda _: None, {"install": [{"metadata": {"name": "new-one"}}]}, "lacks new-one: make sbom"),
    ],
)
def test_an_sbom_is_judged(release: ModuleType, changed: Any, asked: Any, message: str | None) -> None:
    found = json.loads((ROOT / "pipelines/sbom.cdx.json").read_text(encoding="utf-8"))
    if importlib.util.find_spec("cyclonedx") is None:
        absent("cyclonedx is not installed: .ci/venv release")
    changed(found)
    with contextlib.nullcontext() if message is None else pytest.raises(release.ReleaseError, match=message):
        release.check_sbom(json.dumps(found), asked)
