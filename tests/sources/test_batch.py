"""Small files read together: what is seen is what each of them holds, and nothing between them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.sources.files.batch import LARGE_FILE_BYTES, Batch
from boltz_keyscan.sources.safe_open import DirectoryOpener
from tests.depth import examples
from tests.keys import fake_key

DETECTOR = KeyDetector.of(rules.load())
KEY = fake_key("ws", "live", "batched").encode()


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.sampled_from([b"", b"x", KEY, KEY[:-9], KEY[:20], KEY[20:], b"x" * 90_000]), max_size=12))
def test_every_file_is_looked_at_by_itself(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    """Neighbours in the buffer, whatever they end and begin with, make no key and hide none."""
    folder = tmp_path_factory.mktemp("files")
    batch = Batch(DETECTOR)
    with DirectoryOpener(os.fsencode(folder)) as opener:
        for number, content in enumerate(contents):
            (folder / str(number)).write_bytes(content)
            assert batch.add(b"%d" % number, opener) == len(content)
    batch.search()
    prefix = KEY[:14]
    expected = [(b"%d" % number, content) for number, content in enumerate(contents) if prefix in content]
    assert batch.suspects == expected


def test_what_comes_after_a_look_is_not_taken_for_what_was_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    batch = Batch(DETECTOR)
    with DirectoryOpener(os.fsencode(tmp_path)) as opener:
        for content in (b"a long one: " + KEY, b"short"):
            path.write_bytes(content)
            batch.add(b"file", opener)
            batch.search()
    assert batch.suspects == [(b"file", b"a long one: " + KEY)]


def open_files() -> list[int]:
    """The descriptors this process has, as far as a test opens them."""
    held = []
    for number in range(64):
        with contextlib.suppress(OSError):
            os.fstat(number)
            held.append(number)
    return held


@pytest.mark.parametrize(
    "prepare",
    [
        lambda path: path.write_bytes(b"." * LARGE_FILE_BYTES),
        lambda path: path.mkdir(),
        os.mkfifo,
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: path.unlink(missing_ok=True),
    ],
    ids=["large", "folder", "fifo", "link", "gone"],
)
def test_what_it_does_not_take(tmp_path: Path, prepare: Callable[[Path], object]) -> None:
    """Left to the code that says what is wrong, and no descriptor stays open."""
    prepare(tmp_path / "file")
    before = open_files()
    batch = Batch(DETECTOR)
    with DirectoryOpener(os.fsencode(tmp_path)) as opener:
        assert batch.add(b"file", opener) is None
    batch.search()
    assert (batch.suspects, open_files()) == ([], before)


@pytest.mark.parametrize("size", [0, 5, len(KEY) - 1, len(KEY) + 1])
def test_a_file_that_is_not_as_long_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """It grew or shrank between two calls, or the kernel makes it up while it is read."""
    path = tmp_path / "file"
    path.write_bytes(KEY)
    told = path.stat()
    lie = os.stat_result((*told[:6], size, *told[7:]))
    monkeypatch.setattr(os, "fstat", lambda _: lie)
    with DirectoryOpener(os.fsencode(tmp_path)) as opener:
        assert Batch(DETECTOR).add(b"file", opener) is None
