"""junitparser and junit2html read the JUnit reports back."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.report import samples
from tests.report.consumers.installed import asked, ran, written

READ = """
import json, sys
from junitparser import JUnitXml
def case(each):
    ends = [[type(end).__name__, end.type, end.message, end.text] for end in each.result]
    return {"name": each.name, "group": each.classname, "ends": ends, "out": each.system_out}
def report(path):
    read = JUnitXml.fromfile(path)
    totals = [read.tests, read.failures, read.errors, sum(suite.skipped for suite in read)]
    read.update_statistics()
    counted = [read.tests, read.failures, read.errors, read.skipped]
    return {"told": totals, "counted": counted, "cases": [case(each) for suite in read for each in suite]}
print(json.dumps([report(path) for path in sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("junit")
    return {
        name: written(folder, f"{name}.xml", samples.told("junit", sample()))
        for name, sample in samples.RESULTS.items()
    }


def test_junitparser_reads_the_same_cases(files: dict[str, Path]) -> None:
    for name, read in zip(files, asked(READ, *files.values()), strict=True):
        result = samples.RESULTS[name]()
        failing = [each for each in result.keys if each.blocking]
        skipped = [each for each in result.keys if each.suppression]
        totals = [len(result.keys) + 1, len(failing), int(not result.complete), len(skipped)]
        assert read["told"] == read["counted"] == totals, name
        cases: dict[str, Any] = {each["name"]: each for each in read["cases"]}
        assert [end[0] for end in cases.pop("complete")["ends"]] == ["Error"] * (not result.complete)
        for each in result.keys:
            case = cases.pop(f"{each.shown} {each.fingerprint}")
            assert case["group"] == f"boltz-keyscan.{each.rule_id}"
            kinds = [(kind, type_) for kind, type_, _, _ in case["ends"]]
            ending = "Failure" if each.blocking else "Skipped"
            assert kinds == ([(ending, str(each.severity))] if each.blocking or each.suppression else [])
            for _, _, message, text in case["ends"]:
                assert message.startswith(f"{each.severity}: {each.shown} at ")
                assert message in text
            assert bool(case["out"]) is not bool(kinds)
        assert cases == {}


def test_what_a_pipeline_would_conclude(files: dict[str, Path]) -> None:
    """``junitparser verify`` fails on what fails the run or is incomplete, and on nothing else."""
    for name in ("tree", "incomplete", "empty", "suppressed", "by_design"):
        ran("junitparser", "verify", files[name], code=int(samples.RESULTS[name]().exit_code != 0))


class Page(HTMLParser):
    """Which elements a page has, and the text of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_junit2html_counts_the_same_failures_and_shows_them(files: dict[str, Path], tmp_path: Path) -> None:
    failures = sum(each.blocking for each in samples.history().keys)
    assert failures > 1
    count = ("--summary-matrix", "--max-failures")
    ran("junit2html", *count, str(failures + 1), files["history"])
    ran("junit2html", *count, str(failures), files["history"], code=failures)
    ran("junit2html", files["history"], tmp_path / "page.html")
    page = Page()
    page.feed((tmp_path / "page.html").read_text(encoding="utf-8"))
    for each in samples.history().keys:
        assert f"{each.shown} {each.fingerprint}" in page.text


def test_a_hostile_name_is_text_in_the_page(files: dict[str, Path], tmp_path: Path) -> None:
    ours, theirs = Page(), Page()
    for page, name in ((ours, "tree"), (theirs, "hostile")):
        ran("junit2html", files[name], tmp_path / "page.html")
        page.feed((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert theirs.tags <= ours.tags
    assert not [link for link in theirs.links if not link.startswith("#")]
    assert "[click](http://example.invalid){0}" in theirs.text
