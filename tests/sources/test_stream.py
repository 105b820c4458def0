"""Objects as one stream: what is found does not depend on how large it is."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.finding import ShardResult
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.git.objects import shard, stream
from boltz_keyscan.sources.git.objects.shard import ObjectShard
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import CHECK
from tests.keys import fake_key, fingerprint
from tests.repos import Repo

DETECTOR = KeyDetector.of(rules.load())

AT = (0, 5, CHUNK - 70, CHUNK - 20, CHUNK, 2 * CHUNK + 1)
"""Where keys stand in the stream's files: at and around the places where it is looked at in pieces."""


@pytest.fixture(autouse=True)
def _released() -> Iterator[None]:
    yield
    stream.release()


def scanned(repo: Repo) -> ShardResult:
    """All objects of a repository as one shard."""
    view = git.RepoView(git.skeleton("sha1"), bytes(repo.path / ".git" / "objects"))
    listing, _ = git.run(view, "cat-file", "--batch-all-objects", "--unordered", CHECK)
    return ObjectShard(view, ".", listing, len(listing)).scan(DETECTOR)


def planted(repo: Repo) -> set[tuple[str, int]]:
    """Keys at awkward places of files, and with what offset."""
    for number, at in enumerate(AT):
        repo.add(f"{number}.bin", b"." * at + fake_key("ws", "live", number).encode() + b"." * CHUNK)
    repo.commit()
    return {(fingerprint(fake_key("ws", "live", number)), at) for number, at in enumerate(AT)}


def found(result: ShardResult) -> set[tuple[str, int]]:
    return {(hit.match.fingerprint, hit.match.offset) for hit in result.hits}


def test_keys_at_the_edges_of_what_is_looked_at(repo: Repo) -> None:
    expected = planted(repo)
    result = scanned(repo)
    assert (found(result), result.gaps) == (expected, ())


def test_more_than_fits_into_memory_is_read_one_by_one(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = planted(repo)
    monkeypatch.setattr(shard, "_MAX_STREAM_BYTES", 1000)
    monkeypatch.setattr(stream, "open_stream", None)
    assert found(scanned(repo)) == expected


def test_one_shard_after_the_other(repo: Repo) -> None:
    """What an earlier, longer answer left in the buffer is not taken for part of a later one."""
    expected = planted(repo)
    view = git.RepoView(git.skeleton("sha1"), bytes(repo.path / ".git" / "objects"))
    oid = repo.run("rev-parse", "HEAD^{tree}")
    size = repo.run("cat-file", "-s", oid)
    whole = scanned(repo)
    tree = ObjectShard(view, ".", f"{oid} tree {size}\n".encode(), 1).scan(DETECTOR)
    assert (found(whole), tree.hits, tree.gaps) == (expected, (), ())


def test_the_size_git_told_is_not_what_it_sends(repo: Repo) -> None:
    """A store that changed, or lies: everything is read again, object by object."""
    repo.leak("a.txt", fake_key())
    view = git.RepoView(git.skeleton("sha1"), bytes(repo.path / ".git" / "objects"))
    oid = repo.run("rev-parse", "HEAD:a.txt")
    for size in (1, 10_000):
        result = ObjectShard(view, ".", f"{oid} blob {size}\n".encode(), size).scan(DETECTOR)
        assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(fake_key())]


def test_no_file_is_left_open(repo: Repo) -> None:
    before = sorted(_open_files())
    planted(repo)
    scanned(repo)
    stream.release()
    assert sorted(_open_files()) == before


def _open_files() -> Iterator[int]:
    for number in range(64):
        try:
            os.fstat(number)
        except OSError:
            continue
        yield number


def test_a_second_hand_that_asks_a_git_that_was_ended_says_nothing(repo: Repo) -> None:
    """As when Ctrl-C ends the program: a traceback of that thread would be all that is seen of it."""
    running = stream.ObjectStream(git.RepoView(git.skeleton("sha1"), bytes(repo.path / ".git" / "objects")))
    running.close()
    running._write(b"contents HEAD\nflush\n")


@pytest.mark.parametrize(
    "beginning", [fake_key()[:14].encode(), b"PK\3\4\x14\0\0\0\x08\0"], ids=["key", "zip"]
)
def test_the_random_end_of_a_stream_is_part_of_no_object(
    beginning: bytes, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In hexadecimal it may look like the beginning of a key or of an archive."""
    repo.leak("a.txt", "nothing", "here")
    monkeypatch.setattr("os.urandom", lambda size: beginning.ljust(size, b"\1"))
    result = scanned(repo)
    assert (result.hits, result.gaps, result.more) == ((), (), ())
