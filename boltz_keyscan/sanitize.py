"""Escaping of characters and commands that act on terminals, viewers and CI runners.

File names, commit authors and error messages of other programs are untrusted. Keys are removed by
``detect/redact``, not here.
"""

from __future__ import annotations

import re

from boltz_keyscan.late_pattern import late_pattern

# C0, DEL and C1 controls move cursors and start escape sequences; bidirectional controls and zero-width
# characters reorder or hide text (CVE-2021-42574); U+2028/2029 end lines in some viewers; tags spell
# sentences that only machines read; lone surrogates cannot be encoded. Given as numbers, so that this
# file contains none of them.
_RANGES = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x061C, 0x061C),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0xD800, 0xDFFF),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_ACTIVE = late_pattern("[" + "".join(f"{chr(low)}-{chr(high)}" for low, high in _RANGES) + "]")

# Invisible characters that the string comparison of .NET ignores, with which GitHub's runner finds
# commands (actions/runner, ActionCommand.cs): joiners, fillers and variation selectors. Ordinary names
# contain them, such as those with an emoji; they only matter within a command.
_IGNORED = "".join(
    f"{chr(low)}-{chr(high)}"
    for low, high in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
    )
)

# Commands of GitHub's runner, Azure and TeamCity, anywhere in a line.
_COMMAND = late_pattern(rf"(#[{_IGNORED}]*#(?:[{_IGNORED}]*|vso|teamcity))\[")

# Commands of GitHub's runner at the start of a line, after any white space.
_COLONS = late_pattern(rf"([\s{_IGNORED}]*):(?=[{_IGNORED}]*:)")


def _escape(character: re.Match[str]) -> str:
    point = ord(character.group())
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def harmless(text: str) -> str:
    """Replace every character that could act by its escape.

    CI runners execute commands in the lines a step prints. Both forms are broken up: ``::command::`` at the
    start of a line, after any white space, and ``##[command]`` anywhere in one.
    """
    text = _ACTIVE.sub(_escape, text)
    text = _COMMAND.sub(r"\1\\x5b", text)
    command = _COLONS.match(text)
    return f"{command[1]}\\x3a{text[command.end() :]}" if command else text
