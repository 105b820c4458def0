"""What hypothesis draws for the laws of detection: keys, what stands around them, and cuts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.keys import PREFIXES, fake_key

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

BOM = b"\xef\xbb\xbf"

KEYS = st.builds(
    fake_key, st.sampled_from(["admin", "ws"]), st.sampled_from(["live", "test"]), st.integers(0)
)
"""Whole keys of the confirmed shape, as text."""

_PREFIX = PREFIXES["ws", "live"].encode()

_FRAGMENTS = st.sampled_from(
    [
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b'"',
        b"\\n",
        b"-",
        b"_",
        b"A",
        b"\0",
        b"\x1b[31m",
        BOM,
        "é".encode(),
        "\N{PILE OF POO}".encode(),
        b"\x80",
        b"\xf0\x9f",
        _PREFIX,
        _PREFIX[:-1],
        _PREFIX[:6],
        _PREFIX[1:],
        _PREFIX.upper(),
        PREFIXES["admin", "test"].encode(),
        _PREFIX + b"example",
        _PREFIX + b"A" * 300,
        b"sk_bc_admin_prod_" + b"0f" * 20,
    ]
)
"""What is next to keys in the wild, and what is nearly one."""

_LONG = st.builds(
    lambda piece, size: piece * (size // len(piece) + 1),
    _FRAGMENTS | st.binary(min_size=1, max_size=3),
    st.integers(0, 3000),
)
"""Enough of one thing to push what follows over the edge of a window."""

NOISE = st.lists(_FRAGMENTS | st.binary(max_size=20) | _LONG, max_size=6).map(b"".join)
"""Any bytes, valid UTF-8 or not."""

TEXT = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(["\n", "\r\n", "é", "\N{PILE OF POO}", "\ufeff", "\0"])
    | st.builds(
        lambda char, times: char * times, st.sampled_from("a é\N{PILE OF POO}\n"), st.integers(1, 900)
    ),
    max_size=6,
).map("".join)
"""Any text."""

BLOBS = st.lists(NOISE | KEYS.map(str.encode), max_size=6).map(b"".join)
"""Bytes with and without keys, side by side or far apart."""


def cut(blob: bytes, places: list[int]) -> list[bytes]:
    """The blob in pieces; a place is counted around the blob, and may be used twice."""
    edges = sorted({0, len(blob), *(place % (len(blob) + 1) for place in places)})
    return [blob[start:end] for start, end in itertools.pairwise(edges)]


CUTS: SearchStrategy[list[int]] = st.lists(st.integers(0, 1 << 20), max_size=12)
"""For ``cut``."""
