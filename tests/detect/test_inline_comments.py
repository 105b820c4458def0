"""Comments beside a key: noted in any syntax, on the line or alone on the line above."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector, surroundings
from boltz_keyscan.detect.decoders import AHEAD
from boltz_keyscan.model.suppression import Comment
from tests.keys import fake_body, fake_key
from tests.leaks import leaks, without_prefix

KEY = fake_key("ws", "live", "remarks")
OTHER = fake_key("ws", "live", "beside")
DETECTOR = KeyDetector.of(rules.load())


def noted(text: str | bytes, number: int = 0) -> list[Comment]:
    raw = text if isinstance(text, bytes) else text.replace("KEY", KEY).encode()
    return list(list(DETECTOR.find([raw]))[number].comments)


def ours(reason: str = "") -> list[Comment]:
    return [Comment("boltz-keyscan", reason)]


SYNTAXES = [
    ("# {}", ""),
    ("// {}", ""),
    ("/* {}", " */"),
    ("<!-- {}", " -->"),
    ("-- {}", ""),
    ("; {}", ""),
    ("% {}", ""),
    ("REM {}", ""),
    ("dnl {}", ""),
    ("(* {}", " *)"),
    ("{{# {}", " #}}"),
    ("<%# {}", " %>"),
    ("''' {}", "'''"),
    ('"# {}', '\\n",'),
    ("\t#{}", "  "),
]


@pytest.mark.parametrize(("opening", "closing"), SYNTAXES)
@pytest.mark.parametrize("reason", ["", "made up", "see #12, (a) b=c"])
def test_any_comment_syntax(opening: str, closing: str, reason: str) -> None:
    words = "boltz-keyscan: ignore" + (f"={reason}" if reason else "")
    remark = opening.replace("{{", "{").replace("{}", words) + closing.replace("}}", "}")
    assert noted(f"first\nkey = 'KEY' {remark}\nlast") == ours(reason)
    assert noted(f"first\n{remark}\nkey = 'KEY'\nlast") == ours(reason)
    assert noted(f"{remark}\r\nkey = 'KEY'\r\n") == ours(reason)


@pytest.mark.parametrize(
    "text",
    [
        "KEY\n# boltz-keyscan: ignore",
        "# boltz-keyscan: ignore\n\nKEY",
        "# boltz-keyscan: ignored\nKEY",
        "# boltz-keyscan: ignore-file\nKEY",
        "# boltz-keyscan ignore\nKEY",
        "# keyscan: ignore\nKEY",
        "# Boltz-Keyscan: Ignore\nKEY",
        # A remark behind something says nothing about the next line.
        "a = 1  # boltz-keyscan: ignore\nKEY",
        f"{OTHER}  # boltz-keyscan: ignore\nKEY",
        "# gitleaks:allow\nKEY",
        "# pragma: allowlist secret\nKEY",
        # The beginning of the line above is out of sight.
        "x" * 3000 + " " * 1100 + "# boltz-keyscan: ignore\nKEY",
    ],
)
def test_what_is_none(text: str) -> None:
    assert noted(text, -1) == []


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("KEY # gitleaks:allow", "gitleaks"),
        ("KEY // pragma: allowlist secret", "detect-secrets"),
        ("KEY // pragma: whitelist secret", "detect-secrets"),
        ("# pragma: allowlist nextline secret\nKEY", "detect-secrets"),
    ],
)
def test_those_of_other_scanners_are_noted_as_such(text: str, marker: str) -> None:
    assert noted(text) == [Comment(marker, "")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_wherever_the_reads_are_cut(encoding: str) -> None:
    raw = f"a\n# boltz-keyscan: ignore=für Tests\nx = {KEY}\nb\n".encode(encoding)
    for cut in range(len(raw)):
        (match,) = DETECTOR.find([raw[:cut], raw[cut:]])
        assert match.comments == (Comment("boltz-keyscan", "für Tests"),)


RAW = KEY.encode()

FORMS = {
    "base64": base64.b64encode(RAW).decode(),
    "base64 of lines": base64.b64encode(b"export BOLTZ_API_KEY=" + RAW + b"\nexport MORE=1\n").decode(),
    "base64 of base64": base64.b64encode(base64.b64encode(RAW)).decode(),
    "base64 of UTF-16": base64.b64encode(KEY.encode("utf-16-le")).decode(),
    "hex": RAW.hex(),
    "percent": "".join(f"%{byte:02X}" for byte in RAW),
    "joined": f"{KEY[:25]}' + '{KEY[25:]}",
    "joined early": f"{KEY[:5]}' + '{KEY[5:]}",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("coding", ["utf-8", "utf-16", "utf-16-be"])
def test_beside_a_key_in_disguise(form: str, coding: str) -> None:
    """What counts is the line as it stands; what was encoded with the key is not on it."""
    remark = "# boltz-keyscan: ignore=made up"
    for text, expected in [
        (f"a: 1\nkey: '{FORMS[form]}'  {remark}\nb: 2\n", ours("made up")),
        (f"a: 1\n{remark}\nkey: '{FORMS[form]}'\nb: 2\n", ours("made up")),
        (f"a: 1 {remark}\nkey: '{FORMS[form]}'\n{remark}\n", []),
    ]:
        (match,) = DETECTOR.find([text.encode(coding)])
        assert match.decoded
        assert list(match.comments) == expected


@pytest.mark.parametrize("text", [f"{KEY} # boltz-keyscan: ignore", f"# boltz-keyscan: ignore\n{KEY}\n"])
def test_a_comment_that_is_encoded_too_is_none(text: str) -> None:
    for raw in (base64.b64encode(text.encode()), text.encode().hex().encode()):
        (match,) = DETECTOR.find([b"x: " + raw + b"\n"])
        assert match.decoded
        assert match.comments == ()


WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("coding", WIDE)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_of_wide_characters_is_read_as_such(coding: str, end: str) -> None:
    # Of these characters, some have bytes that are "#" and a line's end, or nothing but NULs, elsewhere.
    odd = "\u0a23\u230a\u010a\u0a00\u4e00"
    for text, expected in [
        (f"KEY # {odd} boltz-keyscan: ignore=für {odd} Tests", ours(f"für {odd} Tests")),
        (f"# boltz-keyscan: ignore={odd}{end}KEY", ours(odd)),
        (f"x{end}# {odd} boltz-keyscan: ignore{end}KEY{end}", []),
        (f"a = 1 {odd} boltz-keyscan: ignore{end}KEY{end}", []),
        (f"a# boltz-keyscan: ignore{end}KEY{end}", []),
        (f"KEY {odd}{end}# boltz-keyscan: ignore", []),
    ]:
        assert noted(text.replace("KEY", KEY).encode(coding)) == expected


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_wide_text_wherever_the_reads_are_cut(coding: str) -> None:
    raw = ("x = 1\n" * 1500 + f"# boltz-keyscan: ignore=für Tests\nx = {KEY}\nb\n").encode(coding)
    for cut in range(len(raw) - 300, len(raw)):
        (match,) = DETECTOR.find([raw[:cut], raw[cut:]])
        assert match.comments == tuple(ours("für Tests"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.sampled(count=3)
def test_a_read_that_ends_in_a_key_does_not_make_a_rest_of_a_line_whole(form: str) -> None:
    """However it is cut, what stands before the key is there, as far as a comment is looked for."""
    line = "y" * 10_000 + "\na = 1" + " " * 1100 + "# boltz-keyscan: ignore\nk: '"
    raw = (line + FORMS[form] + "'\n" + "z\n" * 5000).encode()
    for behind in range(60):
        cut = len(line) + behind + AHEAD + surroundings.AFTER
        (match,) = DETECTOR.find([raw[:cut], raw[cut:]])
        assert match.comments == ()


def test_far_into_a_large_file() -> None:
    raw = b"filler\n" * 100_000 + f"# boltz-keyscan: ignore\n{KEY}\n{OTHER}\n".encode()
    first, second = DETECTOR.find(raw[at : at + 4099] for at in range(0, len(raw), 4099))
    assert first.comments == tuple(ours())
    assert second.comments == ()


def test_each_key_of_a_line() -> None:
    assert [len(noted(f"{KEY} {OTHER} # boltz-keyscan: ignore", number)) for number in (0, 1)] == [1, 1]


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.booleans())
def test_a_reason_gives_no_key_away_and_cannot_act(noise: str, above: bool) -> None:  # noqa: FBT001 - drawn
    remark = f"# boltz-keyscan: ignore={noise}{KEY}{noise}".replace("\n", " ")
    text = f"{remark}\n{OTHER}" if above else f"{OTHER} {remark}"
    for match in DETECTOR.find([text.encode()]):
        for comment in match.comments:
            assert not leaks(comment.reason.encode("utf-8", "backslashreplace"), KEY, OTHER)
            assert len(comment.reason) <= 200
            assert "\x1b" not in comment.reason


@pytest.mark.parametrize("form", [name for name, form in without_prefix(KEY).items() if form.isascii()])
@pytest.mark.sampled(count=40)
def test_a_reason_gives_no_part_of_a_key_away(form: str) -> None:
    disguised = without_prefix(KEY)[form].replace(b"\0", b"").decode()
    for match in DETECTOR.find([f"{KEY} # boltz-keyscan: ignore=see {disguised} there".encode()]):
        for comment in match.comments:
            assert not leaks(comment.reason.encode(), KEY), comment.reason


def test_a_reason_is_words() -> None:
    half = KEY[20:36]
    assert noted(f"KEY # boltz-keyscan: ignore=documentation of {half} since 2024-05-01") == ours(
        "documentation of [REDACTED] since 2024-05-01"
    )


def test_a_piece_of_another_key_is_no_word_of_a_reason() -> None:
    for seed in range(60):
        piece = fake_body(seed)[5:17]
        (comment,) = noted(f"KEY # boltz-keyscan: ignore=see {piece} there")
        assert piece not in comment.reason, seed
        assert comment.reason.startswith("see ")
        assert comment.reason.endswith(" there")


def test_a_reason_made_to_take_for_ever_does_not() -> None:
    noted("KEY # boltz-keyscan: ignore=" + "'\"" * 200 + "x" + " */" * 20)
