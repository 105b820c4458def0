"""The baseline file: what is written is read, and what is broken is said with its line."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.sanitize import harmless
from boltz_keyscan.triage.baseline import HEADER, Entry, capped_places, changed, format_file, parse
from boltz_keyscan.triage.text_file import TextFile

RULES = {"boltz-admin-live-key", "boltz-workspace-live-key"}
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).map(harmless).filter(str.strip)


def key(number: int) -> str:
    return f"bk1:{number:032x}"


def entry(number: int = 1, **changes: object) -> Entry:
    fields: dict[str, object] = {
        "rule_id": "boltz-workspace-live-key",
        "path": "src/a b.py",
        "reason": 'revoked, "long" ago',
        "by": "Ana",
        "until": None,
    } | changes
    return Entry(key(number), **fields)  # type: ignore[arg-type]


def read(text: str | bytes) -> dict[str, Entry]:
    return parse(TextFile("known", text.encode() if isinstance(text, str) else text), RULES)


ENTRIES = st.builds(
    Entry,
    st.integers(0, 2**128 - 1).map(key),
    st.sampled_from(sorted(RULES)),
    WORDS,
    WORDS,
    WORDS,
    st.none() | st.dates(),
    places=st.lists(WORDS, max_size=3).map(tuple),
)
GAP_ENTRIES = st.builds(
    Entry,
    st.just("path") | st.integers(0, 2**160 - 1).map("object:{:040x}".format),
    st.just("encrypted"),
    WORDS,
    WORDS,
    WORDS,
    st.none() | st.dates(),
)


def contents(entries: Iterable[Entry]) -> set[Entry]:
    """The entries, wherever they stand."""
    return {replace(entry, line=0) for entry in entries}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (None, date(2030, 1, 1), "second"),
        (date(2030, 1, 1), None, "first"),
        (date(2030, 1, 2), date(2030, 1, 1), "second"),
        (date(2030, 1, 1), date(2030, 1, 1), "first"),
        (None, None, "first"),
    ],
)
def test_of_two_acceptances_of_a_key_the_stricter_counts(
    first: date | None, second: date | None, kept: str
) -> None:
    lines = [format_file([entry(1, until=first, reason="first")])]
    lines += format_file([entry(1, until=second, reason="second")]).splitlines()[2:]
    found = read("".join(lines))
    assert [each.reason for each in found.values()] == [kept]
    assert format_file(found.values()).count(key(1)) == 1


@given(st.lists(ENTRIES | GAP_ENTRIES, unique_by=lambda each: each.key))
def test_what_is_written_is_read(entries: list[Entry]) -> None:
    text = format_file(entries)
    found = read(text)
    assert contents(found.values()) == contents(entries)
    assert set(found) == {each.key for each in entries}
    # One line for each key, whatever its path and reason are made of.
    assert text.count("\n") == len(entries) + 2


@given(st.lists(ENTRIES, unique_by=lambda each: each.fingerprint), st.randoms(use_true_random=False))
def test_the_same_entries_give_the_same_bytes(entries: list[Entry], order: random.Random) -> None:
    shuffled = list(entries)
    order.shuffle(shuffled)
    assert format_file(shuffled) == format_file(entries)
    assert format_file(read(format_file(entries)).values()) == format_file(entries)


TEXT = format_file([entry(1), entry(2, until=date(2030, 1, 31), path="für/ä.py")])


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.encode("utf-16"),
        ("\ufeff" + TEXT).encode("utf-16-be"),
        TEXT.rstrip("\n").encode(),
        "\n".join(reversed(TEXT.splitlines()[2:])).join([HEADER + "\n", "\n# a remark\n\n"]).encode(),
        (TEXT + TEXT).encode(),
    ],
    ids=["CRLF", "BOM", "UTF-16", "UTF-16 BE", "no last line end", "any order", "lines twice"],
)
def test_what_editors_shells_and_merges_make_of_it_is_the_same(raw: bytes) -> None:
    assert contents(read(raw).values()) == contents(read(TEXT).values())


LINE = f'{key(1)} boltz-workspace-live-key "p" "why" "who" forever'


@pytest.mark.parametrize(
    ("lines", "number", "reason"),
    [
        ([], 1, "the file is empty"),
        (["# something else"], 1, "not a baseline of this version"),
        (["# boltz-keyscan baseline 2"], 1, "not a baseline of this version"),
        ([LINE], 1, "not a baseline of this version"),
        ([HEADER, "nonsense"], 2, "not an entry"),
        ([HEADER, LINE, LINE + " more"], 3, "not an entry"),
        ([HEADER, LINE.replace('"why"', "why")], 2, "not an entry"),
        ([HEADER, LINE.replace(key(1), "object:12")], 2, "does not begin with a fingerprint"),
        ([HEADER, LINE.replace('"p"', '"p" ' * 60)], 2, "not an entry"),
        ([HEADER, LINE.replace("bk1:0", "bk1:x")], 2, "does not begin with a fingerprint"),
        ([HEADER, LINE.replace("bk1", "bk2")], 2, "does not begin with a fingerprint"),
        ([HEADER, LINE.replace("workspace", "other")], 2, "no such rule: boltz-other-live-key"),
        ([HEADER, LINE.replace('"why"', '""')], 2, "the reason or"),
        ([HEADER, LINE.replace('"who"', '" "')], 2, "the person who accepted it is missing"),
        ([HEADER, LINE.replace('"why"', '"\\x"')], 2, "not a JSON string"),
        ([HEADER, LINE.replace('"p"', '"\\ud800"')], 2, "not a JSON string"),
        ([HEADER, LINE.replace("forever", "2030-02-30")], 2, "not a date: 2030-02-30"),
        ([HEADER, LINE.replace("forever", "20300201")], 2, "not a date"),
        ([HEADER, LINE.replace("forever", "never")], 2, "not a date"),
        ([HEADER, "<<<<<<< HEAD", LINE, "=======", ">>>>>>> other"], 2, "merge conflict"),
        ([HEADER, LINE, "======="], 3, "merge conflict"),
        ([HEADER, LINE, "||||||| base"], 3, "merge conflict"),
        ([HEADER, LINE + "\0"], 2, "not text"),
    ],
)
def test_what_is_broken_is_told_with_its_line(lines: list[str], number: int, reason: str) -> None:
    with pytest.raises(KeyscanError) as caught:
        read("\n".join(lines))
    assert caught.value.message.startswith(f"known:{number}: ")
    assert reason in caught.value.message


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(KeyscanError, match=r"known:2: not text in UTF-8"):
        read(f"{HEADER}\n".encode() + b"\xff\xfe\n")


def test_a_conflict_is_told_with_the_way_to_have_none() -> None:
    with pytest.raises(KeyscanError) as caught:
        read(f"{HEADER}\n<<<<<<< HEAD\n")
    assert "merge=union" in caught.value.hint


def test_the_last_day_counts() -> None:
    last = date(2030, 1, 31)
    assert not entry(until=last).expired(last)
    assert entry(until=last).expired(last + timedelta(days=1))
    assert not entry().expired(date.max)


@pytest.mark.parametrize(
    ("occurring", "new", "whole", "left"),
    [
        ({1, 2}, (), True, {1, 2}),
        ({1}, (), True, {1}),
        (set(), (), True, set()),
        (set(), (), False, {1, 2}),
        ({1, 3}, (3,), True, {1, 3}),
        ({1, 3}, (3,), False, {1, 2, 3}),
    ],
)
def test_an_update(occurring: set[int], new: tuple[int, ...], whole: bool, left: set[int]) -> None:  # noqa: FBT001 - a table
    known = {key(number): entry(number) for number in (1, 2)}
    kept = changed(known, {key(n) for n in occurring}, [entry(n) for n in new], whole=whole)
    assert sorted(each.fingerprint for each in kept) == sorted(map(key, left))


def test_places_beyond_the_limit_are_any_place() -> None:
    few, many = capped_places({"a", "b"}, "a"), capped_places({f"f{n}" for n in range(60)}, "f1")
    assert few == ("b",)
    assert [entry(places=few).names(path) for path in ("src/a b.py", "b", "c")] == [True, True, False]
    assert entry(places=many).names("anything")


def test_a_renewal_outweighs_what_was() -> None:
    known = {key(1): entry(1, until=date(2020, 1, 1))}
    (kept,) = changed(known, {key(1)}, [entry(1, until=date(2040, 1, 1))], whole=True)
    assert kept.until == date(2040, 1, 1)
