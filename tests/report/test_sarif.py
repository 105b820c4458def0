"""The SARIF report: what GitHub code scanning needs, and what a reader of SARIF may expect."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from boltz_keyscan import rules
from boltz_keyscan.advice import numbered_steps
from boltz_keyscan.model.enums import Exposure, KeyType, Mode, Shape, Situation, Status
from boltz_keyscan.model.finding import Finding
from boltz_keyscan.model.suppression import Suppression
from tests import validation
from tests.report import goldens, samples
from tests.report.samples import LENGTH, finding, location, make_result, oid, past, told
from tests.report.samples import sarif_result as one
from tests.report.samples import sarif_runs as runs

ADMIN, WORKSPACE, LIVE, TEST = KeyType.ADMIN, KeyType.WORKSPACE, Mode.LIVE, Mode.TEST


def uris(run: Any) -> list[str]:
    return [place["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for place in run["results"]]


@pytest.mark.parametrize("name", samples.RESULTS)
def test_every_report_validates_against_the_schema(name: str) -> None:
    document = json.loads(told("sarif", samples.RESULTS[name](), show_placeholders=True))
    validation.validate(document, validation.SARIF)


@pytest.mark.parametrize("name", ["tree", "history", "empty", "incomplete", "hostile", "suppressed", "asked"])
def test_golden(name: str) -> None:
    document = json.loads(told("sarif", samples.RESULTS[name]()))
    for run in document["runs"]:
        # The words of the rules stand in one golden file, not in twelve places.
        if name != "empty" or run is document["runs"][1]:
            run["tool"]["driver"]["rules"] = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    goldens.check(f"{name}.sarif", json.dumps(document, indent=2) + "\n")


@pytest.mark.parametrize("name", samples.RESULTS)
def test_one_line_of_ascii_with_the_version_first_and_the_same_every_time(name: str) -> None:
    text = told("sarif", samples.RESULTS[name]())
    assert text.isascii()
    assert text.count("\n") == 1
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["$schema", "version", "runs"]
    assert text == told("sarif", samples.RESULTS[name]())


@pytest.mark.parametrize("name", samples.RESULTS)
def test_both_runs_are_always_there_each_in_its_category(name: str) -> None:
    found = runs(samples.RESULTS[name]())
    assert [run["automationDetails"]["id"] for run in found] == [
        "boltz-keyscan/tree/",
        "boltz-keyscan/history/",
    ]
    for run in found:
        assert isinstance(run["results"], list)
        assert run["columnKind"] == "utf16CodeUnits"
        assert run["redactionTokens"] == ["[REDACTED]"]
        assert list(run["originalUriBaseIds"]) == ["%SRCROOT%"]
        assert "versionControlProvenance" not in run


def test_one_rule_for_each_key_type_and_mode() -> None:
    driver = runs(samples.empty())[0]["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in rules.load()]
    told_of = [
        (rule["properties"]["security-severity"], rule["defaultConfiguration"]["level"])
        for rule in driver["rules"]
    ]
    assert told_of == [
        ("9.5", "error"),
        ("8.5", "error"),
        ("5.0", "warning"),
        ("5.0", "warning"),
        ("3.0", "warning"),
    ]
    for rule in driver["rules"]:
        assert rule["properties"]["tags"] == ["security", "external/cwe/cwe-798"]
        assert rule["properties"]["precision"] == "very-high"
        assert re.fullmatch(r"([A-Z][a-z]+)+", rule["name"])
        # GitHub cuts descriptions at 1,024 characters.
        assert all(0 < len(rule[name]["text"]) <= 1024 for name in ("shortDescription", "fullDescription"))
        verb = "Archive" if rule["id"] == "boltz-share-link" else "Revoke"
        assert all(step in rule["help"][form] for form in ("text", "markdown") for step in ("1. ", verb))


@pytest.mark.parametrize(
    ("leak", "level"),
    [
        (finding(ADMIN, LIVE), "error"),
        (finding(WORKSPACE, LIVE), "error"),
        (finding(ADMIN, TEST), "warning"),
        (finding(WORKSPACE, TEST), "warning"),
        (finding(ADMIN, LIVE, status=Status.INACTIVE), "note"),
    ],
)
def test_levels_are_always_spelt(leak: Finding, level: str) -> None:
    result = one(leak)
    assert result["level"] == level
    assert result["ruleId"] == leak.rule_id == rules.load()[result["ruleIndex"]].id


def test_regions_count_utf16_and_bytes() -> None:
    # Two astral characters before the key: 3 characters, 5 code units, 9 bytes.
    place = location(column=4, column_utf16=6, offset=9)
    (result,) = runs(make_result(finding(ADMIN, LIVE, place)))[0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 3,
        "startColumn": 6,
        "endLine": 3,
        "endColumn": 6 + LENGTH,
        "byteOffset": 9,
        "byteLength": LENGTH,
    }


@pytest.mark.parametrize("inside", [{"members": ("x.txt",)}, {"decoded": ("base64",)}])
def test_byte_offsets_inside_something_else_are_not_the_files(inside: dict[str, Any]) -> None:
    result = one(finding(ADMIN, LIVE, location("a.zip", **inside)))
    assert "byteOffset" not in result["locations"][0]["physicalLocation"]["region"]


def test_files_and_git_objects_go_to_their_runs_by_path() -> None:
    tree, history = runs(
        make_result(
            finding(
                ADMIN, LIVE, location("b"), past(1, "b"), location("a"), location("a", 9), past(2, "gone")
            ),
        )
    )
    assert uris(tree) == ["a", "b"]
    assert uris(history) == ["b", "gone"]
    assert [len(result.get("relatedLocations", [])) for result in tree["results"]] == [1, 0]
    assert tree["results"][0]["relatedLocations"][0]["id"] == 1
    assert "1 further location under this path." in tree["results"][0]["message"]["text"]


def test_history_names_the_first_commit() -> None:
    versions = [past(number) for number in (7, 3, 5)]
    (result,) = runs(make_result(finding(ADMIN, LIVE, *versions)))[1]["results"]
    commit = oid(("commit", "src/app.py", 3))
    assert f"in history; first in commit {commit[:12]} of 2024-05-04." in result["message"]["text"]
    assert result["properties"] == {
        "fingerprint": finding().fingerprint,
        "shape": "confirmed",
        "exposure": "history",
        "commit": commit,
        "blob": oid(("blob", "src/app.py", 3)),
        "author_date": "2024-05-04T10:00:00+02:00",
    }


def line_hash(leak: Finding) -> str:
    value: str = one(leak)["partialFingerprints"]["primaryLocationLineHash"]
    return value


def test_the_line_hash_is_of_key_and_path_and_nothing_else() -> None:
    base = line_hash(finding())
    assert re.fullmatch(r"[0-9a-f]{16}:1", base)
    assert base == line_hash(finding(ADMIN, LIVE, location(line=99, column=1, context="other")))
    others = [
        finding(seed=1),
        finding(WORKSPACE, LIVE),
        finding(ADMIN, LIVE, location("other.py")),
    ]
    assert len({base, *map(line_hash, others)}) == 4
    assert one(finding())["partialFingerprints"]["boltzKeyFingerprint/v1"] == finding().fingerprint


def test_equal_line_hashes_are_counted() -> None:
    tree, history = runs(make_result(finding(ADMIN, LIVE, location("a"), location("./a"), past(1, "a"))))
    hashes = [result["partialFingerprints"]["primaryLocationLineHash"] for result in tree["results"]]
    assert [value.partition(":")[2] for value in hashes] == ["1", "2"]
    assert history["results"][0]["partialFingerprints"]["primaryLocationLineHash"] == hashes[0]


def test_suppressions_are_on_all_results_of_a_run_or_on_none() -> None:
    tree, history = runs(samples.suppressed())
    assert [[entry["kind"] for entry in result["suppressions"]] for result in tree["results"]] == [
        ["external"],
        ["inSource"],
        [],
    ]
    assert tree["results"][0]["suppressions"][0]["justification"] == "known since 2024; revoked"
    assert all("suppressions" in result for result in history["results"])
    assert not any("suppressions" in result for run in runs(samples.history()) for result in run["results"])
    alone = make_result(finding(suppression=Suppression("ignore", "x")), finding(WORKSPACE, LIVE, past(1)))
    assert "suppressions" not in runs(alone)[1]["results"][0]


def test_all_that_suppresses_a_key_together_is_told() -> None:
    tree, _ = runs(samples.excused())
    found = next(result["suppressions"] for result in tree["results"] if result.get("suppressions"))
    assert [(each["kind"], each["justification"]) for each in found] == [
        ("external", f"made up [.boltz-keyscanignore:2 ({samples.AT_BASE})]"),
        ("inSource", "made up too [b.py:3]"),
    ]


def test_suppressed_keys_may_be_left_out() -> None:
    def results(**view: bool) -> list[Any]:
        return [result for run in runs(samples.excused(), **view) for result in run["results"]]

    def keys(found: list[Any]) -> set[str]:
        return {result["partialFingerprints"]["boltzKeyFingerprint/v1"] for result in found}

    gone = {each.fingerprint for each in samples.excused().findings if each.suppression}
    left = results(drop_suppressed=True)
    assert len(gone) == 1
    assert keys(results()) - keys(left) == gone
    assert keys(left)
    assert not any("suppressions" in result for result in left)


def test_placeholders_only_when_asked_for_and_as_notes() -> None:
    assert runs(samples.placeholders())[0]["results"] == []
    shown = runs(samples.placeholders(), show_placeholders=True)[0]["results"]
    assert [result["level"] for result in shown] == ["note"] * 3
    assert "Shape placeholder: ends in the word example." in shown[0]["message"]["text"]


def test_no_place_on_the_scanning_machine_and_no_line_of_text_is_in_it() -> None:
    result = replace(make_result(finding(ADMIN, LIVE, location("/home/me/x"))), targets=("/home/me",))
    text = told("sarif", result)
    assert "/home/me" not in text
    assert "snippet" not in text
    assert "key = " not in text


def test_what_is_known_of_a_key_is_in_the_message() -> None:
    leak = finding(
        ADMIN, LIVE, location(exposure=Exposure.STAGED), shape=Shape.SUSPECTED, status=Status.ACTIVE
    )
    steps = " ".join(numbered_steps(Situation.NOT_COMMITTED))
    assert one(leak)["message"]["text"] == (
        f"Boltz key sk_bc_admin_live_[REDACTED] (admin live, {leak.fingerprint}) staged. "
        f"Shape suspected: ends in the word example. Status: active. Staged, not committed: {steps}"
    )
