"""Containers that are written as text: the ends of their lines, what is around them, and what breaks off."""

from __future__ import annotations

import base64
import gzip
import json
import textwrap
import zlib
from pathlib import Path

import pytest

from boltz_keyscan.sources.encoded import Decoder
from tests.detect.test_broken_text import LINE_ENDS
from tests.keys import fake_key, fingerprint
from tests.mutants import scanned

KEY = fake_key(seed="encoded")
CONTENT = f"{' '.join(fake_key(seed=number)[20:50] for number in range(9))} {KEY} and more".encode()


def found_in(path: Path, content: bytes) -> set[str]:
    path.write_bytes(content)
    result = scanned(path)
    assert not result.gaps
    return {hit.match.fingerprint for hit in result.hits}


@pytest.mark.parametrize("end", LINE_ENDS)
def test_lines_of_base64(end: str, tmp_path: Path) -> None:
    lines = textwrap.wrap(base64.b64encode(gzip.compress(CONTENT)).decode(), 64)
    content = f'x: "{LINE_ENDS[end].join(lines)}"\n'.encode()
    assert found_in(tmp_path / "a", content) == {fingerprint(KEY)}


@pytest.mark.parametrize("lead", range(3))
@pytest.mark.parametrize("form", ['{"state": "%s"}', '{"state":"%s"}', '["%s"]'])
def test_zlib_in_a_text_that_is_encoded_too(form: str, lead: int, tmp_path: Path) -> None:
    text = "x" * lead + form % base64.b64encode(zlib.compress(CONTENT)).decode()
    content = json.dumps({"data": base64.b64encode(text.encode()).decode()}).encode()
    assert found_in(tmp_path / "a", content) == {fingerprint(KEY)}


@pytest.mark.parametrize("rest", [b"~", b"~~~", b"~~~~~", b"0\xff", b"0000\xff0000"])
def test_all_groups_before_the_end_of_a_text_are_decoded(rest: bytes) -> None:
    data = bytes(range(40))
    assert b"".join(Decoder("base85", iter((base64.b85encode(data) + rest,))))[:40] == data
