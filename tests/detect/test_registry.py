"""Keys in files that regedit writes: UTF-16, values as comma-separated hex of UTF-16, 80 columns wide."""

from __future__ import annotations

import pytest

from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.rules import load
from tests.keys import PREFIXES, fake_key, fingerprint

DETECTOR = KeyDetector.of(load())


def exported(name: str, value: str) -> str:
    """Write a value as regedit does."""
    numbers = value.encode("utf-16-le") + b"\0\0"
    lines, line = [], f'"{name}"=hex(2):'
    for at, number in enumerate(numbers):
        item = f"{number:02x}" + ("," if at < len(numbers) - 1 else "")
        if len(line) + len(item) > 78:
            lines.append(line + "\\")
            line = "  "
        line += item
    head = ["Windows Registry Editor Version 5.00", "", "[HKEY_CURRENT_USER\\Environment]"]
    return "\r\n".join([*head, *lines, line, ""])


@pytest.mark.parametrize(("kind", "mode"), PREFIXES)
@pytest.mark.parametrize("encoding", ["utf-16", "ascii"])
@pytest.mark.sampled
def test_it_is_found_wherever_its_lines_break(kind: str, mode: str, encoding: str) -> None:
    key = fake_key(kind, mode, "registry")
    lost = []
    for size in range(1, 40):
        blob = exported("K" * size, key).encode(encoding)
        found = [(match.fingerprint, match.shape) for match in DETECTOR.find([blob])]
        if (fingerprint(key), Shape.CONFIRMED) not in found or not DETECTOR.candidate_offsets(
            blob, len(blob)
        ):
            lost.append(size)
    assert lost == []
