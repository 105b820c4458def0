"""Where a key is recognised, and the only place that ever holds one.

Bytes go in; ``model.Match`` comes out, which has no field for a key. Two passes: the
engine runs over every byte and only says where a type prefix stands; the matcher
runs over blobs that have one and says exactly what it is. This package reads no files
and knows no origins.
"""

from __future__ import annotations

from boltz_keyscan.detect.detector import KeyDetector

__all__ = ["KeyDetector"]
