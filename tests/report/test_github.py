"""Annotations: the runner reads of them what was meant, and nothing else is a command."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Severity
from boltz_keyscan.model.finding import Gap, Location, ScanResult
from boltz_keyscan.sanitize import harmless
from tests.depth import examples
from tests.report import goldens, samples
from tests.report.samples import finding, location, make_result, past, told
from tests.report.test_hostile_text import RESULTS, acts

LEVELS = ("error", "warning", "notice")


@dataclass(frozen=True)
class Command:
    """What the runner understood."""

    name: str
    properties: dict[str, str]
    message: str


def obeyed(line: str) -> Command | None:
    """A line as the runner takes it: written from what actions/runner does, in ActionCommand.TryParseV2.

    White space in front is trimmed; the first ``::`` after the opening one ends the head;
    properties are split at commas, each at its first ``=``; then escapes are undone.
    """
    line = line.lstrip()
    if not line.startswith("::"):
        return None
    head, found, message = line[2:].partition("::")
    if not found:
        return None
    name, _, rest = head.partition(" ")
    properties = {}
    for item in filter(None, rest.strip().split(",")):
        key, sign, value = item.partition("=")
        assert sign, item
        assert key not in properties, item
        properties[key] = unescaped(unescaped(value, {"%3A": ":", "%2C": ","}))
    return Command(name, properties, unescaped(message))


def unescaped(text: str, signs: dict[str, str] | None = None) -> str:
    for code, sign in (signs or {"%0D": "\r", "%0A": "\n", "%25": "%"}).items():
        text = text.replace(code, sign)
    return text


def commands(result: ScanResult, **view: object) -> list[Command]:
    return [each for line in told("github", result, **view).split("\n") if (each := obeyed(line)) is not None]


@pytest.mark.parametrize("name", samples.RESULTS)
def test_golden(name: str) -> None:
    goldens.check(f"{name}.github.txt", told("github", samples.RESULTS[name]()))


@pytest.mark.parametrize("name", samples.RESULTS)
def test_every_key_and_gap_is_annotated_or_counted(name: str) -> None:
    result = samples.RESULTS[name]()
    found = commands(result)
    keys = [each for each in result.keys if each.suppression is None]
    gaps = [gap for gap in result.gaps if not gap.by_design]
    extra = (not result.complete) + (result.asked is not None and result.asked.own_key is not None)
    wanted = len(keys) + len(gaps) + extra
    (more,) = re.findall(r"^\+(\d+) more annotations? ", told("github", result), re.MULTILINE) or ["0"]
    assert len(found) + int(more) == wanted
    for each in keys:
        mild = each.severity is Severity.NOTE or all(place.old for place in each.locations)
        level = "error" if each.blocking else "notice" if mild else "warning"
        own = [note for note in found if f"({each.fingerprint})" in note.message]
        assert [note.name for note in own] == [level]


def test_a_key_stands_beside_its_line() -> None:
    (note,) = commands(make_result(finding(KeyType.ADMIN, Mode.LIVE, location("src/a, b: 100%.py", 7, 5))))
    assert note.name == "error"
    assert note.properties == {
        "file": "src/a, b: 100%.py",
        "line": "7",
        "col": "5",
        "title": "Boltz admin live key: critical",
    }
    assert note.message.startswith("sk_bc_admin_live_[REDACTED] (bk1:")
    assert " at src/a, b: 100%.py:7:5\n" in note.message


@pytest.mark.parametrize(
    "place",
    [
        past(1),
        past(1, exposure=Exposure.UNREACHABLE),
        location("a.zip", members=("x.txt",)),
        location("/etc/passwd"),
        location("../x.py"),
        location("a/../../x.py"),
    ],
    ids=lambda place: f"{place.exposure} {place.path}",
)
def test_what_is_no_line_of_the_checkout_is_told_without_one(place: Location) -> None:
    (note,) = commands(make_result(finding(KeyType.ADMIN, Mode.LIVE, place)))
    assert set(note.properties) == {"title"}
    assert f" at {place.path}" in note.message


def test_at_most_ten_of_each_level_and_the_rest_is_counted() -> None:
    live = [finding(KeyType.ADMIN, Mode.LIVE, seed=n) for n in range(12)]
    test = [finding(KeyType.WORKSPACE, Mode.TEST, seed=n) for n in range(5)]
    gaps = tuple(Gap(f"f{n}", "unreadable") for n in range(20))
    result = make_result(*live, *test, gaps=gaps)
    names = [each.name for each in commands(result)]
    assert [names.count(level) for level in LEVELS] == [10, 10, 0]
    lines = told("github", result).splitlines()
    assert "+18 more annotations than GitHub shows; see --report markdown=FILE or json=FILE" in lines
    assert commands(result)[0].properties["title"] == "Boltz keys: the scan is not complete"


@pytest.mark.parametrize("code", [ExitCode.INCOMPLETE, ExitCode.INTERNAL, ExitCode.INTERRUPTED])
def test_a_run_that_did_not_end_well_is_an_error(code: ExitCode) -> None:
    (note,) = commands(make_result(code=code))
    assert (note.name, f"(exit {int(code)})" in note.message) == ("error", True)


def test_the_verdict_is_the_last_line_and_no_command() -> None:
    assert told("github", samples.empty()) == "Clean: no Boltz key (exit 0).\n"
    assert told("github", samples.suppressed()).splitlines()[-2:] == [
        "2 keys suppressed, not annotated",
        "Passed: 3 keys, none fails this run (exit 0).",
    ]


def test_placeholders_are_notices_when_asked_for() -> None:
    assert commands(samples.placeholders()) == []
    shown = commands(samples.placeholders(), show_placeholders=True)
    assert [note.name for note in shown] == ["notice"] * 3


@settings(max_examples=examples(200))
@given(RESULTS, st.booleans())
def test_only_our_commands_are_obeyed_with_our_properties(result: ScanResult, placeholders: bool) -> None:  # noqa: FBT001
    text = told("github", result, show_placeholders=placeholders)
    assert not any(map(acts, set(text)))
    assert "##[" not in text
    paths = {harmless(place.path) for each in result.findings for place in each.locations}
    for line in text.split("\n"):
        note = obeyed(line)
        if note is None:
            assert "::" not in line
            continue
        assert note.name in LEVELS
        assert set(note.properties) in ({"title"}, {"file", "line", "col", "title"})
        assert note.properties.get("file") in {None, *paths}
        assert note.properties.get("line", "1").isdigit()
        assert note.properties["title"].startswith("Boltz ")


@pytest.mark.parametrize(
    "raw", ["a\r\n::error::x", "%0A::error::x", "%250A", "a%3Ab", "::set-output name=x::y", ",line=9"]
)
def test_escapes_are_not_undone_twice(raw: str) -> None:
    result = make_result(finding(KeyType.ADMIN, Mode.LIVE, location(raw)))
    (note,) = commands(result)
    assert note.properties["file"] == harmless(raw)
    # Within a line two colons are no command.
    assert f" at {harmless('x' + raw)[1:]}:3:9\n" in note.message
    assert len(told("github", result).splitlines()) == 2
