"""Files that reach a model without a tool for reading: mentions in a prompt, and commands that print a file.

A person or an agent named them, so links are followed; anything but a regular file is left alone.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

from boltz_keyscan.fsutil import read_regular_file
from boltz_keyscan.late_pattern import late_pattern

MAX_BYTES = 16 << 20
"""Bytes of a file that are read; agents pass on far less."""

_MENTION = late_pattern(r"(?<![\w@/.-])@(?:\"([^\"\n]+)\"|'([^'\n]+)'|((?:\\.|[^\s\"'`<>|])+))")
_SUFFIX = late_pattern(r"(?:#L?\d[\dL:-]*|:\d[\d:-]*|[)\]}.,;:!?]+)$")
"""Lines of a file, and punctuation after its name."""

_PRINTERS = frozenset(
    {"awk", "base64", "bat", "batcat", "cat", "cut", "egrep", "fold", "gc", "get-content", "grep"}
    | {"head", "hexdump", "jq", "less", "more", "nl", "od", "openssl", "paste", "rev", "rg", "sed"}
    | {"sort", "strings", "tac", "tail", "type", "uniq", "xxd", "yq", "zcat"}
)
"""Programs that print the files that they are given."""

_SEPARATORS = late_pattern(r"[|;&()\n]+|\$\(|`")


def find_mentions(prompt: str) -> Iterator[str]:
    """Yield the paths that a prompt mentions as ``@path``, with and without what may follow a path."""
    for mention in _MENTION.finditer(prompt):
        path = mention[1] or mention[2] or re.sub(r"\\(.)", r"\1", mention[3])
        while path:
            yield path
            shorter = _SUFFIX.sub("", path)
            if shorter == path:
                break
            path = shorter


def find_printed_files(command: object) -> Iterator[str]:
    """Yield the files that a shell command may print: words of commands that print files, and redirections.

    Args:
        command: text of a command, or a list of its words.
    """
    if isinstance(command, list):
        parts = [[word for word in command if isinstance(word, str)]]
        # ``bash -lc TEXT``
        parts += [words for text in parts[0] if " " in text for words in _commands(text)]
    else:
        parts = list(_commands(command)) if isinstance(command, str) else []
    for words in parts:
        names = [os.path.basename(word).lower() for word in words[:3]]
        if not _PRINTERS.isdisjoint(names):
            yield from (word.lstrip("<") for word in words[1:] if not word.startswith("-"))
        else:
            yield from (after for word, after in pairwise(words) if word == "<")
            yield from (word[1:] for word in words if word.startswith("<") and len(word) > 1)


def _commands(text: str) -> Iterator[list[str]]:
    for part in _SEPARATORS.split(text):
        try:
            words = shlex.split(part)
        except ValueError:
            # A quote that a separator cut.
            words = part.replace('"', " ").replace("'", " ").split()
        if words:
            yield words


def read_file(path: str, folder: str) -> bytes | None:
    """Return the content of a regular file, one byte over ``MAX_BYTES`` at most; None if it cannot be read.

    Args:
        path: as it was named.
        folder: folder that it is relative to.
    """
    full = os.path.join(folder or os.curdir, os.path.expanduser(path))
    try:
        return read_regular_file(full, MAX_BYTES + 1)
    except (OSError, ValueError):
        return None
