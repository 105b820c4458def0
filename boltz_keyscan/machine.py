"""What the machine offers this process.

Boundary: questions to the system, no policy.
"""

from __future__ import annotations

import os


def cores() -> int:
    """The processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
