"""The strict JSON writer: what it refuses, and what comes out."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.model.enums import ExitCode, Severity
from boltz_keyscan.report.json_encode import dumps


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        {1, 2},
        Severity.HIGH,
        ExitCode.CLEAN,
        Decimal(1),
        object(),
        {1: "a"},
        {Severity.LOW: 1},
        [b""],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_json_raises(value: object) -> None:
    with pytest.raises(TypeError, match=r"is not a JSON type|cannot name a JSON member"):
        dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_json_does_not_have_raise(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps(value)


def test_lone_surrogates_are_spelt_out() -> None:
    # Two halves that Python holds apart must not come back as one character.
    assert json.loads(dumps({"\udc80": "a\ud83d\ude00"})) == {"\\udc80": "a\\ud83d\\ude00"}


@pytest.mark.parametrize("text", ["##[error]x", "###[x", "####", "a ##[b", "##vso[task.x]"])
def test_no_runner_finds_a_command(text: str) -> None:
    line = dumps([text])
    assert "##" not in line
    assert json.loads(line) == [text]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(TREES)
def test_a_parser_reads_back_what_went_in(value: object) -> None:
    line = dumps(value)
    assert json.loads(line) == value
    assert line.isascii()
    assert line.isprintable()
