"""The table: it reads back, and no cell of it is a formula."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan.model.enums import KeyType, Mode
from boltz_keyscan.model.finding import Gap, ScanResult
from boltz_keyscan.report.csv_report import COLUMNS
from boltz_keyscan.sanitize import harmless
from tests.depth import examples
from tests.report import goldens, samples
from tests.report.samples import finding, location, make_result
from tests.report.test_hostile_text import RESULTS, acts

FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def rows(result: ScanResult, **view: object) -> list[dict[str, str]]:
    text = samples.told("csv", result, **view)
    return list(csv.DictReader(io.StringIO(text), strict=True))


@pytest.mark.parametrize("name", ["tree", "incomplete", "hostile", "suppressed", "old", "empty"])
def test_golden(name: str) -> None:
    goldens.check(f"{name}.csv", samples.told("csv", samples.RESULTS[name]()))


@pytest.mark.parametrize("name", samples.RESULTS)
def test_every_location_and_gap_is_a_row(name: str) -> None:
    result = samples.RESULTS[name]()
    found = rows(result, show_placeholders=True)
    told = [(row["fingerprint"], row["line"], row["column"]) for row in found if row["fingerprint"]]
    assert told == [
        (each.fingerprint, str(place.line), str(place.column))
        for each in result.findings
        for place in each.locations
    ]
    assert [row["path"] for row in found if row["record"] == "gap"] == [
        harmless(gap.where) for gap in result.gaps
    ]
    assert [row["record"] for row in found].count("run") == 1


def test_placeholders_are_told_when_asked_for() -> None:
    result = samples.placeholders()
    assert {row["record"] for row in rows(result)} == {"run"}
    assert {row["record"] for row in rows(result, show_placeholders=True)} == {"run", "placeholder"}


def test_a_run_that_saw_not_everything_says_so_in_the_first_row() -> None:
    first = rows(samples.incomplete())[0]
    assert (first["record"], first["fails_run"]) == ("run", "yes")
    assert first["detail"].startswith("INCOMPLETE: 2 gaps")


@pytest.mark.parametrize(
    ("path", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-2+3", "'-2+3"),
        (" +1", "' +1"),
        ("\uff1d1", "'\uff1d1"),
        ("a;=1", "a;'=1"),
        ('a;"=1', "a;'\"=1"),
        ('"=1', "'\"=1"),
        ("a\n=1", "a\\x0a=1"),
        ("a=b", "a=b"),
        ('a,"b"', 'a,"b"'),
        ("::error::x", "\\x3a:error::x"),
    ],
)
def test_a_cell(path: str, cell: str) -> None:
    result = make_result(finding(KeyType.ADMIN, Mode.LIVE, location(path)), gaps=(Gap(path, "unreadable"),))
    assert [row["path"] for row in rows(result)[1:]] == [cell, cell]


@settings(max_examples=examples(200))
@given(RESULTS, st.booleans())
def test_no_cell_is_a_formula_and_no_line_acts(result: ScanResult, placeholders: bool) -> None:  # noqa: FBT001
    text = samples.told("csv", result, show_placeholders=placeholders)
    assert not any(map(acts, set(text)))
    assert "##[" not in text
    table = list(csv.reader(io.StringIO(text), strict=True))
    assert {len(row) for row in table} == {len(COLUMNS)}
    assert all(line.startswith('"') for line in text.split("\n")[:-1])
    for cell in (cell for row in table for cell in row):
        for part in re.split(";", cell):
            assert not part.lstrip(' "').startswith(FORMULAS)
