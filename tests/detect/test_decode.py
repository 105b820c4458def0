"""Any key, in any chain of encodings the scanner claims to know, is found where it begins."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Match
from boltz_keyscan.rules import load
from boltz_keyscan.sources import blob as blobs
from tests.depth import examples
from tests.detect.test_engine import Pieces
from tests.keys import fake_key, fingerprint
from tests.leaks import leaks
from tests.strategies import CUTS, KEYS, NOISE, cut

DETECTOR = KeyDetector.of(load())


@dataclass(frozen=True)
class Layer:
    """One encoding, and where in what it gives a byte of the text begins."""

    name: str
    encode: Callable[[bytes], bytes]
    place: Callable[[bytes, int], int]
    whole: bool = True
    """Whether it may stand anywhere in a chain."""


def base64_layer(columns: int, between: bytes = b"\n", *, safe: bool = False) -> Layer:
    """Base64 in lines."""

    def encode(text: bytes) -> bytes:
        encoded = (base64.urlsafe_b64encode if safe else base64.b64encode)(text)
        return between.join(encoded[at : at + columns] for at in range(0, len(encoded), columns))

    def place(_text: bytes, index: int) -> int:
        return (char := index * 8 // 6) + char // columns * len(between)

    return Layer("base64", encode, place)


def spelt_layer(name: str, form: str, *, only: bytes = b"", whole: bool = False) -> Layer:
    """Each byte (or each in ``only``) by its number."""

    def encode(text: bytes) -> bytes:
        return b"".join(
            (form % byte).encode() if not only or byte in only else bytes([byte]) for byte in text
        )

    return Layer(name, encode, lambda text, index: len(encode(text[:index])), whole)


def wide_layer(name: str, codec: str) -> Layer:
    """UTF-16 or UTF-32 of text that is ASCII."""
    width = int(name[4:6]) // 8
    return Layer(name, lambda text: text.decode("latin-1").encode(codec), lambda _text, index: width * index)


WHOLE = (
    base64_layer(10**6),
    base64_layer(10**6, safe=True),
    base64_layer(76),
    base64_layer(64, b"\r\n"),
    base64_layer(64, b"\n    "),
    base64_layer(72, b"\\n"),
    wide_layer("utf-16le", "utf-16-le"),
    wide_layer("utf-16be", "utf-16-be"),
    wide_layer("utf-32le", "utf-32-le"),
    wide_layer("utf-32be", "utf-32-be"),
    spelt_layer("hex", "%02x", whole=True),
    spelt_layer("hex", "%02X", whole=True),
)
ESCAPES = (
    *(
        spelt_layer(name, form, only=only)
        for only in (b"", b"_-")
        for name, form in (
            ("percent", "%%%02X"),
            ("percent", "%%%02x"),
            ("unicode-escape", "\\u%04x"),
            ("unicode-escape", "\\u%04X"),
            ("hex-escape", "\\x%02x"),
            ("octal-escape", "\\%03o"),
            ("html", "&#%d;"),
            ("html", "&#x%x;"),
            ("quoted-printable", "=%02X"),
        )
    ),
)
DUMPS = (
    *(spelt_layer("hex", f"%02x{between}") for between in (" ", ":", "-", ", ")),
    spelt_layer("hex", "0x%02x, "),
    spelt_layer("decimal", "%d, "),
    spelt_layer("decimal", "%d,"),
)
FULL = ESCAPES[: len(ESCAPES) // 2]


def _is_wide(layer: Layer) -> bool:
    return layer.name.startswith("utf-")


LINED = WHOLE[2:6]
"""Base64 in lines: in a chain of two of them, breaks of both can fall within what is looked for."""


def claimed(chain: tuple[Layer, ...]) -> bool:
    """Less what docs/how-it-works.md says is not seen everywhere: UTF-16 of two links in lines."""
    return not (len(chain) == 3 and _is_wide(chain[0]) and chain[1] in LINED and chain[2] in LINED)


CHAINS = st.one_of(
    st.tuples(st.sampled_from((*WHOLE, *ESCAPES, *DUMPS))),
    st.tuples(st.sampled_from(WHOLE), st.sampled_from((*WHOLE, *ESCAPES))),
    st.tuples(st.sampled_from(FULL), st.sampled_from(WHOLE)),
    st.tuples(st.sampled_from(WHOLE), st.sampled_from(WHOLE), st.sampled_from(WHOLE)),
).filter(
    lambda chain: (
        not any(_is_wide(one) and _is_wide(two) for one, two in itertools.pairwise(chain)) and claimed(chain)
    )
)
"""Outermost first; UTF-16 of UTF-16 is UTF-32."""

INSIDE = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=60).map(str.encode)
"""Text beside the key in the same encoding."""

EDGES = st.sampled_from([b"\x01", b'" ', b"(", b";\x7f", b"<"])
"""What separates the encoded text from what stands around."""


def encoded(chain: tuple[Layer, ...], text: bytes, at: int) -> tuple[bytes, int]:
    """The text in the chain, and where its byte ``at`` begins."""
    for layer in reversed(chain):
        text, at = layer.encode(text), layer.place(text, at)
    return text, at


def found(detector: KeyDetector, *chunks: bytes) -> list[Match]:
    return [match for match in detector.find(chunks) if match.shape is not Shape.PLACEHOLDER]


@settings(max_examples=examples(400))
@given(KEYS, CHAINS, INSIDE, INSIDE, NOISE, NOISE, EDGES, EDGES, CUTS)
def test_any_key_in_any_chain(  # noqa: PLR0917 - all that is drawn
    key: str,
    chain: tuple[Layer, ...],
    before: bytes,
    after: bytes,
    noise: bytes,
    more: bytes,
    first: bytes,
    last: bytes,
    places: list[int],
) -> None:
    inside, start = encoded(chain, before + b" =" + key.encode() + b" " + after, len(before) + 2)
    if any(map(_is_wide, chain)):
        # Beside a letter, text of one byte order reads as well in the other, less one character.
        first = last = b"\xff"
    blob = noise + first + inside + last + more
    offset = len(noise + first) + start
    matches = found(DETECTOR, blob)
    ours = [match for match in matches if match.fingerprint == fingerprint(key) and match.offset == offset]
    assert [(match.decoded, match.shape) for match in ours] == [
        (tuple(layer.name for layer in chain), Shape.CONFIRMED)
    ]
    assert found(DETECTOR, *cut(blob, places)) == matches
    assert leaks("\n".join(match.context for match in matches).encode(), key) == []


def missed(chain: tuple[Layer, ...], size: int) -> bool:
    """Whether a key is not found that stands so far within the innermost text."""
    key = fake_key(seed=f"{size} in lines")
    inside, _ = encoded(chain, b"x" * size + key.encode() + b" and more", size)
    return fingerprint(key) not in {
        match.fingerprint for match in found(DETECTOR, b"\xff" + inside + b"\xff")
    }


@pytest.mark.parametrize("inner", range(len(LINED)))
@pytest.mark.parametrize("outer", range(len(LINED)))
@pytest.mark.sampled
def test_two_links_in_lines_break_a_key_wherever_they_do(outer: int, inner: int) -> None:
    chain = (LINED[outer], LINED[inner])
    # The lines meet anew after so many bytes.
    assert [size for size in range(120) if missed(chain, size)] == []


@pytest.mark.parametrize("other", range(len(WHOLE)))
def test_so_they_do_with_another_link(other: int) -> None:
    chains = {
        chain
        for outer, inner in itertools.product(LINED, LINED)
        for chain in itertools.permutations((outer, inner, WHOLE[other]))
        if claimed(chain)
    }
    lost = [
        (number, size)
        for number, chain in enumerate(
            sorted(chains, key=lambda chain: [WHOLE.index(each) for each in chain])
        )
        for size in (number % 97, number % 31 + 40)
        if missed(chain, size)
    ]
    assert lost == []


@settings(max_examples=examples(150))
@given(KEYS, CHAINS, NOISE, CUTS, st.integers(1, 60))
def test_no_read_boundary_hides_a_chain(
    key: str, chain: tuple[Layer, ...], noise: bytes, places: list[int], chunk: int
) -> None:
    inside, _ = encoded(chain, b"key = " + key.encode() + b" and more", 0)
    blob = noise + b"\x01" + inside + b"\x01"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blobs, "CHUNK", chunk * 20)
        window = blobs.Window(DETECTOR.overlap)
        _, offsets = window.candidate_offsets(Pieces(cut(blob, places)), DETECTOR)
    assert offsets
