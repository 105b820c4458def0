"""What a test needs and does not find: skipped with the reason, and under CI a failure."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(reason: str) -> NoReturn:
    """A gate that is skipped where it matters is no gate."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
