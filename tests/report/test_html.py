"""The HTML page without a browser: what is on it, in which order, and its limits of size and time."""

from __future__ import annotations

import io
import json
import re
import time
from base64 import b64encode
from dataclasses import dataclass, field, replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from boltz_keyscan.model.enums import Exposure, KeyType, Mode, Shape
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult
from boltz_keyscan.report import load
from boltz_keyscan.report.html import cards, page
from boltz_keyscan.report.html.lifetime import lifetime
from boltz_keyscan.report.locations import exposure_line
from boltz_keyscan.report.options import ReportOptions
from tests import depth
from tests.depth import examples
from tests.leaked import four_keys
from tests.report import goldens, pages, samples
from tests.report.samples import finding, location, make_result, past, told
from tests.report.test_hostile_text import RESULTS, VIEWS
from tests.repos import Repo
from tests.running import keyscan

VOID = {"meta", "link", "input", "br"}


@dataclass
class Page(HTMLParser):
    """A page as a parser sees it: elements, attributes, ids, headings, text."""

    tags: list[str] = field(default_factory=list)
    attributes: dict[str, set[str]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    blocks: dict[str, list[str]] = field(default_factory=dict)
    text: str = ""
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name in {"href", "src"}:
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append("")
        if tag in {"style", "script"}:
            self.blocks.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"style", "script"}:
            self.blocks[self.open[-1]][-1] += data
        else:
            self.text += data
            if {"h1", "h2", "h3"} & set(self.open):
                self.headings[-1] += data


def read(text: str) -> Page:
    parsed = Page()
    parsed.feed(text)
    parsed.close()
    assert parsed.open == []
    return parsed


def render(result: ScanResult, **view: Any) -> Page:
    return read(told("html", result, **view))


def spaced(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", ["tree", "history", "empty", "incomplete", "suppressed", "hostile", "asked"])
def test_the_page_of_a_sample(name: str) -> None:
    goldens.check(f"{name}.html", told("html", samples.RESULTS[name]()))


def test_the_order_is_that_of_reading() -> None:
    """Verdict, first steps, gaps, timeline, keys, scan; a key that leads nowhere needs no first step."""
    gaps = (Gap("a.db", "unreadable", "denied"),)
    parsed = render(replace(samples.history(), gaps=gaps, complete=False))
    heads = [spaced(each) for each in parsed.headings]
    assert heads[0] == "FAILED exit 1 2 keys fail this run"
    order = ["What to do first", "What was not scanned", "When each key leaked", "The keys worst first"]
    order.append("The scan")
    assert [each for each in heads if each in order] == order
    titles = [each.rsplit(" ", 1)[0] for each in heads if each.startswith("Boltz ")]
    assert titles == ["Boltz admin live key", "Boltz workspace live key", "Boltz admin test key"]
    assert "INCOMPLETE 1 gap, so not everything was scanned; there may be more" in spaced(
        parsed.text
    ).replace("Incomplete", "INCOMPLETE")
    assert render(make_result()).headings[1:] == ["The scan"]


@settings(max_examples=examples(60))
@given(RESULTS, VIEWS)
def test_no_string_becomes_markup(result: ScanResult, view: dict[str, Any]) -> None:
    """Whatever a result holds, a page has the elements of harmless ones, and one script that runs."""
    parsed = render(result, **view)
    allowed = render(samples.asked()), render(samples.incomplete()), render(samples.history())
    assert set(parsed.tags) <= {tag for each in allowed for tag in each.tags} | {"pre", "details", "summary"}
    assert not [name for name in parsed.attributes if name.startswith("on") or name in {"style", "src"}]
    assert not [link for link in parsed.links if not link.startswith("#") and link != "data:,"]
    assert len(parsed.blocks["style"]) == 1
    *data, script = parsed.blocks["script"]
    [document] = map(json.loads, data)
    assert len(document["keys"]) == parsed.tags.count("article")
    assert "<" not in data[0]
    [policy] = [each for each in parsed.attributes["content"] if each.startswith("default-src")]
    digest = {
        kind: b64encode(sha256(text.encode()).digest()).decode()
        for kind, text in (("style", parsed.blocks["style"][0]), ("script", script))
    }
    assert policy.startswith(
        f"default-src 'none'; script-src 'sha256-{digest['script']}'; style-src 'sha256-{digest['style']}'; "
    )


MANY = 5_000 if depth.NIGHTLY else 500
"""Keys of a large page: at full depth as many as a page may have."""


def many(number: int) -> ScanResult:
    kinds = [finding(kind, mode) for kind in KeyType for mode in Mode]
    paths = [f"projects/group_{each % 97}/screen/run_{each}.py" for each in range(number)]
    return make_result(
        *(
            replace(
                kinds[each % 4],
                fingerprint=f"bk1:{each * 7919 % 2**32:08x}{each:024x}",
                locations=(location(path), past(each % 28, path)),
            )
            for each, path in enumerate(paths)
        )
    )


def test_many_keys_are_all_there_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "MAX_KEYS", MANY)
    result = many(MANY)
    load("html")  # Not the time of the import.
    before = time.process_time()
    text = told("html", result)
    # Two seconds for 5,000 on an idle machine; here others run at the same time.
    assert time.process_time() - before < 6
    assert len(text.encode()) < 5_000_000
    assert text.count("<article") == MANY
    text = told("html", replace(result, findings=result.findings * 5))
    assert len(text.encode()) < 5_000_000
    first = (
        f"{5 * MANY:,} keys were found. The first {MANY:,} are here, the worst first; {4 * MANY:,} are not"
    )
    assert first in text


