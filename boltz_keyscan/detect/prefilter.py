"""The fast pass: does this buffer hold a needle, and where.

Runs over every byte of a scan, in one of two engines that know the same literals.
Hyperscan looks for all of them at once, as fast as memory gives them, and takes a sixth of
a second to be made ready. Hooks and small scans do without: ``bytes.find`` for the few
literals that stand for most leaks, and for the others a look at what all of them have in
common, which most files lack. Only where it is there are the literals made; then a set of
words of four bytes finds them, because a literal of seven has a whole aligned word wherever
it stands.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from boltz_keyscan.detect import needles
from boltz_keyscan.detect.needles import HEAD, LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import hyperscan

OVERLAP: Final = LONGEST - 1
"""Bytes that two neighbouring buffers share: what a boundary can hide."""

RUN: Final = 28
"""Letters and digits in a row, at least, in each line of a chain: the columns it must have."""

ENOUGH: Final = 1 << 20
"""Bytes after which a process takes the engine that has to be made ready."""

Found = tuple[int, bytes]
"""An offset and the literal that stands there."""

_NEAR = 100
"""Bytes before the end of a broken prefix in which its beginning has to end."""

_MARKS = (
    b"5f",
    b"5F",
    b"\\137",
    b"#95;",
    b"owbar;",
    b"nderBar;",
    b"\\_",
    b", 95",
    b",95",
    b" 95",
    b",137",
    b" 137",
    b"00_",
)
"""``_`` as the encodings write it: each shallow literal that is not looked for by itself has one."""

SIGNATURES: Final = (
    (b"PK\1\2", 0, b"\2"),
    (b"PK\3\4", 0, b"\3"),
    (b"7z\xbc\xaf\x27\x1c", 0, b"\x1c"),
    (b"\xfd7zXZ\0", 0, b"\xfd"),
    (b"1AY&SY", 4, b"1AY&SY"),
    (b"\x1f\x8b\x08", 0, b"\x1f"),
    (b"\x28\xb5\x2f\xfd", 0, b"\xb5"),
    (b"Rar!\x1a\7", 0, b"\x1a"),
    (b"MSCF\0\0\0\0", 0, b"MSCF"),
    (b"LZIP\1", 0, b"LZIP"),
    (b"ustar\0", 257, b"ustar"),
    (b"ustar  ", 257, b"ustar"),
    (b"koly\0\0\0\4", 0, b"koly"),
    (b"NullsoftInst", 4, b"NullsoftInst"),
)
"""Signatures of archives that other bytes may precede: literal, bytes of the archive before it, and what
is rare in text and in it.

