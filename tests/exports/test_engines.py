"""The expressions in the engines of scanners that cannot be installed here.

trufflehog's is RE2, and its steps are few: they are gone through as its ``custom_detectors.go``
does. GitHub's is Hyperscan, of which this program has a copy.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import hyperscan
import pytest
import yaml

from boltz_keyscan import exports, rules
from boltz_keyscan.exports import patterns
from tests.detect.fillers import DATE, FEW, GROUP, WORD
from tests.exports import corpus
from tests.gate import absent
from tests.keys import fake_key

if TYPE_CHECKING:
    from pathlib import Path

# Of proto/custom_detectors.proto, 2026-08-21.
TRUFFLEHOG_FIELDS = frozenset(
    {
        "name", "keywords", "regex", "verify", "description", "exclude_regexes_capture", "exclude_words",
        "entropy", "exclude_regexes_match", "primary_regex_name", "validations",
    }
)  # fmt: skip

GITHUB_FIELDS = frozenset(
    {"name", "pattern", "start_delimiter", "end_delimiter", "must_match", "must_not_match"}
)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, corpus.Corpus]:
    folder = tmp_path_factory.mktemp("engines") / "files"
    return folder, corpus.build(folder)


def re2() -> Any:
    try:
        import re2 as engine  # noqa: PLC0415 - may be absent
    except ImportError:
        absent("RE2 is not installed: pip install google-re2")
    return engine


def entropy(text: str) -> float:
    """Shannon's, in bits per character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def trufflehog(detector: dict[str, Any], text: str) -> list[str]:
    """What a custom detector finds in a piece of text."""
    if not any(word.lower() in text.lower() for word in detector["keywords"]):
        return []
    engine = re2()
    excluded = [engine.compile(expression) for expression in detector["exclude_regexes_match"]]
    return [
        match[0]
        for match in engine.compile(detector["regex"]["key"]).finditer(text)
        if entropy(match[0]) >= detector["entropy"] and not any(each.search(match[0]) for each in excluded)
    ]


def test_trufflehog(planted: tuple[Path, corpus.Corpus]) -> None:
    detectors = yaml.safe_load(exports.export_rules("trufflehog", rules.load()))["detectors"]
    assert all(set(detector) <= TRUFFLEHOG_FIELDS for detector in detectors)
    folder, files = planted

    def found(path: str) -> list[str]:
        text = (folder / path).read_bytes().decode("latin-1")
        return [secret for detector in detectors for secret in trufflehog(detector, text)]

    assert {path: found(path) for path in files.plain} == {path: [key] for path, key in files.plain.items()}
    assert [path for path in files.lookalikes if not found(path)] == []
    assert [path for path in files.decoys if found(path)] == []
    assert {files.fillers[path] for path in files.fillers if found(path)} == {DATE, FEW, GROUP, WORD}


class Hyperscan:
    """One expression."""

    def __init__(self, expression: str) -> None:
        self.database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self.database.compile(
            expressions=[expression.encode()], ids=[0], elements=1, flags=[hyperscan.HS_FLAG_SOM_LEFTMOST]
        )

    def search(self, data: bytes) -> list[tuple[int, int]]:
        """Where it matches: each end, with the first beginning for it."""
        spans: list[tuple[int, int]] = []
        self.database.scan(
            data, match_event_handler=lambda _id, start, end, _flags, _: spans.append((start, end))
        )
        return spans


class GitHub:
    """A custom pattern: before, secret and after in one, and what the secret must not match."""

    def __init__(self, pattern: dict[str, Any]) -> None:
        assert set(pattern) <= GITHUB_FIELDS
        before, after = pattern["start_delimiter"], pattern["end_delimiter"]
        self.whole = Hyperscan(f"(?:{before})(?:{pattern['pattern']})(?:{after})")
        self.secret = Hyperscan(pattern["pattern"])
        self.unwanted = [Hyperscan(expression) for expression in pattern["must_not_match"]]

    def found(self, data: bytes) -> set[bytes]:
        secrets = set()
        for start, end in self.whole.search(data):
            # The longest, as what follows must not be of the body.
            inner = max(self.secret.search(data[start:end]), key=lambda span: span[1] - span[0])
            secrets.add(data[start:end][slice(*inner)])
        return {secret for secret in secrets if not any(each.search(secret) for each in self.unwanted)}


def test_github(planted: tuple[Path, corpus.Corpus]) -> None:
    text = exports.export_rules("github", rules.load())
    body = json.loads("".join(line for line in text.splitlines() if not line.startswith("#")))
    patterns = [GitHub(pattern) for pattern in body["patterns"]]
    folder, files = planted

    def found(path: str) -> set[bytes]:
        data = (folder / path).read_bytes()
        return {secret for pattern in patterns for secret in pattern.found(data)}

    for path, key in files.plain.items():
        (secret,) = found(path)
        assert secret.startswith(key.encode()), path
        assert len(secret) == len(key) or path.endswith("settings.pyc"), path
    assert [path for path in files.lookalikes if not found(path)] == []
    assert [path for path in files.decoys if found(path)] == []
    assert {files.fillers[path] for path in files.fillers if found(path)} == {DATE, FEW, GROUP, WORD}


@pytest.mark.parametrize(
    "rule", [rule for rule in rules.load() if not rules.is_exact(rule.prefix)], ids=lambda rule: rule.id
)
def test_the_expression_takes_the_key_and_not_what_is_glued_on(rule: rules.Rule) -> None:
    engine = re2()
    key = fake_key(*rule.prefix.removeprefix("sk_bc_").rstrip("_").split("_"))
    for glued in ("", "N", "_old", "-->", "Z" * 40):
        assert engine.search(patterns.key(rule), f"x{key}{glued}")[0] == key
