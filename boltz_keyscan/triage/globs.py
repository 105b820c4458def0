"""Path globs, matched name by name; ``fnmatch`` matches each name.

A regular expression for a whole glob takes exponential time on hostile patterns (``**/**/**/x``),
and these patterns come from the scanned tree.
"""

from __future__ import annotations

import functools
import re
from fnmatch import fnmatchcase


def find_problem(pattern: str) -> tuple[str, str] | None:
    """Return the problem of a glob that cannot be used, and a hint; None if it can."""
    if not pattern.strip():
        return "it is empty", "Name a file or folder."
    if pattern.startswith("!"):
        return "exceptions with '!' are not supported", "Name the paths to ignore."
    if ".." in pattern.split("/"):
        return "'..' leads out of the tree", "Globs start at the folder of this file."
    if not pattern.removeprefix(".").strip("/*"):
        return "it names every path", "Name a folder; to pass every run, give --fail-on never."
    if "\\" in pattern:
        return "a backslash", "Paths are written with '/', and nothing is escaped."
    return None


@functools.lru_cache(maxsize=4096)
def _parts(pattern: str) -> tuple[str, ...]:
    if pattern.startswith("./"):
        # As a shell completes it: from the folder of the file.
        pattern = pattern[1:]
    body = pattern.strip("/")
    anchored = pattern.startswith("/") or "/" in body
    parts = ["**"] if not anchored else []
    for part in body.split("/"):
        if part != "**" or parts[-1:] != ["**"]:
            # git negates with both; fnmatch with one.
            parts.append(re.sub(r"\[\^(?=.+\])", "[!", part))
    return tuple(parts)


@functools.lru_cache(maxsize=1 << 14)
def matching(patterns: tuple[str, ...], path: str) -> tuple[int, ...]:
    """Return the positions of the patterns that match a path; cached, because a file may have many keys."""
    return tuple(number for number, pattern in enumerate(patterns) if matches(pattern, path))


def matches(pattern: str, path: str) -> bool:
    """Return True if a pattern matches a path or a folder above it.

    As in ``.gitignore``: ``*`` and ``?`` stop at slashes and ``**`` does not; a pattern with a
    slash at its beginning or inside is relative to the folder of its file, any other matches at
    every depth; and a pattern that matches a folder matches everything below it.
    """
    parts = _parts(pattern)
    names = path.split("/")
    # The parts of the pattern that may match next, after each name.
    states = _skipped({0}, parts)
    for number, name in enumerate(names):
        reached = set()
        for state in states:
            if parts[state] == "**":
                reached.add(state)
                if state == len(parts) - 1:
                    # At the end it matches everything below a folder, but not the folder.
                    reached.add(state + 1)
            elif fnmatchcase(name, parts[state]):
                reached.add(state + 1)
        states = _skipped(reached, parts)
        folder = number < len(names) - 1
        if len(parts) in states and (folder or not pattern.endswith("/")):
            return True
        states.discard(len(parts))
        if not states:
            return False
    return False


def _skipped(states: set[int], parts: tuple[str, ...]) -> set[int]:
    """Return the states, with those that are reached if ``**`` matches no name."""
    return states | {state + 1 for state in states if state < len(parts) - 1 and parts[state] == "**"}
