"""Small compressed texts in an event: read in the hook itself only where that proves them clean."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import random
import zlib
from pathlib import Path

import pytest

from boltz_keyscan import rules
from boltz_keyscan.agents import containers, inspection, small_streams
from boltz_keyscan.agents.event import Deny, Event, KeyFound, Stage
from boltz_keyscan.detect import KeyDetector
from conformance.containers import cpio, old_tar, tarred, zipped
from tests.keys import fake_key, fingerprint

KEY = fake_key("ws", "live", "small stream")
WORDS = " ".join(random.Random(1).choices(["run", "model", "affinity", "chain", "score"], k=3000)).encode()
LEAK = WORDS[:3000] + b"\nexport BOLTZ_API_KEY=" + KEY.encode() + b"\n"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _wrapped(raw: bytes) -> str:
    return base64.encodebytes(raw).decode()


CLEAN: dict[str, str] = {
    "gzip": b64(gzip.compress(WORDS)),
    "zlib": "state=" + b64(zlib.compress(WORDS)),
    "wrapped": "Output:\n" + _wrapped(gzip.compress(WORDS)),
    "URL-safe": base64.urlsafe_b64encode(gzip.compress(WORDS)).decode(),
    "three": " ".join(b64(gzip.compress(WORDS[at:])) for at in (0, 9, 99)),
    "cut off": b64(gzip.compress(WORDS))[:900],
}

LEAKS: dict[str, str] = {
    "gzip": b64(gzip.compress(LEAK)),
    "wrapped": _wrapped(zlib.compress(LEAK)),
    "the second of two": f"{CLEAN['gzip']} {b64(gzip.compress(LEAK))}",
    "base64 within": b64(gzip.compress(WORDS + base64.b64encode(LEAK))),
    "UTF-16 within": b64(gzip.compress(LEAK.decode().encode("utf-16"))),
    "gzip within": b64(gzip.compress(gzip.compress(LEAK))),
    "a tar within": b64(gzip.compress(tarred({"a": WORDS, "b": LEAK}))),
    "a zip behind words within": b64(gzip.compress(WORDS + zipped({"b": LEAK}))),
    "base64 of gzip within": b64(gzip.compress(b"a: " + base64.b64encode(gzip.compress(LEAK)))),
    "two streams": b64(gzip.compress(WORDS) + gzip.compress(LEAK)),
    "in base64 twice": b64(base64.b64encode(gzip.compress(LEAK))),
    "another compression": b64(bz2.compress(LEAK)),
    "hex": gzip.compress(LEAK).hex(),
    "much output": b64(gzip.compress(bytes(2 << 20) + LEAK)),
    "a long text": CLEAN["gzip"] + " " + "word " * 20_000 + b64(gzip.compress(LEAK)),
    "damaged": b64((packed := gzip.compress(LEAK + random.Random(2).randbytes(999)))[:-500] + packed[:400]),
}
"""Places of a key. What can hide it from a reader of one stream is opened as in a scan."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Texts that would be opened in another process."""
    texts: list[bytes] = []

    def record(raw: bytes, file: str = "") -> list[KeyFound]:
        texts.append(raw)
        return [KeyFound(fingerprint(KEY), "boltz-ws-live", file)]

    monkeypatch.setattr(containers, "find_contained_keys", record)
    return texts


def found_in(text: str) -> set[str]:
    found, _ = inspection._inspect_texts({"text": text, "more": "x"}, KeyDetector.of(rules.load()))
    return {key.fingerprint for key in found}


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_one_is_not_opened_again(name: str, opened: list[bytes]) -> None:
    assert found_in(CLEAN[name]) == set()
    assert opened == []


@pytest.mark.parametrize("name", LEAKS)
def test_what_may_hold_a_key_is_opened_in_another_process(name: str, opened: list[bytes]) -> None:
    assert found_in(LEAKS[name]) == {fingerprint(KEY)}
    assert opened == [LEAKS[name].encode()]


def test_output_is_bounded(opened: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all streams of a text together."""
    monkeypatch.setattr(small_streams, "_MAX_OUTPUT_BYTES", 3 * len(WORDS))
    assert found_in(CLEAN["three"]) == set()
    assert opened == []
    monkeypatch.setattr(small_streams, "_MAX_OUTPUT_BYTES", 2 * len(WORDS))
    assert found_in(CLEAN["three"]) == {fingerprint(KEY)}
    assert len(opened) == 1


@pytest.mark.parametrize("before", ["", "another text"])
def test_a_text_that_begins_with_zlib(before: str, opened: list[bytes]) -> None:
    """Also with ``eNo``, which is searched for behind another byte only."""
    text = b64(zlib.compress(b"0 " + LEAK[3000:], 9))
    assert text.startswith("eNo")
    found, _ = inspection._inspect_texts([before, text], KeyDetector.of(rules.load()))
    assert (len(found), opened) == (1, [text.encode()])


FILES: dict[str, bytes] = {
    "zlib": zlib.compress(LEAK),
    "lzma": lzma.compress(LEAK, lzma.FORMAT_ALONE),
    "tar of 1979": old_tar(b"a.env", gzip.compress(LEAK)),
    "cpio": cpio({"a.env": gzip.compress(LEAK)}),
    "gzip": gzip.compress(LEAK),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_opened_as_in_a_scan(name: str, opened: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(FILES[name])
    event = Event(Stage.PROMPT, None, files=("file",), folder=str(tmp_path))
    assert isinstance(inspection.decide(event, replaces=False), Deny)
    assert opened == [FILES[name]]
