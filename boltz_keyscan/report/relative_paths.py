"""Paths of findings below the scanned root, as services that know a repository only want them."""

from __future__ import annotations

from urllib.parse import quote


def relative_path(path: str) -> str:
    """Return a path, in its display form, below the scanned root: without a root of its own or ``..``."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    return "/".join(segments) or "unnamed"


def relative_uri(path: str) -> str:
    """Return ``path`` as a percent-encoded URI reference below the scanned root.

    GitHub places a result only by a URI relative to the repository root, and rejects an upload
    whose absolute URIs have an unexpected scheme (docs.github.com, "SARIF support for code
    scanning", "Specifying the root for source files"). An absolute path loses its root, and
    ``..``, which would point outside the checkout, is resolved. A colon is encoded, or the first
    segment would read as a scheme (RFC 3986 section 4.2).
    """
    segments = relative_path(path).split("/")
    return "/".join(quote(segment, safe="-._~", errors="replace") for segment in segments)
