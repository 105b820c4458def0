"""Every hiding place of the corpus is found, with its chain; no decoy raises an alarm."""

from __future__ import annotations

import pytest

from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Match
from boltz_keyscan.rules import load
from conformance import encodings, layouts
from conformance.encodings import Hiding
from tests.keys import PREFIXES, fake_key, fingerprint
from tests.leaks import leaks
from tests.sources.containers import scan_container

_ALL = (*encodings.HIDINGS, *layouts.HIDINGS)
HIDINGS = tuple(hiding for hiding in _ALL if not hiding.opened)
OPENED = tuple(hiding for hiding in _ALL if hiding.opened)
DECOYS = {**encodings.DECOYS, **layouts.DECOYS}
DETECTOR = KeyDetector.of(load())
KINDS = sorted(PREFIXES)


def key_of(hiding: Hiding) -> str:
    """A key with a dash and more than one underscore in its body, so that escapes have something to do."""
    kind, mode = KINDS[len(hiding.name) % len(KINDS)]
    keys = (fake_key(kind, mode, (hiding.name, seed)) for seed in range(999))
    return next(key for key in keys if "-" in key and key.count("_") > 5)


def alarms(blob: bytes) -> list[Match]:
    return [match for match in DETECTOR.find([blob]) if match.shape is not Shape.PLACEHOLDER]


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(HIDINGS) >= 220
    assert len(DECOYS) >= 60
    assert len(OPENED) >= 30
    assert len({*DECOYS, *(hiding.name for hiding in _ALL)}) == len(DECOYS) + len(_ALL)


@pytest.mark.parametrize("hiding", HIDINGS, ids=lambda hiding: hiding.name)
def test_a_hiding_place(hiding: Hiding) -> None:
    key = key_of(hiding)
    blob = hiding.build(key)
    told = [(match.fingerprint == fingerprint(key), match.shape, match.decoded) for match in alarms(blob)]
    assert told == [(True, Shape.CONFIRMED, hiding.chain)]
    assert DETECTOR.candidate_offsets(blob, len(blob))
    for match in DETECTOR.find([blob]):
        assert leaks(match.context.encode(), key) == []


@pytest.mark.parametrize("hiding", OPENED, ids=lambda hiding: hiding.name)
def test_a_hiding_place_that_is_opened(hiding: Hiding) -> None:
    key = key_of(hiding)
    matches = [hit.match for hit in scan_container(hiding.build(key)).hits]
    told = {(match.fingerprint == fingerprint(key), match.shape, match.decoded) for match in matches}
    assert told == {(True, Shape.CONFIRMED, hiding.chain)}
    for match in matches:
        assert leaks(match.context.encode(), key) == []


@pytest.mark.parametrize("hiding", HIDINGS, ids=lambda hiding: hiding.name)
def test_a_hiding_place_in_a_text_that_is_shown(hiding: Hiding) -> None:
    key = key_of(hiding)
    blob = hiding.build(key)
    assert leaks(DETECTOR.redact(blob).encode(), key) == []
    # Beside another key, whose line is shown.
    beside = key_of(Hiding(f"other {hiding.name}", hiding.build)).encode() + b" " + blob
    shown = "\n".join(match.context for match in DETECTOR.find([beside]))
    assert leaks(shown.encode(), key) == []


@pytest.mark.parametrize("name", DECOYS)
def test_a_decoy(name: str) -> None:
    assert alarms(DECOYS[name]) == []
