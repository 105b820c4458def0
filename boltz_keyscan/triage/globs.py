"""Path globs, matched segment by segment in time bounded by pattern times path.

Regular expressions made of globs take exponential time on hostile patterns (``**/**/**/x``),
and these patterns come from the scanned tree.
"""

from __future__ import annotations

import functools


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
            parts.append(part)
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
            elif _segment(parts[state], name):
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


def _segment(pattern: str, name: str) -> bool:
    """Match ``*``, ``?`` and ``[...]`` within a name; only the last star is ever tried again."""
    at = here = 0
    star = resume = -1
    while here < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, here
            at += 1
            continue
        taken = _one(pattern, at, name[here]) if at < len(pattern) else 0
        if taken:
            at += taken
            here += 1
        elif star >= 0:
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")


def _one(pattern: str, at: int, char: str) -> int:
    """Return the length of the pattern that one character matches; 0 if it does not match."""
    first = pattern[at]
    if first == "?":
        return 1
    end = pattern.find("]", at + 2) if first == "[" else -1
    if end < 0:
        return int(first == char)
    choices = pattern[at + 1 : end]
    negated = choices[0] in "!^" and len(choices) > 1
    return end + 1 - at if _within(choices[negated:], char) != negated else 0


def _within(choices: str, char: str) -> bool:
    at = 0
    while at < len(choices):
        if choices[at + 1 : at + 2] == "-" and at + 2 < len(choices):
            if choices[at] <= char <= choices[at + 2]:
                return True
            at += 3
        else:
            if choices[at] == char:
                return True
            at += 1
    return False
