"""The table of cells of dumps and arrays: a number, or a few, for the bytes of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from boltz_keyscan.records import dataclass

_SEPARATOR: Final = rb"(?:[ \t]{0,3}[,;][ \t]{0,3}|[ \t]{1,4}(?:\xe2\x94[\x82\x8a][ ]{1,4})?|[:|-]|\\{1,7}t)"
_WIDE: Final = rb"(?:[ \t]{1,20}|[,;][ \t]{0,3}|\\{1,7}t)"
"""The same for words: the last of a text may have fewer digits, with blanks before them."""

_COLOURED: Final = (
    *(b"\x1b[0m \x1b[1;32m", b"\x1b[0m\x1b[1;32m", b"\\u001b[0m \\u001b[1;32m", b"\\u001b[0m\\u001b[1;32m"),
    b" \x1b[0m\x1b[36m",
)
"""Colours between bytes, as xxd and hexyl write them, also in JSON."""

_BEGIN: Final = rb"(?<![0-9A-Za-z])(?<![0-9A-Za-z]\.)"
_END: Final = rb"(?![0-9A-Za-z])"

_INDENTS: Final = (*(b" " * count for count in (0, 1, 2, 4, 6, 8)), b"\t")
"""Beginnings of lines of one number."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One form of cell."""

    pattern: bytes
    """The cell; its group is the number."""
    value: Callable[[bytes], bytes]
    """Decode the number."""
    literals: Callable[[bytes], Iterable[bytes]]
    """Encode parts of a prefix, of which lines of any usual width have one whole."""
    separator: bytes = _SEPARATOR
    is_sized: bool = False
    """True if all cells of a line but the last have as many digits as the one of the literal."""
    step: int = 0
    """Characters of each byte in a cell; 0 if its bytes have no places of their own."""


def _parts(text: bytes, size: int, starts: Iterable[int]) -> list[bytes]:
    return [text[start : start + size] for start in starts]


def _in_threes(*separators: bytes, form: bytes) -> Callable[[bytes], Iterator[bytes]]:
    """Encode parts of three bytes: lines of three or more cells have one of them whole."""
    return lambda prefix: (
        between.join(form % byte for byte in part).lstrip()
        for part in _parts(prefix, 3, (0, 1, 2))
        for between in separators
    )


def _narrow(prefix: bytes, form: bytes, between: bytes) -> Iterator[bytes]:
    """Encode two cells at the end of a line, and cells that are a line each."""
    for part in _parts(prefix, 2, (0, 3)):
        yield between.join(form % byte for byte in part) + between.rstrip() + b"\n"
    for indent in _INDENTS:
        yield (b",\n" + indent).join(form % byte for byte in prefix[3:5])
    for indent in _INDENTS[2:4]:
        yield (b",\r\n" + indent).join(form % byte for byte in prefix[3:5])


def _hex(prefix: bytes) -> Iterator[bytes]:
    for part in _parts(prefix, 3, (0, 1, 2)):
        for form in (b"%02x", b"%02X"):
            pairs = [form % byte for byte in part]
            yield from (between.join(pairs) for between in (b"", b" ", b":", b","))
            yield from (between.join(b"0x" + pair for pair in pairs) for between in (b", ", b","))
            yield b"".join(pairs[:2]) + b" " + pairs[2]
            yield pairs[0] + b" " + b"".join(pairs[1:])
        pairs = [b"%02x" % byte for byte in part]
        yield from (between.join(pairs) for between in (b"  ", b"\n", b"\t0x", b" 0x"))
        yield b", ".join(b"0X%02X" % byte for byte in part)
    for part in _parts(prefix, 2, (0, 1, 2)):
        # UTF-16.
        first, second = (b"%02x" % byte for byte in part)
        yield from (
            b" ".join((first, b"00", second)),
            first + b"00 " + second + b"00",
            b"00%b 00%b" % (first, second),
        )
    for part in _parts(prefix, 2, range(8)):
        yield from (between.join(b"%02x" % byte for byte in part) for between in _COLOURED)
    for part in _parts(prefix, 2, (0, 3)):
        yield b" ".join(b"%02x" % byte for byte in part) + b"\n"
    for between in (b", ", b","):
        yield from _narrow(prefix, b"0x%02x", between)
    yield b", ".join(b"0x%02X" % byte for byte in prefix[:2]) + b",\n"


def _decimal(prefix: bytes) -> Iterator[bytes]:
    yield from _in_threes(b", ", b",", b" ", b"\t", b"\n", form=b"%d")(prefix)
    yield from _in_threes(b", ", b" ", b"  ", form=b"%3d")(prefix)
    yield from _narrow(prefix, b"%d", b", ")


def _escaped(*forms: bytes) -> Callable[[bytes], Iterator[bytes]]:
    """Encode three escapes: a string in lines of three or more has one of the parts whole."""
    return lambda prefix: (form for own in forms for form in _in_threes(b"", form=own)(prefix))


def _binary(prefix: bytes) -> Iterator[bytes]:
    for part in _parts(prefix, 3, (0, 1, 2)):
        yield " ".join(format(byte, "08b") for byte in part).encode()


