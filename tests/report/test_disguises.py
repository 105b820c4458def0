"""No format shows a key or part of one, in any form that stands on the line of a key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boltz_keyscan.report import REPORTERS
from tests.keys import fake_key
from tests.leaks import disguises, leaks, without_prefix
from tests.running import keyscan

KEYS = [fake_key("ws", "live", "first"), fake_key("admin", "live", "second")]
FORMS = {
    (key, name): form
    for key in KEYS
    for name, form in {**disguises(key), **without_prefix(key)}.items()
    # Groups of letters are told from words by the body, which is only known where the key is.
    if "in groups" not in name
}
GLUE = st.sampled_from([b" ", b'", "', b"=", b"; ", b"\t", b" # ", b"&k=", b"\\n"])


@st.composite
def _line(draw: st.DrawFn) -> bytes:
    """A key, and at least one of the forms of either key before it or behind it."""
    parts = [FORMS[form] for form in draw(st.lists(st.sampled_from(sorted(FORMS)), min_size=1, max_size=3))]
    parts.insert(draw(st.integers(0, len(parts))), draw(st.sampled_from(KEYS)).encode())
    return b"".join(piece for part in parts for piece in (draw(GLUE), part))


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(_line(), min_size=20, max_size=20))
def test_every_format(tmp_path: Path, lines: list[bytes]) -> None:
    place = tmp_path / "place"
    place.mkdir(exist_ok=True)
    (place / "notes.txt").write_bytes(b"\n".join(lines))
    (place / "cut.txt").write_bytes(b"".join(lines))
    reports = [part for name in REPORTERS for part in ("--report", f"{name}={tmp_path}/report.{name}")]
    ran = keyscan("-v", "place", *reports, cwd=tmp_path)
    assert ran.code == 1
    shown = [path.read_bytes() for path in sorted(tmp_path.glob("report.*"))]
    assert len(shown) == len(REPORTERS)
    assert [leaks(text, *KEYS) for text in (*shown, ran.out, ran.err)] == [[]] * (len(shown) + 2)


@pytest.mark.parametrize("name", [name for name in without_prefix(KEYS[0]) if name.startswith("whole")])
def test_names_of_files_and_gaps(tmp_path: Path, name: str) -> None:
    form = without_prefix(KEYS[0])[name].decode()
    (tmp_path / f"{form}.txt").write_text(KEYS[0])
    (tmp_path / f"{form}.zip").write_bytes(b"PK\3\4" + bytes(40))
    reports = [part for name in REPORTERS for part in ("--report", f"{name}=report.{name}")]
    ran = keyscan("-v", ".", *reports, cwd=tmp_path)
    assert ran.code == 1
    for text in (*(path.read_bytes() for path in tmp_path.glob("report.*")), ran.out, ran.err):
        assert form.encode() not in text
        assert leaks(text, KEYS[0]) == []
