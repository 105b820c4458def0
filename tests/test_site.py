"""The documents as a site: its pages, their navigation, and what makes a build of it fail.

``make docs`` builds all of it, without a warning; ``.ci/run`` runs that.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests import checkout
from tests.gate import absent
from tests.running import ROOT

SITE: Any = checkout.script("documents")
MANUAL: Any = checkout.script("manual")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("site") / "pages"
    SITE.lay_out(ROOT, folder)
    return folder


def test_every_page_is_there(stage: Path) -> None:
    documents = {path.relative_to(ROOT) for path in checkout.files() if path.suffix == ".md"}
    tests = {path for path in documents if path.parts[0] == "tests"}
    commands = {Path(SITE.COMMANDS, f"{each.page}.md") for each in MANUAL.program().walk()}
    laid_out = {path.relative_to(stage) for path in stage.rglob("*.md")}
    assert laid_out == documents - tests | commands


def test_the_navigation_is_the_list_of_documents(stage: Path) -> None:
    text = (stage / "README.md").read_text(encoding="utf-8")
    for title, pages in SITE.contents((ROOT / SITE.CONTENTS).read_text(encoding="utf-8")):
        assert f":caption: {title}\n\n" + "\n".join(pages) + "\n```" in text
    assert f":caption: Commands\n\n{SITE.COMMANDS}/index\n```" in text


def test_links_to_pages_stay_and_others_lead_to_the_repository(stage: Path) -> None:
    page = (stage / "docs/README.md").read_text(encoding="utf-8")
    assert "](windows.md)" in page
    assert "](../benchmarks/README.md)" in page
    assert f"](https://github.com/{checkout.OWNER}/boltz-keyscan/blob/HEAD/examples)" in page


PAGES = {
    "README.md": "# Title\n\n[page](docs/a.md) [gone](docs/gone.md) [anchor](docs/a.md#nowhere)\n"
    "[fine](docs/a.md#a-b)\n\n```{toctree}\n:hidden:\n\ndocs/a\n```\n",
    "docs/a.md": "# A b\n\n[back](../README.md)\n",
    "docs/unlisted.md": "# C\n",
}


def test_what_makes_a_build_fail(tmp_path: Path) -> None:
    if importlib.util.find_spec("sphinx") is None:
        absent("Sphinx is not installed: .ci/venv docs")
    stage = tmp_path / "pages"
    (stage / "docs").mkdir(parents=True)
    (stage / "docs/conf.py").write_bytes((ROOT / "docs/conf.py").read_bytes())
    for name, text in PAGES.items():
        (stage / name).write_text(text, encoding="utf-8")
    done = SITE.build(stage, tmp_path / "site")
    told = sorted(line.partition("pages/")[2] for line in done.stderr.splitlines() if "WARNING" in line)
    assert done.returncode != 0
    assert [line.partition(":")[0] for line in told] == ["README.md", "README.md", "docs/unlisted.md"]
    assert "docs/gone.md" in told[0] + told[1]
    assert "nowhere" in told[0] + told[1]
    assert "toctree" in told[2]


def test_what_is_wrong_with_a_page_is_named(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "docs").mkdir(parents=True)
    (site / "a.css").write_text("@import url(https://fonts.example/x); b { background: url(x.png) }")
    (site / "docs/b.html").write_text(
        "<h1 id='top'>b</h1><a href='../a.html#top'>a</a><a href='https://x.example'>x</a>"
    )
    (site / "a.html").write_text(
        "<link rel='stylesheet' href='a.css'><script src='https://cdn.example/x.js'></script>"
        "<h1 id='top'>a</h1><a href='docs/b.html'>b</a><a href='docs/b.html#gone'>b</a><a href='c.html'>c</a>"
        "<a href='#top'>top</a>"
    )
    assert SITE.check(site) == [
        "a.html: loads https://cdn.example/x.js",
        "a.html: docs/b.html#gone leads nowhere",
        "a.html: c.html leads nowhere",
        "a.css: loads https://fonts.example/x",
    ]
