"""The exports as files: their form, that they come from the rules, and that they hold no key."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from boltz_keyscan import exports, rules
from boltz_keyscan.detect.classify import FILLERS
from boltz_keyscan.exports import patterns
from tests.depth import NIGHTLY
from tests.keys import PREFIXES, fake_body
from tests.running import ROOT, keyscan
from tests.test_selfscan import KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = exports.EXPORTERS


def _json(text: str) -> Any:
    return json.loads("".join(line for line in text.splitlines() if not line.startswith("#")))


PARSERS: dict[str, Callable[[str], Any]] = {
    "gitleaks": tomllib.loads,
    "betterleaks": tomllib.loads,
    "trufflehog": yaml.safe_load,
    "kingfisher": yaml.safe_load,
    "detect-secrets": ast.parse,
    "secretlint": yaml.safe_load,
    "github": _json,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_form(name: str) -> None:
    text = exports.export_rules(name, rules.load())
    assert PARSERS[name](text)
    assert text.isascii()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    # How it came to be, how it is used, and what it cannot do.
    assert f"boltz-keyscan rules export --for {name}\n" in text
    assert " cannot express:\n" in text
    for rule in rules.load():
        assert rule.title in text
        assert rule.prefix in text


@pytest.mark.parametrize("name", NAMES)
def test_it_is_made_from_the_rules(name: str) -> None:
    """A rule that is not among ours is exported all the same, and nothing of ours with it."""
    model = rules.load()[0]
    other = dataclasses.replace(
        model, id="boltz-new-kind", title="Boltz new kind", prefix="sk_bc_new_kind_", body="[a-f]{50}[01]"
    )
    text = exports.export_rules(name, (other,))
    assert PARSERS[name](text)
    assert "sk_bc_new_kind_" in text
    assert ("[a-f]{50}[01]" in text) == (name != "github")
    assert not any(prefix in text for prefix in PREFIXES.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_summary_with_quotes_does_not_break_out(name: str) -> None:
    model = rules.load()[0]
    hostile = "It's \"quoted\" '''thrice''' \\ and `so` on: # {0} %s '"
    other = dataclasses.replace(model, title=hostile, summary=hostile)
    assert PARSERS[name](exports.export_rules(name, (other,)))


def test_each_run_gives_the_same_bytes() -> None:
    code = (
        "from boltz_keyscan import exports, rules\n"
        "print(*(exports.export_rules(name, rules.load()) for name in exports.EXPORTERS))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_no_export_holds_what_looks_like_a_key(tmp_path: Path) -> None:
    for name in NAMES:
        ran = keyscan("rules", "export", "--for", name, "--output", tmp_path / name)
        assert (ran.code, ran.out, ran.err) == (0, b"", b"")
        assert not KEY.search((tmp_path / name).read_bytes())
    ran = keyscan(tmp_path, "--fail-on", "any", "--format", "json")
    assert ran.code == 0
    assert {finding["shape"] for finding in ran.report["findings"]} <= {"placeholder"}


def test_there_is_one_template_for_each() -> None:
    folder = ROOT / "boltz_keyscan/exports/templates"
    assert {path.stem for path in folder.iterdir()} - {"base"} == set(NAMES)


# The pieces.


def test_no_random_body_is_taken_for_a_placeholder() -> None:
    """The expressions regard no case, so that they take more than ours; how much more is bounded."""
    found = [re.compile(expression) for expression in patterns.placeholders(rules.load())]
    words = patterns.contained_words(rules.load())
    for seed in range(20_000 if NIGHTLY else 3_000):
        key = PREFIXES["ws", "test"] + fake_body(seed)
        assert not any(expression.search(key) for expression in found), seed
        assert not any(word in key.lower() for word in words), seed


def test_a_word_that_may_begin_in_a_prefix_is_not_looked_for_everywhere() -> None:
    words = patterns.contained_words(rules.load())
    assert "test-key" in words
    for rule in rules.load():
        for word in words:
            assert not any(rule.prefix.endswith(word[:cut]) for cut in range(1, len(word))), word


def test_the_kinds_of_fillers_are_those_that_were_thought_of() -> None:
    """A new kind has to be put into the exports, or into what they cannot say."""
    assert [reason for reason, _ in FILLERS] == [
        "few different characters",
        "one character repeated",
        "one group repeated",
        "counting run",
        "stock sequence",
        "filler word",
        "plain words",
        "date or time",
    ]


@pytest.mark.parametrize("text", ["plain", "it's", "ends with '", "'''", '"', "a\\b", "`", "#"])
def test_quoting(text: str) -> None:
    assert tomllib.loads(f"a = {patterns.toml(text)}\n") == {"a": text}
    assert yaml.safe_load(f"a: {patterns.yaml(text)}\n") == {"a": text}


# The command.


@pytest.mark.parametrize("name", NAMES)
def test_to_standard_output(name: str) -> None:
    ran = keyscan("rules", "export", "--for", name)
    assert (ran.code, ran.text, ran.errors) == (0, exports.export_rules(name, rules.load()), "")


def test_which_scanner_must_be_said() -> None:
    ran = keyscan("rules", "export")
    assert (ran.code, ran.text) == (2, "")
    assert "--for" in ran.errors
    unknown = keyscan("rules", "export", "--for", "grep")
    assert (unknown.code, unknown.text) == (2, "")
    assert "grep" in unknown.errors
    assert all(name in unknown.errors for name in NAMES)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "boltz.toml"
    path.write_text("old\n")
    assert keyscan("rules", "export", "--for", "gitleaks", "--output", path).code == 0
    assert path.read_text() == exports.export_rules("gitleaks", rules.load())
    assert [each.name for each in tmp_path.iterdir()] == ["boltz.toml"]


@pytest.mark.parametrize("what", ["folder", "link", "nowhere", "full"])
def test_where_it_cannot_be_written(what: str, tmp_path: Path) -> None:
    path = tmp_path / "there"
    match what:
        case "folder":
            path.mkdir()
        case "link":
            (tmp_path / "other").write_text("mine\n")
            path.symlink_to(tmp_path / "other")
        case "nowhere":
            path = tmp_path / "none/there"
        case "full":
            path = tmp_path / ("x" * 300)
    before = sorted(tmp_path.iterdir())
    ran = keyscan("rules", "export", "--for", "github", "--output", path)
    assert (ran.code, ran.text) == (2, "")
    assert ran.errors.startswith("error: cannot write the rules to ")
    assert ran.errors.endswith("help: Name another file.\n")
    assert sorted(tmp_path.iterdir()) == before
    if what == "link":
        assert (tmp_path / "other").read_text() == "mine\n"
