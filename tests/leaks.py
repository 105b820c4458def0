"""Whether bytes give a key away, in any form a reader could undo; apart from how the package redacts."""

from __future__ import annotations

import base64
import codecs
import functools
import html
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import hyperscan

from tests.keys import PREFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 12
"""Characters of a body that are too many."""

FEW = 3
"""Keys that are looked for one by one."""

_HEX_NOISE = re.compile(rb"(?i)0x|\\+u00|&#x|[^0-9a-f]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_RUN = re.compile(rb"[A-Za-z0-9_-]{%d,}" % PIECE)
"""As many characters of bodies as are too many; a body has no others."""
_STANDARD = bytes.maketrans(b"-_", b"+/")


def pieces(key: str) -> set[bytes]:
    """Every run of ``PIECE`` characters of the body."""
    body = _body(key)
    return {body[at : at + PIECE] for at in range(len(body) - PIECE + 1)}


def leaks(text: bytes, *keys: str) -> list[str]:
    """How ``text`` gives away one of the keys; nothing when it does not."""
    found = set()
    # Most views of a text are the same, or have nothing in them that could be of a key.
    held: dict[bytes, bool] = {}
    # For few keys it takes longer to compile the search than to look for each.
    blocks = _search(keys) if len(keys) > FEW else None
    for name, view in _views(text):
        runs = b"\n".join(_RUN.findall(view))
        if runs not in held:
            held[runs] = (blocks is None or _occurs(blocks, runs)) and any(
                _holds(runs, form) for key in keys for form in _spellings(key)
            )
        if held[runs]:
            found.add(name)
    return sorted(found)


@functools.cache
def _spellings(key: str) -> tuple[str, ...]:
    """The body, and what is made of it by a change of case, by rot13 and backwards."""
    body = _body(key).decode()
    forms = (body, body.swapcase(), body.lower(), body.upper(), codecs.encode(body, "rot13"))
    return tuple(dict.fromkeys(way for form in forms for way in (form, form[::-1])))


def _body(key: str) -> bytes:
    prefix = next((prefix for prefix in PREFIXES.values() if key.startswith(prefix)), "")
    body = key.removeprefix(prefix).encode()
    assert _RUN.fullmatch(body)
    return body


@functools.cache
def _blocks(key: str) -> tuple[bytes, ...]:
    """Every run of 12 holds a whole block of 6: seven searches in place of 32."""
    body, half = _body(key), PIECE // 2
    return tuple(body[at : at + half] for at in range(0, len(body) - half + 1, half))


@functools.cache
def _search(keys: tuple[str, ...]) -> hyperscan.Database:
    """One search for the blocks of all keys in all spellings, which are thousands."""
    blocks = sorted({block for key in keys for form in _spellings(key) for block in _blocks(form)})
    database = hyperscan.Database()
    flags = [hyperscan.HS_FLAG_SINGLEMATCH] * len(blocks)
    database.compile(blocks, list(range(len(blocks))), len(blocks), flags, literal=True)
    return database


def _occurs(database: hyperscan.Database, runs: bytes) -> bool:
    found: list[int] = []
    database.scan(runs, match_event_handler=lambda number, *_: found.append(number))
    return bool(found)


def _holds(runs: bytes, key: str) -> bool:
    return any(block in runs for block in _blocks(key)) and any(piece in runs for piece in pieces(key))


def _views(text: bytes) -> Iterator[tuple[str, bytes]]:
    yield from _simple(text)
    yield from ((f"{name} backwards", view) for name, view in _base64(text[::-1]))
    for name, view in _base64(text):
        yield name, view
        yield from ((f"{name} of {inner}", deeper) for inner, deeper in _base64(view))


def _simple(text: bytes) -> Iterator[tuple[str, bytes]]:
    yield "plain", text
    yield "UTF-16", text.replace(b"\0", b"")
    yield "escaped NULs", re.sub(rb"\\x00|\\u0000|\\0", b"", text)
    yield "separators", re.sub(rb"[^A-Za-z0-9_\n-]+", b"", text)
    yield "percent", unquote_to_bytes(text)
    yield "percent twice", unquote_to_bytes(unquote_to_bytes(text))
    yield "quoted-printable", re.sub(rb"=([0-9A-Fa-f]{2})", _from_hex, text)
    yield "backslashes", _unescaped(text)
    yield "HTML", html.unescape(html.unescape(text.decode("latin-1"))).encode("latin-1", "replace")
    digits = _HEX_NOISE.sub(b"", text)
    for name, only in (("hex", digits), ("hex of UTF-16", digits.replace(b"00", b""))):
        for phase in (0, 1):
            even = only[phase : len(only) - (len(only) - phase) % 2]
            yield name, bytes.fromhex(even.decode())
    for name, base in (("decimal", 10), ("octal", 8)):
        numbers = (int(number, base) for number in re.findall(rb"[0-7]+" if base == 8 else rb"[0-9]+", text))
        yield name, bytes(number for number in numbers if 0 < number < 256)


def _unescaped(text: bytes) -> bytes:
    text = re.sub(rb"\\+(?:x|u00|u\{|U000000)([0-9A-Fa-f]{2})\}?", _from_hex, text)
    text = re.sub(rb"\\+([0-7]{3})", lambda found: bytes([int(found[1], 8) & 255]), text)
    return re.sub(rb"\\+([_-])", rb"\1", text)


def _from_hex(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())


def _base64(text: bytes) -> Iterator[tuple[str, bytes]]:
    runs = [run.translate(_STANDARD) for run in _BASE64.findall(text.replace(b"\\", b""))]
    for phase in range(4):
        parts = (run[phase:] for run in runs)
        decoded = b"\n".join(base64.b64decode(part[: len(part) // 4 * 4]) for part in parts)
        yield "base64", decoded
        yield "base64 of UTF-16", decoded.replace(b"\0", b"")


def _each(form: str, key: str, only: str = "") -> bytes:
    """Each character of the key (or only those in ``only``) as ``form`` writes its number."""
    return "".join(form.format(ord(char)) if not only or char in only else char for char in key).encode()


def _joined(form: str, separator: str, raw: bytes) -> bytes:
    return separator.join(form.format(byte) for byte in raw).encode()


def without_prefix(key: str) -> dict[str, bytes]:
    """The body alone, or a part of it, in forms that a scan does not look for."""
    body = _body(key).decode()
    mirrored = {
        "as it is": body,
        "reversed": body[::-1],
        "swapped case": body.swapcase(),
        "lower case": body.lower(),
        "upper case": body.upper(),
        "rot13": codecs.encode(body, "rot13"),
        "first part": body[: PIECE + 3],
        "last part": body[-PIECE - 3 :],
    }
    found: dict[str, bytes] = {}
    for name, text in mirrored.items():
        raw = text.encode()
        found |= {
            name: raw,
            f"{name}, spaced out": " ".join(text).encode(),
            f"{name}, in groups": b" . ".join(raw[at : at + 4] for at in range(0, len(raw), 4)),
            f"{name}, base64": base64.b64encode(raw),
            f"{name}, base64, second phase": base64.b64encode(b"u" + raw),
            f"{name}, base64, third phase": base64.urlsafe_b64encode(b"u:" + raw + b"\xff"),
            f"{name}, base64 backwards": base64.b64encode(raw)[::-1],
            f"{name}, hex": raw.hex().encode(),
            f"{name}, hex, upper": raw.hex().upper().encode(),
            f"{name}, hex, spaces": raw.hex(" ").encode(),
            f"{name}, hex, words": raw.hex(" ", 2).encode(),
            f"{name}, hex, C array": _joined("0x{:02x}", ", ", raw),
            f"{name}, hex, C string": _joined("\\x{:02x}", "", raw),
            f"{name}, decimal": _joined("{}", ", ", raw),
            f"{name}, chr": _joined("chr({})", " + ", raw),
            f"{name}, octal": _joined("\\{:03o}", "", raw),
            f"{name}, percent": _joined("%{:02X}", "", raw),
            f"{name}, JSON": _joined("\\u{:04x}", "", raw),
            f"{name}, HTML": _joined("&#{};", "", raw),
            f"{name}, JSON, some": _each("\\u{:04x}", text, "_-"),
            f"{name}, UTF-16": text.encode("utf-16-le"),
        }
    whole = {"reversed": key[::-1], "swapped case": key.swapcase(), "rot13": codecs.encode(key, "rot13")}
    return found | {f"whole, {name}": text.encode() for name, text in whole.items()}


def disguises(key: str) -> dict[str, bytes]:
    """The key in each form that must not be shown either."""
    raw = key.encode()
    wide, ediw = key.encode("utf-16-le"), key.encode("utf-16-be")
    return {
        "plain": raw,
        "base64": base64.b64encode(raw),
        "base64, second phase": base64.b64encode(b"u" + raw),
        "base64, third phase": base64.b64encode(b"u:" + raw + b"\n"),
        "base64, URL-safe": base64.urlsafe_b64encode(b"\xff\xfe" + raw + b"\xff\xff"),
        "base64 without padding": base64.b64encode(b"Basic user:" + raw).rstrip(b"="),
        "base64, percent": base64.b64encode(b"u:" + raw + b"\xff\xff\xff\xff")
        .replace(b"/", b"%2F")
        .replace(b"=", b"%3D"),
        "base64, JSON": base64.b64encode(b"\xff\xff\xff" + raw + b"\xff\xff\xff").replace(b"/", b"\\/"),
        "base64 twice": base64.b64encode(base64.b64encode(b"u:" + raw)),
        "base64 of UTF-16": base64.b64encode(wide),
        "base64 of UTF-16, big": base64.b64encode(b"\xfe\xff" + ediw),
        "hex": raw.hex().encode(),
        "hex, upper": raw.hex().upper().encode(),
        "hex, spaces": raw.hex(" ").encode(),
        "hex, colons": raw.hex(":").upper().encode(),
        "hex, words": raw.hex(" ", 2).encode(),
        "hex, C array": _joined("0x{:02x}", ", ", raw),
        "hex, C string": _joined("\\x{:02x}", "", raw),
        "hex of UTF-16": wide.hex().encode(),
        "hex of UTF-16, spaces": wide.hex(" ").encode(),
        "hex of UTF-16, big": ediw.hex().upper().encode(),
        "UTF-16": wide,
        "UTF-16, big": ediw,
        "UTF-32": key.encode("utf-32-le"),
        "percent": _each("%{:02X}", key, "_-"),
        "percent, lower": _each("%{:02x}", key, "_"),
        "percent twice": _each("%25{:02X}", key, "_-"),
        "percent, all": _each("%{:02x}", key),
        "percent, only what follows": key[:20].encode() + _each("%{:02x}", key[20:]),
        "quoted-printable": _each("={:02X}", key, "_-"),
        "JSON": _each("\\u{:04x}", key, "_"),
        "JSON in JSON": _each("\\\\u{:04X}", key, "_-"),
        "JSON, all": _each("\\u{:04x}", key),
        "Python": _each("\\x{:02x}", key, "_-"),
        "Python, long": _each("\\U{:08x}", key, "_"),
        "JavaScript": _each("\\u{{{:x}}}", key, "_-"),
        "octal": _each("\\{:03o}", key, "_-"),
        "octal, all": _each("\\{:03o}", key),
        "octal dump": _joined("{:03o}", " ", raw),
        "decimal": _joined("{}", ",", raw),
        "decimal, spaces": _joined("{}", ", ", raw),
        "decimal of UTF-16": _joined("{}", ",", wide),
        "HTML, decimal": _each("&#{};", key, "_"),
        "HTML, hexadecimal": _each("&#x{:X};", key, "_-"),
        "HTML in HTML": _each("&amp;#{};", key, "_"),
        "HTML, named": raw.replace(b"_", b"&lowbar;").replace(b"-", b"&hyphen;"),
        "HTML, all": _each("&#{};", key),
        "Markdown": raw.replace(b"_", b"\\_"),
        "Markdown, all": raw.replace(b"_", b"\\_").replace(b"-", b"\\-"),
    }
