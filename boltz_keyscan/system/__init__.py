"""Differences between operating systems: processes, pipes and the names of Windows.

With ``fsutil`` the only place that asks which system this is; a test checks it.
"""

from __future__ import annotations

import signal
import sys
from typing import Final

STOP_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name)
)
"""Signals by which a job is cancelled."""

STREAM_ENCODING: Final = "utf-8" if sys.platform == "win32" else None
"""Encoding of standard streams; None to leave it as it is. On Windows files would get the local code page."""
