"""Members of zip in lzma of which only the header tells the end."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest

from conformance.containers import zip_of
from tests.keys import fake_key, fingerprint
from tests.sources.containers import reasons_of, scan_container

KEY = fake_key()
TEXT = b"# jobs of the week\n" * 30 + f"BOLTZ_API_KEY={KEY}\n".encode()


def literals(data: bytes) -> bytes:
    """Return lzma of literals only, without a mark of its end: properties, and the bits of a range coder."""
    low, span = 0, 0xFFFFFFFF
    chances: dict[int, int] = {}
    out = bytearray(b"\0")

    def shift() -> None:
        nonlocal low
        if low >> 32:
            at = len(out) - 1
            while out[at] == 0xFF:
                out[at] = 0
                at -= 1
            out[at] += 1
        out.append(low >> 24 & 0xFF)
        low = low << 8 & 0xFFFFFFFF

    def encode(place: int, bit: int) -> None:
        nonlocal low, span
        chance = chances.get(place, 1024)
        bound = (span >> 11) * chance
        if bit:
            low, span, chances[place] = low + bound, span - bound, chance - (chance >> 5)
        else:
            span, chances[place] = bound, chance + (2048 - chance >> 5)
        while span < 1 << 24:
            span <<= 8
            shift()

    for byte in data:
        encode(0, 0)
        node = 1
        for number in range(7, -1, -1):
            bit = byte >> number & 1
            encode(node, bit)
            node = node << 1 | bit
    for _ in range(5):
        shift()
    # Of the properties, lc, lp and pb are zero.
    return b"\x10\2\5\0\0" + struct.pack("<I", 1 << 16) + bytes(out)


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_member_without_an_end_mark_ends_by_its_size(*, is_cut: bool) -> None:
    """With its directory, and by its local headers alone."""
    archive = zip_of(
        [(name, 14, literals(TEXT), zlib.crc32(TEXT), len(TEXT)) for name in (b"a.env", b"b.env")]
    )
    with zipfile.ZipFile(io.BytesIO(archive)) as reader:
        assert reader.read("a.env") == TEXT
    result = scan_container(archive[: archive.index(b"PK\1\2")] if is_cut else archive)
    found = {(hit.match.fingerprint, hit.origin.members) for hit in result.hits}
    assert found == {(fingerprint(KEY), (b"a.env",)), (fingerprint(KEY), (b"b.env",))}
    assert reasons_of(result) == (["corrupt-container"] if is_cut else [])
