"""Encodings and containers in any order: each place of the suite with its chain, and what bounds them."""

from __future__ import annotations

import base64
import gzip
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.beginnings import encoded_beginnings
from boltz_keyscan.sources import encoded, encoded_checks, signature_checks
from conformance.chains import CHAINS, DECOYS, gz
from conformance.containers import FILLER, text, zipped
from tests.keys import fake_key, fingerprint
from tests.mutants import scanned
from tests.running import scan_json
from tests.sources.containers import scan_container


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One scan of all places and decoys, with plain keys beside encoded text."""
    folder = tmp_path_factory.mktemp("chains")
    for chain in CHAINS:
        (folder / chain.name).write_bytes(chain.build(fake_key(seed=chain.name)))
    for name, content in DECOYS.items():
        (folder / name).write_bytes(content)
    inner = fake_key(seed="inner")
    raw = gz(inner)
    for n, written in enumerate((base64.b64encode(raw), repr(raw).encode(), base64.b85encode(raw))):
        beside = f"\n{fake_key(seed=('beside', n))}\n".encode()
        (folder / f"beside-{n}").write_bytes(b"a\nb = " + written + beside)
    return scan_json(folder)


def _places(report: Any, key: str) -> list[Any]:
    return [
        place
        for finding in report["findings"]
        if finding["fingerprint"] == fingerprint(key)
        for place in finding["locations"]
    ]


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name)
def test_a_key_is_found_once_with_its_chain_and_the_place_of_the_text(chain: Any, report: Any) -> None:
    (place,) = _places(report, fake_key(seed=chain.name))
    assert (tuple(place["decoded"]), tuple(place["members"])) == (chain.links, chain.members)


def test_nothing_else_is_found_and_no_gap(report: Any) -> None:
    assert report["gaps"] == []
    seeds = [chain.name for chain in CHAINS] + ["inner"] + [("beside", n) for n in range(3)]
    found = {finding["fingerprint"] for finding in report["findings"] if finding["severity"] != "note"}
    assert found == {fingerprint(fake_key(seed=seed)) for seed in seeds}


def test_the_location_is_where_the_text_begins(report: Any) -> None:
    places = _places(report, fake_key(seed="inner"))
    assert {(place["line"], place["offset"]) for place in places} >= {(2, 6)}


def test_random_bytes_are_no_gzip() -> None:
    source = random.Random(3)
    windows = [b"\x1f\x8b\x08" + bytes([n % 32]) + source.randbytes(508) for n in range(4_000)]
    assert sum(signature_checks.identify(window) is not None for window in windows) < 4_000 // 10
    for flags, fields in (
        (0, b""),
        (4, b"\x06\0BC\x02\0ab"),
        (4, b"\0\0"),
        (8, b"\xc3\xa9 (1).txt\0"),
        (24, b"a\0two\nlines\0"),
    ):
        raw = gzip.compress(source.randbytes(600))
        window = raw[:3] + bytes([flags]) + raw[4:10] + fields + raw[10:]
        assert signature_checks.identify(window[:512]) == "gzip"


def test_random_bytes_are_no_zlib() -> None:
    """Within a member of an archive that is too large to be held, each that seems to be one is a gap."""
    source = random.Random(2)
    windows = [b"x\x9c" + source.randbytes(510) for _ in range(5_000)]
    assert [window[:8] for window in windows if encoded_checks.identify(window)] == []
    assert encoded_checks.identify(zlib.compress(source.randbytes(600))) == "zlib"


LAYERS = (
    gzip.compress,
    zlib.compress,
    lambda raw: zipped({"a": raw}),
    base64.b64encode,
    lambda raw: raw.hex().encode(),
)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.sampled(count=10)
def test_any_order(seed: int, tmp_path: Path) -> None:
    """Up to four layers, of which no three encodings follow each other."""
    draw = random.Random(seed)
    key = fake_key(seed=seed)
    layers = [draw.choice(LAYERS[:3])]
    while len(layers) < draw.randrange(1, 5):
        layers.append(draw.choice(LAYERS[:3] if layers[-1] in LAYERS[3:] else LAYERS))
    content = FILLER[: draw.randrange(3000)] + text(key)
    for layer in layers:
        content = layer(content)
    path = tmp_path / "file"
    path.write_bytes(content)
    result = scanned(path)
    assert ({hit.match.fingerprint for hit in result.hits}, result.gaps) == ({fingerprint(key)}, ())


def _layers(count: int) -> bytes:
    content = text(fake_key(seed="deep"))
    for _ in range(count):
        content = base64.b64encode(gzip.compress(content))
    return content


BOMBS = {
    "ratio-limit": lambda: base64.b64encode(gzip.compress(gzip.compress(bytes(1 << 28), 9), 9)),
    "too-deep": lambda: _layers(60),
    "unsupported-container": lambda: b"H4sI" * 100_000,
}


def test_a_false_beginning_is_not_decoded_to_the_end_of_its_text() -> None:
    """In 500 MB of random hex there is one: a stream that fails behind what its check sees."""
    draw = random.Random(5)
    key = fake_key()
    stream = zlib.compress(FILLER[:400])[:180] + b"\xff" * 4 + draw.randbytes(1 << 20)
    written = (stream + gzip.compress(text(key)) + draw.randbytes(300)).hex().encode()
    result = scan_container(b"a: " + b"\n".join(written[at : at + 64] for at in range(0, len(written), 64)))
    assert {hit.match.fingerprint for hit in result.hits} == {fingerprint(key)}
    assert result.unpacked[1] < 100_000
    assert result.gaps == ()


@pytest.mark.parametrize("reason", BOMBS)
def test_a_limit_is_a_gap(reason: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BOMBS[reason]())
    assert [gap.reason for gap in scanned(path).gaps] == [reason]


def test_a_text_is_read_the_same_in_any_pieces() -> None:
    draw = random.Random(17)
    raw = draw.randbytes(9000)
    forms = {
        "base64": base64.encodebytes(raw),
        "hex": raw.hex(" ").encode(),
        "escape": repr(raw).encode()[2:-1],
        "base85": base64.b85encode(raw),
        "ascii85": base64.a85encode(raw),
    }
    for name, written in forms.items():
        for size in (1, 300, 5000, 1 << 20):
            chunks = (written[at : at + size] for at in range(0, len(written), size))
            decoder = encoded.Decoder(name, chunks)
            assert b"".join(decoder) == raw, (name, size)
            assert decoder.locate(len(raw)) in (0, *range(len(written) - 3, len(written) + 1))


def test_literals_of_the_engine_are_long_enough_and_in_one_order() -> None:
    beginnings = encoded_beginnings()
    assert all(len(literal) >= 3 for literal, _, _ in beginnings)
    assert len({literal for literal, _, _ in beginnings}) == len(beginnings) < 400


_WRITTEN: dict[str, Callable[[bytes], bytes | str]] = {
    "ascii85": base64.a85encode,
    "base32": base64.b32encode,
    "base64": base64.b64encode,
    "base85": base64.b85encode,
    "hex": bytes.hex,
}


_BLANKS = ("\n", "\r\n", "\n    ")
_SIGNS = ("\n# ", "\n> ", "\\n", '"\n    "')
"""What is between two lines; all of it are characters of ascii85."""


@pytest.mark.parametrize(
    ("name", "between"),
    [
        (name, between)
        for name in _WRITTEN
        for between in (_BLANKS if name == "ascii85" else _BLANKS + _SIGNS)
    ],
)
def test_whatever_a_line_begins_with_is_data(name: str, between: str) -> None:
    """In lines of 20 kB of random bytes: each character of the encoding begins some."""
    data = random.Random(name).randbytes(20_000)
    written = _WRITTEN[name](data)
    letters = written if isinstance(written, str) else written.decode()
    for columns in (60, 64, 76, 80) if name == "hex" else (60, 64, 76, 77, 80):
        lines = [letters[at : at + columns] for at in range(0, len(letters), columns)]
        decoder = encoded.Decoder(name, iter([between.join(lines).encode()]))
        assert b"".join(decoder).startswith(data), columns