They are here because the engine finds them in the pass it makes anyway; ``sources.magic`` checks them.
All are plain literals: with expressions among them the engine takes a third longer."""

_ALPHANUMERIC = bytes(65 if bytes([byte]).isalnum() else 0 for byte in range(256))
_HEX = b"0123456789abcdefABCDEF"
_DIGITS = bytes.maketrans(_HEX, b"h" * len(_HEX))
_ROWS = (
    *(each * 6 for each in (b"%hh", b"\\uhhhh", b"\\u{hh}", b"\\xhh", b"\\hhh", b"=hh", b"&#xhh;")),
    *(one + two for one in (b"&#h;", b"&#hh;", b"&#hhh;") for two in (b"&#h;", b"&#hh;", b"&#hhh;")),
    b"&#xhh;&#xh;",
    b"\\u{hh}\\u{h}",
)
"""What a text looks like when each byte is escaped, once digits are all the same."""

_WIDE = rb"(?:[ -~]\0){5,}[ -~]|(?:[ -~]\0\0\0){5,}[ -~]"

_seen = 0
"""Bytes this process has looked at. Which engine looks decides how fast it is, never what is found."""


def sniff(
    buffer: bytes | bytearray | memoryview,
    end: int,
    prefixes: tuple[bytes, ...],
    marks: list[int] | None = None,
) -> list[int]:
    """Offsets in ``buffer[:end]`` where a key may stand, in order.

    Args:
        buffer: what to look at.
        end: bytes of it that count.
        prefixes: those of the rules.
        marks: takes the offsets where an archive may begin.
    """
    global _seen  # noqa: PLW0603 - see there
    _seen += end
    if _seen > ENOUGH:
        found = _scan(buffer, end, prefixes, marks)
    else:
        if isinstance(buffer, memoryview):
            # It cannot be searched as it is, and where much is looked at hyperscan does it.
            buffer = bytes(buffer[:end])
        found = _search(buffer, end, prefixes)
        if marks is not None:
            marks += _signatures(buffer, end)
    return sorted({at for at, _ in _sound(buffer, found, prefixes)}) if found else []


def sniff_bulk(
    buffer: bytes | bytearray | memoryview,
    end: int,
    prefixes: tuple[bytes, ...],
    marks: list[int] | None = None,
) -> list[int]:
    """The same through hyperscan at once."""
    found = _scan(buffer, end, prefixes, marks)
    return sorted({at for at, _ in _sound(buffer, found, prefixes)}) if found else []


def literals(
    buffer: bytes, prefixes: tuple[bytes, ...], *, bulk: bool = False, small: bool = False
) -> list[Found]:
    """Every needle in ``buffer`` and where it stands, in order; of chains at least those ``chained``."""
    much = not small and (bulk or _seen > ENOUGH)
    found = (_scan if much else _search)(buffer, len(buffer), prefixes)
    return sorted(set(_sound(buffer, found, prefixes))) if found else []


def _sound(
    buffer: bytes | bytearray | memoryview, found: Iterable[Found], prefixes: tuple[bytes, ...]
) -> Iterator[Found]:
    """Less ends of whole prefixes, and of those before which no beginning ends: ``news_test_``."""
    rests = needles.rests(prefixes)
    for at, literal in found:
        if beginning := rests.get(literal):
            before = bytes(buffer[max(at - _NEAR, 0) : at])
            if before.endswith(beginning):
                continue
            if at >= _NEAR and not any(part in before for part in _parts(beginning)):
                continue
        yield at, literal


@functools.cache
def _parts(beginning: bytes) -> tuple[bytes, ...]:
    """Of which one is left whole, whatever the one place where ``beginning`` is broken."""
    half = max(len(beginning) // 2, 1)
    return tuple({beginning[at : at + half] for at in range(len(beginning) - half + 1)})


# Without hyperscan.


def _search(
    buffer: bytes | bytearray, end: int, prefixes: tuple[bytes, ...], *, wide: bool = True
) -> list[Found]:
    found = [
        each
        for literal in needles.usual(prefixes)
        if buffer.find(literal, 0, end) >= 0
        for each in _each(buffer, end, literal)
    ]
    if any(buffer.find(mark, 0, end) >= 0 for mark in _MARKS):
        found += _among(buffer, end, prefixes, chains=False)
    if chained(buffer, end):
        found += _among(buffer, end, prefixes, chains=True)
    if wide and buffer.find(b"\0", 0, end) >= 0:
        found += _widened(buffer, end, prefixes)
    return found


def _each(buffer: bytes | bytearray, end: int, literal: bytes) -> Iterator[Found]:
    at = buffer.find(literal, 0, end)
    while at >= 0:
        yield at, literal
        at = buffer.find(literal, at + 1, end)


def chained(buffer: bytes | bytearray, end: int) -> bool:
    """Whether ``buffer[:end]`` has what every chain of encodings has, NULs aside."""
    text = buffer if end == len(buffer) else buffer[:end]
    if b"A" * RUN in text.translate(_ALPHANUMERIC):
        return True
    digits = text.translate(_DIGITS)
    return any(row in digits for row in _ROWS)


def _widened(buffer: bytes | bytearray, end: int, prefixes: tuple[bytes, ...]) -> list[Found]:
    """Literals with NULs between their bytes: what is in the text without them."""
    import re  # noqa: PLC0415 - most files have no NUL

    runs = [(run.start(), run.group()) for run in re.compile(_WIDE).finditer(buffer, 0, end)]
    texts = [run.replace(b"\0", b"") for _, run in runs]
    joined = b"\n".join(texts)
    edges: list[int] = []
    at = 0
    for text in texts:
        edges.append(at)
        at += len(text) + 1
    found = []
    known = (needles.shallow(prefixes), needles.deep(prefixes))
    inner = _search(joined, len(joined), prefixes, wide=False)
    inner += [each for piece in needles.pieces(prefixes) for each in _each(joined, len(joined), piece)]
    for at, literal in inner:
        number = bisect_right(edges, at) - 1
        start, run = runs[number]
        width = 4 if run[2] == 0 else 2
        spread = (b"\0" * (width - 1)).join(literal[each : each + 1] for each in range(len(literal)))
        if any(spread in tier for tier in known):
            found.append((start + width * (at - edges[number]), spread))
    return found


def _among(buffer: bytes | bytearray, end: int, prefixes: tuple[bytes, ...], *, chains: bool) -> list[Found]:
    """The literals of one tier in ``buffer[:end]``."""
    known, places = _words(prefixes, chains=chains)
    words = memoryview(buffer)[: end & ~3].cast("I")
    if known.isdisjoint(words):
        return []
    found = []
    for number, word in [each for each in enumerate(words) if each[1] in known]:
        for literal, offset in places[word]:
            at = 4 * number - offset
            if 0 <= at <= end - len(literal) and buffer.startswith(literal, at):
                found.append((at, literal))
    return found


_Places = dict[int, list[tuple[bytes, int]]]
"""For each word of four bytes the literals it is of, and where in them it stands."""


@functools.cache
def _words(prefixes: tuple[bytes, ...], *, chains: bool) -> tuple[frozenset[int], _Places]:
    import struct  # noqa: PLC0415 - most files need no words

    usual = needles.usual(prefixes)
    places: _Places = {}
    read = struct.Struct("=I").unpack_from
    for literal in needles.deep(prefixes) if chains else needles.shallow(prefixes):
        # What has NULs is found without them; see _widened.
        if 0 in literal or literal in usual:
            continue
        middle = (len(literal) - HEAD) // 2
        # One for each alignment: four offsets in a row.
        for offset in range(middle, middle + 4):
            places.setdefault(read(literal, offset)[0], []).append((literal, offset))
    return frozenset(places), places


def _signatures(buffer: bytes | bytearray, end: int) -> Iterator[int]:
    """Yield where an archive may begin."""
    for literal, before, rare in SIGNATURES:
        if buffer.find(rare, 0, end) >= 0:
            yield from (at - before for at, _ in _each(buffer, end, literal) if at >= before)


# With hyperscan.


def _scan(
    buffer: bytes | bytearray | memoryview,
    end: int,
    prefixes: tuple[bytes, ...],
    marks: list[int] | None = None,
) -> list[Found]:
    database, numbered = _database(prefixes)
    found: list[Found] = []

    def note(number: int, _start: int, stop: int, _flags: int, _context: object) -> None:
        if number < len(numbered):
            literal = numbered[number]
            found.append((stop - len(literal), literal))
        elif marks is not None:
            literal, before, _ = SIGNATURES[number - len(numbered)]
            if (at := stop - len(literal) - before) >= 0:
                marks.append(at)

    database.scan(memoryview(buffer)[:end], match_event_handler=note)  # type: ignore[type-var]  # any buffer does
    return found


@functools.cache
def _database(prefixes: tuple[bytes, ...]) -> tuple[hyperscan.Database, tuple[bytes, ...]]:
    import hyperscan  # noqa: PLC0415 - most runs are too small to be worth loading it

    numbered = (*needles.shallow(prefixes), *needles.deep(prefixes))
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    wanted = (*numbered, *(literal for literal, _, _ in SIGNATURES))
    # Not its literal compiler, which ends a literal at a NUL.
    expressions = [b"".join(b"\\x%02x" % byte for byte in literal) for literal in wanted]
    count = len(expressions)
    database.compile(expressions=expressions, ids=list(range(count)), elements=count, flags=[0] * count)
    return database, numbered
