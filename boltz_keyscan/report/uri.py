"""Paths as code scanning can place them in a repository, plain and as relative URIs.

Boundary: text to text. A path here is already a display form: what could not be shown
stands in it as an escape and stays one.
"""

from __future__ import annotations

from urllib.parse import quote

_UNNAMED = "unnamed"


def relative_uri(path: str) -> str:
    """``path`` as a percent-encoded URI reference below the scanned root.

    GitHub places a result only by a URI relative to the repository root, and rejects an
    upload whose absolute URIs have an unexpected scheme
    (docs.github.com, "SARIF support for code scanning", "Specifying the root for source
    files"). So an absolute path loses its root, and ``..`` never survives: it would point
    outside the checkout. A colon is encoded, or the first segment would read as a scheme
    (RFC 3986 section 4.2).
    """
    segments = relative_path(path).split("/")
    return "/".join(quote(segment, safe="-._~", errors="replace") for segment in segments)


def relative_path(path: str) -> str:
    """``path`` below the scanned root: without a root of its own, and without ``..``."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    return "/".join(segments) or _UNNAMED
