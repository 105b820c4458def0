"""This project passes its own scanner, and would pass any other that knows the prefixes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests import checkout
from tests.keys import fake_key
from tests.running import ROOT, keyscan

if TYPE_CHECKING:
    from pathlib import Path

KEY = re.compile(rb"sk_bc_(?:admin|ws)_(?:live|test)_[A-Za-z0-9_-]{20}")
"""What a stranger's scanner takes for a key: a type prefix with a body that is no mere filler."""


def test_the_pattern_sees_keys() -> None:
    assert KEY.search(fake_key("admin", "test").encode())
    assert not KEY.search(b"sk_bc_ws_live_[REDACTED]")


def test_no_file_holds_a_key_shaped_literal() -> None:
    found = checkout.files()
    assert ROOT / "tests" / "test_selfscan.py" in found
    assert [path.name for path in found if path.is_file() and KEY.search(path.read_bytes())] == []


def test_every_file_is_text() -> None:
    """A package that was downloaded beside the code once went into a commit with it."""
    assert [path.name for path in checkout.files() if path.is_file() and b"\0" in path.read_bytes()] == [
        "html-page.png"
    ]


def test_every_file_has_a_plain_name() -> None:
    """A tool that was to print once wrote a file called "-", which went into a commit."""
    parts = {part for path in checkout.files() for part in path.relative_to(ROOT).parts}
    assert [part for part in sorted(parts) if not re.fullmatch(r"[\w.][\w.+-]*", part)] == []


def test_the_files_are_clean(tmp_path: Path) -> None:
    # A copy: other tests write caches into the checkout, and a file that changes is a gap.
    place = checkout.copy(tmp_path / "checkout")
    ran = keyscan(place, "--fail-on", "any", "--format", "json")
    assert ran.code == 0, ran.text + ran.errors
    report = ran.report
    assert report["scan"]["complete"]
    assert report["gaps"] == []
    assert report["scan"]["receipt"]["files"] == len([path for path in place.rglob("*") if path.is_file()])
    assert {finding["shape"] for finding in report["findings"]} <= {"placeholder"}


@pytest.mark.skipif(not checkout.IN_GIT, reason="not a clone: there is no history to look at")
@pytest.mark.sampled(count=0)
@pytest.mark.parametrize("store", [ROOT / ".git"])
def test_the_history_is_clean(store: Path) -> None:
    """``make scan``, which .ci/run begins with, scans it as well."""
    # Not the checkout itself: benchmarks keep repositories with keys in an ignored folder of it.
    ran = keyscan(store, "--history-only", "--fail-on", "any", "--fail-on-unexposed", "--format", "json")
    assert ran.code == 0, ran.text + ran.errors
    assert ran.report["scan"]["complete"]
    assert ran.report["scan"]["receipt"]["commits"] > 0
    assert {finding["shape"] for finding in ran.report["findings"]} <= {"placeholder"}


@pytest.mark.skipif(not checkout.IN_GIT, reason="not a clone: there are no commits")
def test_no_commit_message_holds_a_key_shaped_literal() -> None:
    told = checkout.git("log", "--all", "--format=%H%n%an%n%B")
    assert told
    assert not KEY.search(told.encode())
