"""Text of office documents as a person sees it.

Word processors store a paragraph in runs, one for each change of format and each session of writing; the
joined runs are the text. ECMA-376 (docx, xlsx, pptx) and OpenDocument 1.3 (odt, ods, odp).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Match

_HEAD_BYTES = 4096
"""Bytes of a part in which its namespaces are declared."""

_RUN = re.compile(
    # Deleted and phonetic text is not shown; a run; the end of a paragraph, string or line.
    rb"<(?:\w+:)?rPh\b.*?</(?:\w+:)?rPh>"
    rb"|<(?:\w+:)?t(?:\s[^>]*)?>([^<]*)"
    rb"|(</(?:\w+:)?(?:p|si|is|comment)>|<(?:\w+:)?(?:tab|br|cr)\b)",
    re.DOTALL,
)
_PARAGRAPH_END = re.compile(rb"</text:[ph]>|<text:(?:line-break|tab|s)\b[^<>]*>")
_TAG = re.compile(rb"<[^<>]*>")


def join_runs(part: bytes) -> bytes:
    """Return the text of a part of a document, a paragraph a line; nothing for other XML."""
    head = part[:_HEAD_BYTES]
    if b"opendocument" in head:
        return _TAG.sub(b"", _PARAGRAPH_END.sub(b"\n", part))
    if b"openxmlformats" not in head and b"purl.oclc.org/ooxml" not in head:
        return b""
    return b"".join(run or (end and b"\n") for run, end in _RUN.findall(part))


def drop_cut_matches(part: bytes, matches: Iterable[Match], shown: Container[str]) -> list[Match]:
    """Return the matches in the bytes of a part without those that a tag cuts.

    Args:
        part: the bytes.
        matches: the matches in them.
        shown: fingerprints of the keys in its text.
    """
    return [
        match
        for match in matches
        if match.shape is Shape.CONFIRMED
        or match.fingerprint in shown
        or part[match.offset + match.length : match.offset + match.length + 1] != b"<"
    ]
