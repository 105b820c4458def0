"""Places of encoded keys to the byte; what is held of a key is not shown by accident."""

from __future__ import annotations

import base64
import dataclasses

import pytest

from boltz_keyscan.detect import KeyDetector, decoders, matcher, readings, surroundings
from boltz_keyscan.detect.lookup import Lookup
from boltz_keyscan.rules import load
from tests.keys import fake_key

DETECTOR = KeyDetector.of(load())
KEY = fake_key("ws", "live", "places")
ENCODED = {
    "hex": KEY.encode().hex().encode(),
    "hex with colons": KEY.encode().hex(":").encode(),
    "decimal": ", ".join(map(str, KEY.encode())).encode(),
    "octal": ", ".join(f"{byte:03o}" for byte in KEY.encode()).encode(),
    "utf-16le": KEY.encode("utf-16-le"),
    "utf-32be": KEY.encode("utf-32-be"),
    "base64": base64.b64encode(KEY.encode()).rstrip(b"="),
    "percent": "".join(f"%{byte:02X}" for byte in KEY.encode()).encode(),
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoded_key_begins_and_ends_where_it_does(name: str) -> None:
    blob = b"a = \n" + ENCODED[name] + b"\n"
    (match,) = DETECTOR.find([blob])
    assert (match.offset, match.length) == (5, len(ENCODED[name]))


def test_a_listed_prefix_may_be_a_whole_key_and_no_longer() -> None:
    lookup = Lookup.of([KEY[:12], KEY, KEY + "x"])
    assert lookup.matching_prefixes(KEY.encode()) == (KEY[:12], KEY)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (readings.Key, {"raw"}),
        (readings.Decoded, {"text"}),
        (readings.Decodings, {"text"}),
        (matcher._Window, {"data"}),
        (surroundings.Surroundings, {"raw", "text"}),
        (Lookup, {"secret"}),
        (decoders.Reading, {"data"}),
    ],
)
def test_no_repr_has_scanned_bytes(kind: type, fields: set[str]) -> None:
    hidden = {field.name for field in dataclasses.fields(kind) if not field.repr}
    assert fields <= hidden
