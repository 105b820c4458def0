"""The rule set: what is bundled holds, and whatever is wrong with a rule file is told precisely."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.detect.rule_check import check
from boltz_keyscan.errors import RuleError
from boltz_keyscan.model.enums import KeyType, Mode, Shape
from boltz_keyscan.policy import SEVERITY
from tests.keys import LINK_PREFIX, PREFIXES, fake_body
from tests.running import ROOT, keyscan

FILES = sorted((ROOT / "rules").glob("*.toml"))
NO_END = "43 characters, ends as no 32-byte value can"
HINT = "help: See rules/ and CONTRIBUTING.md for the form of a rule.\n"


def table(**changes: Any) -> dict[str, Any]:
    """A good rule, with some fields changed, or left out where the change is None."""
    good = tomllib.loads((ROOT / "rules/boltz-admin-live-key.toml").read_text())
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def toml(value: object) -> str:
    """A value as TOML; its strings, numbers and lists are JSON's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def write(folder: Path, name: str = "rule.toml", **changes: Any) -> Path:
    path = folder / name
    path.write_text("".join(f"{field} = {toml(value)}\n" for field, value in table(**changes).items()))
    return path


class TestBundled:
    def test_there_is_one_rule_for_each_kind_of_key_and_one_for_share_links(self) -> None:
        loaded = rules.load()
        assert {(rule.key_type, rule.mode) for rule in loaded} == {
            *((kind, mode) for kind in KeyType for mode in Mode),
            (None, None),
        }
        assert {rule.prefix for rule in loaded} == {*PREFIXES.values(), LINK_PREFIX}
        assert [f"{rule.id}.toml" for rule in sorted(loaded, key=lambda rule: rule.id)] == [
            path.name for path in FILES
        ]

    def test_the_worst_comes_first(self) -> None:
        assert [rule.severity for rule in rules.load()] == ["critical", "high", "medium", "medium", "low"]
        assert all(rule.severity is SEVERITY[rule.key_type, rule.mode] for rule in rules.load())

    @pytest.mark.parametrize("rule", rules.load(), ids=lambda rule: rule.id)
    def test_a_rule_proves_itself(self, rule: rules.Rule) -> None:
        assert list(check(rule, rules.load())) == []

    @pytest.mark.parametrize("rule", rules.load(), ids=lambda rule: rule.id)
    def test_a_rule_says_what_to_do_in_the_right_order(self, rule: rules.Rule) -> None:
        steps = "\n".join(rule.remediation).lower()
        assert rule.help.startswith(f"{rule.summary}\n\n1. {rule.remediation[0]}\n2. ")
        # Revoking first is an outage, and cleaning up alone helps nobody.
        first = (
            ("replace it", "revoke the leaked key") if rule.key_type else ("archive it", "make a new link")
        )
        order = [steps.index(word) for word in (*first, "remove it from the files")]
        assert order == sorted(order)

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_no_file_holds_a_key(self, path: Path) -> None:
        for match in KeyDetector.of(rules.load()).find([path.read_bytes()]):
            assert match.shape is Shape.PLACEHOLDER, (path.name, match.line)

    @pytest.mark.parametrize("rule", rules.load(), ids=lambda rule: rule.id)
    def test_examples_cover_every_shape_and_what_is_none(self, rule: rules.Rule) -> None:
        shapes = {*Shape} if rule.key_type else {Shape.CONFIRMED, Shape.PLACEHOLDER}
        assert {example.shape for example in rule.examples} == {*shapes, None}


