"""The JSON report keeps its promise to other programs."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import boltz_keyscan.report
from boltz_keyscan.model.suppression import Suppression
from tests.report import goldens, samples

SCHEMA = json.loads(
    (Path(boltz_keyscan.report.__file__).parent / "schema" / "report-v1.schema.json").read_text(
        encoding="utf-8"
    )
)


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    here = [schema] if schema.get("type") == "object" else []
    return here + [found for item in schema.values() for found in objects(item)]


def test_the_schema_allows_nothing_unnamed_and_lets_nothing_be_left_out() -> None:
    found = objects(SCHEMA)
    assert len(found) == 15
    for schema in found:
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])


@pytest.mark.parametrize("name", samples.RESULTS)
def test_every_report_validates(name: str) -> None:
    validator().validate(json.loads(samples.told("json", samples.RESULTS[name]())))


@pytest.mark.parametrize(
    "name",
    [
        "tree",
        "history",
        "empty",
        "incomplete",
        "hostile",
        "suppressed",
        "old",
        "excused",
        "placeholders",
        "asked",
    ],
)
def test_golden(name: str) -> None:
    goldens.check(f"{name}.json", samples.told("json", samples.RESULTS[name]()))


@pytest.mark.parametrize(
    "change",
    [
        {"severity": "fatal"},
        {"fingerprint": "bk1:short"},
        {"surprise": 1},
        {"locations": []},
        {"suppression": {"kind": "baseline"}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_wrong(change: dict[str, object]) -> None:
    document = json.loads(samples.told("json", samples.tree()))
    document["findings"][0] |= change
    assert not validator().is_valid(document)


def test_the_receipt_counts() -> None:
    result = samples.make_result(
        samples.finding(suppression=Suppression("baseline", "known")),
        samples.finding(seed=1),
        *samples.placeholders().findings,
        gaps=samples.incomplete().gaps,
    )
    scan = json.loads(samples.told("json", result))["scan"]
    assert scan["receipt"] == {
        "files": 1234,
        "blobs": 45678,
        "bytes": 8_100_000_000,
        "commits": 120,
        "refs": 8,
        "objects_missing": 0,
        "objects_cached": 0,
        "gaps": 3,
        "old": 0,
        "suppressed": 1,
        "suppressions": [
            {
                "fingerprint": result.findings[1].fingerprint,
                "kind": "baseline",
                "reason": "known",
                "source": "",
            }
        ],
        "placeholders": 3,
        "gaps_accepted": 0,
        "excluded": 0,
    }
    assert (scan["complete"], scan["exit_code"]) == (False, 1)


def test_placeholders_are_always_there_and_the_view_changes_nothing() -> None:
    result = samples.placeholders()
    plain = samples.told("json", result)
    assert [finding["severity"] for finding in json.loads(plain)["findings"]] == ["note"] * 3
    assert plain == samples.told("json", result, verbosity=-1, color=True, width=20, show_placeholders=True)


def test_one_line_for_each_finding_and_gap() -> None:
    result = samples.make_result(*samples.tree().findings, gaps=samples.incomplete().gaps)
    lines = samples.told("json", result).splitlines()
    assert len(lines) == 3 + 1 + 3 + 1 + 3
    assert samples.told("json", result).endswith("]}\n")


def test_a_number_that_is_none_fails_rather_than_breaks_the_reader() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        samples.told("json", replace(samples.empty(), duration_s=float("nan")))
