"""What strangers wrote cannot act on a terminal, a CI runner or a reader's eye."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.sanitize import harmless

# Format characters that are seen: signs which enclose the number that follows them.
_SEEN = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}

COMMANDS = st.sampled_from(
    ["::", "##[", "##", "##vso[", "##teamcity[", "error", "[", "\\", " ", "\t", "\u3000", ":", "#", "\ufe0f"]
)
TEXTS = st.lists(st.text(max_size=5) | COMMANDS).map("".join)


def acts(char: str) -> bool:
    """Moves, colours, hides or reorders: control, format, lone surrogate, line and paragraph separator."""
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and ord(char) not in _SEEN


def test_no_character_of_all_of_unicode_acts() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert not any(map(acts, harmless(everything)))
    for char in filter(acts, everything):
        shown = harmless(char)
        assert shown.encode("ascii").decode("unicode-escape") == char


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, é, \N{PILE OF POO}", "plain text, é, \N{PILE OF POO}"),
        ("", ""),
        ("a\nb\r\tc\0", "a\\x0ab\\x0d\\x09c\\x00"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eevil", "\\u202eevil"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\udcff"),
        ("::error::x", "\\x3a:error::x"),
        ("  ::error::x", "  \\x3a:error::x"),
        ("\u3000\xa0::error::x", "\u3000\xa0\\x3a:error::x"),
        ("std::vector", "std::vector"),
        ("x ::notice::", "x ::notice::"),
        ("a ##[error]b", "a ##\\x5berror]b"),
        ("###[group]", "###\\x5bgroup]"),
        ("##vso[task.setvariable]x", "##vso\\x5btask.setvariable]x"),
        ("##teamcity[buildStop]", "##teamcity\\x5bbuildStop]"),
        ("## [link](x)", "## [link](x)"),
        ("\ufe0f:\u034f::x", "\ufe0f\\x3a\u034f::x"),
        (" \u3164 ::x", " \u3164 \\x3a:x"),
        ("a #\ufe0f#\ufe0f[x", "a #\ufe0f#\ufe0f\\x5bx"),
        ("\N{HEAVY BLACK HEART}\ufe0f: x", "\N{HEAVY BLACK HEART}\ufe0f: x"),
    ],
    ids=ascii,
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(TEXTS)
def test_laws(text: str) -> None:
    shown = harmless(text)
    assert not any(map(acts, shown))
    passed_over = re.sub("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]", "", shown)
    assert not passed_over.strip().startswith("::")
    assert "##[" not in passed_over
    assert not any(command in shown for command in ("##[", "##vso[", "##teamcity["))
    assert harmless(shown) == shown
    shown.encode("utf-8")
