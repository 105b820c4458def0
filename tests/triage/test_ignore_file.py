"""The ignore file and its globs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.triage.globs import matches
from boltz_keyscan.triage.ignore_file import IgnoreEntry, parse
from boltz_keyscan.triage.text_file import TextFile

KEY = f"bk1:{7:032x}"

GLOBS = [
    # A name at any depth, and all below it.
    ("a", "a", True),
    ("a", "x/a", True),
    ("a", "x/a/b", True),
    ("a", "ab", False),
    ("*.md", "x/y.md", True),
    ("*.md", "x.md/y", True),
    ("*.md", "x.mdx", False),
    # A slash anchors.
    ("/a", "a/b", True),
    ("/a", "x/a", False),
    ("a/b", "a/b", True),
    ("a/b", "x/a/b", False),
    ("docs/*.md", "docs/a.md", True),
    ("docs/*.md", "docs/a/b.md", False),
    # A folder only.
    ("a/", "a", False),
    ("a/", "a/b", True),
    ("a/", "x/a/b", True),
    # Any number of folders.
    ("**/b", "b", True),
    ("**/b", "x/y/b", True),
    ("a/**", "a", False),
    ("a/**", "a/b/c", True),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "a/x/y/c", False),
    ("**/a/**", "a", False),
    ("**/a/**", "a/a", True),
    ("**/a/**", "x/a", False),
    ("a/*", "a", False),
    ("a/*", "a/b", True),
    # Within a name.
    ("?.py", "a.py", True),
    ("?.py", ".py", False),
    ("[ab]c", "ac", True),
    ("[!ab]c", "ac", False),
    ("[^ab]c", "xc", True),
    ("[a-c]x", "bx", True),
    ("[a-c]x", "dx", False),
    ("[]a]", "]", True),
    ("[", "[", True),
    ("a[", "a[", True),
    ("[!", "[!", True),
    ("[^", "[^", True),
    ("[!]a]x", "bx", True),
    ("[^]a]x", "]x", False),
    ("*a*b*c", "xxaxxbxxc", True),
    ("*a*b*c", "xxaxxbxx", False),
    ("A", "a", False),
]


@pytest.mark.parametrize(("pattern", "path", "wanted"), GLOBS)
def test_a_glob(pattern: str, path: str, wanted: bool) -> None:  # noqa: FBT001 - a table
    assert matches(pattern, path) is wanted


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=2, max_size=5),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=5),
)
def test_across_names_it_is_what_the_definition_says(parts: list[str], names: list[str]) -> None:
    def defined(left: list[str], right: list[str]) -> bool:
        """Whether the pattern stands for a beginning of the path, at its end or at a folder."""
        if not left:
            return True
        if left[0] == "**":
            if left[1:] == ["**"] * len(left[1:]):
                return bool(right)
            return defined(left[1:], right) or (bool(right) and defined(left, right[1:]))
        return bool(right) and left[0] in {"*", right[0]} and defined(left[1:], right[1:])

    assert matches("/" + "/".join(parts), "/".join(names)) is defined(parts, names)


def test_a_glob_made_to_take_for_ever_does_not() -> None:
    """With backtracking each of these takes longer than the universe has."""
    assert not matches("/".join(["**", "a"] * 50 + ["c"]), "/".join(["a"] * 100 + ["b"]))
    assert not matches("*a" * 100 + "b", "a" * 4000)


def test_entries() -> None:
    text = (
        "# a comment\n\n"
        f"{KEY}   # made up\r\n"
        "tests/fixtures/**\t# no real keys # at all\n"
        "a #b.txt  # a name with a hash\n"
    )
    found = parse(TextFile("ignore", text.encode()))
    assert found.named == {KEY: IgnoreEntry(KEY, "made up", 3)}
    assert found.globs == (
        IgnoreEntry("tests/fixtures/**", "no real keys # at all", 4),
        IgnoreEntry("a #b.txt", "a name with a hash", 5),
    )


def test_entries_for_gaps() -> None:
    oid = f"object:{7:040x}"
    text = f"enc.zip  # gap: test data\n{oid}  # gap:in history\ndocs/  # about gap: no entry for one\n"
    found = parse(TextFile("ignore", text.encode()))
    assert found.gaps == (IgnoreEntry("enc.zip", "test data", 1),)
    assert found.named == {oid: IgnoreEntry(oid, "in history", 2)}
    assert [entry.what for entry in found.globs] == ["docs/"]


def test_a_line_that_a_merge_left_twice_counts_once() -> None:
    assert len(parse(TextFile("ignore", b"docs/  # x\ndocs/  # x\ndocs/  # y\n")).globs) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("docs/", "no reason is given"),
        ("docs/  #", "no reason is given"),
        ("docs/ #x", "no reason is given"),
        (KEY, "no reason is given"),
        ("bk1:123  # x", "not a fingerprint"),
        (f"bk2:{7:032x}  # x", "an unknown kind of fingerprint"),
        (f"sha256:{7:064x}  # x", "an unknown kind of fingerprint"),
        ("docs/  # gap:", "no reason is given"),
        (f"{KEY}  # gap: x", "a key is not a gap"),
        ("object:12  # gap: x", "not the id of an object"),
        (f"object:{7:040x}  # x", "an object id accepts a gap only"),
        ("**  # gap: x", "it names every path"),
        ("!docs  # x", "exceptions with '!'"),
        ("../docs  # x", "'..' leads out of the tree"),
        ("**  # x", "it names every path"),
        ("/  # x", "it names every path"),
        ("*/**  # x", "it names every path"),
        ("./**  # x", "it names every path"),
        ("docs\\a  # x", "a backslash"),
        ("<<<<<<< HEAD", "merge conflict"),
    ],
)
def test_what_is_broken_is_told_with_its_line(line: str, reason: str) -> None:
    with pytest.raises(KeyscanError) as caught:
        parse(TextFile("ignore", f"known  # x\n\n{line}\nother  # y\n".encode()))
    assert caught.value.message.startswith("ignore:3: ")
    assert reason in caught.value.message
