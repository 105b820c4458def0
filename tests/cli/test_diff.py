"""Two reports compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.model.enums import Exposure, KeyType, Mode, Status
from boltz_keyscan.model.finding import Finding, Gap
from boltz_keyscan.model.suppression import Suppression
from tests.keys import fake_key, fingerprint
from tests.report.samples import finding, location, make_result, past, placeholders, told
from tests.running import Ran, keyscan

WS, LIVE, TEST = KeyType.WORKSPACE, Mode.LIVE, Mode.TEST
OLD = finding(WS, LIVE)
QUIET = finding(WS, TEST, seed="quiet")
GAPS = (Gap("x", "unreadable"),)


def compared(
    tmp_path: Path, old: tuple[Finding, ...], new: tuple[Finding, ...], gaps: tuple[Gap, ...] = ()
) -> Ran:
    (tmp_path / "old.json").write_text(told("json", make_result(*old)))
    (tmp_path / "new.json").write_text(told("json", make_result(*new, gaps=gaps)))
    return keyscan("diff", "old.json", "new.json", cwd=tmp_path)


def suppressed(found: Finding) -> Finding:
    return finding(WS, LIVE, *found.locations, suppression=Suppression("baseline", "known"))


CASES = [
    ("nothing", (OLD,), (OLD,), (), 0, "0 new, 0 gone, 0 spread further, 0 changed; 0 newly fail"),
    ("new and blocking", (), (OLD,), (), 1, "new       high boltz-workspace-live-key bk1:"),
    ("new, not blocking", (), (QUIET,), (), 0, "1 new, 0 gone"),
    ("gone", (OLD,), (), (), 0, "gone      high"),
    ("gone, perhaps", (OLD,), (), GAPS, 3, "or not seen: the newer report is incomplete"),
    ("incomplete and blocking", (), (OLD,), GAPS, 1, "INCOMPLETE"),
    (
        "further paths",
        (OLD,),
        (finding(WS, LIVE, location(), location("b.py")),),
        (),
        0,
        "1 further path\n            b.py",
    ),
    (
        "wider",
        (finding(WS, LIVE, location(exposure=Exposure.LOCAL)),),
        (OLD,),
        (),
        1,
        "ignored by git -> in HEAD",
    ),
    ("narrower", (OLD,), (finding(WS, LIVE, location(exposure=Exposure.LOCAL)),), (), 0, "0 spread further"),
    (
        "left HEAD",
        (OLD,),
        (finding(WS, LIVE, past(1), past(2, "old/app.py")),),
        (),
        0,
        "0 spread further",
    ),
    (
        "status",
        (OLD,),
        (finding(WS, LIVE, status=Status.INACTIVE),),
        (),
        0,
        "status unchecked -> inactive, severity high -> note",
    ),
    ("suppressed", (OLD,), (suppressed(OLD),), (), 0, "changed   high"),
    ("no longer suppressed", (suppressed(OLD),), (OLD,), (), 1, "no longer suppressed, FAILS THE RUN"),
    ("placeholders", (), placeholders().findings, (), 0, "0 new"),
]


@pytest.mark.parametrize(
    ("old", "new", "gaps", "code", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_changed(  # noqa: PLR0917 - a table
    tmp_path: Path,
    old: tuple[Finding, ...],
    new: tuple[Finding, ...],
    gaps: tuple[Gap, ...],
    code: int,
    words: str,
) -> None:
    ran = compared(tmp_path, old, new, gaps)
    assert ran.code == code
    assert words in ran.text


def test_other_targets_are_told(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(told("json", make_result(targets=("a",))))
    (tmp_path / "new.json").write_text(told("json", make_result(targets=("b",))))
    assert "of different targets: a and b" in keyscan("diff", "old.json", "new.json", cwd=tmp_path).text


def changed(**changes: Any) -> str:
    document = json.loads(told("json", make_result(OLD)))
    document["findings"][0] |= changes
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "new.json:1: not JSON"),
        ('{\n"a": 1,\n', "new.json:3: not JSON"),
        ("[" * 100_000, "new.json: not JSON"),
        ("[]", "new.json: no report"),
        ('{"schema_version": "2"}', "another version"),
        ('{"schema_version": "1"}', "scan: not as the schema has it"),
        (changed(fingerprint="x"), "findings[0]: not as the schema has it"),
        (changed(severity="worse"), "findings[0]: not as the schema has it"),
        (changed(blocking=1), "findings[0]: not as the schema has it"),
        (changed(locations=[{}]), "findings[0]: not as the schema has it"),
        (changed(locations=None), "findings[0]: not as the schema has it"),
    ],
)
def test_what_is_no_report_is_told(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "old.json").write_text(told("json", make_result(OLD)))
    (tmp_path / "new.json").write_text(text)
    ran = keyscan("diff", "old.json", "new.json", cwd=tmp_path)
    assert ran.code == 2
    assert words in ran.errors


def test_the_same_key_twice_is_no_report(tmp_path: Path) -> None:
    document = json.loads(told("json", make_result(OLD)))
    document["findings"] *= 2
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert "the same key twice" in keyscan("diff", "old.json", "old.json", cwd=tmp_path).errors
    assert "cannot read nowhere" in keyscan("diff", "nowhere", "old.json", cwd=tmp_path).errors


@pytest.mark.parametrize("format_", ["text", "html"])
def test_a_key_that_was_put_into_a_report_is_not_shown(tmp_path: Path, format_: str) -> None:
    (tmp_path / "old.json").write_text(told("json", make_result(OLD, targets=(fake_key(),))))
    (tmp_path / "new.json").write_text(
        told("json", make_result(finding(WS, LIVE, location(f"x/{fake_key()}.py"), seed=1)))
    )
    ran = keyscan("diff", "old.json", "new.json", "--format", format_, cwd=tmp_path)
    assert ran.code == 1
    assert "1 new, 1 gone" in ran.text
    assert ran.text.count("[REDACTED]") == 2
    assert fake_key() not in ran.text + ran.errors


def test_two_scans_of_a_folder(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    keyscan("tree", "--report", "json=old.json", cwd=tmp_path)
    (tree / "empty.txt").write_text("nothing")
    keyscan("tree", "--report", "json=old.json", cwd=tmp_path)
    (tree / "leak.py").write_text(fake_key())
    keyscan("tree", "--report", "json=new.json", cwd=tmp_path)
    ran = keyscan("diff", "old.json", "new.json", cwd=tmp_path)
    assert ran.code == 1
    assert f"{fingerprint(fake_key())}: outside git, FAILS THE RUN\n            leak.py" in ran.text
