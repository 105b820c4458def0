"""Share links: found whole and between two boundaries, in every encoding; parts of names are not."""

from __future__ import annotations

import base64
import itertools
import marshal
import pickle
import plistlib
import quopri
import re
import struct
from collections.abc import Callable
from urllib.parse import quote

import pytest

from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.detect.classify import KEY_BODY, classify_exact
from boltz_keyscan.detect.encodings import FORMS
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.rules import load
from conformance.layouts import HIDINGS
from tests.keys import LINK_PREFIX, fake_body, fake_key, fake_link, fingerprint
from tests.leaks import disguises, leaks

DETECTOR = KeyDetector.of(load())
KEY = fake_key()
LINK, BODY = fake_link(), fake_link().removeprefix(LINK_PREFIX)


def found(text: str | bytes) -> list[tuple[str, str, Shape]]:
    """Rule, fingerprint and shape of everything that is found."""
    raw = text.encode() if isinstance(text, str) else text
    return [(match.rule_id, match.fingerprint, match.shape) for match in DETECTOR.find([raw])]


CONFIRMED = [("boltz-share-link", fingerprint(LINK), Shape.CONFIRMED)]

WHOLE = {
    "alone": LINK,
    "in quotes": f'id = "{LINK}"',
    "in an address": f"https://api.boltz.bio/compute/v1/share/{LINK}/pipelines",
    "after a hyphen": f"--link-{LINK}",
    "in a comment of HTML": f"<!--{LINK}-->",
    "before underscores": f"{LINK}__",
    "before an extension": f"{LINK}.json",
    "after a letter that is not ASCII": f"é{LINK}",
    "after an escaped line end": f'"a\\n{LINK}"',
    "after an escape in hex": f"\\x22{LINK}\\x22",
    "after an escape of JSON": f"\\u0022{LINK}\\u0022",
    "after a long escape of Python": f"\\U00000022{LINK}",
    "after an escape in octal": f"\\042{LINK}",
    "after an escape of an address": f"?link%3D{LINK}%26",
    "after an escape of mail": f"link=3D{LINK}",
    "after a colour": f"\x1b[0m{LINK}\x1b[1m",
    "after a colour by its number": f"\x1b[31m{LINK}",
    "after a bright colour": f"\x1b[1;31m{LINK}",
    "after a colour of GNU tools": f"\x1b[01;31m{LINK}",
    "after the usual colours": f"\x1b[39;49;00m{LINK}",
    "after a colour of 256": f"\x1b[38;5;124m{LINK}",
    "after a bold colour of 24 bits": f"\x1b[01;38;2;255;255;255m{LINK}",
    "after a line end as rsyslog writes it": f"#012{LINK}#012",
    "after a line that was erased": f"\x1b[K{LINK}",
    "in code in two parts": f'"{LINK[:20]}" + "{LINK[20:]}"',
    "in lines": f"{'x' * 60} {LINK[:20]}\n{LINK[20:]}\n",
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_link_is_found(name: str) -> None:
    text = WHOLE[name]
    if name == "in lines":
        text = f"{'=' * 20}\n{'x' * 40} {LINK[:20]}\n{LINK[20:]}\n"
    assert found(text) == CONFIRMED


LAID_OUT = {
    hiding.name: hiding.build
    for hiding in HIDINGS
    if re.match(r"table-|psql-|rich-|panel-|esc-.*-20|cdata|joiner-body|page|typed", hiding.name)
}


@pytest.mark.parametrize("name", LAID_OUT)
def test_a_link_that_is_wrapped_in_a_cell_or_cut_by_markup_is_found(name: str) -> None:
    assert ("boltz-share-link", fingerprint(LINK), Shape.CONFIRMED) in found(LAID_OUT[name](LINK))


def with_length(form: str) -> Callable[[str], bytes]:
    """Return a function that writes a text behind its length, and a letter behind it."""
    return lambda text: b"\0" + struct.pack(form, len(text)) + text.encode() + b"q\1"


COUNTED: dict[str, Callable[[str], bytes]] = {
    "pickle 1": lambda text: pickle.dumps([text, 1], 1),
    "pickle 2": lambda text: pickle.dumps([text, 1], 2),
    "pickle 3": lambda text: pickle.dumps([text, 1], 3),
    "bytecode": lambda text: marshal.dumps((text, "x")),
    "property list": lambda text: plistlib.dumps([text, "Next"], fmt=plistlib.FMT_BINARY),
    "16 bits": with_length("<H"),
    "16 bits, the highest first": with_length(">H"),
    "64 bits": with_length("<Q"),
    "64 bits, the highest first": with_length(">Q"),
    "one byte behind a type": lambda text: b"\x01B%c%bJ\x08" % (len(text), text.encode()),
    "far from the beginning": lambda text: bytes(5000) + with_length("<I")(text) + bytes(5000),
}


@pytest.mark.parametrize("before", ["", "https://example.org/share/"], ids=["alone", "address"])
@pytest.mark.parametrize("name", COUNTED)
def test_a_secret_that_ends_where_a_length_says_is_confirmed(name: str, before: str) -> None:
    """Nothing else ends it: the next byte is a letter, as that of a memo in a pickle."""
    for secret, rule in ((LINK, "boltz-share-link"), (KEY, "boltz-workspace-live-key")):
        raw = COUNTED[name](before + secret)
        expected = [(rule, fingerprint(secret), Shape.CONFIRMED)]
        assert found(raw) == expected
        assert [match.fingerprint for match in DETECTOR.find(batched(raw, 7))] == [fingerprint(secret)]
        assert DETECTOR.candidate_offsets(raw, len(raw)) == [raw.index(secret.encode())]
        longer = COUNTED[name](before + secret + "A")
        assert expected[0] not in found(longer)


def batched(raw: bytes, size: int) -> list[bytes]:
    return [raw[at : at + size] for at in range(0, len(raw), size)]


OTHER_LAST = BODY[:-1] + "B"
PARTS = {
    "the prefix": LINK_PREFIX,
    "a name": "x86_shr_imm8",
    "a name with a long end": f"x86_{LINK}",
    "a word before": f"l{LINK}",
    "a digit before": f"7{LINK}",
    "short": LINK[:-1],
    "long": LINK + "A",
    "two in one": LINK + LINK,
    "long in an address": f"GET https://example.org/{LINK}A",
    "long behind a character": f"\0:{LINK}A",
    "an impossible last character": LINK_PREFIX + OTHER_LAST,
    "another case": LINK.upper().replace("SHR_", "Shr_"),
    "a name of 43 characters": f"{LINK_PREFIX}truncatedSigned_v2i64_roundingMode_nearestY",
    "hexadecimal": LINK_PREFIX + "0f3a9c4be17d82560f3a1c4be97d825601da9c4be90",
    "a template": "shr_{id}",
    "an escape that is none": f"n{LINK}",
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_name_is_not(name: str) -> None:
    assert found(PARTS[name]) == []


def offsets(text: str) -> list[int]:
    """Where the search of files leads to, by the prefix itself."""
    raw = text.encode()
    return [
        at for at in DETECTOR.candidate_offsets(raw, len(raw)) if raw.startswith(LINK_PREFIX.encode(), at)
    ]


@pytest.mark.parametrize("end", ["", " and", '"'])
def test_the_search_of_files_leads_to_links_and_not_to_parts_of_names(end: str) -> None:
    for name, text in WHOLE.items():
        whole = text + end
        assert offsets(whole) == [whole.encode().index(LINK_PREFIX.encode())], name
    # A body without boundary or of another length begins nothing, wherever it ends.
    for name in (
        "a name",
        "a name with a long end",
        "a word before",
        "a digit before",
        "long",
        "an escape that is none",
    ):
        assert offsets(PARTS[name] + end) == [], name


@pytest.mark.parametrize("filler", ["x" * 43, "your-share-link-".ljust(43, "0"), "example-" * 5 + "abc"])
def test_a_filler_of_the_same_length_is_a_placeholder(filler: str) -> None:
    assert [shape for _, _, shape in found(f'"{LINK_PREFIX}{filler}"')] == [Shape.PLACEHOLDER]


def escaped(form: str) -> Callable[[str], bytes]:
    """Every byte by its number."""
    return lambda text: "".join(form % byte for byte in text.encode()).encode()


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "base64": lambda text: base64.b64encode(text.encode()),
    "base32": lambda text: base64.b32encode(text.encode()),
    "base32, lower case": lambda text: base64.b32encode(text.encode()).lower().rstrip(b"="),
    "utf-16": lambda text: text.encode("utf-16-le"),
    "utf-16be": lambda text: text.encode("utf-16-be"),
    "utf-32": lambda text: text.encode("utf-32-le"),
    "hex": lambda text: text.encode().hex().encode(),
    "HEX": lambda text: text.encode().hex().upper().encode(),
    "hex, spaced": lambda text: text.encode().hex(" ").encode(),
    "decimal": lambda text: ", ".join(map(str, text.encode())).encode(),
    "octal": lambda text: " ".join(f"{byte:03o}" for byte in text.encode()).encode(),
    "percent": escaped("%%%02X"),
    "percent twice": lambda text: quote(escaped("%%%02X")(text)).encode(),
    "unicode-escape": escaped("\\u%04x"),
    "hex-escape": escaped("\\x%02x"),
    "octal-escape": escaped("\\%03o"),
    "html": escaped("&#%d;"),
    "html, of the underscore": lambda text: text.replace("_", "&lowbar;", 1).encode(),
    "quoted-printable": escaped("=%02X"),
    "soft line break": lambda text: quopri.encodestring(("y" * 40 + " " + text).encode()),
    "markdown": lambda text: text.replace("_", "\\_").encode(),
}


@pytest.mark.parametrize("before", ["", '"', "id: ", " a b c "])
@pytest.mark.parametrize("name", ENCODINGS)
def test_an_encoded_link_is_found(name: str, before: str) -> None:
    assert found(ENCODINGS[name](before + LINK)) == CONFIRMED, name


ESCAPES = ("percent", "unicode-escape", "hex-escape", "octal-escape", "html", "quoted-printable")
ANYWHERE = ("base64", "utf-16", "utf-32", "hex", "HEX", *ESCAPES)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [pair for pair in itertools.product(ANYWHERE, repeat=2) if not set(pair) <= {"utf-16", "utf-32"}],
)
def test_a_link_in_two_encodings_is_found(inner: str, outer: str) -> None:
    once = ENCODINGS[inner](f'"{LINK}"').decode("latin-1")
    assert found(ENCODINGS[outer](once)) == CONFIRMED


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_base64_in_lines_has_it_wherever_they_break(end: str) -> None:
    for shift in range(76):
        encoded = base64.b64encode(f"{'.' * shift}{LINK}".encode()).decode()
        lines = end.join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
        assert found(lines) == CONFIRMED, shift


