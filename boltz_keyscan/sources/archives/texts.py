"""Keys in containers that are written as text: their chain, and their place in the blob around the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSequence, Sequence

from boltz_keyscan.columns import Ruler
from boltz_keyscan.model.enums import Part, Shape
from boltz_keyscan.model.finding import Match
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.archives.content import Member
from boltz_keyscan.sources.archives.frames import Frame
from boltz_keyscan.sources.archives.reader import RandomAccess, read_pieces
from boltz_keyscan.sources.encoded import ENCODINGS
from boltz_keyscan.sources.signatures import ORDER_MARKS, Format, find_format, is_brotli

TEXTS = {
    **{name: Format(name, b"", b"", f"encoded:{name.replace('-', '_')}_members") for name in ENCODINGS},
    "base64 > deflate": Format("base64 > deflate", b"", b"", "encoded:deflate_members"),
    "git-patch": Format("git-patch", b"", b"", "encoded:patch_members"),
}
"""Formats of containers that are written as text, by name."""

BROTLI = Format("brotli", b"", b"", "brotli:brotli_members")

_PROOF_BYTES = 256
"""Bytes out of a stream that prove it: one in 600 random streams of gzip has so many."""

_WEAK = frozenset({"zlib", "base64 > deflate"})
_LONG_PROOF_BYTES = 4096
"""The same for formats whose header proves little: one in ten million."""
_SAVED_BYTES = 1024
"""Bytes by which it must be longer than what was read for it: any bytes can follow the header of a stored
block, which fonts and programs have by chance."""

_SAVED_SHARE = 8
"""Share of it that these must be: most samples of a smooth picture are codes of a fixed block."""

_READ_BY_DETECT = frozenset({"base64", "hex", "utf-16", "percent", "quoted-printable", "escape", "decimal"})
_DETECT_DEPTH = 3
"""Encodings in which the detector finds a key by itself, and how many in one another."""

_LAYOUTS = frozenset({"dump", "lines", "records", "table", "spaced", "markup", "literals"})
"""Layouts, which the detector reads only if nothing is around them."""

Label = tuple[tuple[bytes, ...], tuple[str, ...]]
"""The members that lead to a name, and its links."""


@dataclass(frozen=True, slots=True)
class MemberMatch:
    """A match in a container, before its location is known."""

    members: tuple[bytes, ...]
    part: Part
    match: Match


def match_format(head: bytes, name: bytes = b"") -> tuple[Format | None, dict[int, str]]:
    """Return the format of a blob by its first ``HEAD`` bytes or its name; an encoded text is a mark."""
    format_ = find_format(head, 0, len(head)) or (BROTLI if is_brotli(name) else None)
    if format_ is not None and format_.name in TEXTS:
        return None, {0: format_.name}
    return format_, {}


def prove(member: Member, frame: Frame, outer: Format) -> Iterator[bytes]:
    """Yield the chunks of a member; enough of them prove its container, and what is unreadable is a gap."""
    # Any text decodes: only a container in it proves anything.
    required = 1 << 62 if outer.name in ENCODINGS else _PROOF_BYTES
    source, start, size = None, 0, 0
    if outer.name in _WEAK and member.source is not None:
        required, source, start = _LONG_PROOF_BYTES, member.source, member.source.position
    for chunk in member.chunks:
        size += len(chunk)
        wanted = max(_SAVED_BYTES, size // _SAVED_SHARE)
        if size >= required and (source is None or size - (source.position - start) >= wanted):
            frame.is_uncertain = frame.stays_uncertain
        yield chunk


def chain_match(match: Match, links: tuple[str, ...]) -> Match:
    """Return a match with the links before its own encodings."""
    return replace(match, decoded=(*links, *match.decoded)) if links else match


def _is_found_outside(match: Match, links: tuple[str, ...]) -> bool:
    """Return True for a key that the detector finds in the encoded text too, with its exact place."""
    if not links or not _LAYOUTS.isdisjoint(match.decoded):
        return False
    return len(links) + len(match.decoded) <= _DETECT_DEPTH and _READ_BY_DETECT.issuperset(links)


def find_repeated(matches: Sequence[Match], frame: Frame, members: Iterable[MemberMatch]) -> set[int]:
    """Return the offsets of matches in a container's own bytes that its members have too, or the rest of.

    A key that no member has is in bytes that a reader passes over, as the name in a header of gzip.
    """
    covered = frame.read_whole(match.offset for match in matches)
    inner = [found.match for found in members] if covered else []
    keys, rules = {match.fingerprint for match in inner}, {match.rule_id for match in inner}

    def is_repeated(match: Match) -> bool:
        match match.shape:
            case Shape.CONFIRMED:
                return match.fingerprint in keys
            case Shape.SUSPECTED:
                # A part of a key, or one with the bytes that follow it.
                return match.rule_id in rules
            case Shape.PLACEHOLDER:
                return True

    return {
        match.offset
        for match in matches
        if match.fingerprint in frame.restated or (match.offset in covered and is_repeated(match))
    }


def own_matches(matches: Sequence[Match], frame: Frame, members: Iterable[MemberMatch]) -> list[Match]:
    """Return the matches in a container's own bytes without those that are found elsewhere, too."""
    repeated = find_repeated(matches, frame, members)
    return [
        match
        for match in matches
        if match.offset not in repeated and not _is_found_outside(match, frame.links)
    ]


def is_wide_text(space: RandomAccess, at: int) -> bool:
    """Return True where a text in UTF-16 begins a blob: its lines are those of the blob, and all is in it."""
    return at == 0 and space.read(0, 2) in ORDER_MARKS


def place_matches(
    matches: MutableSequence[MemberMatch], texts: Sequence[tuple[int, int, int, int]], space: RandomAccess
) -> None:
    """Give matches the place of the encoded text that they are in.

    Args:
        matches: the matches of a container so far.
        texts: for each text, in order, the range of its matches, its offset and its size in bytes.
        space: the blob around the texts.
    """
    ruler = Ruler()
    for first, last, at, size in texts:
        if first == last or is_wide_text(space, at):
            continue
        if not ruler.at:
            ruler.begin(space.read(0, 1 << 12))
        for piece in read_pieces(space, ruler.at, at):
            ruler.advance(piece)
        for number in range(first, last):
            found = matches[number]
            where = ruler.place(found.match.decoded[0])
            match = replace(
                found.match,
                offset=at,
                length=size,
                line=where.line + 1,
                column=where.characters + 1,
                column_utf16=where.units + 1,
                cell=None,
                cell_part=None,
            )
            matches[number] = replace(found, match=match)
