"""Paths in reports: from the root of the repository that the targets lie in, in every format."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.keys import fake_key
from tests.repos import Repo
from tests.running import keyscan, scan_json

KEY = fake_key("ws", "live", "paths")
CONF = "services/api/conf.yml"


@pytest.fixture
def leaky(repo: Repo) -> Repo:
    """A repository with the key in two folders."""
    repo.add("x/x.txt", f"x: {KEY}\n")
    repo.leak(CONF, f"k: {KEY}\n")
    return repo


def paths(report: Any) -> list[str]:
    return sorted({place["path"] for finding in report["findings"] for place in finding["locations"]})


@pytest.mark.parametrize(
    ("here", "targets", "told"),
    [
        (".", ["services/api"], [CONF]),
        (".", ["./services/../services/api/"], [CONF]),
        (".", [CONF], [CONF]),
        (".", ["services/api", "x"], [CONF, "x/x.txt"]),
        (".", [".", "x"], [CONF, "x/x.txt"]),
        (".", [CONF, "x/x.txt"], [CONF, "x/x.txt"]),
        ("services/api", [], [CONF]),
        ("services/api", ["."], [CONF]),
        ("services/api", ["conf.yml"], [CONF]),
        ("services/api", ["..", "../../x"], [CONF, "x/x.txt"]),
        ("..", ["repo/services"], [CONF]),
        ("..", ["repo"], [CONF, "x/x.txt"]),
        ("..", ["repo/x", "repo/services"], [CONF, "x/x.txt"]),
    ],
)
def test_paths_count_from_the_root(leaky: Repo, here: str, targets: list[str], told: list[str]) -> None:
    assert paths(scan_json(*targets, cwd=leaky.path / here)) == told


def test_an_absolute_path_and_links(leaky: Repo, tmp_path: Path) -> None:
    (leaky.path / "current").symlink_to("services/api")
    (tmp_path / "way").symlink_to(leaky.path / "services")
    for target in (leaky.path / "services", "current", "current/conf.yml", tmp_path / "way"):
        report = scan_json(target, cwd=leaky.path)
        assert (target, paths(report)) == (target, [CONF])
        assert report["findings"][0]["exposure"] == "tracked"


def test_a_repository_inside_another_has_its_own_root(leaky: Repo) -> None:
    inner = Repo(leaky.path / "vendor/inner")
    inner.leak("deep/y.txt", f"y: {KEY}\n")
    assert paths(scan_json("vendor/inner", cwd=leaky.path)) == ["deep/y.txt"]
    assert paths(scan_json("vendor/inner/deep", cwd=leaky.path)) == ["deep/y.txt"]
    assert paths(scan_json("vendor", cwd=leaky.path)) == ["vendor/inner/deep/y.txt"]


def test_targets_in_several_repositories_are_told_apart(leaky: Repo, tmp_path: Path) -> None:
    """Paths from two roots could name two files alike, so each begins with its target."""
    other = Repo(tmp_path / "other")
    other.leak(CONF, f"k: {KEY}\n")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/z.txt").write_text(KEY)
    told = paths(scan_json("repo/services", "other", "plain", cwd=tmp_path))
    assert told == [f"other/{CONF}", "plain/z.txt", f"repo/{CONF}"]
    assert leaky.path == tmp_path / "repo"


def test_standard_input_is_no_place(leaky: Repo) -> None:
    report = scan_json("-", "api", cwd=leaky.path / "services", stdin=f"in: {KEY}\n".encode())
    assert paths(report) == ["<stdin>", CONF]


def test_every_format_has_the_same_path(leaky: Repo, tmp_path: Path) -> None:
    kinds = ("sarif", "gitlab", "junit", "csv", "jsonl", "markdown", "text")
    wanted = [f"--report={kind}={tmp_path / kind}" for kind in kinds]
    ran = keyscan("api", "--format", "github", *wanted, cwd=leaky.path / "services")

    assert f"file={CONF}," in ran.text
    sarif = json.loads((tmp_path / "sarif").read_text())
    [place] = sarif["runs"][0]["results"][0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == CONF
    gitlab = json.loads((tmp_path / "gitlab").read_text())
    assert gitlab["vulnerabilities"][0]["location"]["file"] == CONF
    with (tmp_path / "csv").open(newline="") as file:
        assert CONF in {row["path"] for row in csv.DictReader(file)}
    for kind in ("junit", "jsonl", "markdown", "text"):
        told = (tmp_path / kind).read_text()
        assert CONF in told
        assert "api/conf.yml" not in told.replace(CONF, "")


def test_gaps_have_the_same_paths(leaky: Repo) -> None:
    leaky.write("services/api/broken.zip", b"PK\3\4" + bytes(40))
    report = scan_json("api", "--no-history", cwd=leaky.path / "services")
    assert {gap["where"] for gap in report["gaps"]} == {"services/api/broken.zip"}


@pytest.mark.parametrize("entry", ["services/api/*", "conf.yml", "api/"])
def test_ignore_entries_count_from_their_file(leaky: Repo, entry: str) -> None:
    leaky.write(".boltz-keyscanignore", f"{entry}  # not real\n")
    for targets, here in (
        (["services/api"], "."),
        (["."], "services/api"),
        (["api", "api/conf.yml"], "services"),
    ):
        report = scan_json(*targets, cwd=leaky.path / here)
        assert report["findings"][0]["suppression"], (targets, here)


def test_an_ignore_file_in_the_scanned_folder(leaky: Repo) -> None:
    leaky.write("services/.boltz-keyscanignore", "api/*  # not real\n")
    assert scan_json("services", cwd=leaky.path)["findings"][0]["suppression"]
    assert not scan_json(".", cwd=leaky.path)["findings"][0]["suppression"]


@pytest.mark.parametrize("entry", ["comment", "ignore"])
def test_a_revision_is_asked_for_the_same_file(leaky: Repo, entry: str) -> None:
    if entry == "comment":
        leaky.leak(CONF, f"k: {KEY}  # boltz-keyscan: ignore=not real\n")
    else:
        leaky.leak(".boltz-keyscanignore", "services/api/conf.yml  # not real\n")
    for target, here in (("services/api", "."), (".", "services/api")):
        report = scan_json(target, "--trust", "base:HEAD", cwd=leaky.path / here)
        assert report["findings"][0]["suppression"], (target, here)
