"""Markdown: strangers' text is code and nothing else, and the report fits into a step summary."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from hypothesis import given, settings

from boltz_keyscan.model.enums import KeyType, Mode
from boltz_keyscan.model.finding import Gap, ScanResult
from boltz_keyscan.report import markdown
from boltz_keyscan.sanitize import harmless
from tests.depth import examples
from tests.report import goldens, samples
from tests.report.samples import finding, location, make_result, told
from tests.report.test_hostile_text import RESULTS, VIEWS, acts


def prose(text: str) -> str:
    """What is left when blocks and spans are taken away as a reader of Markdown takes them.

    Written from the CommonMark specification, 4.5 "Fenced code blocks" and 6.1 "Code spans",
    apart from the code under test.
    """
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        opening = re.fullmatch(r"(`{3,})([^`]*)", line)
        if fence:
            closing = re.fullmatch(r" {0,3}(`{3,})[ \t]*", line)
            if closing and len(closing[1]) >= len(fence):
                fence = ""
        elif opening:
            fence = opening[1]
        else:
            kept.append(re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line))
    assert not fence, "a block is left open"
    return "\n".join(kept)


@dataclass
class Page(HTMLParser):
    """A report as GitHub's renderer shows it: its elements, its headings, and what stands outside code."""

    tags: set[str] = field(default_factory=set)
    headings: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    outside: str = ""
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert dict(attrs) in ({}, {"lang": "text"}), attrs
        self.tags.add(tag)
        self.open.append(tag)
        if tag == "h3":
            self.headings.append("")
        if tag == "code":
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "h3" in self.open:
            self.headings[-1] += data
        if "code" in self.open:
            self.code[-1] += data
        else:
            self.outside += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def rendered(text: str) -> Page:
    """With tables, links out of bare addresses, and raw HTML let through, so that it would be seen."""
    page = Page()
    page.feed(github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE))
    page.close()
    assert page.open == []
    return page


OURS = {"h2", "h3", "p", "strong", "code", "pre", "ol", "li"}


@pytest.mark.parametrize("name", samples.RESULTS)
def test_github_shows_each_key_and_nothing_else_under_a_heading(name: str) -> None:
    result = samples.RESULTS[name]()
    page = rendered(told("markdown", result))
    shown = [each for each in result.keys if each.suppression is None]
    keys = [heading for heading in page.headings if ": sk_bc_" in heading]
    assert keys == [
        f"{each.severity.capitalize()}: {each.shown},"
        f" {'fails' if each.blocking else 'does not fail'} this run"
        for each in shown
    ]
    others = [heading for heading in page.headings if heading not in keys]
    assert others.pop() == "Scan"
    assert all(heading.startswith("What to do: ") for heading in others)
    assert {each.fingerprint for each in shown} <= set(page.code)


@settings(max_examples=examples(200))
@given(RESULTS, VIEWS)
def test_github_makes_neither_markup_nor_links_of_strangers_text(
    result: ScanResult, view: dict[str, Any]
) -> None:
    page = rendered(told("markdown", result, **view))
    assert page.tags <= OURS
    assert re.fullmatch(r"[\w \n.,:;()'/+-]*", page.outside, re.ASCII), page.outside


@pytest.mark.parametrize("text", ["<b>x</b>", "www.example.invalid", "|a|\n|-|\n|b|", "[a](b)", "<!-- x -->"])
def test_what_would_be_markup_is_seen(text: str) -> None:
    """Controls of the test above."""
    with pytest.raises(AssertionError):
        assert rendered(text).tags <= OURS


@pytest.mark.parametrize("name", samples.RESULTS)
def test_golden(name: str) -> None:
    goldens.check(f"{name}.md", told("markdown", samples.RESULTS[name]()))


@settings(max_examples=examples(200))
@given(RESULTS, VIEWS)
def test_strangers_text_is_code(result: ScanResult, view: dict[str, Any]) -> None:
    text = told("markdown", result, **view)
    assert not any(map(acts, set(text)))
    for line in text.split("\n"):
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    # All that is left is ours: letters, and the few signs that our own sentences need.
    left = prose(text)
    assert re.fullmatch(r"[\w \n.,:;()#*'/+-]*", left, re.ASCII), left
    assert not re.search(r"https?:|www\.", left)


@pytest.mark.parametrize(
    "name", ["`", "``", "```", "a`b``c", "`x`", "~~~", "</code>", "@team", "|", "<img src=x>", "![a](b)"]
)
def test_a_name_that_would_break_out(name: str) -> None:
    leak = replace(finding(KeyType.ADMIN, Mode.LIVE, location(name), location(f"a/{name}")), fingerprint=name)
    text = told("markdown", make_result(leak, gaps=(Gap(name, "unreadable", name),)))
    assert f"take out {name}:3" in text
    assert name not in prose(text)


def test_a_block_without_end_is_seen() -> None:
    with pytest.raises(AssertionError, match="left open"):
        prose("````text\nx\n```\n")


def test_it_fits_into_a_step_summary_and_says_what_is_left_out() -> None:
    keys = [finding(KeyType.ADMIN, Mode.LIVE, location("p/" * 400 + str(n)), seed=n) for n in range(2000)]
    gaps = tuple(Gap("\u00e9" * 400, "unreadable") for _ in range(2000))
    for verbosity in (0, 1):
        text = told("markdown", make_result(*keys, gaps=gaps), verbosity=verbosity)
        assert len(text.encode()) <= markdown.MAX_BYTES < 1024 * 1024
        shown = text.count("\n### Critical: ")
        assert 0 < shown < len(keys)
        assert f"\n{len(keys) - shown:,} more keys not shown here" in text
        assert text.startswith("## Boltz keys\n\n**FAILED: 2,000 keys fail this run (exit 1).")
        prose(text)


def test_what_is_suppressed_is_listed_and_shown_with_v() -> None:
    result = samples.suppressed()
    assert told("markdown", result).count("\n### Low: ") == 1
    assert "\n### Critical: " not in told("markdown", result)
    assert "known since 2024; revoked" in told("markdown", result)
    assert "\n### Critical: " in told("markdown", result, verbosity=1)


def test_every_location_is_there_with_v() -> None:
    text = told("markdown", samples.history(), verbosity=1)
    for path in {place.path for each in samples.history().findings for place in each.locations}:
        assert (
            harmless(path).replace(
                ".git/commit/95f670f3b842de855189887abd53fc0506c47af1", "commit object 95f670f3b8"
            )
            in text
        )
