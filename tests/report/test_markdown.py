"""Markdown: strangers' text is code and nothing else, and the report fits into a step summary."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from boltz_keyscan.harmless import harmless
from boltz_keyscan.model import Gap, KeyType, Mode, ScanResult
from boltz_keyscan.report import markdown
from tests.report import goldens, samples
from tests.report.samples import finding, location, make_result, told
from tests.report.test_hostile import RESULTS, VIEWS, acts


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


@pytest.mark.parametrize("name", samples.RESULTS)
def test_golden(name: str) -> None:
    goldens.check(f"{name}.md", told("markdown", samples.RESULTS[name]()))


@settings(max_examples=200)
@given(RESULTS, VIEWS)
def test_strangers_text_is_code(result: ScanResult, view: dict[str, Any]) -> None:
    text = told("markdown", result, **view)
    assert not any(map(acts, text))
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
    assert f"  {name}:3:9" in text
    assert name not in prose(text)


def test_a_block_without_end_is_seen() -> None:
    with pytest.raises(AssertionError, match="left open"):
        prose("````text\nx\n```\n")


def test_it_fits_into_a_step_summary_and_says_what_is_left_out() -> None:
    keys = [finding(KeyType.ADMIN, Mode.LIVE, location("p/" * 400 + str(n)), seed=n) for n in range(2000)]
    gaps = tuple(Gap("\u00e9" * 400, "unreadable") for _ in range(2000))
    for verbosity in (0, 1):
        text = told("markdown", make_result(*keys, gaps=gaps), verbosity=verbosity)
        assert len(text.encode()) <= markdown.MOST_BYTES < 1024 * 1024
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
        assert harmless(path) in text
