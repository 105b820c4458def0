"""JSON Lines: every line is a document, and together they are the JSON report."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

import boltz_keyscan.report
from boltz_keyscan.model.finding import ScanResult
from tests.depth import examples
from tests.report import goldens, samples
from tests.report.test_hostile_text import RESULTS, acts

SCHEMA = json.loads(
    (Path(boltz_keyscan.report.__file__).parent / "schema" / "report-v1.schema.json").read_text(
        encoding="utf-8"
    )
)


@functools.cache
def validator(kind: str) -> jsonschema.Draft202012Validator:
    """For one object as the schema of the JSON report has it."""
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]})


def lines(result: ScanResult) -> list[dict[str, Any]]:
    text = samples.told("jsonl", result)
    assert text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


@pytest.mark.parametrize("name", ["tree", "incomplete", "hostile", "suppressed", "empty", "asked"])
def test_golden(name: str) -> None:
    goldens.check(f"{name}.jsonl", samples.told("jsonl", samples.RESULTS[name]()))


@pytest.mark.parametrize("name", samples.RESULTS)
def test_each_line_is_as_the_schema_of_the_json_report_has_it(name: str) -> None:
    head, *rest = lines(samples.RESULTS[name]())
    assert (head.pop("record"), head.pop("schema_version")) == ("scan", "1")
    assert head.pop("tool")["name"] == "boltz-keyscan"
    validator("scan").validate(head)
    for each in rest:
        validator(each.pop("record")).validate(each)


def test_the_schema_that_is_used_refuses_what_is_wrong() -> None:
    _, finding, *_ = lines(samples.tree())
    finding.pop("record")
    assert validator("finding").is_valid(finding)
    assert not validator("finding").is_valid(finding | {"surprise": 1})


@settings(max_examples=examples(100))
@given(RESULTS)
def test_together_they_are_the_json_report(result: ScanResult) -> None:
    whole = json.loads(samples.told("json", result))
    head, *rest = lines(result)
    assert head == {
        "record": "scan",
        "schema_version": whole["schema_version"],
        "tool": whole["tool"],
        **whole["scan"],
    }
    assert rest == [{"record": "finding", **each} for each in whole["findings"]] + [
        {"record": "gap", **each} for each in whole["gaps"]
    ]


@settings(max_examples=examples(100))
@given(RESULTS)
def test_no_line_acts(result: ScanResult) -> None:
    text = samples.told("jsonl", result)
    assert text.isascii()
    assert "##[" not in text
    assert not any(map(acts, set(text)))
    assert all(line.startswith("{") for line in text.splitlines())
