"""Text of office documents as a person sees it.

Word processors store a paragraph in runs, one for each change of format and each session of writing; the
joined runs are the text. ECMA-376 (docx, xlsx, pptx) and OpenDocument 1.3 (odt, ods, odp).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Match

_HEAD_BYTES = 4096
"""Bytes of a part in which its namespaces are declared."""

_PREFIXES = (b"w:", b"a:", b"")
"""Prefixes of the names in Word, in PowerPoint and drawings, and in Excel."""

_PARAGRAPH_END = re.compile(rb"</text:[ph]>|<text:(?:line-break|tab|s)\b[^<>]*>")
_CUTS = (b"<", b"\n", b"\r")
_TAG = re.compile(rb"<[^<>]*>")


def is_part(name: bytes) -> bool:
    """Return True for the name of a member that may be a part of a document."""
    return name.endswith(b".xml")


def join_runs(part: bytes) -> bytes:
    """Return the text of a part of a document, a paragraph a line; nothing for other XML."""
    head = part[:_HEAD_BYTES]
    if b"opendocument" in head:
        return _TAG.sub(b"", _PARAGRAPH_END.sub(b"\n", part))
    if b"openxmlformats" not in head and b"purl.oclc.org/ooxml" not in head:
        return b""
    prefix = next((prefix for prefix in _PREFIXES if b"</" + prefix + b"t>" in part), None)
    if prefix is None:
        return b""
    begin = b"<" + prefix + b"t"
    ends = [b"</" + prefix + name for name in (b"p>", b"si>", b"is>", b"comment>")]
    ends += [b"<" + prefix + name for name in (b"tab", b"br", b"cr")]
    texts: list[bytes] = []
    for piece in part.split(b"</" + prefix + b"t>")[:-1]:
        # Text before the run, such as a deleted one, is not shown.
        markup, _, run = piece.rpartition(begin)
        if any(end in markup for end in ends):
            texts.append(b"\n")
        if b"<" + prefix + b"noBreakHyphen" in markup:
            texts.append(b"-")
        if b"<" + prefix + b"rPh" not in markup:
            texts.append(run.partition(b">")[2])
    return b"".join(texts)


def complete_matches(
    part: bytes, matches: list[Match], shown: Sequence[Match]
) -> tuple[list[Match], list[Match]]:
    """Return the matches of keys that only the text shows whole, and those in the bytes that it leaves.

    Args:
        part: the bytes of a part.
        matches: the matches in them.
        shown: the matches in its text.
    """
    known = {match.fingerprint for match in matches if match.shape is Shape.CONFIRMED}
    new = [match for match in shown if match.shape is Shape.CONFIRMED and match.fingerprint not in known]
    if not new:
        return new, matches
    fingerprints = {match.fingerprint for match in shown}
    # Without those that a tag or the end of a line cuts.
    return new, [
        match
        for match in matches
        if match.shape is Shape.CONFIRMED
        or match.fingerprint in fingerprints
        or part[match.offset + match.length : match.offset + match.length + 1] not in _CUTS
    ]