class TestCommands:
    def test_list(self) -> None:
        ran = keyscan("rules", "list")
        assert (ran.code, ran.errors) == (0, "")
        first, second, *_ = ran.text.splitlines()
        assert first == f"critical  9.5  boltz-admin-live-key       {PREFIXES['admin', 'live']}"
        assert second == f"          {rules.load()[0].summary}"
        assert [line.split()[2] for line in ran.text.splitlines()[::2]] == [rule.id for rule in rules.load()]

    def test_check(self) -> None:
        ran = keyscan("rules", "check")
        examples = sum(len(rule.examples) for rule in rules.load())
        assert (ran.code, ran.text, ran.errors) == (0, f"5 rules, {examples} examples, 0 failed\n", "")

    def test_check_of_a_folder(self) -> None:
        ran = keyscan("rules", "check", ROOT / "rules")
        assert (ran.code, ran.text) == (0, keyscan("rules", "check").text)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            (
                {
                    "examples": [
                        {"template": "{key}", "shape": "confirmed"},
                        {"template": "{key}x", "shape": "confirmed"},
                    ]
                },
                "'{key}x': expected shape confirmed, found suspected (43 characters, then text glued on)",
            ),
            (
                {
                    "examples": [
                        {"template": "{key}", "shape": "confirmed"},
                        {"template": "nothing", "shape": "placeholder"},
                    ]
                },
                "'nothing': expected one match of this rule, found 0 of 0",
            ),
            (
                {
                    "examples": [
                        {"template": "{key}", "shape": "confirmed"},
                        {"template": "{key} {key}", "shape": "confirmed"},
                    ]
                },
                "'{key} {key}': expected one match of this rule, found 2 of 2",
            ),
            ({"counter_examples": ["a {prefix} b"]}, "'a {prefix} b': expected no match, found 1"),
            ({"body": "[a-z]{43}"}, f"'{{key}}': expected shape confirmed, found suspected ({NO_END})"),
        ],
        ids=["shape", "none", "two", "counter", "body"],
    )
    def test_a_rule_that_does_not_hold(self, changes: dict[str, Any], told: str, tmp_path: Path) -> None:
        write(tmp_path, **changes)
        ran = keyscan("rules", "check", tmp_path)
        assert (ran.code, ran.errors) == (2, "")
        lines = ran.text.splitlines()
        assert f"FAILED boltz-admin-live-key: {told}" in lines
        assert re.fullmatch(r"1 rules, \d+ examples, [1-9] failed", lines[-1])

    def test_a_literal_key_where_a_template_belongs_is_not_shown(self, tmp_path: Path) -> None:
        body = fake_body("literal")
        write(tmp_path, counter_examples=[PREFIXES["admin", "live"] + body])
        ran = keyscan("rules", "check", tmp_path)
        assert ran.code == 2
        assert (
            "FAILED boltz-admin-live-key: 'sk_bc_admin_live_[REDACTED]': expected no match, found 1\n"
            in ran.text
        )
        assert body[:12] not in ran.text


MISSING = "but it is missing"
FIELDS = "id, title, key_type, mode, prefix, body, severity, summary, remediation, examples, counter_examples"
GOOD = [{"template": "{key}", "shape": "confirmed"}]

BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "a missing text": ({"title": None}, "title", f"a str, {MISSING}"),
    "a missing list": ({"remediation": None}, "remediation", f"a list, {MISSING}"),
    "a number for a text": ({"prefix": 7}, "prefix", "a str, not a int"),
    "a text for a list": ({"remediation": "revoke it"}, "remediation", "a list, not a str"),
    "a field too many": ({"pattern": ".*"}, "pattern", f"no such field; fields are {FIELDS}"),
    "an unknown type": ({"key_type": "ws"}, "key_type", "one of admin, workspace"),
    "an unknown mode": ({"mode": "prod"}, "mode", "one of live, test"),
    "an unknown severity": ({"severity": "blocker"}, "severity", "one of critical, high, medium, low, note"),
    "a severity against the policy": (
        {"severity": "low"},
        "severity",
        '"critical", as the policy table has it for admin live',
    ),
    "a short prefix": (
        {"prefix": "sk_bc_"},
        "prefix",
        "8 or more ASCII letters, digits, '-' and '_', ending in '_'",
    ),
    "a prefix without an end": (
        {"prefix": "sk_bc_admin_live"},
        "prefix",
        "8 or more ASCII letters, digits, '-' and '_', ending in '_'",
    ),
    "a prefix that is not ASCII": (
        {"prefix": "sk_bc_ädmin_live_"},
        "prefix",
        "8 or more ASCII letters, digits, '-' and '_', ending in '_'",
    ),
    "a prefix of two lines": (
        {"prefix": "sk_bc\nadmin_live_"},
        "prefix",
        "8 or more ASCII letters, digits, '-' and '_', ending in '_'",
    ),
    "an empty id": ({"id": " "}, "id", "one line of text"),
    "a title of two lines": ({"title": "a\nb"}, "title", "one line of text"),
    "an empty summary": ({"summary": ""}, "summary", "one line of text"),
    "a body that is no pattern": (
        {"body": "[a-z"},
        "body",
        "an ASCII regular expression (unterminated character set at position 0)",
    ),
    "no remediation": ({"remediation": []}, "remediation", "a list of one or more lines of text"),
    "a number in the remediation": (
        {"remediation": ["a", 1]},
        "remediation",
        "a list of one or more lines of text",
    ),
    "an empty step": ({"remediation": ["a", " "]}, "remediation", "a list of one or more lines of text"),
    "no example": ({"examples": []}, "examples", "at least one of shape confirmed"),
    "only examples of another shape": (
        {"examples": [{"template": "{prefix}", "shape": "placeholder"}]},
        "examples",
        "at least one of shape confirmed",
    ),
    "an example that is a text": ({"examples": [*GOOD, "{key}"]}, "examples", "tables of template and shape"),
    "an example without a shape": (
        {"examples": [{"template": "{key}"}]},
        "examples",
        "tables of template and shape",
    ),
    "an example of no known shape": (
        {"examples": [{"template": "{key}", "shape": "real"}]},
        "examples.shape",
        "one of confirmed, suspected, placeholder",
    ),
    "a template that is a number": (
        {"examples": [*GOOD, {"template": 1, "shape": "confirmed"}]},
        "examples.template",
        "a str, not a int",
    ),
    "no counter-example": (
        {"counter_examples": []},
        "counter_examples",
        "a list of one or more lines of text",
    ),
    "a counter-example that is a number": (
        {"counter_examples": [1]},
        "counter_examples",
        "a list of one or more lines of text",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_field(name: str, tmp_path: Path) -> None:
    changes, field, expected = BROKEN[name]
    path = write(tmp_path, **changes)
    ran = keyscan("rules", "check", tmp_path)
    assert (ran.code, ran.text) == (2, "")
    assert ran.errors == f"error: {path}: {field}: expected {expected}\n{HINT}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"id = ", "valid TOML (Invalid value (at end of document))"),
        (b"id = 1\nid = 2\n", "valid TOML (Cannot overwrite a value (at line 2, column 7))"),
        (b"\xff\xfe", "valid TOML (not UTF-8)"),
    ],
    ids=["half a line", "twice", "not UTF-8"],
)
def test_what_is_no_toml(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "rule.toml"
    path.write_bytes(content)
    ran = keyscan("rules", "check", tmp_path)
    assert (ran.code, ran.text) == (2, "")
    assert ran.errors == f"error: {path}: file: expected {expected}\n{HINT}"


class TestFolders:
    def test_an_empty_one(self, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("no rule")
        ran = keyscan("rules", "check", tmp_path)
        assert (ran.code, ran.text) == (2, "")
        told = f"error: rules: no .toml file in {tmp_path}\n"
        assert ran.errors == told + "help: Name a folder with one TOML file per rule.\n"

    @pytest.mark.parametrize(
        ("name", "why"), [("none", "No such file or directory"), ("file", "Not a directory")]
    )
    def test_none(self, name: str, why: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        ran = keyscan("rules", "check", tmp_path / name)
        assert (ran.code, ran.text) == (2, "")
        told = f"error: rules: cannot list {tmp_path / name}: {why}\n"
        assert ran.errors == told + "help: Name a folder with one TOML file per rule.\n"

    def test_a_folder_in_place_of_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "rule.toml").mkdir()
        ran = keyscan("rules", "check", tmp_path)
        told = f"error: {tmp_path / 'rule.toml'}: file: expected a readable file (Is a directory)\n"
        assert (ran.code, ran.errors) == (2, told + HINT)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"prefix": "another_"}, "id: expected one that a.toml does not use already"),
            ({"id": "another"}, "prefix: expected one that a.toml does not use already"),
            (
                {"id": "another", "prefix": PREFIXES["admin", "live"] + "new_"},
                "prefix: expected one that does not begin with the prefix of another rule",
            ),
        ],
        ids=["id", "prefix", "prefix in prefix"],
    )
    def test_two_rules_in_each_others_way(self, changes: dict[str, Any], told: str, tmp_path: Path) -> None:
        write(tmp_path, "a.toml")
        path = write(tmp_path, "b.toml", **changes)
        ran = keyscan("rules", "check", tmp_path)
        assert (ran.code, ran.text, ran.errors) == (2, "", f"error: {path}: {told}\n{HINT}")

    def test_every_rule_is_told_apart_by_file_and_field_in_process_too(self, tmp_path: Path) -> None:
        path = write(tmp_path, mode="prod")
        with pytest.raises(RuleError) as caught:
            rules.load(tmp_path)
        assert caught.value.message == f"{path}: mode: expected one of live, test"
        assert str(caught.value) == caught.value.message
