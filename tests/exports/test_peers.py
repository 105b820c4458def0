"""Other scanners, with the rules made for them: each finds keys in plain sight and no decoy.

What one does not find or cannot tell is listed by name, and the list is exact: a gap that
closes has to leave it. Installed by ``pip install '.[peers]'`` and ``make tools``.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from boltz_keyscan import exports, rules
from conformance import tools
from conformance.tools import UnusableError
from tests.detect.fillers import COUNTING, DATE, FEW, GROUP, WORD, WORDS
from tests.exports import corpus
from tests.gate import absent
from tests.keys import PREFIXES, fake_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.scoring import Found

SCANNERS = ("kingfisher", "betterleaks", "gitleaks", "detect-secrets", "secretlint")
"""gitleaks by betterleaks 1, which reads its dialect too; ``tests/imports`` runs the real ones."""

NOT_TEXT = {"settings.pickle", "settings.pyc"}

MISSED: dict[str, set[str]] = {
    "kingfisher": set(),
    # Left out by its name.
    "betterleaks": {"settings.sqlite"},
    "gitleaks": {"settings.sqlite"},
    "detect-secrets": {*NOT_TEXT, "settings.sqlite"},
    "secretlint": NOT_TEXT,
}
"""Files in plain sight that a scanner does not look into."""

HIDDEN: dict[str, set[str]] = {
    # It cannot be told where in a body a word stands.
    "kingfisher": {"{42}B_example", "{32}_example", "{24}00000000"},
    "betterleaks": set(),
    "gitleaks": set(),
    "detect-secrets": set(),
    "secretlint": set(),
}
"""Keys that look like placeholders and are taken for such."""

TOLD: dict[str, set[str]] = {
    "kingfisher": {DATE, FEW, GROUP, COUNTING, WORDS},
    "betterleaks": {DATE, FEW, GROUP, WORD},
    "gitleaks": {DATE, FEW, GROUP, WORD},
    "detect-secrets": {DATE},
    "secretlint": {DATE, GROUP},
}
"""Kinds of placeholders of which some are reported; the export says so."""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, corpus.Corpus]:
    folder = tmp_path_factory.mktemp("exports") / "files"
    return folder, corpus.build(folder)


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Whatever runs a scanner; one that is not there is told."""
    try:
        yield
    except UnusableError as error:
        if "not installed" not in str(error):
            raise
        absent(str(error))


@contextlib.contextmanager
def dialect(name: str) -> Iterator[str]:
    """The scanner that is run for a name."""
    if name != "gitleaks":
        yield name
        return
    exported = tools._exported
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tools, "_exported", lambda _, file: exported("gitleaks", file))
        yield "betterleaks"


@pytest.fixture(scope="module", params=SCANNERS)
def ran(
    request: pytest.FixtureRequest, planted: tuple[Path, corpus.Corpus]
) -> tuple[str, list[Found], corpus.Corpus]:
    folder, files = planted
    with dialect(request.param) as scanner, installed():
        return request.param, list(tools.TOOLS[scanner](folder)), files


def test_keys_in_plain_sight_are_found(ran: tuple[str, list[Found], corpus.Corpus]) -> None:
    name, found, files = ran
    missed = set(files.plain) - {each.path for each in found}
    assert {path.partition("/")[2] for path in missed} == MISSED[name]


def test_keys_that_look_like_placeholders_are_found(ran: tuple[str, list[Found], corpus.Corpus]) -> None:
    name, found, files = ran
    hidden = set(files.lookalikes) - {each.path for each in found}
    assert {files.lookalikes[path] for path in hidden} == HIDDEN[name]


def test_no_decoy_is_taken_for_a_key(ran: tuple[str, list[Found], corpus.Corpus]) -> None:
    _, found, files = ran
    assert files.decoys & {each.path for each in found} == set()


def test_placeholders_are_left_out_as_far_as_can_be_said(ran: tuple[str, list[Found], corpus.Corpus]) -> None:
    name, found, files = ran
    told = {each.path for each in found} & set(files.fillers)
    assert {files.fillers[path] for path in told} == TOLD[name]
    # No scanner can be told of dates and times, as each export says.
    assert len([path for path in told if files.fillers[path] != DATE]) <= len(files.fillers) / 4


def test_the_key_is_taken_whole_and_nothing_more(planted: tuple[Path, corpus.Corpus]) -> None:
    """By detect-secrets, which names what it found by its hash; the expression is tested by itself too."""
    folder, files = planted
    with installed():
        named = {each.sha1 for each in tools.TOOLS["detect-secrets"](folder)}
    for path, key in files.plain.items():
        if path.partition("/")[2] not in MISSED["detect-secrets"]:
            assert hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest() in named, path


@pytest.mark.parametrize("name", SCANNERS)
def test_a_hostile_file_ends(name: str, tmp_path: Path) -> None:
    """Long runs after a prefix: an expression that tries all ways to match would not come back."""
    head = PREFIXES["ws", "live"]
    bodies = (
        "a" * 100_000,
        "abcdef" * 20_000 + "g",
        "a-" * 50_000 + "!",
        "aB" * 50_000 + "-",
        "test-key" * 9_000,
    )
    (tmp_path / "runs.txt").write_text("".join(f"{head}{body}\n" for body in bodies) + fake_key() + "\n")
    with dialect(name) as scanner, installed():
        assert {each.path for each in tools.TOOLS[scanner](tmp_path)} == {"runs.txt"}


def test_kingfisher_leaves_out_plain_words_when_told_as_the_export_says(
    planted: tuple[Path, corpus.Corpus], tmp_path: Path
) -> None:
    folder, files = planted
    written = tmp_path / "boltz.yml"
    written.write_text(exports.load("kingfisher")(rules.load()))
    skipped = re.search(r"--skip-regex\n#   '(.*)'\n", written.read_text())
    assert skipped
    with installed():
        argv = [tools._program("kingfisher", "pip install kingfisher-bin"), "scan", str(folder / "fillers")]
    argv += [
        "--rules-path",
        str(written),
        "--load-builtins=false",
        "--rule",
        "all",
        "--no-validate",
        "--quiet",
    ]
    argv += [
        "--git-history",
        "none",
        "--no-update-check",
        "--rule-cache-dir",
        str(tmp_path),
        "--format",
        "jsonl",
    ]
    told = subprocess.run([*argv, "--skip-regex", skipped[1]], capture_output=True, text=True, check=False)
    assert told.returncode == 200, told.stderr
    shown = {reason for path, reason in files.fillers.items() if f'{path}"' in told.stdout}
    # Counting runs that are reported are words as well: AAAABBBB.
    assert shown == TOLD["kingfisher"] - {WORDS, COUNTING}
