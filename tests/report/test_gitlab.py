"""GitLab's report: of the form that GitLab takes in, whatever a string holds."""

from __future__ import annotations

import json
import operator
import os
import re
import uuid
from functools import cache, reduce
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan.model.enums import ExitCode, KeyType, Mode
from boltz_keyscan.model.finding import Gap, ScanResult
from boltz_keyscan.report import gitlab
from tests.depth import examples
from tests.report import goldens, samples
from tests.report.samples import finding, location, make_result, past, told
from tests.report.test_hostile_text import RESULTS, acts

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
TOOL: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "version", "vendor"],
    "properties": {
        "id": TEXT,
        "name": TEXT,
        "version": TEXT,
        "vendor": {"type": "object", "required": ["name"], "properties": {"name": TEXT}},
    },
}
TIME = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"}

PUBLISHED = os.environ.get("GITLAB_SCHEMA")
"""GitLab's own file, secret-detection-report-format.json of security-report-schemas, where there is one."""

# What it demands (version 15.0.7 and 15.2.4), said anew, and nothing else allowed that is not used.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "scan", "vulnerabilities"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "15.0.7"},
        "scan": {
            "type": "object",
            "required": ["analyzer", "scanner", "start_time", "end_time", "status", "type"],
            "additionalProperties": False,
            "properties": {
                "analyzer": TOOL,
                "scanner": TOOL,
                "start_time": TIME,
                "end_time": TIME,
                "status": {"enum": ["success", "failure"]},
                "type": {"const": "secret_detection"},
                "messages": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["level", "value"],
                        "additionalProperties": False,
                        "properties": {"level": {"enum": ["info", "warn", "fatal"]}, "value": TEXT},
                    },
                },
            },
        },
        "vulnerabilities": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "identifiers", "location"],
                "additionalProperties": False,
                "properties": {
                    "id": TEXT,
                    "name": {"type": "string", "maxLength": 255},
                    "description": {"type": "string", "maxLength": 1048576},
                    "severity": {"enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"]},
                    "solution": {"type": "string", "maxLength": 7000},
                    "identifiers": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["type", "name", "value"],
                            "additionalProperties": False,
                            "properties": {
                                "type": TEXT,
                                "name": TEXT,
                                "value": TEXT,
                                "url": {"type": "string", "pattern": "^https?://.+"},
                            },
                        },
                    },
                    "location": {
                        "type": "object",
                        "required": ["commit"],
                        "additionalProperties": False,
                        "properties": {
                            "file": {"type": "string"},
                            "start_line": {"type": "number"},
                            "end_line": {"type": "number"},
                            "commit": {
                                "type": "object",
                                "required": ["sha"],
                                "additionalProperties": False,
                                "properties": {"sha": TEXT, "date": {"type": "string"}},
                            },
                        },
                    },
                    "details": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "required": ["type", "name", "value"],
                            "additionalProperties": False,
                            "properties": {
                                "type": {"const": "text"},
                                "name": TEXT,
                                "value": {"type": "string"},
                            },
                        },
                    },
                },
            },
        },
    },
}


def read(result: ScanResult, **view: object) -> Any:
    text = told("gitlab", result, **view)
    assert text.isascii()
    document = json.loads(text)
    jsonschema.Draft7Validator(SCHEMA).validate(document)
    if PUBLISHED:
        jsonschema.Draft7Validator(published()).validate(document)
    return document


@cache
def published() -> Any:
    assert PUBLISHED is not None
    return json.loads(Path(PUBLISHED).read_text(encoding="utf-8"))


ONE = ("vulnerabilities", 0)
BROKEN: dict[str, tuple[tuple[str | int, ...], object]] = {
    "no version": (("version",), None),
    "a time with a zone": (("scan", "start_time"), "2025-03-01T12:00:00Z"),
    "another type": (("scan", "type"), "sast"),
    "an empty message": (("scan", "messages", 0, "value"), ""),
    "no commit": ((*ONE, "location", "commit"), None),
    "an empty commit": ((*ONE, "location", "commit", "sha"), ""),
    "no identifier": ((*ONE, "identifiers"), []),
    "a severity of ours": ((*ONE, "severity"), "note"),
    "a long name": ((*ONE, "name"), "x" * 256),
    "a detail without a name": ((*ONE, "details", "key", "name"), None),
    "a detail of no type": ((*ONE, "details", "key", "type"), "word"),
}
"""A member, and what it becomes; None takes it away."""


