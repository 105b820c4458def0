"""Reports of a fleet that are read by programs: one place at a time, however many a key has."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from boltz_keyscan.model.enums import KeyType, Mode
from boltz_keyscan.model.finding import Location
from boltz_keyscan.model.fleet import Occurrence
from boltz_keyscan.report import FLEET_REPORTERS, ReportOptions
from tests.report.pages import Fleet, repository
from tests.report.samples import finding, past

COUNT = 50


@dataclass(frozen=True)
class Watched:
    """Places that are read when those before were written."""

    places: tuple[Location, ...]
    out: io.StringIO

    def __iter__(self) -> Iterator[Location]:
        for number, place in enumerate(self.places):
            assert self.out.getvalue().count("place-") >= number - 1
            yield place


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_place_is_written_before_the_next_one_is_read(form: str) -> None:
    out = io.StringIO()

    class Watching(Fleet):
        def occurrences(self, fingerprint: str) -> Iterator[Occurrence]:
            for each in super().occurrences(fingerprint):
                yield replace(each, locations=Watched(tuple(each.locations), out))

    key = finding(KeyType.ADMIN, Mode.LIVE, *(past(each, f"place-{each}") for each in range(1, COUNT + 1)))
    FLEET_REPORTERS.load(form)(Watching((repository("one", key),)), out, ReportOptions())
    assert out.getvalue().count("place-") >= COUNT
