"""Names of revisions that can mean more than one thing, and those that cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.repo.repository import open_at
from boltz_keyscan.sources.git.repo.revisions import UnknownRevisionError, find, find_commit
from tests.repos import Repo


def _find(repo: Repo, revision: str) -> str:
    repository = open_at(os.fsencode(repo.path))
    assert repository is not None
    view = prepare_repository(repository, b"/", ".").view
    assert view is not None
    return find(view, read_references(repository), revision)


@pytest.fixture(params=["sha1", "sha256"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    """Two commits, in a repository of each kind; ``first`` and ``main``."""
    repo = Repo(tmp_path / "two", object_format=request.param)
    repo.leak("a", "a\n")
    repo.run("branch", "first")
    repo.leak("b", "b\n")
    return repo


def test_a_full_id_is_that_object_whatever_a_reference_is_called(two: Repo) -> None:
    first, second = two.run("rev-parse", "first"), two.run("rev-parse", "main")
    for kind in ("heads", "tags", "remotes"):
        two.run("update-ref", f"refs/{kind}/{first}", second)

    assert _find(two, first) == first
    assert _find(two, first.upper()) == first
    assert _find(two, f"{second}~1") == first
    with pytest.raises(UnknownRevisionError):
        _find(two, f"{first}~1")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("names", "short"),
    [
        (("refs/tags/origin/main", "refs/remotes/origin/main"), "origin/main"),
        (("refs/tags/x", "refs/heads/x"), "x"),
        (("refs/heads/origin/main", "refs/remotes/origin/main"), "origin/main"),
        (("refs/heads/fork", "refs/remotes/fork/HEAD"), "fork"),
        (("refs/heads/tags/x", "refs/tags/x"), "tags/x"),
    ],
)
@pytest.mark.sampled
def test_a_name_with_two_meanings_is_an_error_that_names_both(
    two: Repo, names: tuple[str, str], short: str, *, packed: bool
) -> None:
    first, second = two.run("rev-parse", "first"), two.run("rev-parse", "main")
    for name, oid in zip(names, (first, second), strict=True):
        two.run("update-ref", name, oid)
    if packed:
        two.run("pack-refs", "--all")

    for suffix in ("", "~0", "^{}"):
        with pytest.raises(KeyscanError) as raised:
            _find(two, short + suffix)
        assert all(name in raised.value.message for name in names)
        assert "full name" in raised.value.hint
    assert [_find(two, name) for name in names] == [first, second]


def test_a_symbolic_reference_is_a_meaning_too(two: Repo) -> None:
    two.run("update-ref", "refs/remotes/origin/main", "main")
    two.run("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    assert _find(two, "origin") == two.run("rev-parse", "main")
    two.run("tag", "origin", "first")

    with pytest.raises(KeyscanError, match=r"refs/tags/origin or refs/remotes/origin/HEAD"):
        _find(two, "origin")


def test_head_that_leads_through_a_symbolic_branch(two: Repo) -> None:
    two.run("symbolic-ref", "refs/heads/alias", "refs/heads/first")
    (two.path / ".git" / "HEAD").write_text("ref: refs/heads/alias\n")

    assert _find(two, "HEAD") == two.run("rev-parse", "first")


def test_a_symbolic_reference_to_itself_has_no_meaning(two: Repo) -> None:
    (two.path / ".git" / "refs" / "heads" / "loop").write_text("ref: refs/heads/loop\n")

    with pytest.raises(UnknownRevisionError):
        _find(two, "loop")


@pytest.mark.parametrize("name", ["HEAD", "@", "refs/heads/main"])
def test_a_full_name_has_one_meaning(two: Repo, name: str) -> None:
    """Or a tag that is pushed would stop every gate, or be what is asked for where the name is missing."""
    for decoy in ("HEAD", "refs/heads/main", "refs/remotes/origin/main", "FETCH_HEAD"):
        two.run("update-ref", f"refs/tags/{decoy}", "first")

    assert _find(two, name) == two.run("rev-parse", "refs/heads/main")
    assert _find(two, f"{name}~1") == two.run("rev-parse", "first")
    for missing in ("refs/remotes/origin/main", "FETCH_HEAD"):
        with pytest.raises(UnknownRevisionError):
            _find(two, missing)


def test_a_name_that_begins_like_an_object_is_an_error(two: Repo) -> None:
    first = two.run("rev-parse", "first")
    short = first[:7]
    assert _find(two, short) == first
    assert _find(two, f"v1-1-g{short}") == first
    two.run("branch", short, "main")

    with pytest.raises(KeyscanError, match=f"refs/heads/{short} or commit {first}"):
        _find(two, short)
    assert _find(two, f"refs/heads/{short}") == two.run("rev-parse", "main")


def test_a_name_in_hex_that_no_object_begins_with_is_a_name(two: Repo) -> None:
    known = two.run("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    name = next(
        word
        for word in ("cafe", "beef", "face", "fade", "deed", "babe")
        if not any(oid.startswith(word) for oid in known)
    )
    two.run("branch", name, "first")

    assert _find(two, name) == two.run("rev-parse", "first")


def test_what_git_alone_could_resolve_is_not_given_to_git(two: Repo) -> None:
    for name in ("", "@{-1}", ":/b", "main@{0}", ":a", "HEAD:a", "HEAD^{tree}", "--all", "main first"):
        with pytest.raises(UnknownRevisionError):
            _find(two, name)


def test_a_reference_that_cannot_be_read_may_be_what_is_meant(two: Repo) -> None:
    (two.path / ".git" / "refs" / "tags" / "main").write_text("not an id\n")

    with pytest.raises(KeyscanError, match="cannot tell what main means: refs/tags/main cannot be read"):
        _find(two, "main")
    assert _find(two, "refs/heads/main") == two.run("rev-parse", "refs/heads/main")
    # What git packed before is not what the name means now.
    (two.path / ".git" / "refs" / "tags" / "main").unlink()
    two.run("pack-refs", "--all")
    two.write(".git/refs/heads/first", "not an id\n")
    for name in ("first", "refs/heads/first"):
        with pytest.raises(KeyscanError, match="refs/heads/first cannot be read"):
            _find(two, name)


def test_tags_are_found_as_they_are_and_lead_to_commits(two: Repo) -> None:
    two.run("tag", "-a", "v1", "-m", "one")
    two.run("-c", "advice.nestedTag=false", "tag", "-a", "v2", "-m", "two", "v1")
    two.run("tag", "-a", "blob", "-m", "of a blob", "HEAD:a")
    repository = open_at(os.fsencode(two.path))
    assert repository is not None
    view, refs = prepare_repository(repository, b"/", ".").view, read_references(repository)
    assert view is not None

    assert find(view, refs, "v2") == two.run("rev-parse", "v2")
    assert find_commit(view, refs, "v2") == two.run("rev-parse", "main")
    assert find(view, refs, "blob") == two.run("rev-parse", "blob")
    with pytest.raises(UnknownRevisionError):
        find_commit(view, refs, "blob")
