"""A key in a notebook has its cell; what is no notebook, or a broken one, has none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.detect.notebook import Cell, Cells
from boltz_keyscan.rules import load
from conformance.encodings import b64, notebook
from tests.keys import fake_key
from tests.repos import Repo
from tests.running import keyscan
from tests.strategies import BLOBS, CUTS, cut

if TYPE_CHECKING:
    from pathlib import Path

DETECTOR = KeyDetector.of(load())
KEY = fake_key("ws", "live", "notebook")
SOURCE = notebook([f'client = Boltz("{KEY}")\n'], ["ok\n"])
OUTPUT = notebook(['x = "]}"\n', "# [{\\"], [f"{KEY}\n"])


def cells(*chunks: bytes) -> list[tuple[int | None, str | None]]:
    return [(match.cell, match.cell_part) for match in DETECTOR.find(chunks)]


@pytest.mark.parametrize(
    ("blob", "cell"),
    [
        (SOURCE, Cell(2, "source", 7)),
        (OUTPUT, Cell(2, "output", 7)),
        (OUTPUT.replace(b"\n", b""), Cell(2, "output", 7)),
        (b"\n " + OUTPUT, Cell(2, "output", 7)),
        (json.dumps(json.loads(OUTPUT), sort_keys=True).encode(), Cell(2, "output", 7)),
        (OUTPUT.replace(b'"execution_count": 7', b'"execution_count": null'), Cell(2, "output", None)),
        (notebook(["x"], [b64(f"user:{KEY}") + "\n"]), Cell(2, "output", 7)),
        (SOURCE[: SOURCE.index(KEY.encode()) + 80], Cell(2, "source", 7)),
        (json.dumps({"metadata": {"k": KEY}, "cells": []}).encode(), None),
        (json.dumps({"cells": [{"cell_type": "raw", "id": KEY}]}).encode(), Cell(1, "", None)),
        (json.dumps({"cells": [{"text": KEY}]}).encode(), None),
        (json.dumps({"other": [{"cell_type": "code", "source": [KEY]}]}).encode(), None),
        (json.dumps([{"cells": [{"cell_type": "code", "source": [KEY]}]}]).encode(), None),
        (json.dumps({"role": "user"}).encode() + b"\n" + SOURCE, None),
        (f"cells: [{KEY}]".encode(), None),
        (KEY.encode(), None),
    ],
    ids=str,
)
def test_the_cell(blob: bytes, cell: Cell | None) -> None:
    assert cells(blob) == [(cell.number, cell.words or None) if cell else (None, None)]


def test_each_cell_is_counted() -> None:
    made: list[dict[str, Any]] = [
        {"cell_type": "code", "execution_count": number, "outputs": [], "source": [f"{KEY}\n"]}
        for number in range(1, 6)
    ]
    found = cells(json.dumps({"cells": made}).encode())
    assert found == [(number, f"source [{number}]") for number in range(1, 6)]


@given(CUTS)
def test_no_cut_of_the_stream_matters(places: list[int]) -> None:
    assert cells(*cut(OUTPUT, places)) == [(2, "output [7]")]
    scanner = Cells()
    for piece in cut(OUTPUT[: OUTPUT.index(KEY.encode())], places):
        scanner.advance(piece)
    assert scanner.here == Cell(2, "output", 7)


@given(BLOBS, CUTS, st.booleans())
def test_whatever_the_bytes_there_is_no_error(blob: bytes, places: list[int], opened: bool) -> None:  # noqa: FBT001 - drawn
    scanner = Cells()
    for piece in cut((b'{"cells": [{"cell_type": "' if opened else b"{") + blob, places):
        scanner.advance(piece)
    assert scanner.here is None or scanner.here.number >= 1


def test_the_reports_tell_it(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.leak("fold.ipynb", OUTPUT.decode())
    report = keyscan(repo.path, "--format", "json").report
    locations = [each for finding in report["findings"] for each in finding["locations"]]
    assert {(each["cell"], each["cell_part"]) for each in locations} == {(2, "output [7]")}
    assert len(locations) == 1 or {each["blob"] is None for each in locations} == {True, False}
    assert "fold.ipynb   cell 2, output [7], line 19" in keyscan(repo.path).text
