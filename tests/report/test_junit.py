"""JUnit: well-formed whatever a string holds, of the form that consumers read, and the counts are true."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from boltz_keyscan.model.enums import ExitCode, KeyType, Mode
from boltz_keyscan.model.finding import Gap, ScanResult
from tests.depth import examples
from tests.report import goldens, samples
from tests.report.samples import finding, location, make_result, told
from tests.report.test_hostile_text import RESULTS, acts

# The schema of Jenkins' xUnit plugin; tests/schemas/README.md says where it comes from.
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[1] / "schemas/junit-10.xsd"))


def read(text: str) -> ET.Element:
    """The document, as the schema has it and with counts that hold."""
    SCHEMA.assertValid(etree.fromstring(text.encode()))
    root = ET.fromstring(text)
    assert root.tag == "testsuites"
    (suite,) = root
    for owner in root.iter():
        if owner.tag in {"testsuites", "testsuite"}:
            assert int(owner.attrib["tests"]) == len(list(root.iter("testcase")))
            assert int(owner.attrib["failures"]) == len(list(root.iter("failure")))
            assert int(owner.attrib["errors"]) == len(list(root.iter("error")))
    assert int(suite.attrib["skipped"]) == len(list(root.iter("skipped")))
    return root


@pytest.mark.parametrize("name", ["tree", "history", "incomplete", "hostile", "suppressed", "empty", "asked"])
def test_golden(name: str) -> None:
    goldens.check(f"{name}.junit.xml", told("junit", samples.RESULTS[name]()))


@pytest.mark.parametrize("name", samples.RESULTS)
def test_every_key_is_a_case_and_those_that_fail_the_run_fail(name: str) -> None:
    result = samples.RESULTS[name]()
    root = read(told("junit", result))
    cases = {case.attrib["name"]: [child.tag for child in case] for case in root.iter("testcase")}
    assert cases.pop("complete") == ["system-out" if result.complete else "error"]
    assert cases == {
        f"{each.shown} {each.fingerprint}": [
            "failure" if each.blocking else "skipped" if each.suppression else "system-out"
        ]
        for each in result.keys
    }


@pytest.mark.parametrize("code", [ExitCode.INCOMPLETE, ExitCode.INTERNAL, ExitCode.INTERRUPTED])
def test_a_run_that_did_not_end_well_is_an_error(code: ExitCode) -> None:
    (error,) = read(told("junit", make_result(code=code))).iter("error")
    assert f"(exit {int(code)})" in error.attrib["message"]


def test_placeholders_pass_when_asked_for() -> None:
    result = samples.placeholders()
    assert len(list(read(told("junit", result)).iter("testcase"))) == 1
    root = read(told("junit", result, show_placeholders=True))
    assert len(list(root.iter("testcase"))) == 4
    assert root.attrib["failures"] == "0"


@settings(max_examples=examples(200))
@given(RESULTS, st.booleans())
def test_whatever_a_string_holds_it_reads_back_and_no_line_acts(
    result: ScanResult,
    placeholders: bool,  # noqa: FBT001
) -> None:
    text = told("junit", result, show_placeholders=placeholders)
    assert not any(map(acts, set(text)))
    for line in text.split("\n"):
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    read(text)


@pytest.mark.parametrize(
    "name", ["]]>", "<!--", "&lt;", '"', "'", "</failure>", "\ufffe", "\uffff", "<!ENTITY x 'y'>", "\x00"]
)
def test_a_name_that_would_break_out(name: str) -> None:
    leak = finding(KeyType.ADMIN, Mode.LIVE, location(name))
    root = read(told("junit", make_result(leak, gaps=(Gap(name, name, name),))))
    (failure,) = root.iter("failure")
    shown = {"\ufffe": "\\ufffe", "\uffff": "\\uffff", "\x00": "\\x00"}.get(name, name)
    assert failure.attrib["message"].endswith(f" at {shown}:3")
    assert f"take out {shown}:3  in HEAD" in (failure.text or "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<testcase ", "<case "),
        (' tests="', ' number="'),
        ("<properties>", "<properties/><properties>x"),
        (' time="9', ' time="-9'),
        ("<system-out>", '<system-out type="x">'),
    ],
)
def test_the_schema_refuses_what_is_wrong(old: str, new: str) -> None:
    """Controls: were these let through, the schema would prove nothing."""
    text = told("junit", samples.tree())
    assert old in text
    with pytest.raises((etree.DocumentInvalid, etree.XMLSyntaxError)):
        read(text.replace(old, new))
