"""Escaping of characters and commands that act on terminals, viewers and CI runners.

File names, commit authors and error messages of other programs are untrusted. Keys are removed by
``detect/redact``, not here.
"""

from __future__ import annotations

import re

from boltz_keyscan.late_pattern import late_pattern


def _characters(ranges: str) -> str:
    """Return the content of a character class, from numbers in hexadecimal and ranges of them."""
    pairs = (part.partition("-") for part in ranges.split())
    return "".join(f"{chr(int(low, 16))}-{chr(int(high or low, 16))}" for low, _, high in pairs)


# C0, DEL and C1 controls move cursors and start escape sequences; bidirectional controls and zero-width
# characters reorder or hide text (CVE-2021-42574); U+2028/2029 end lines in some viewers; tags spell
# sentences that only machines read; lone surrogates cannot be encoded. Given as numbers, so that this
# file contains none of them.
_CONTROLS = _characters(
    "0-1F 7F-9F AD 61C 180E 200B-200F 2028-202E 2060-206F D800-DFFF FEFF FFF9-FFFB 13430-1343F 1BCA0-1BCA3 "
    "1D173-1D17A E0000-E0FFF"
)
_ACTIVE = late_pattern(f"[{_CONTROLS}]")

# Invisible characters that the string comparison of .NET ignores, with which GitHub's runner finds
# commands (actions/runner, ActionCommand.cs): joiners, fillers and variation selectors. Ordinary names
# contain them, such as those with an emoji; they only matter within a command.
_IGNORED = _characters("34F 115F-1160 17B4-17B5 180B-180F 3164 FE00-FE0F FFA0")

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