def test_hardly_any_link_is_taken_for_a_name_or_a_filler() -> None:
    bodies = (fake_body(number).encode() for number in range(20_000))
    verdicts = [classify_exact(body) for body in bodies]
    assert all(verdict and verdict.shape is Shape.CONFIRMED for verdict in verdicts)


@pytest.mark.parametrize("text", ["path/shr_{}.pdb", "x86_shr_{}", "lshr_{}"])
def test_a_link_is_never_printed_wherever_it_is(text: str) -> None:
    assert BODY not in DETECTOR.redact(text.format(BODY).encode())


@pytest.mark.parametrize("size", [KEY_BODY // 2, 30, KEY_BODY - 1])
def test_a_link_that_was_cut_is_not_printed(size: int) -> None:
    text = f'cannot open "{LINK_PREFIX}{BODY[:size]}"'.encode()
    assert DETECTOR.hide(text) == f'cannot open "{LINK_PREFIX}[REDACTED]"'.encode()
    assert DETECTOR.redact(text) == f'cannot open "{LINK_PREFIX}[REDACTED]"'


@pytest.mark.parametrize("name", disguises(LINK))
def test_a_disguised_link_is_never_printed(name: str) -> None:
    line = LINK.encode() + b" " + disguises(LINK)[name] + b" " + LINK.encode()
    contexts = [match.context for match in DETECTOR.find([line])]
    assert not leaks(" ".join([*contexts, DETECTOR.redact(line)]).encode(), LINK)


@pytest.mark.parametrize(
    "text", ["test/lshr_combine_to_zero.ll", "setNoclip/off.txt", "x86_shr_imm8", "is_on_the_lhs_or_the_rhs"]
)
def test_names_are_printed_as_they_are(text: str) -> None:
    assert DETECTOR.redact(text.encode()) == text


def test_each_form_that_spells_a_prefix_is_tried_above() -> None:
    spelt = {form.name for form in FORMS if any(True for _ in form.spell(LINK_PREFIX.encode()))}
    assert spelt <= {*ENCODINGS, "utf-16", "html-name", "backslash"}
