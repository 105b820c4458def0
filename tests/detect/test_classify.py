from __future__ import annotations

import random
import re
from collections import Counter

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.placeholder_rate import placeholders
from boltz_keyscan.detect import classify as module
from boltz_keyscan.detect.classify import FILLERS, KEY_BODY, PHRASES, SEQUENCES, Verdict, classify, spellings
from boltz_keyscan.model.enums import Shape
from tests.depth import NIGHTLY
from tests.detect import fillers
from tests.keys import fake_body

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SEEDS = st.integers(min_value=0)
RUNS = st.text(ALPHABET, max_size=200).map(str.encode)
AROUND = st.binary(max_size=16)


def at_random(template: str) -> bytes:
    """The template with ``{n}`` as the first n characters of a random body."""
    return re.sub(r"\{(\d+)\}", lambda size: fake_body("corpus")[: int(size[1])], template).encode()


@pytest.mark.parametrize(("body", "after", "shape", "reason"), fillers.FILLERS)
def test_fillers_seen_in_public_code(body: str, after: str, shape: Shape, reason: str) -> None:
    verdict = classify(body.encode(), after.encode()[:16])
    assert (verdict.shape, verdict.reason) == (shape, reason)


@pytest.mark.parametrize(("template", "after", "shape", "reason"), fillers.KEYS)
def test_random_bodies_whatever_stands_around(template: str, after: str, shape: Shape, reason: str) -> None:
    verdict = classify(at_random(template), after.encode()[:16])
    assert (verdict.shape, verdict.reason) == (shape, reason)


def test_bodies_at_the_border_of_a_rule() -> None:
    """They are not in the corpus, since the patterns of other scanners draw these borders elsewhere."""
    # Exactly three in five are of a run.
    counting = classify(b"bcdefg9mnopqrK4xyzW7q", b"")
    assert (counting.shape, counting.reason) == (Shape.PLACEHOLDER, "counting run")
    short = classify(at_random("{20}example"), b"")
    assert (short.shape, short.reason) == (Shape.SUSPECTED, "shorter than 43 characters")


def test_every_row_of_the_table_is_in_the_corpus() -> None:
    reasons = {reason for _, _, _, reason in fillers.FILLERS}
    rows = {reason for reason, _ in FILLERS} | {reason for reason, _ in module.AFTER_PREFIX}
    assert rows <= reasons


@given(SEEDS, AROUND)
def test_a_random_body_is_confirmed_whatever_follows(seed: int, after: bytes) -> None:
    verdict = classify(fake_body(seed).encode(), after)
    assert verdict == Verdict(Shape.CONFIRMED, "43 characters, ends as a 32-byte value can", KEY_BODY)


@given(SEEDS, st.text(ALPHABET, min_size=1, max_size=157), AROUND)
def test_glued_text_leaves_the_key_its_identity(seed: int, glued: str, after: bytes) -> None:
    verdict = classify((fake_body(seed) + glued).encode(), after)
    assert (verdict.shape, verdict.length) == (Shape.SUSPECTED, KEY_BODY)


@given(SEEDS, st.sampled_from(sorted({s for p in PHRASES + SEQUENCES for s in spellings(p)})), AROUND)
def test_no_filler_glued_to_a_key_hides_it(seed: int, words: str, after: bytes) -> None:
    for separator in ("", "-", "_"):
        glued = separator + words.replace(" ", separator)
        assert classify((fake_body(seed) + glued).encode(), after).shape is Shape.SUSPECTED
        # Nor a cut key: 20 characters in front of the filler are enough.
        cut = (fake_body(seed)[:21] + glued).encode()
        assert len(cut) == KEY_BODY or classify(cut, after).shape is Shape.SUSPECTED


@given(SEEDS, st.integers(min_value=1, max_value=42), AROUND)
def test_a_cut_body_is_suspected_down_to_20_characters(seed: int, size: int, after: bytes) -> None:
    body = fake_body(seed)[:size]
    verdict = classify(body.encode(), after)
    assert verdict.shape is (Shape.SUSPECTED if size >= 20 else Shape.PLACEHOLDER)
    assert verdict.length == len(body.rstrip("-_"))


@given(SEEDS, st.sampled_from("".join(sorted(set(ALPHABET) - set("048AEIMQUYcgkosw-_")))))
def test_a_last_character_that_no_32_bytes_have_is_only_suspected(seed: int, last: str) -> None:
    verdict = classify((fake_body(seed)[:42] + last).encode())
    assert (verdict.shape, verdict.length) == (Shape.SUSPECTED, KEY_BODY)


@given(RUNS, AROUND)
def test_any_run_has_a_verdict(run: bytes, after: bytes) -> None:
    verdict = classify(run, after)
    assert 0 <= verdict.length <= len(run)
    assert verdict.reason
    assert verdict.shape is not Shape.CONFIRMED or len(run) == verdict.length == KEY_BODY
    assert len(run) >= 20 or verdict.shape is Shape.PLACEHOLDER
    # The part that is the key's has the same identity when it stands alone.
    assert classify(run[: verdict.length], after).length == verdict.length


@given(RUNS, st.text("-_", max_size=9).map(str.encode))
def test_separators_at_the_end_are_not_the_keys(run: bytes, trail: bytes) -> None:
    core = run.rstrip(b"-_")
    assert classify(core + trail).length in {classify(core).length, KEY_BODY}


def test_the_pattern_of_the_rule_decides() -> None:
    body = fake_body("pattern").encode()
    for compile_pattern in (re.compile, regex.compile):
        assert classify(body, body_pattern=compile_pattern(rb"[A-Za-z0-9_-]{43}")).shape is Shape.CONFIRMED
        assert classify(body, body_pattern=compile_pattern(rb"[a-z]{43}")).shape is Shape.SUSPECTED


def test_no_short_word_hides_a_key() -> None:
    body = fake_body("words")
    for word in ("test", "fake", "demo", "TEST", "sample", "dummy", "xxxx", "0000", "123456", "abcdef"):
        for at in range(43 - len(word)):
            planted = body[:at] + word + body[at + len(word) :]
            assert classify(planted.encode()).shape is Shape.CONFIRMED, (word, at)


def test_the_words_cost_less_than_the_bound_stated_for_them() -> None:
    def chance(phrase: str) -> float:
        letters, gaps = len(phrase.replace(" ", "")), phrase.count(" ")
        assert letters >= 7
        places = KEY_BODY - letters + 1
        return float(places * len(spellings(phrase)) * (1 + 2 / 64) ** gaps / 64**letters)

    assert sum(map(chance, PHRASES)) < 2e-9
    assert sum(map(chance, SEQUENCES)) < 5e-12


def test_random_bodies_are_no_placeholders() -> None:
    assert placeholders(200_000 if NIGHTLY else 20_000, KEY_BODY, seed=20) == Counter()


@pytest.mark.parametrize("length", [24, 32, 42])
def test_random_bodies_of_other_lengths_hardly_ever_are(length: int) -> None:
    assert placeholders(20_000 if NIGHTLY else 5_000, length, seed=20) == Counter()


def test_hexadecimal_bodies_are_no_placeholders() -> None:
    draw = random.Random(20)
    shapes = {
        classify(draw.randbytes(size // 2).hex().encode()).shape for size in (32, 64) for _ in range(5_000)
    }
    assert shapes == {Shape.SUSPECTED}
