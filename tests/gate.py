"""What a test needs and does not find: skipped with the reason, and under CI a failure."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

# Read when this is imported: a test itself sees no CI, whatever it runs in.
_IN_CI = bool(os.environ.get("CI"))


def absent(reason: str) -> NoReturn:
    """A gate that is skipped where it matters is no gate."""
    if _IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)
