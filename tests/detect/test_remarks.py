"""Comments beside a key: noted in any syntax, on the line or alone on the line above."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.excuses import Comment
from tests.keys import fake_key
from tests.leaks import leaks

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


def test_a_reason_is_words() -> None:
    half = KEY[20:36]
    assert noted(f"KEY # boltz-keyscan: ignore=documentation of {half} since 2024-05-01") == ours(
        "documentation of [REDACTED] since 2024-05-01"
    )


def test_a_reason_made_to_take_for_ever_does_not() -> None:
    noted("KEY # boltz-keyscan: ignore=" + "'\"" * 200 + "x" + " */" * 20)
