"""Keys that web pages, mail, terminals and code break: each is found whole, and nothing of it is shown."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Callable

import pytest

from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.rules import load
from tests.keys import PREFIXES, fake_key, fingerprint
from tests.leaks import leaks

DETECTOR = KeyDetector.of(load())
KEY = next(
    key for seed in range(999) if "-" in (key := fake_key("admin", "live", seed)) and key.count("_") > 5
)
PLACES = (3, 6, 9, 14, 17, 30, 55)
"""Characters of the key before a break: in its prefix, at the end of it, in its body."""

UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u034f\u180e\ufe0e\ufe0f"

SPREAD: dict[str, Callable[[str, str], str]] = {
    "behind": lambda key, mark: key.replace("_", "_" + mark),
    "before": lambda key, mark: key.replace("_", mark + "_"),
    "between": lambda key, mark: mark.join(key),
}

WRITTEN: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "json": lambda text: json.dumps({"text": text}).encode(),
    "json in json": lambda text: json.dumps({"text": json.dumps({"text": text})}).encode(),
    "html": lambda text: "".join(char if char.isascii() else f"&#{ord(char)};" for char in text).encode(),
    "xml": lambda text: "".join(char if char.isascii() else f"&#x{ord(char):X};" for char in text).encode(),
}

JOINTS = {
    "python +=": '"\nkey += "',
    "php .=": "';\n$key .= '",
    "java concat": '".concat("',
    "java append": '").append("',
    "c++": '") + "',
    "c++ string": '" + std::string("',
    "ruby": "' << '",
    "zsh history": "\\\\\n",
    "readline, recorded": " \\r",
    "rich": "\x1b[0m\n\x1b[32m",
    "rich in a notebook": '\\u001b[0m\\n",\n      "\\u001b[32m',
    "rich as html": "</span>\n<span style='color: #008000'>",
    "rich as html in a notebook": '</span>\\n",\n "<span style=\\"color: #008000\\">',
    "words of a header": "?=\r\n =?utf-8?Q?",
}

LINE_ENDS = {
    "xml dsig": "&#13;\n",
    "java xml": "&#xD;\n",
    "attribute": "&#xD;&#xA;",
    "decimal attribute": "&#13;&#10;",
    "indented attribute": "&#xA;        ",
    "one attribute": "&#10;",
    "page": "<br>",
    "page of xhtml": "<br />\n",
    "mac": "\r",
    "converted twice": "\r\r\n",
    "mail": "=0D=0A=\n",
    "list": '",\n  "',
}


def found_in(blob: bytes) -> list[tuple[str, Shape]]:
    return [
        (match.fingerprint, match.shape)
        for match in DETECTOR.find([blob])
        if match.shape is not Shape.PLACEHOLDER
    ]


def check(blob: bytes) -> None:
    assert found_in(blob) == [(fingerprint(KEY), Shape.CONFIRMED)]
    assert leaks(DETECTOR.redact(blob).encode(), KEY) == []


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("spread", SPREAD)
@pytest.mark.parametrize("mark", UNSEEN, ids=lambda mark: f"U+{ord(mark):04X}")
def test_characters_without_width(mark: str, spread: str, written: str) -> None:
    check(WRITTEN[written](f"key: {SPREAD[spread](KEY, mark)} ok\n"))


@pytest.mark.parametrize("spread", SPREAD)
@pytest.mark.parametrize("escape", ["%E2%80%8B", "=E2=80=8C", "&zwnj;"])
def test_escaped_characters_without_width(escape: str, spread: str) -> None:
    check(f"key: {SPREAD[spread](KEY, escape)} ok\n".encode())


@pytest.mark.parametrize("place", [20, 30, 55])
def test_a_soft_hyphen_in_latin_1(place: int) -> None:
    check(f"Schl\xfcssel: {KEY[:place]}\xad{KEY[place:]} ok\n".encode("latin-1"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("joint", JOINTS)
def test_joined_pieces(joint: str, place: int) -> None:
    text = f'{KEY[:place]}{JOINTS[joint]}{KEY[place:]}"'
    if joint == "words of a header":
        text = f"=?utf-8?Q?{text.replace('_', '=5F')[:-1]}?="
    check(f'key = "{text}\n'.encode())


@pytest.mark.parametrize("lead", [7, 30, 33, 40])
@pytest.mark.parametrize("end", LINE_ENDS)
def test_lines_of_base64(end: str, lead: int) -> None:
    text = f"{'.' * lead} KEY={KEY} and more of it {'.' * 30}"
    lines = textwrap.wrap(base64.b64encode(text.encode()).decode(), 64)
    check(f'x: "{LINE_ENDS[end].join(lines)}"\n'.encode())


def test_base64_in_words_of_a_header() -> None:
    words = (base64.b64encode(part.encode()).decode() for part in (f"The key: {KEY[:36]}", f"{KEY[36:]} is"))
    check(b"Subject: " + "\r\n ".join(f"=?utf-8?B?{word}?=" for word in words).encode() + b"\r\n\r\n")


@pytest.mark.parametrize(
    "text", ["{}example", "{}\u200b****", "'{}' << 'your-key'", "{}?=\r\n =?utf-8?Q?..."]
)
@pytest.mark.parametrize("prefix", PREFIXES.values())
def test_a_prefix_alone_is_no_key(prefix: str, text: str) -> None:
    assert found_in(text.format(prefix.replace("_", "_\u200c")).encode()) == []
    assert found_in(text.format(prefix).encode()) == []


@pytest.mark.parametrize("form", ["&#{:03d};", "&#x{:04x};"])
def test_numbers_of_html_with_zeros(form: str) -> None:
    text = "".join(form.format(ord(char)) if char in "_-" else char for char in KEY)
    check(f"<td>{text}</td>".encode())
