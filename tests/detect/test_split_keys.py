"""A key in two pieces is found if what is between them can only be a break, or the lines are wrapped ones."""

from __future__ import annotations

import base64

import pytest

from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.rules import load
from tests.keys import fake_key, fingerprint

DETECTOR = KeyDetector.of(load())
KEY = fake_key("ws", "live", "in pieces")
CUTS = (3, 6, 9, 14, 20, 40)
"""Within the stem, within the rest of the prefix, after it, and within the body."""

BREAKS = {
    "joined": [
        *(
            f'"{operator}"'
            for operator in ("", " + ", " . ", " .. ", " & ", " || ", " <> ", " ~ ", " % ", " _ ")
        ),
        *(f'" {letter}"' for letter in ("b", "f", "r", "R", "u", "U", "L", "@", "$", "rb")),
        *(f"{quote} + {quote}" for quote in ("'", "`", '\\"', "'''", '"""')),
        "'\n  + '",
        "' +\r\n\t'",
        "'\\\n'",
        '\\\\n",\n   "',
        "\\\n",
        "\\\r\n    ",
        "\\" + " " * 9 + "\n",
        "`\n",
        "^\r\n",
        "\\\\n",
        '${"',
        '" }',
        '"}${"',
        '{{"',
        "'",
        '"',
    ],
    "quoted-printable": ["=\n", "=\r\n", "= \t\n"],
    "ansi": [
        f"{escape}[{codes}"
        for escape in ("\x1b", "\\u001b", "\\u001B", "\\x1b", "\\x1B", "\\033", "\\e")
        for codes in ("0m", "K")
    ]
    + ["\x1b[0m\x1b[1;31m"],
    "markup": [
        "<b>",
        "</b>",
        "<wbr>",
        "<br/>",
        '</span><span class="x">',
        "\u200b",
        "\u00ad",
        "&shy;",
        "&ZeroWidthSpace;",
    ],
}


def confirmed(text: str) -> list[tuple[str, tuple[str, ...], int]]:
    """Fingerprint, chain and offset of the keys that are sure."""
    return [
        (match.fingerprint, match.decoded, match.offset)
        for match in DETECTOR.find([text.encode()])
        if match.shape is Shape.CONFIRMED
    ]


@pytest.mark.parametrize(
    ("name", "between"), [(name, each) for name, group in BREAKS.items() for each in group]
)
def test_a_break_is_left_out(name: str, between: str) -> None:
    for cut in CUTS:
        text = f"key: '{KEY[:cut]}{between}{KEY[cut:]}' and\n"
        assert confirmed(text) == [(fingerprint(KEY), (name,), 6)], cut


@pytest.mark.parametrize(
    "mark",
    ["<wbr>", "<wbr/>", "<wbr />", "&shy;", "\u00ad", "&#8203;", "&#x200b;", "&#x200B;", "\u200b"],
)
def test_a_line_may_be_broken_at_each_underscore(mark: str) -> None:
    """As writers of HTML do it with long names: no part of the prefix is left in one piece."""
    for key in (KEY, fake_key("admin", "test", "in pieces")):
        for broken in (f"_{mark}", f"{mark}_"):
            (found,) = confirmed(f"<td>{key.replace('_', broken)}</td>\n")
            assert found[:2] == (fingerprint(key), ("markup",))


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_left_out_of_an_encoded_text(name: str) -> None:
    for between in BREAKS[name]:
        text = f"key: '{KEY[:20]}{between}{KEY[20:]}' and\n"
        (found,) = confirmed(base64.b64encode(text.encode()).decode())
        assert found[:2] == (fingerprint(KEY), ("base64", name)), between


@pytest.mark.parametrize(
    "between",
    [
        " ",
        "  \t",
        ".",
        "+",
        "\n\n",
        "\r",
        "\\",
        "= ",
        "\x1b",
        "\x1b[",
        "<>",
        "< b>",
        "&",
        "&amp;",
        "$",
        "{",
        "x' + 'x",
    ],
)
def test_what_is_no_break_is_not_left_out(between: str) -> None:
    for cut in CUTS:
        text = f"key: {KEY[:cut]}{between}{KEY[cut:]} and\n"
        assert confirmed(text) == [], cut


def lines(*parts: str, end: str = "\n") -> str:
    return end.join(parts) + end


CUT = 14 + 20
REST = KEY[CUT:]
SHORT = 39 - CUT
WRAPPED = {
    "lines of more than 40 columns": lines("x" * 6 + KEY[:CUT], REST),
    "the same, ended by two bytes": lines("x" * 6 + KEY[:CUT], REST, end="\r\n"),
    "the same, in a string": '"' + lines("x" * 6 + KEY[:CUT], REST, end="\\n") + '"',
    "the line before is as wide": lines("y" * CUT, KEY[:CUT], REST),
    "three lines of one width": lines(KEY[:24], KEY[24:48], KEY[48:]),
    "a prefix of every line": lines("# " + "x" * 6 + KEY[:CUT], "# " + REST),
    "a name before every line": lines("web-1  | " + "x" * 6 + KEY[:CUT], "web-1  | " + REST),
    "a line that ends with the prefix": lines("x" * 30 + KEY[:14], KEY[14:]),
    "a hanging indent": lines("x" * 6 + KEY[:CUT], "    " + REST),
    "a hanging tab": lines("x" * 6 + KEY[:CUT], "\t" + REST),
    "indented by a tab": lines("\t" + "x" * 6 + KEY[:CUT], "\t" + REST),
}
APART = {
    "two short lines": lines("x" * SHORT + KEY[:CUT], REST),
    "two short lines of a string": "a\n" + lines("x" * SHORT + KEY[:CUT], REST, end="\\n"),
    "the line before is wider": lines("y" * (CUT + 1), KEY[:CUT], REST),
    "the line before is narrower": lines("y" * (CUT - 1), KEY[:CUT], REST),
    "the last line is the widest": lines("x" * 8 + KEY[: 14 + 1], KEY[14 + 1 :]),
    "three lines of two widths": lines(KEY[:24], KEY[24:47], KEY[47:]),
    "the rest of the line goes on": lines("x" * 6 + KEY[:CUT], REST + "x" * 6),
    "another key": lines("x" * 6 + KEY[:CUT], KEY[:14] + "x" * 9),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_lines_that_a_program_wraps_are_one_text(name: str) -> None:
    assert [found[:2] for found in confirmed(WRAPPED[name])] == [(fingerprint(KEY), ("wrapped",))]


@pytest.mark.parametrize("name", APART)
def test_other_lines_are_not(name: str) -> None:
    assert confirmed(APART[name]) == []
