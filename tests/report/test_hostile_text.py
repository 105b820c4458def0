"""Whatever a string holds, a report stays what it is and makes nobody do anything."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan.model.enums import Exposure, Status
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult
from boltz_keyscan.model.suppression import Suppression
from boltz_keyscan.report import REPORTERS
from tests.depth import examples
from tests.report import samples
from tests.report.samples import told

# Written apart from the code under test: everything of a category that acts (Cc controls,
# Cf formats such as bidi and zero-width, Cs surrogates, Zl and Zp line ends). Formats
# that only shape letters of some scripts may pass.
ACTING = {"Cc", "Cs", "Zl", "Zp"}
BIDI = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
ZERO_WIDTH = {"\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u2060", "\ufeff", "\u061c"}

PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["::error::x", "##[error]x", "##", "[", "::", "\n", "\r", "\x1b[31m", "\u202e", "\ud83d", "\ude00"]
    ),
    st.sampled_from(
        ["\u00a0", "\u3000", "\u2003", "{0}", "[a](b)", "\x85", "\u2028", "\x9b", "  ", "\\", '"', "\x7f"]
    ),
    st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"]), max_size=4),
)
SOUP = st.lists(PIECES, max_size=6).map("".join)

LOCATIONS = st.builds(
    Location,
    path=SOUP,
    line=st.integers(1, 10**6),
    column=st.integers(1, 10**6),
    column_utf16=st.integers(1, 10**6),
    offset=st.integers(0, 10**12),
    length=st.integers(34, 300),
    exposure=st.sampled_from(Exposure),
    context=SOUP,
    commit=st.none() | SOUP,
    blob=st.none() | SOUP,
    author_date=st.none() | SOUP,
    members=st.lists(SOUP, max_size=2).map(tuple),
    decoded=st.lists(SOUP, max_size=2).map(tuple),
    cell=st.none() | st.integers(0, 99),
    cell_part=st.none() | SOUP,
)
BASE = samples.finding()
FINDINGS = st.builds(
    lambda locations, **strings: replace(BASE, locations=tuple(locations), **strings),
    st.lists(LOCATIONS, min_size=1, max_size=4),
    fingerprint=SOUP,
    rule_id=SOUP | st.just(BASE.rule_id),
    type_prefix=SOUP,
    reason=SOUP,
    confidence=SOUP,
    status=st.sampled_from(Status),
    suppression=st.none() | st.builds(Suppression, SOUP, SOUP),
    candidates=st.lists(SOUP, max_size=2).map(tuple),
)
RESULTS = st.builds(
    lambda findings, gaps, target: replace(
        samples.make_result(*findings, gaps=tuple(gaps)), targets=(target,)
    ),
    st.lists(FINDINGS, max_size=3),
    st.lists(st.builds(Gap, SOUP, SOUP, SOUP, st.booleans()), max_size=3),
    SOUP,
)
VIEWS = st.fixed_dictionaries(
    {
        "verbosity": st.sampled_from([-1, 0, 1]),
        "width": st.integers(0, 200),
        "show_placeholders": st.booleans(),
    }
)


def spelt(value: Any) -> Any:
    """``value`` as JSON can hold it: lone surrogates as their escapes, tuples as lists."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found.group()):04x}", value)
    return [spelt(item) for item in value] if isinstance(value, tuple) else value


def acts(char: str) -> bool:
    return (
        unicodedata.category(char) in ACTING or unicodedata.bidirectional(char) in BIDI or char in ZERO_WIDTH
    ) and char != "\n"


@settings(max_examples=examples(200))
@given(RESULTS, VIEWS)
def test_text_has_no_character_that_acts_and_no_line_that_commands(
    result: ScanResult, view: dict[str, Any]
) -> None:
    text = told("text", result, **view)
    assert not [hex(ord(char)) for char in set(text) if acts(char)]
    for line in text.split("\n"):
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    assert text.encode("utf-8").decode() == text


@settings(max_examples=examples(60))
@given(RESULTS, VIEWS)
def test_every_format_is_text_that_does_nothing(result: ScanResult, view: dict[str, Any]) -> None:
    """All of them for each result, which takes longer to make up than to tell."""
    for name in REPORTERS:
        text = told(name, result, **view)
        assert text.endswith("\n"), name
        assert text.encode("utf-8").decode() == text, name
        assert not [hex(ord(char)) for char in set(text) if acts(char)], name
        for line in text.split("\n"):
            assert not re.search(r"##(?:vso|teamcity)?\[", line), name
            # What the one format for commands says is looked at where it is tested.
            assert name == "github" or not line.lstrip().startswith("::"), name


@settings(max_examples=examples(200))
@given(RESULTS)
def test_json_reads_back_as_the_result(result: ScanResult) -> None:
    text = told("json", result)
    assert text.isascii()
    assert "##[" not in text
    document = json.loads(text)
    assert document["scan"]["targets"] == spelt(result.targets)
    for written, finding in zip(document["findings"], result.findings, strict=True):
        same(written, finding, ("fingerprint", "rule_id", "type_prefix", "confidence", "candidates"))
        for place, location in zip(written["locations"], finding.locations, strict=True):
            same(place, location, tuple(name for name in place if name != "exposure"))
        if finding.suppression:
            same(written["suppression"], finding.suppression, ("kind", "reason"))
    for written, gap in zip(document["gaps"], result.gaps, strict=True):
        same(written, gap, ("where", "reason", "detail", "by_design"))


def same(
    written: dict[str, Any], held: Finding | Location | Suppression | Gap, names: tuple[str, ...]
) -> None:
    assert {name: written[name] for name in names} == {name: spelt(getattr(held, name)) for name in names}


@settings(max_examples=examples(200))
@given(RESULTS, st.booleans())
def test_sarif_parses_and_every_uri_stays_inside(result: ScanResult, placeholders: bool) -> None:  # noqa: FBT001
    text = told("sarif", result, show_placeholders=placeholders)
    assert text.isascii()
    assert "##[" not in text
    assert not re.search(r"(?<!\\)(?:\\\\)*\\ud[89ab]..(?!\\ud[c-f]..)", text), "a lone surrogate"
    for run in json.loads(text)["runs"]:
        for found in run["results"]:
            for place in (*found["locations"], *found.get("relatedLocations", [])):
                uri = place["physicalLocation"]["artifactLocation"]["uri"]
                assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri)
                assert not uri.startswith("/")
                assert ".." not in uri.split("/")
