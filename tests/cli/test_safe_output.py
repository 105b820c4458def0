"""The last filter: whatever is written in whatever pieces, no key gets through, and all else does."""

from __future__ import annotations

import io
import itertools
import json
import sys
from typing import TextIO, cast

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.safe_output import RedactingStream, clean, filtered
from boltz_keyscan.report import REPORTERS, ReportOptions, load
from tests.keys import PREFIXES, fake_key
from tests.leaks import disguises, leaks
from tests.report import samples

KEY = fake_key("admin", "live", "firewall")


def written(*parts: str) -> str:
    inner = io.StringIO()
    stream_ = RedactingStream(inner)
    for part in parts:
        assert stream_.write(part) == len(part)
    stream_.flush()
    return inner.getvalue()


@given(st.lists(st.integers(0, len(KEY) + 20), max_size=6), st.sampled_from(list(PREFIXES)))
@settings(deadline=None)
def test_a_key_in_pieces_is_a_key(cuts: list[int], kind: tuple[str, str]) -> None:
    key = fake_key(*kind, "pieces")
    text = f"x-api-key: {key}, and more\nnext"
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    shown = written(*(text[start:end] for start, end in itertools.pairwise(ends)))
    assert shown == f"x-api-key: {PREFIXES[kind]}[REDACTED], and more\nnext"


@pytest.mark.parametrize("form", list(disguises(KEY)))
def test_a_key_in_disguise(form: str) -> None:
    shown = written(disguises(KEY)[form].decode("latin-1") + "\n")
    assert not leaks(shown.encode(), KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain\n",
        "\x1b[1;31mred\x1b[0m\r\x1b[Kgone\n",
        "sk_bc_ws_live_[REDACTED]  bk1:" + "0123456789abcdef" * 2 + "\n",
        "| sk_bc_ws_live_ | sk_bc_ws_live_AbCdEfG |\n",
        "Umlaut ü, \udc80 and \N{GRINNING FACE}\n",
        "::error::not ours to change\n",
    ],
)
def test_all_else_is_as_it_was(text: str) -> None:
    assert written(text) == text == clean(text)


def test_a_prompt_needs_no_end_of_line() -> None:
    inner = io.StringIO()
    stream_ = RedactingStream(inner)
    stream_.write("Name? ")
    assert inner.getvalue() == ""
    stream_.flush()
    assert inner.getvalue() == "Name? "


def test_it_takes_text_only() -> None:
    with pytest.raises(TypeError):
        RedactingStream(io.StringIO()).write(cast("str", KEY.encode()))


def test_click_writes_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("utf-8", "ascii"):
        raw = io.BytesIO()
        inner = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace")
        monkeypatch.setattr(sys, "stdout", inner)
        safe_output.install()
        safe_output.install()
        assert isinstance(sys.stdout, RedactingStream)
        assert sys.stdout.inner is inner
        click.echo(f"ü {KEY}")
        sys.stdout.flush()
        assert not leaks(raw.getvalue(), KEY)


def test_a_report_passes_it_unchanged() -> None:
    for name in REPORTERS:
        plain, through = io.StringIO(), io.StringIO()
        load(name)(samples.tree(), plain, ReportOptions())
        filtered(load(name))(samples.tree(), through, ReportOptions())
        assert plain.getvalue() == through.getvalue()


def test_a_reporter_that_has_a_key_does_not_give_it_away() -> None:
    def leaking(_: object, stream: TextIO, __: object) -> None:
        stream.write(json.dumps({"key": KEY, "again": [KEY[17:], KEY]}))

    told = io.StringIO()
    filtered(leaking)(samples.tree(), told, ReportOptions())
    assert not leaks(told.getvalue().encode(), KEY)
