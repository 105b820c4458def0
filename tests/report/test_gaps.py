"""Gaps in reports for people: a file and its git objects are one."""

from __future__ import annotations

import re

import pytest

from boltz_keyscan.model.finding import Gap
from boltz_keyscan.model.suppression import Suppression
from boltz_keyscan.records import replace
from boltz_keyscan.report.gaps import joined_gaps, sort_gaps
from tests.report.samples import make_result, told

OID = f"{7:040x}"
SHORT = OID[:10]
OLD_ID = f"{9 << 150:040x}"
FILE = Gap("enc.zip!a.txt", "encrypted", "unpack it", paths=("enc.zip",))
OBJECT = Gap(f".: blob {OID}!a.txt", "encrypted", "unpack it", oid=OID, paths=("enc.zip",))
AGREED = Suppression("ignore", "password with the lab", "ignore:1")


@pytest.mark.parametrize(
    ("gaps", "joined"),
    [
        ((FILE, OBJECT), [f"unpack it; also git object {SHORT}"]),
        ((OBJECT, FILE), [f"unpack it; also git object {SHORT}"]),
        (
            (FILE, replace(OBJECT, paths=("enc.zip", "old.zip"))),
            [f"unpack it; also git object {SHORT}, at old.zip too"],
        ),
        # Two files of one content: the object is named with the first, and no path twice.
        (
            (
                FILE,
                Gap("b.zip!a.txt", "encrypted", "unpack it", paths=("b.zip",)),
                replace(OBJECT, paths=("b.zip", "enc.zip", "x.zip", "y.zip")),
            ),
            ["unpack it", f"unpack it; also git object {SHORT}, at x.zip and 1 more path too"],
        ),
        # Older versions of the file.
        (
            (FILE, OBJECT, Gap(f".: blob {OLD_ID}!a.txt", "encrypted", oid=OLD_ID, paths=("enc.zip",))),
            [f"unpack it; also git object {SHORT} and 1 more object"],
        ),
        ((replace(FILE, detail=""), OBJECT), [f"also git object {SHORT}"]),
    ],
)
def test_a_file_and_its_objects_are_one_gap(gaps: tuple[Gap, ...], joined: list[str]) -> None:
    assert sorted(gap.detail for gap in joined_gaps(gaps)) == sorted(joined)


@pytest.mark.parametrize(
    "changed",
    [
        replace(OBJECT, reason="broken"),
        replace(OBJECT, where=f".: blob {OID}!b.txt"),
        replace(OBJECT, paths=("other.zip",)),
        replace(OBJECT, paths=()),
        replace(OBJECT, accepted=AGREED),
        replace(OBJECT, by_design=True),
    ],
)
def test_others_are_two(changed: Gap) -> None:
    assert joined_gaps((FILE, changed)) == (FILE, changed)


@pytest.mark.parametrize("accepted", [None, AGREED])
@pytest.mark.parametrize("name", ["text", "markdown", "html", "github"])
def test_reports_for_people_count_what_they_list(name: str, accepted: Suppression | None) -> None:
    pair = tuple(replace(gap, accepted=accepted) for gap in (FILE, OBJECT))
    result = make_result(gaps=pair)
    result = replace(result, complete=accepted is not None, exit_code=3 if accepted is None else 0)
    text = " ".join(told(name, result).split())
    assert len(sort_gaps(result.gaps)[2]) == (accepted is not None)
    assert "1 gap" in text
    assert not re.search(r"\b2 (gaps|parts|skipped|not read)", text)
    if name != "github" or accepted is None:
        assert f"also git object {SHORT}" in text
        assert text.count("unpack it") == 1
