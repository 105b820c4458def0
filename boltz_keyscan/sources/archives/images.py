"""Names of layers in container images, as ``docker save`` and OCI layouts write them.

An image is a tar of tars. Layers, configuration and history need no reader of their own: a layer
is a container found by its first bytes, the rest is JSON. A file that a later layer deletes (a
``.wh.`` entry) is still in the earlier one and is read there.
"""

from __future__ import annotations

from boltz_keyscan.late_pattern import late_pattern

_LAYER = late_pattern(rb"(?:\./)?(?:blobs/sha256/)?([0-9a-f]{64})(?:/layer\.tar|\.tar(?:\.gz)?)?")


def shorten_name(name: bytes) -> bytes:
    """Return the report name of a layer, with 12 digits as docker prints; another name unchanged."""
    found = _LAYER.fullmatch(name)
    return b"layer " + found[1][:12] if found else name
