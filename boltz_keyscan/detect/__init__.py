"""Recognition of keys: the only package that holds a raw key.

Bytes go in; ``model.finding.Match`` comes out, which has no field for a key. There are two
passes: the engine searches every byte for type prefixes, and the matcher examines the blobs
that have one. This package reads no files and knows no origins.
"""

from __future__ import annotations

from boltz_keyscan.detect.detector import KeyDetector

__all__ = ["KeyDetector"]