@pytest.mark.parametrize("how", BROKEN)
def test_what_gitlab_refuses_is_refused(how: str) -> None:
    """Controls, of the published schema too: ours is to refuse at least what that refuses."""
    document = read(samples.history())
    (*path, last), value = BROKEN[how]
    owner = reduce(operator.getitem, path, document)
    if value is None:
        del owner[last]
    else:
        owner[last] = value
    assert not jsonschema.Draft7Validator(SCHEMA).is_valid(document)
    if PUBLISHED:
        assert not jsonschema.Draft7Validator(published()).is_valid(document)


@pytest.mark.skipif(not PUBLISHED, reason="GITLAB_SCHEMA names no schema of GitLab's")
@pytest.mark.parametrize("name", samples.RESULTS)
def test_the_published_schema_takes_it(name: str) -> None:
    read(samples.RESULTS[name](), show_placeholders=True)


@pytest.mark.parametrize(
    "name", ["tree", "history", "incomplete", "hostile", "suppressed", "old", "empty", "asked"]
)
def test_golden(name: str) -> None:
    goldens.check(f"{name}.gitlab.json", told("gitlab", samples.RESULTS[name]()))


@pytest.mark.parametrize("name", samples.RESULTS)
def test_every_key_is_there_once_for_each_path(name: str) -> None:
    result = samples.RESULTS[name]()
    document = read(result)
    keys = [each for each in result.keys if each.suppression is None]
    wanted = {each.fingerprint: len({place.path for place in each.locations}) for each in keys}
    found = [each["identifiers"][2]["value"] for each in document["vulnerabilities"]]
    assert {key: found.count(key) for key in wanted} == wanted
    assert len(found) == sum(wanted.values())
    ids = [each["id"] for each in document["vulnerabilities"]]
    assert len(set(ids)) == len(ids)
    assert all(str(uuid.UUID(each)) == each for each in ids)


def test_a_file_of_now_comes_before_its_past_and_has_a_commit_all_the_same() -> None:
    result = make_result(finding(KeyType.ADMIN, Mode.LIVE, past(1), location(line=7), past(2, "b.py")))
    before, now = read(result)["vulnerabilities"]
    assert now["location"] == {
        "file": "src/app.py",
        "start_line": 7,
        "end_line": 7,
        "commit": {"sha": "0000000"},
    }
    assert before["location"]["commit"] == {
        "sha": past(2, "b.py").commit,
        "date": "2024-05-03T10:00:00+02:00",
    }
    assert [now["severity"], before["severity"]] == ["Critical", "Critical"]


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (samples.empty(), "success"),
        (samples.by_design(), "success"),
        (samples.history(), "success"),
        (samples.incomplete(), "failure"),
        (samples.incomplete_with_keys(), "failure"),
        (make_result(code=ExitCode.INTERNAL), "failure"),
    ],
)
def test_success_means_that_the_run_saw_everything(result: ScanResult, status: str) -> None:
    assert read(result)["scan"]["status"] == status


def test_gaps_are_messages_the_real_ones_first() -> None:
    messages = read(samples.incomplete())["scan"]["messages"]
    assert [each["level"] for each in messages] == ["warn", "warn", "warn", "info"]
    many = tuple(Gap(f"g{n}", "excluded", by_design=True) for n in range(gitlab.MAX_MESSAGES))
    messages = read(make_result(gaps=(*many, Gap("real", "unreadable"))))["scan"]["messages"]
    assert messages[1]["value"] == "Not scanned: real: unreadable"
    assert messages[-1]["value"] == "1 more gap not listed here."


def test_what_is_suppressed_is_counted() -> None:
    document = read(samples.suppressed())
    assert len(document["vulnerabilities"]) == 1
    assert {"level": "info", "value": "2 keys suppressed, not listed here."} in document["scan"]["messages"]


def test_placeholders_are_information_when_asked_for() -> None:
    assert read(samples.placeholders())["vulnerabilities"] == []
    shown = read(samples.placeholders(), show_placeholders=True)["vulnerabilities"]
    assert [each["severity"] for each in shown] == ["Info"] * 3


@settings(max_examples=examples(200))
@given(RESULTS, st.booleans())
def test_whatever_a_string_holds(result: ScanResult, placeholders: bool) -> None:  # noqa: FBT001
    text = told("gitlab", result, show_placeholders=placeholders)
    assert not any(map(acts, set(text)))
    assert "##[" not in text
    document = read(result, show_placeholders=placeholders)
    for each in document["vulnerabilities"]:
        path = each["location"]["file"]
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        # GitLab shows these as Markdown.
        assert re.fullmatch(r"[\w .,:;()'/-]*", each["name"] + each["description"] + each["solution"])