def test_no_result_makes_a_page_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long paths, many places of one key, many gaps with long reasons: what is cut is counted."""
    monkeypatch.setattr(cards, "MAX_WHOLE_BYTES", 60_000)
    monkeypatch.setattr(cards, "MAX_BYTES", 90_000)
    long = "x" * 4_000
    wide = finding(KeyType.ADMIN, Mode.LIVE, *(location(f"{long}/{each}") for each in range(30)))
    others = [
        finding(KeyType.WORKSPACE, Mode.LIVE, location(f"{long}{each}"), seed=each) for each in range(60)
    ]
    gaps = tuple(Gap(f"{long}{each}", "unreadable", long) for each in range(600))
    text = told("html", make_result(wide, *others, gaps=gaps))
    parsed = spaced(read(text).text)
    assert len(text) < 90_000 + 1_000_000
    assert "600 parts not read" in parsed
    assert "+100 more not on this page" in parsed
    kept = read(text).tags.count("article")
    assert 0 < kept < 61
    assert f"{61 - kept:,} are not on this page" in parsed


def test_the_places_of_one_key_are_folded_and_counted() -> None:
    key = finding(KeyType.ADMIN, Mode.LIVE, *(location(f"run_{each:03}.py") for each in range(130)))
    parsed = render(make_result(key))
    assert parsed.text.count("run_009.py:3") == 1
    assert "90 more paths" in parsed.text
    assert "+30 more paths not on this page" in spaced(parsed.text)
    # A step that names each of hundreds of files is no help: one command lists them.
    key = finding(KeyType.ADMIN, Mode.LIVE, *(location(f"run_{each:03}.py") for each in range(900)))
    assert "Many files have it. This lists them, with the commands:" in render(make_result(key)).text


CLOCKS = {
    "1970": ("1970-01-01T00:00:00Z", True),
    "2099": ("2099-12-31T23:59:59+14:00", True),
    "year 1": ("0001-01-01T00:00:00+14:00", True),
    "year 9999": ("9999-12-31T23:59:59-12:00", True),
    "another zone": ("2025-02-28T23:30:00-11:00", False),
    "no zone": ("2025-02-28T23:30:00", False),
    "none": (None, False),
    "malformed": ("yesterday", False),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_wrong_clock_does_not_stretch_the_axis(name: str) -> None:
    date, outside = CLOCKS[name]
    odd = finding(KeyType.ADMIN, Mode.LIVE, past(1, author_date=date))
    usual = finding(KeyType.WORKSPACE, Mode.LIVE, past(2, "b.py", author_date="2025-01-02T10:00:00Z"))
    text = told("html", make_result(odd, usual))
    assert ("from a clock that was wrong" in text) == outside
    labels = re.findall(r'<text class="axis[^"]*" x="[^"]*" y="12" text-anchor="middle">([^<]*)<', text)
    assert 1 <= len(labels) <= 7
    assert all(re.fullmatch(r"[0-9]{1,2} (?:Jan|Feb|Dec)|(?:Jan|Feb|Dec) 202[45]", each) for each in labels)
    for x in re.findall(r'[ c]x1?="([0-9.-]+)%"', text):
        assert 0 <= float(x) <= 100


@pytest.mark.parametrize(("keys", "rows", "fold"), [(1, 1, ""), (14, 14, ""), (310, 300, "+10 more keys")])
def test_the_timeline_has_a_row_for_each_key(keys: int, rows: int, fold: str) -> None:
    text = told("html", many(keys))
    assert len(re.findall(r'<g class="row', text)) == rows
    assert text.count('<th scope="row">') == rows
    assert fold in text


def test_each_span_of_time_has_a_few_ticks() -> None:
    for start in (
        "2025-02-28T22:00:00Z",
        "2025-02-20T10:00:00Z",
        "2024-12-01T10:00:00Z",
        "2010-05-01T10:00:00Z",
    ):
        text = told("html", make_result(finding(KeyType.ADMIN, Mode.LIVE, past(1, author_date=start))))
        assert 2 <= len(re.findall(r'<line class="tick"', text)) <= 7, start


def test_what_is_accepted_says_why_and_quiet_shows_what_fails() -> None:
    parsed = render(samples.excused())
    assert "Suppressed (ignore): made up [.boltz-keyscanignore:2" in spaced(parsed.text)
    assert "Not excused by baseline" in spaced(parsed.text)
    quiet = render(samples.excused(), verbosity=-1)
    assert quiet.tags.count("article") == sum(key.blocking for key in samples.excused().findings)


def test_placeholders_are_cards_on_request_and_no_rows() -> None:
    assert "3 placeholders not shown; --show-placeholders" in spaced(render(samples.placeholders()).text)
    parsed = render(samples.placeholders(), show_placeholders=True)
    assert parsed.tags.count("article") == 3
    assert "svg" not in parsed.tags


def remedy(key: Finding) -> str:
    text = told("html", make_result(key))
    return spaced(read(text.partition('<details class="remedy"')[2].partition("</details>")[0]).text)


def test_commands_fit_a_reader_who_has_the_page_only() -> None:
    """No folder is guessed; where the commits decide, ``explain`` is named."""
    pushed = remedy(finding(KeyType.ADMIN, Mode.LIVE, past(1, pushed=True), location()))
    assert '"$(git remote get-url origin)" "../$(basename "$PWD")-clean"' in pushed
    assert 'git -C "${PWD%-clean}" remote get-url origin' in pushed
    unpushed = remedy(finding(KeyType.ADMIN, Mode.LIVE, past(1, pushed=False)))
    assert "Rewrite the commits that have it, before you push. boltz-keyscan explain bk1:" in unpushed
    staged = remedy(finding(KeyType.ADMIN, Mode.LIVE, location(exposure=Exposure.STAGED)))
    assert "git restore --staged -- src/app.py Or, before the first commit: git rm --cached" in staged


def test_the_stream_gets_a_page_in_pieces() -> None:
    """A page is written in large pieces, not one for each value."""

    class Counted(io.StringIO):
        writes = 0

        def write(self, text: str, /) -> int:
            self.writes += 1
            return super().write(text)

    stream = Counted()
    load("html")(samples.history(), stream, ReportOptions())
    assert stream.writes < 50


def test_a_gap_of_each_kind_has_its_place() -> None:
    gaps = (*samples.incomplete().gaps, *(Gap(f"f{each}", "unreadable") for each in range(page.MAX_GAPS)))
    parsed = render(make_result(gaps=gaps))
    assert "12 parts not read" in parsed.headings
    assert "1 part left out by design" in parsed.headings
    assert finding(shape=Shape.PLACEHOLDER).fingerprint not in parsed.ids


def version(start: int, end: int | None, **changes: Any) -> Location:
    """A version in history from one day of May 2024 to another; None if it is still in a branch."""
    gone = {
        "removed_commit": samples.oid(end),
        "removed_date": f"2024-05-{end or 0:02}T10:00:00Z",
        "present": False,
    }
    made: dict[str, Any] = {"traced": True, **(gone if end else {"present": True}), **changes}
    return past(start - 1, f"{start}.py", **{"author_date": f"2024-05-{start:02}T10:00:00Z", **made})


SINCE = "since 3 May 2024, still there"
LIVES: dict[str, tuple[tuple[Location, ...], list[tuple[int, int | None]], str]] = {
    "gone": ((version(3, 9),), [(3, 9)], "from 3 May 2024 to 9 May 2024, 6 days"),
    "gone, and pushed": (
        (version(3, 5, remote="origin/main"), version(5, 9, remote="origin/main")),
        [(3, 9)],
        "from 3 May 2024 to 9 May 2024, 6 days, added by 2 commits",
    ),
    "gone from two branches": (
        (version(3, 5, remote="origin/main"), version(5, 9, remote="origin/old")),
        [(3, 9)],
        "from 3 May 2024 to 9 May 2024, 6 days, added by 2 commits",
    ),
    "gone on the day": ((version(3, 3),), [(3, 3)], "on 3 May 2024"),
    "in a branch": ((version(3, None),), [(3, None)], SINCE),
    "replaced": (
        (version(3, 5), version(5, 9)),
        [(3, 9)],
        "from 3 May 2024 to 9 May 2024, 6 days, added by 2 commits",
    ),
    "twice": (
        (version(3, 5), version(7, 9)),
        [(3, 5), (7, 9)],
        "from 3 May 2024 to 9 May 2024, 6 days, added by 2 commits",
    ),
    "twice, and there": ((version(3, 5), version(7, None)), [(3, 5), (7, None)], SINCE),
    "in two files": ((version(3, 5), version(4, None)), [(3, None)], SINCE),
    "in HEAD": ((version(3, None, exposure=Exposure.TRACKED), location()), [(3, None)], SINCE),
    "of a clock that went back": (
        (version(9, 3),),
        [(9, 9)],
        "from 9 May 2024 to 3 May 2024",
    ),
    # A shallow clone, or a range: nothing is claimed of its begin and end.
    "not traced": (
        (version(3, None, traced=False, present=None),),
        [],
        "committed on 3 May 2024, its end is not known",
    ),
    "not traced, and there": (
        (version(3, None, traced=False), location()),
        [(3, None)],
        "at the latest since 3 May 2024, still there",
    ),
    "without a date": ((version(3, 9, author_date=None),), [], "not known"),
    "in no commit": ((location(),), [], "there now, in no commit"),
    "left by a rebase": (
        (past(3, exposure=Exposure.UNREACHABLE, commit=None, author_date=None),),
        [],
        "not known",
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_the_stretches_of_a_life_are_what_is_proved(name: str) -> None:
    places, days, story = LIVES[name]
    life = lifetime(finding(KeyType.ADMIN, Mode.LIVE, *places))
    assert [(each.start.day, each.end.day if each.end else None) for each in life.stretches] == days
    assert life.story == story
    assert sum(event.removal for event in life.events) == sum(end is not None for _, end in days)


@pytest.mark.parametrize(
    ("other", "branch"), [("origin/main", "in origin/main "), ("origin/old", ""), ("", "")]
)
def test_the_line_of_a_key_that_is_gone_names_the_branch_of_all_its_commits(other: str, branch: str) -> None:
    places = version(3, 5, remote="origin/main"), version(5, 9, remote=other)
    line = exposure_line(finding(KeyType.ADMIN, Mode.LIVE, *places))
    assert line.endswith(f"2 paths, {branch}from 2024-05-03 to 2024-05-09, 6 days, added by 2 commits")


def test_nothing_is_claimed_of_a_shallow_clone(tmp_path: Path) -> None:
    """The same key of the same repository, in whole and without the commits that brought it."""
    whole, shallow = four_keys(tmp_path), tmp_path / "shallow"
    Repo.there(whole).run("clone", "--quiet", "--depth", "3", whole.as_uri(), str(shallow))
    stories = {
        folder: spaced(read(keyscan(".", "--no-cache", "--format", "html", cwd=folder).text).text)
        for folder in (whole, shallow)
    }
    gone = "from 3 May 2026 to 9 Jun 2026, 37 days, added by 2 commits"
    assert gone in stories[whole]
    assert "since 14 Jul 2026, still there" in stories[whole]
    assert not re.search("added by|from [0-9]+ [A-Z][a-z]+ 2026 to|[0-9] days", stories[shallow])
    assert "at the latest since" in stories[shallow]
    assert "shallow" in stories[shallow]


@pytest.mark.parametrize("name", ["audit", "diff", "usage"])
def test_the_pages_of_audit_usage_and_comparison_are_of_the_same_parts(name: str) -> None:
    """Hostile strings change no element of them, and what is cut is counted."""
    make = {"audit": pages.audit, "diff": pages.comparison, "usage": pages.usage}[name]
    usual, hostile = (read(make(text)) for text in ("a.py", " ".join(pages.INJECTIONS)))
    assert hostile.tags == usual.tags
    assert not [each for each in hostile.attributes if each.startswith("on") or each in {"style", "src"}]
    cut = {
        "audit": "2 more",
        "diff": "+2 more paths not on this page",
        "usage": "+1 more jobs not on this page",
    }
    assert cut[name] in spaced(usual.text)
