"""A late pattern is compiled at its first use, and then is the pattern."""

from __future__ import annotations

import re

import pytest

from boltz_keyscan.late_pattern import late_pattern


def test_the_same_as_a_pattern() -> None:
    late, pattern = (
        late_pattern(r"(a)(?P<name>b+)", re.IGNORECASE),
        re.compile(r"(a)(?P<name>b+)", re.IGNORECASE),
    )
    for text in ("xABBy", "none"):
        assert str(late.search(text)) == str(pattern.search(text))
        assert late.sub(r"\2", text) == pattern.sub(r"\2", text)
    assert (late.pattern, late.groups, late.flags) == (pattern.pattern, pattern.groups, pattern.flags)


def test_compiled_at_the_first_use() -> None:
    broken = late_pattern("(")
    with pytest.raises(re.error):
        broken.search("")
