"""docs/architecture.md names files and folders that exist, and every folder of the package."""

from __future__ import annotations

import re

import pytest

from tests.running import ROOT
from tests.test_docs import section

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.yml)`")


def rows() -> list[tuple[str, list[str]]]:
    """Return the rows of the table: the thing to change and the paths to open."""
    lines = [line for line in section("## To change X, open Y", PAGE).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return [(topic, PATH.findall(paths)) for topic, paths in cells]


def test_the_table_has_rows() -> None:
    assert len(rows()) > 30


@pytest.mark.parametrize(("topic", "paths"), rows(), ids=[topic for topic, _ in rows()])
def test_each_row_names_paths_that_exist(topic: str, paths: list[str]) -> None:
    assert paths, topic
    for path in paths:
        assert (ROOT / path).exists(), path


def test_every_path_on_the_page_exists() -> None:
    found = PATH.findall(PAGE)
    assert len(found) > len(rows())
    assert [path for path in found if not (ROOT / path).exists()] == []


def test_every_folder_of_the_package_is_on_the_page() -> None:
    folders = {str(path.parent.relative_to(ROOT)) for path in (ROOT / "boltz_keyscan").rglob("*.py")}
    assert [folder for folder in sorted(folders) if f"`{folder}/" not in PAGE] == []
