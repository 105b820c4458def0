"""The HTML page of a fleet: coverage and gaps before keys, one timeline, and limits that are named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from boltz_keyscan.model.enums import KeyType, Mode, Shape
from boltz_keyscan.model.fleet import Occurrence
from boltz_keyscan.model.suppression import Suppression
from boltz_keyscan.report.html import cards
from boltz_keyscan.report.html.fleet_cards import make_spread
from tests.report import pages
from tests.report.pages import Fleet, fleet, fleet_page, repository
from tests.report.samples import finding, location, past
from tests.report.test_html import Page, read, spaced


def render(result: Fleet, **view: bool) -> Page:
    return read(fleet_page(result, **view))


def test_the_page_of_a_fleet() -> None:
    parsed = render(fleet())
    text, heads = spaced(parsed.text), [spaced(each) for each in parsed.headings]
    order = ["FAILED exit 1 1 key fails this run", "What to do first", "What was scanned"]
    order += ["What was not scanned", "The repositories most keys first", "When each key leaked"]
    order.append("The keys worst first")
    assert [each for each in heads if each in order] == order
    for part in (
        "INCOMPLETE Not everything was scanned",
        "34 repositories: 31 scanned, 1 partial, 1 failed, 1 pending.",
        "Discovered34 Fetched32 Scanned31 Partial1 (1 corrupt) Failed1 (1 fetch-failed) Pending1",
        "4 parts not read",
        "failed fetch-failed: src/app.py partial src/app.py: src/app.py corrupt",
        "pending pending: listed, and not scanned yet",
        "whole: src/app.py shallow",
        # The table, folded after twenty.
        "00016.gitscanned110 14 more",
        # The key of all forks: one row, one stretch, one card with each repository.
        "Extent31 repositories, 31 places",
        "First2024-05-02 https://host.invalid/src/app.py/00000.git src/app.py",
        "Historysince 2 May 2024, still there",
        "21 more repositories",
        "this repository is partial: there may be more",
        "boltz-keyscan explain bk1:3f288308 CLONE",
    ):
        assert part in text, part
    assert parsed.tags.count("svg") == 1
    assert parsed.tags.count("article") == 7
    assert parsed.tags.count("circle") == 7
    assert text.index("4 parts not read") < text.index("The repositories") < text.index("When each key")


def test_hostile_names_are_text() -> None:
    usual, hostile = render(fleet()), render(fleet(" ".join(pages.INJECTIONS)))
    assert hostile.tags == usual.tags
    assert not [each for each in hostile.attributes if each.startswith("on") or each in {"style", "src"}]
    assert not [link for link in hostile.links if not link.startswith("#") and link != "data:,"]
    assert pages.INJECTIONS[0] in hostile.text


def test_fleets_with_little() -> None:
    """Nothing is listed, nothing could be fetched, no key: never a quiet pass, never an empty section."""
    for result, verdict, heads in (
        (Fleet(started_at=""), "INCOMPLETE exit 3 Not everything", ["What was scanned"]),
        (
            Fleet((repository("whole"),)),
            "Clean exit 0 No key fails",
            ["What was scanned", "The repositories"],
        ),
        (
            Fleet((fleet().entries[-4],)),
            "INCOMPLETE exit 3 Not everything",
            ["What was scanned", "What was not scanned", "1 part not read", "The repositories"],
        ),
    ):
        first, *others = [spaced(each).removesuffix(" most keys first") for each in render(result).headings]
        assert first.startswith(verdict)
        assert others == heads
    accepted = finding(suppression=Suppression("ignore", "made up"))
    kept = finding(KeyType.WORKSPACE, Mode.TEST, shape=Shape.PLACEHOLDER)
    result = Fleet((repository("/mirrors/a b", accepted, kept), repository("/mirrors/c", accepted)))
    parsed = render(result)
    assert parsed.headings[0].split()[0] == "Clean"
    assert parsed.tags.count("article") == 1
    assert spaced(parsed.text).count("; accepted here") == 2
    assert "What to do first" not in parsed.headings
    assert render(result, show_placeholders=True).tags.count("article") == 2
    dated = finding(KeyType.WORKSPACE, Mode.LIVE, past(1), location("b.py"))
    text = spaced(render(Fleet((repository("/mirrors/a b", dated),))).text)
    assert f"boltz-keyscan explain {dated.fingerprint[:12]} '/mirrors/a b'" in text
    assert "; 1 more path" in text


def test_what_is_cut_of_thousands_is_counted() -> None:
    base = finding(KeyType.WORKSPACE, Mode.LIVE, past(1))
    keys = [replace(base, fingerprint=f"bk1:{each * 7919 % 2**32:08x}{each:024x}") for each in range(400)]
    alone = tuple(repository(f"https://host.invalid/{each:04}.git", key) for each, key in enumerate(keys))
    parsed = render(Fleet((*fleet(repositories=700).entries, *alone)))
    text = spaced(parsed.text)
    assert parsed.text.count("host.invalid") < 3_000
    assert "+604 more repositories not on this page" in text
    assert f"+{701 - cards.MAX_PLACES - cards.MAX_FOLDED} more repositories not on this page" in text
    # 400 keys here, one of all, and those of each fifth.
    assert parsed.tags.count("article") == 541
    assert "The last 441 are in short" in text
    assert "+241 more keys not on this page" in text
    assert parsed.tags.count("svg") == 2


def test_of_many_places_the_first_are_drawn_and_the_rest_is_counted() -> None:
    read: list[str] = []

    class Counted(Fleet):
        def occurrences(self, fingerprint: str) -> Iterator[Occurrence]:
            for each in super().occurrences(fingerprint):
                read.append(each.repository)
                yield each

    keys = (finding(KeyType.ADMIN, Mode.LIVE, *(past(each * 2 + n) for n in (0, 1))) for each in range(400))
    result = Counted(tuple(repository(f"{number:03}", key) for number, key in enumerate(keys)))
    (key,) = result.findings()
    whole, part = make_spread(result, key), make_spread(result, key, 150)
    assert "drawn from" not in whole.life.story
    assert len(whole.life.events) > len(part.life.events)
    assert part.life.story.startswith("since 1 May 2024, still there; drawn from 150 of 800 places")
    assert part.places == whole.places
    assert len(read) == 400 + cards.MAX_PLACES + cards.MAX_FOLDED + 1
    assert key.finding.locations == ()
