"""Examples of ``--help``, from ``examples.txt``; a test parses each of them."""

from __future__ import annotations

import os


def _read() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return purpose and command line of each example, by command; the scan has the empty name."""
    with open(os.path.join(os.path.dirname(__file__), "examples.txt"), encoding="utf-8") as file:
        sections = file.read().split("\n\n")
    found = {}
    for section in sections:
        head, *lines = section.splitlines()
        purposes = [line.removeprefix("# ") for line in lines[::2]]
        found[head.strip("[]")] = tuple(zip(purposes, lines[1::2], strict=True))
    return found


EXAMPLES = _read()
