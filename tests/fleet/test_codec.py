"""Records of a state come back as they were stored, with all that they can hold."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from boltz_keyscan.fleet import codec
from boltz_keyscan.model.finding import Finding, Gap, Location
from boltz_keyscan.model.suppression import Comment, Suppression, SuppressionCandidate
from tests.report.samples import finding, past


def filled(kind: type) -> Any:
    """A record with a value of its own in each field."""
    values: dict[str, Any] = {}
    for each in dataclasses.fields(kind):
        note = str(kind.__annotations__[each.name])
        word = note.removesuffix(" | None")
        values[each.name] = (
            filled(NESTED[word])
            if word in NESTED
            else (filled(NESTED[word[6:-5]]),)
            if word[6:-5] in NESTED
            else {
                "str": each.name,
                "int": 7,
                "bool": True,
                "tuple[str, ...]": ("a", each.name),
                "tuple[int, ...]": (1, 2),
            }[word]
        )
    return kind(**values)


NESTED = {kind.__name__: kind for kind in (Comment, Suppression, SuppressionCandidate)}


@pytest.mark.parametrize("kind", NESTED.values(), ids=NESTED)
def test_what_suppresses_a_key_comes_back(kind: type) -> None:
    record = filled(kind)
    fields = {"suppression": record} if kind is Suppression else {}
    if kind is SuppressionCandidate:
        fields = {"excuses": (record,)}
    place = dataclasses.replace(past(1), comments=(record,)) if kind is Comment else past(1)
    stored = dataclasses.replace(finding(), locations=(place,), **fields)
    assert codec.decode(Finding, codec.encode(stored)) == stored
    gap = Gap("a", "b", "c", accepted=filled(Suppression))
    assert codec.decode(Gap, codec.encode(gap)) == gap
    assert codec.decode(Location, codec.encode(place)) == place


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"class":"Evil"}', '{"class":"Gap","x":1}'])
def test_what_is_no_record_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        codec.decode(Gap, text)
