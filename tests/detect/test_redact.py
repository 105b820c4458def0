"""What is shown holds no key: neither the one it is about nor any other, in no form."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan.detect import KeyDetector, redact, surroundings
from boltz_keyscan.rules import load
from boltz_keyscan.sanitize import harmless
from tests.depth import examples
from tests.keys import PREFIXES, fake_key
from tests.leaks import disguises, leaks, without_prefix
from tests.strategies import BLOBS, NOISE

DETECTOR = KeyDetector.of(load())
PREFIX = PREFIXES["ws", "live"]
# A body with each kind of character, so that every escape has something to escape.
KEY = next(
    key for key in (fake_key("ws", "live", seed) for seed in range(99)) if "-" in key and key.count("_") > 3
)
OTHER = next(key for key in (fake_key("admin", "live", seed) for seed in range(99)) if "-" in key)

FORMS = disguises(KEY)
OTHERS = disguises(OTHER)
BARE = without_prefix(KEY)
GLUES = {"a space": b" ", "a comma": b'", "', "nothing": b"", "a colon": b":", "NUL": b"\0\0"}


def contexts(line: bytes) -> list[str]:
    shown = [match.context for match in DETECTOR.find([line])]
    for text in shown:
        assert len(text) <= surroundings.WIDTH
        assert text == harmless(text)
    return shown


def test_the_leak_test_sees_every_disguise() -> None:
    for name, form in FORMS.items():
        assert leaks(b"before " + form + b" after", KEY), name
    assert not leaks(b"before " + FORMS["plain"][:20] + b" after", KEY)


@pytest.mark.parametrize("form", BARE)
def test_a_line_with_the_body_once_more(form: str) -> None:
    assert leaks(b"before " + BARE[form] + b" after", KEY)
    for line in (b"%b %b", b'{"a": "%b", "b": "%b"}'):
        for both in itertools.permutations((KEY.encode(), BARE[form])):
            assert (shown := contexts(line % both))
            assert leaks("\n".join(shown).encode(), KEY) == [], shown


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("sign", ["\u200b", "\u2060\u200d", "\ufeff", "\u00ad", "\u2011"])
def test_a_message_in_utf_16_with_a_sign_within_the_key(sign: str, encoding: str) -> None:
    for at in range(3, len(KEY) - 1, 5):
        broken = KEY.replace("-", sign) if sign == "\u2011" else KEY[:at] + sign + KEY[at:]
        shown = DETECTOR.redact(f"fatal: {broken} is not known".encode(encoding))
        assert leaks(shown.encode(), KEY) == [], shown
        assert shown.startswith("fatal: ")
        assert shown.endswith(" is not known")


@pytest.mark.parametrize("form", [form for form in BARE if form.startswith("whole")])
def test_a_path_with_the_key_in_another_spelling(form: str) -> None:
    assert DETECTOR.redact(b"data/" + BARE[form] + b".txt") == f"data/{redact.REDACTED}.txt"


@pytest.mark.parametrize("form", FORMS)
def test_a_text_with_a_key(form: str) -> None:
    raw = b"cannot open " + FORMS[form] + b": no such file"
    assert leaks(DETECTOR.redact(raw).encode(), KEY) == []
    assert redact.REDACTED in DETECTOR.redact(raw)
    assert DETECTOR.redact(raw).startswith("cannot open ")


@pytest.mark.parametrize("glue", GLUES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.sampled
def test_a_line_with_the_key_twice(form: str, glue: str) -> None:
    plain, disguised, between = KEY.encode(), FORMS[form], GLUES[glue]
    for line in (
        plain + between + disguised,
        disguised + between + plain,
        disguised + between + plain + between + disguised,
    ):
        assert (shown := contexts(line)), form
        assert leaks("\n".join(shown).encode(), KEY) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_line_with_another_key(form: str) -> None:
    for line in (b"%b %b", b"%b, %b", b"%b\0%b"):
        for both in itertools.permutations((OTHER.encode(), FORMS[form])):
            assert leaks("\n".join(contexts(line % both)).encode(), KEY, OTHER) == []


FAR = [b" ", b"x", b"=", b"\xc3\xa9", "\N{PILE OF POO}".encode()]
"""What may stand between two keys."""


@pytest.mark.parametrize("filler", FAR)
@pytest.mark.parametrize("form", OTHERS)
@pytest.mark.sampled
def test_another_key_at_any_distance(form: str, filler: bytes) -> None:
    """Of what is too far to be shown, each distance with one or two of the fillers."""
    near, far = (
        range(0, surroundings.WIDTH + 37, 37),
        range(37 * FAR.index(filler), surroundings.BEFORE + 100, 37 * 3),
    )
    shown = []
    for distance in sorted({*near, *far}):
        line = OTHERS[form] + filler * (distance // len(filler)) + b" " + KEY.encode() + b" " + filler * 40
        shown += contexts(line + OTHERS[form])
    assert leaks("\n".join(shown).encode(), KEY, OTHER) == []


@pytest.mark.parametrize("form", ["plain", "base64", "hex", "hex, C array", "UTF-16", "percent"])
@pytest.mark.sampled(count=2)
def test_the_edge_of_the_window_cuts_another_key(form: str) -> None:
    disguised = OTHERS[form]
    for distance in range(surroundings.BEFORE - len(disguised) - 1, surroundings.BEFORE + 2):
        line = b"y" * 3000 + disguised + b" " * distance + KEY.encode()
        assert leaks("\n".join(contexts(line)).encode(), KEY, OTHER) == [], distance


def test_megabytes_of_adjacent_keys() -> None:
    keys = [fake_key("ws", "live", number) for number in range(200)]
    line = "".join(keys).encode() * 180
    assert len(line) > 2_000_000
    # Each of them, and those of the beginning once more, as they come behind the last.
    shown = [match.context for match in itertools.islice(DETECTOR.find([line]), 250)]
    assert len(shown) == 250
    assert max(map(len, shown)) == surroundings.WIDTH
    assert leaks("\n".join(shown).encode(), *keys) == []


@pytest.mark.parametrize("size", [12, 20, 30, 42])
def test_a_piece_of_the_body_without_its_prefix(size: int) -> None:
    body = KEY.removeprefix(PREFIX)
    for start in range(0, len(body) - size + 1, 5):
        line = f'{{"key": "{KEY}", "prefix": "sk_bc", "part": "{body[start : start + size]}"}}'
        (shown,) = contexts(line.encode())
        assert leaks(shown.encode(), KEY) == []
        assert '"prefix": "sk_bc", "' in shown
        assert shown.endswith('[REDACTED]"}')


@settings(max_examples=examples(60))
@given(NOISE, st.sampled_from(sorted(FORMS)), NOISE, st.booleans(), NOISE)
def test_whatever_stands_around(first: bytes, form: str, second: bytes, swapped: bool, third: bytes) -> None:  # noqa: FBT001 - drawn
    one, two = (KEY.encode(), FORMS[form])[:: -1 if swapped else 1]
    line = first + one + second + two + third
    assert leaks("\n".join(sorted(set(contexts(line)))).encode(), KEY) == []


@given(NOISE, st.sampled_from(sorted(FORMS)), NOISE)
def test_whatever_stands_around_in_a_text(before: bytes, form: str, after: bytes) -> None:
    # A disguise that continues what stands before it is another text.
    shown = DETECTOR.redact(before + b" \n" + FORMS[form] + b"\n " + after)
    assert leaks(shown.encode(), KEY) == []
    assert shown == harmless(shown)


@given(BLOBS)
def test_every_context_is_short_and_harmless(blob: bytes) -> None:
    contexts(blob)


class TestWhatIsShown:
    """Redaction leaves what a person needs."""

    @pytest.mark.parametrize(
        ("line", "shown"),
        [
            (b"{key}", "{red}"),
            (b'  BOLTZ_API_KEY="{key}"  # prod', 'BOLTZ_API_KEY="{red}"  # prod'),
            (b"one\ntwo {key} two\nthree", "two {red} two"),
            (b"one\r\ntwo {key}\r\nthree", "two {red}"),
            (b"a\rb {key}\r", "a\\x0db {red}"),
            (b"\x1b[31m{key}\x1b[0m", "\\x1b[31m{red}\\x1b[0m"),
            (b"\\n{key}\\n", "\\n{red}\\n"),
            (b"?api_key%3D{key}&x=1", "?api_key%3D{red}&x=1"),
            (b"cl\xc3\xa9 {key} \xff", "cl\xe9 {red} \\xff"),
            (b"t\0e\0x\0t\0 \0{key}", "text {red}"),
            (b"::error::{key}", "\\x3a:error::{red}"),
            (b"##vso[task]{key}", "##vso\\x5btask]{red}"),
            (b"task_bc_checkpoint_dir {key}", "task_bc_checkpoint_dir {red}"),
            (
                b"commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904 {key}",
                "commit [REDACTED] {red}",
            ),
            (
                b"2026-11-28T17:13:55.123456+00:00 [main] INFO https://api.boltz.bio/compute/v1/jobs?key={key}",
                "2026-11-28T17:13:55.123456+00:00 [main] INFO https://api.boltz.bio/compute/v1/jobs?key={red}",
            ),
            (
                b'"os\\nBOLTZ_API_KEY=\\"{key}\\"\\nBoltzClient(openMM=8) # x86_64"',
                '"os\\nBOLTZ_API_KEY=\\"{red}\\"\\nBoltzClient(openMM=8) # x86_64"',
            ),
            (b"[115, 107] 73 6b %5F &lowbar; {key}", "[115, 107] 73 6b %5F &lowbar; {red}"),
        ],
        ids=str,
    )
    def test_the_line(self, line: bytes, shown: str) -> None:
        (context,) = contexts(line.replace(b"{key}", KEY.encode()))
        assert context == shown.replace("{red}", f"{PREFIX}[REDACTED]")

    def test_a_placeholder_is_readable(self) -> None:
        assert contexts(f"use {PREFIX}example here".encode()) == [f"use {PREFIX}example here"]

    def test_of_a_long_line_the_part_around_the_key(self) -> None:
        before, after = "one two " * 250, " four five" * 200
        (context,) = contexts(f"{before}{KEY}{after}".encode())
        red = f"{PREFIX}[REDACTED]"
        assert context == (before[-surroundings._LEAD :] + red + after)[: surroundings.WIDTH].strip()
        (context,) = contexts(f"{before}{KEY} end".encode())
        assert context == (before + red + " end")[-surroundings.WIDTH :].strip()
        (context,) = contexts(f"start {KEY}{after}".encode())
        assert context == ("start " + red + after)[: surroundings.WIDTH].strip()

    def test_no_character_is_cut_in_half(self) -> None:
        for shift in range(4):
            line = "x" * shift + "\N{PILE OF POO}" * 900 + KEY + "\N{PILE OF POO}" * 900
            (context,) = contexts(line.encode())
            assert set(context.replace(f"{PREFIX}[REDACTED]", "")) <= {
                "\N{PILE OF POO}",
                "\\",
                *"x0123456789abcdef",
            }
            assert context.startswith("\N{PILE OF POO}")

    def test_what_was_cut_off_leaves_no_command(self) -> None:
        for lead in range(60, 120):
            (context,) = contexts(b"a" * 300 + b"::error::" + b"b" * lead + KEY.encode() + b" " * 300)
            assert not context.lstrip().startswith("::")


def test_other_rules_are_redacted_by_their_own_prefixes() -> None:
    patterns = redact.compile_redaction((b"first_kind_", b"second_kind_"))
    body = KEY.removeprefix(PREFIX)
    for prefix in ("first_kind_", "second_kind_"):
        text = f"a {prefix}{body} {(prefix + body).encode().hex()} b"
        assert redact.redact(text.encode(), patterns) == f"a {prefix}[REDACTED] [REDACTED] b"
    assert redact.redact(b"nothing to hide", patterns) == "nothing to hide"


HOSTILE = {
    "letters": b"A",
    "backslashes": b"\\",
    "ampersands": b"&amp;",
    "percents": b"%25",
    "zeros": b"00",
    "first byte of a stem in hex": b"73",
    "stems": b"sk_bc_",
    "stems in hex": b"736b5f62635f",
    "stems in decimal": b"115, 107, 95, 98, 99, 95, ",
    "stems in base64": b"c2tfYmNf",
    "stems, escaped": b"sk%5Fbc%5F",
    "prefixes": PREFIX.encode(),
    "keys": KEY.encode(),
    "keys, escaped": KEY.replace("_", "%5F").encode(),
    "keys and bodies": f"{KEY} {KEY.removeprefix(PREFIX)} ".encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.sampled(count=5)
def test_hostile_text_costs_no_more_than_its_length(name: str) -> None:
    def seconds(size: int) -> float:
        raw = HOSTILE[name] * (size // len(HOSTILE[name]))
        started = time.process_time()
        DETECTOR.redact(raw)
        return time.process_time() - started

    few = many = 60.0
    for _ in range(3):
        few, many = min(few, seconds(1 << 14)), min(many, seconds(1 << 17))
        # Quadratic work would be 64 times as much for 8 times the input.
        if many < 24 * few + 0.1:
            return
    pytest.fail(f"{few} seconds, and {many} for 8 times as much")


@given(st.from_regex(rb"[A-Za-z0-9]{1,8}", fullmatch=True))
def test_a_short_word_is_never_changed(word: bytes) -> None:
    assert DETECTOR.redact(word) == redact.redact(word, redact.compile_redaction(DETECTOR.prefixes))
