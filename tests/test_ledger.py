"""Every place in a repository where a key can stand: found there, and nothing else, with the right story."""

from __future__ import annotations

from pathlib import Path

import pytest

from boltz_keyscan.model.enums import ExitCode
from conformance.gitplaces import family
from tests.running import keyscan


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
@pytest.mark.sampled
def test_each_place_is_found_and_explained(tmp_path: Path, object_format: str, packed: bool) -> None:  # noqa: FBT001
    planted = family(tmp_path / "family", object_format=object_format, packed=packed)

    ran = keyscan(".", "--format", "json", cwd=tmp_path / "family")

    report = ran.report
    assert report["gaps"] == []
    assert ran.code == ExitCode.BLOCKING
    told = {finding["fingerprint"]: finding["locations"] for finding in report["findings"]}
    for place, each in planted.items():
        locations = told.pop(each.fingerprint)
        # Objects are told by their own places only. A file may stand there as well, and what is
        # in a commit message or a branch name also stands in a reflog.
        objects = [where for where in locations if where["blob"] is not None]
        stories = {
            (where["path"], where["exposure"], where["commit"], where["author_date"])
            for where in objects or locations
        }
        expected = (each.path, each.exposure, each.commit, each.author_date)
        assert stories == {expected} if objects else expected in stories, (place, locations)
    assert told == {}
