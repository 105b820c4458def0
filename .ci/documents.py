"""The documents as a site: lays the pages out, adds those of the commands, and has Sphinx build it.

python .ci/documents.py         writes build/site; the first page is build/site/index.html

Pages keep their places, so that a link leads to the same page here and in the repository. What is no page,
such as an example, is a link to the repository. Any warning, such as a broken link or anchor, or a page that
docs/README.md does not list, is an error. Nothing is fetched, and the pages load nothing from elsewhere.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import manual

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build" / "site"
PAGES = ("*.md", "docs/*.md", "docs/*.png", "docs/conf.py", "benchmarks/README.md")
CONTENTS = "docs/README.md"
FIRST = "README.md"
COMMANDS = "docs/commands"

FETCHED = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")


def contents(text: str, folder: str = "docs/") -> Iterator[tuple[str, list[str]]]:
    """Yield the headings of the list of documents, each with the pages below it."""
    for part in re.split(r"(?m)^\*\*(?=.*\*\*$)", text)[1:]:
        links = re.findall(r"\]\(([^):]+\.md)\)", part)
        pages = [re.sub(r"^docs/\.\./", "", folder + link).removesuffix(".md") for link in links]
        yield part.partition("**")[0], pages


def toctrees(text: str) -> str:
    """Return the navigation of the site: the list of documents, and the commands."""
    parts = [
        ("Documents", [CONTENTS.removesuffix(".md")]),
        *contents(text),
        ("Commands", [f"{COMMANDS}/index"]),
    ]
    return "".join(
        "\n```{toctree}\n:hidden:\n:caption: " + title + "\n\n" + "\n".join(pages) + "\n```\n"
        for title, pages in parts
    )


def lead_to_repository(text: str, page: Path, source: Path, repository: str) -> str:
    """Return a page in which a link to what is not on the site leads to the repository."""

    def target(found: re.Match[str]) -> str:
        wanted = (source / page.parent / found[1]).resolve()
        if wanted.suffix in {".md", ".png"} or not wanted.exists():
            return found[1]
        return f"{repository}/{wanted.relative_to(source.resolve()).as_posix()}"

    return LINK.sub(target, text)


def lay_out(source: Path, stage: Path) -> None:
    """Copy the pages into an empty folder, with the navigation and the pages of the commands."""
    urls = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    shutil.rmtree(stage, ignore_errors=True)
    for path in sorted(each for pattern in PAGES for each in source.glob(pattern)):
        page = path.relative_to(source)
        (stage / page.parent).mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md":
            shutil.copyfile(path, stage / page)
            continue
        text = lead_to_repository(
            path.read_text(encoding="utf-8"), page, source, f"{urls['Source']}/blob/HEAD"
        )
        (stage / page).write_text(text, encoding="utf-8")
    with (stage / FIRST).open("a", encoding="utf-8") as first:
        first.write(toctrees((stage / CONTENTS).read_text(encoding="utf-8")))
    (stage / COMMANDS).mkdir()
    for command in manual.program().walk():
        (stage / COMMANDS / f"{command.page}.md").write_text(manual.markdown(command), encoding="utf-8")


def build(stage: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Have Sphinx make the site of the pages in a folder; every warning is an error."""
    shutil.rmtree(site, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--fresh-env"]
    command += ["--jobs", "auto", "--doctree-dir", f"{stage}.doctrees", "--conf-dir", str(stage / "docs")]
    done = subprocess.run([*command, str(stage), str(site)], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        # Servers show the page of this name.
        shutil.copyfile(site / "README.html", site / "index.html")
    return done


class _Page(HTMLParser):
    """The anchors of a page, the links of its text, and what a browser fetches to show it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = {""}
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors.add(found.get("id", ""))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") not in {"canonical", "next", "prev", "index", "search"}:
            self.fetched.append(found["href"])
        if "src" in found:
            self.fetched.append(found["src"])


def check(site: Path) -> list[str]:
    """Return what is wrong with a site: links that lead nowhere, and what pages load from elsewhere."""
    pages = {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve()).as_posix()
        faults += [f"{name}: loads {each}" for each in page.fetched if re.match(r"\w+:|//", each)]
        for link in (*page.links, *page.fetched):
            address, _, anchor = link.partition("#")
            if re.match(r"\w+:|//", link):
                continue
            target = (path.parent / address.partition("?")[0]).resolve() if address else path
            if not target.is_file() or (target in pages and anchor not in pages[target].anchors):
                faults.append(f"{name}: {link} leads nowhere")
    for style in sorted(site.rglob("*.css")):
        name = style.relative_to(site).as_posix()
        faults += [f"{name}: loads {each}" for each in FETCHED.findall(style.read_text(encoding="utf-8"))]
    return faults


def main() -> int:
    """Build the site and return the exit code."""
    stage = SITE.with_name("site-pages")
    lay_out(ROOT, stage)
    done = build(stage, SITE)
    faults = check(SITE) if done.returncode == 0 else []
    print(done.stdout + done.stderr + "".join(f"{fault}\n" for fault in faults), end="", file=sys.stderr)
    if done.returncode == 0 and not faults:
        print(f"{SITE.relative_to(ROOT)}/index.html")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