def _words(size: int, form: bytes, *separators: bytes) -> Callable[[bytes], Iterator[bytes]]:
    """Encode words of several bytes, the lowest first: two of two bytes, or one of four."""

    def literals(prefix: bytes) -> Iterator[bytes]:
        for part in _parts(prefix, 4, range(5 if size == 4 else 4)):
            words = [form % int.from_bytes(part[at : at + size], "little") for at in range(0, 4, size)]
            yield from (between.join(words) for between in separators or (b"",))

    return literals


def _number(base: int, size: int = 1) -> Callable[[bytes], bytes]:
    return lambda digits: (int(digits, base) & (256**size - 1)).to_bytes(size, "little")


def _pairs(digits: bytes) -> bytes:
    return bytes.fromhex(digits.decode("ascii"))


_NAMED: Final = {
    b"\\n": b"\n",
    b"\\t": b"\t",
    b"\\r": b"\r",
    b"\\0": b"\0",
    b"": b" ",
    b"sp": b" ",
    b"\\\\": b"\\",
}


def _character(cell: bytes) -> bytes:
    name = cell.strip().replace(b"\\\\", b"\\")
    if len(name) == 3 and name.isdigit():
        return bytes([int(name, 8) & 255])
    return _NAMED.get(name, name if len(name) == 1 else b"\n")


def _quoted(prefix: bytes) -> Iterator[bytes]:
    """Encode characters in quotes, as R, node and Python list them; or one alone, as PHP describes it."""
    forms = ((b'"%c"', b" "), (b'"%c"', b", "), (b"'%c'", b", "))
    for form, between in forms:
        yield from _in_threes(between, form=form)(prefix)
        yield (between.rstrip() + b"\n  ").join(form % byte for byte in prefix[1:3])
    yield b'string(1) "%c"\n' % prefix[2]


_HEX: Final = _BEGIN + rb"(?:0[xX])?((?:[0-9A-Fa-f]{2}){1,32})" + _END

CELLS: Final[tuple[Cell, ...]] = (
    Cell(_HEX, _pairs, _hex, is_sized=True, step=2),
    Cell(_BEGIN + rb"(-?[0-9]{1,3})" + _END, _number(10), _decimal),
    Cell(_BEGIN + rb"(0?[0-3][0-7]{2})" + _END, _number(8), _in_threes(b" ", b", ", form=b"%03o")),
    Cell(  # od -c, od -a, hexdump -c
        rb"( {3}[!-~ ]| {2}\\{1,2}[0abtnvfr\\]| [0-7]{3}| {1,2}[a-z]{2,3})",
        _character,
        _in_threes(b"   ", form=b"%c"),
        separator=b"",
    ),
    Cell(  # gdb x/c
        _BEGIN + rb"(-?[0-9]{1,3}) '(?:\\[0-7]{3}|\\?[^\r\n])'",
        _number(10),
        lambda prefix: (
            b"\t".join(b"%d '%c'" % (byte, byte) for byte in part) for part in _parts(prefix, 2, (0, 1))
        ),
    ),
    Cell(rb"(?:string\(1\) )?[\"']([!-~])[\"']", bytes, _quoted),
    Cell(_BEGIN + rb"([01]{8})" + _END, _number(2), _binary),
    Cell(
        _BEGIN + rb"(?:0[xX])?((?:[0-9A-Fa-f]{2}){1,2})" + _END,
        lambda digits: _pairs(digits)[::-1],
        _words(2, b"%04x", b" ", b"    ", b"\t0x", b", 0x"),
        separator=_WIDE,
        is_sized=True,
    ),
    Cell(
        _BEGIN + rb"(?:0[xX])?((?:[0-9A-Fa-f]{2}){1,8})" + _END,
        lambda digits: _pairs(digits)[::-1],
        _words(4, b"%08x"),
        separator=_WIDE,
        is_sized=True,
    ),
    Cell(
        _BEGIN + rb"(-?(?:[0-9]{5}|0|[1-9][0-9]{0,3}))" + _END,
        _number(10, 2),
        _words(2, b"%d", b" ", b"   "),
        separator=_WIDE,
    ),
    Cell(_BEGIN + rb"([0-7]{6})" + _END, _number(8, 2), _words(2, b"%06o", b" ", b"  ")),
    Cell(_BEGIN + rb"(-?(?:0|[1-9][0-9]{0,9}))" + _END, _number(10, 4), _words(4, b"%d"), separator=_WIDE),
    # Strings of escapes, in lines.
    Cell(rb"\\x([0-9A-Fa-f]{2})", _pairs, _escaped(b"\\x%02x", b"\\x%02X"), separator=b""),
    Cell(rb"\\([0-3][0-7]{2})", _number(8), _escaped(b"\\%03o"), separator=b""),
    Cell(rb"\\u00([0-9A-Fa-f]{2})", _pairs, _escaped(b"\\u%04x", b"\\u%04X"), separator=b""),
)
"""The forms of cells; the phase of a literal is the number of its form."""
