"""Container images: what ``docker save`` and OCI layouts call their layers.

An image is a tar of tars. Layers, configuration and history need no reader of their
own: a layer is a container found by its first bytes, the rest is JSON. What a later
layer deletes (a ``.wh.`` entry) still stands in the earlier one and is read there.

Boundary: names only.
"""

from __future__ import annotations

import re

_LAYER = re.compile(rb"(?:\./)?(?:blobs/sha256/)?([0-9a-f]{64})(?:/layer\.tar|\.tar(?:\.gz)?)?")


def format_layer_name(name: bytes) -> bytes | None:
    """What a layer is called in reports, by 12 digits as docker does; None for other names."""
    found = _LAYER.fullmatch(name)
    return b"layer " + found[1][:12] if found else None
