"""Keys are replaced in every form of the corpus, in the same encoding, and nothing around them changes."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan.detect import KeyDetector, rewrite
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.redactor.stream import rewrite_bytes
from boltz_keyscan.rules import load
from conformance import encodings, layouts
from tests.depth import examples
from tests.keys import PREFIXES, fake_body, fake_key, fingerprint
from tests.leaks import disguises, leaks
from tests.strategies import BLOBS, KEYS, NOISE

DETECTOR = KeyDetector.of(load()).with_edits()
KEY = next(
    key for key in (fake_key("ws", "live", seed) for seed in range(99)) if "-" in key and "_" in key[14:]
)
NAME = fingerprint(KEY)


def keys_in(data: bytes) -> list[str]:
    return [match.fingerprint for match in DETECTOR.find([data]) if match.shape is not Shape.PLACEHOLDER]


def test_the_replacement_has_the_length_of_the_key_and_names_it() -> None:
    for kind, mode in PREFIXES:
        key = fake_key(kind, mode, 1)
        for size in (20, 21, 30, 43, 60, 200):
            whole = PREFIXES[kind, mode] + fake_body(1)[:1] * size
            new = rewrite.replacement(PREFIXES[kind, mode].encode(), len(whole), fingerprint(key))
            assert len(new) == len(whole)
            assert new.startswith(f"{PREFIXES[kind, mode]}[REDACTED][{fingerprint(key)[:8]}".encode())
            assert keys_in(b"x = '" + new + b"'") == []
        assert f"[{fingerprint(key)}]".encode() in new


def test_every_disguise_is_replaced_within_its_encoding() -> None:
    for name, form in disguises(KEY).items():
        before = b'{"a": "' + form + b'", "z": 1}\n'
        after, result = rewrite_bytes(before, DETECTOR)
        assert sum(result.replaced.values()) == 1, name
        assert set(result.replaced) == {NAME}, name
        assert (result.left, leaks(after, KEY)) == ({}, []), name
        assert after.startswith(b'{"a": "'), name
        assert after.endswith(b'", "z": 1}\n'), name
        # Other lengths are of numbers, and of characters by name.
        assert len(after) == len(before) or name.startswith(("decimal", "HTML, ", "Markdown")), name
    text = f"user:{KEY}\nmore"
    (after, _) = rewrite_bytes(base64.b64encode(text.encode()), DETECTOR)
    shown = rewrite.replacement(PREFIXES["ws", "live"].encode(), len(KEY), NAME).decode()
    assert base64.b64decode(after).decode() == text.replace(KEY, shown)


def test_every_hiding_place_is_replaced_or_left_and_named() -> None:
    """Nothing of a key remains, or the key is still found and counted, as in dumps and TeX."""
    left = set()
    for hiding in (*encodings.HIDINGS, *layouts.HIDINGS):
        if hiding.opened:
            continue  # a container; it is left whole
        before = hiding.build(KEY)
        after, result = rewrite_bytes(before, DETECTOR)
        found = sum(result.left.values())
        assert len(keys_in(after)) == found, hiding.name
        if found:
            left.add(hiding.chain[0])
        elif leaks(after, KEY):
            raise AssertionError(f"{hiding.name}: a part of the key remains")
    assert left == {"base32", "dump", "markup"}


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.tuples(NOISE, KEYS), min_size=1, max_size=3), NOISE)
def test_nothing_else_changes(parts: list[tuple[bytes, str]], end: bytes) -> None:
    """The bytes outside of the places of plain keys are the same, and no plain key remains."""
    before = b"".join(noise + b" " + key.encode() + b" " for noise, key in parts) + end
    edits = sorted(
        (match.offset + start, match.offset + stop, new)
        for match in DETECTOR.find([before])
        if match.shape is not Shape.PLACEHOLDER
        for start, stop, new in match.edits
    )
    after, result = rewrite_bytes(before, DETECTOR)
    assert all(key.encode() not in after for _, key in parts)
    if all(stop - start == len(new) for start, stop, new in edits) and not result.left:
        assert len(after) == len(before)
        touched = {at for start, stop, _ in edits for at in range(start, stop)}
        again = [at for at in range(len(before)) if before[at] != after[at] and at not in touched]
        # Bytes that another pass changed belong to a key that the first one had hidden.
        assert not again or sum(result.replaced.values()) > len(parts)


@settings(max_examples=examples(60), deadline=None)
@given(BLOBS)
def test_a_second_run_changes_nothing(blob: bytes) -> None:
    once, first = rewrite_bytes(blob, DETECTOR)
    twice, second = rewrite_bytes(once, DETECTOR)
    assert (once, second.replaced, second.left) == (twice, {}, first.left)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_stays_json(ascii_only: bool) -> None:  # noqa: FBT001 - a row
    inner = json.dumps({"key": KEY, "b": [base64.b64encode(KEY.encode()).decode()]}, ensure_ascii=ascii_only)
    value = {KEY: [f"é export X={KEY}\n", {"nested": inner, KEY + "2": None}], "n": 1.5}
    after, _ = rewrite_bytes(json.dumps(value, ensure_ascii=ascii_only).encode(), DETECTOR)
    read = json.loads(after)
    assert [len(each) for each in read] == [len(each) for each in value]
    assert set(json.loads(read[next(iter(read))][1]["nested"])) == {"key", "b"}
    assert leaks(after, KEY) == []
