"""Checked parsing of git's output.

A git that crashes, is stopped, or is another program must not look like one that found
nothing: an answer of another form, or too few answers, is an error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from boltz_keyscan.errors import GitError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.sources.git.run import command as git

CHECK = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
"""Option by which ``cat-file`` prints ``id type size``, or ``id missing`` for what it cannot read."""


_LINKED_STORE = late_pattern(r"\S*/boltz-keyscan-\S+?/(?=pack/|[0-9a-f]{2}/)")
"""The temporary folder of links through which git may have read the store."""

UNEXPECTED_OUTPUT = "git's output has an unexpected form"


@contextlib.contextmanager
def parsing_git_output() -> Iterator[None]:
    """Turn parsing errors in the block into GitError.

    Raises:
        GitError: the output has another form than expected.
    """
    try:
        yield
    except (ValueError, IndexError) as error:
        raise GitError(UNEXPECTED_OUTPUT) from error


def object_info(view: git.RepoView, oids: Iterable[str]) -> tuple[list[list[bytes]], str]:
    """Return the words of ``CHECK`` for each object, in order, and an error message or "".

    For an id with ``^{}`` the first word is the id it resolves to, or the given one if there is none.
    """
    requests = git.input_lines(oids)
    if not requests:
        return [], ""
    output, error = git.run(view, "cat-file", "--buffer", CHECK, lines=requests)
    lines = [line.split() for line in output.splitlines()]
    valid = [line for line in lines if line[1:] == [b"missing"] or (len(line) == 3 and line[2].isdigit())]
    pairs = zip(valid, requests, strict=False)
    fits = all(line[0] == oid.strip() or (oid.endswith(b"^{}\n") and len(line) == 3) for line, oid in pairs)
    if not error and not (len(valid) == len(requests) == len(lines) and fits):
        error = f"git gave {len(valid)} answers for {len(requests)} objects, or wrong ones"
    return valid, error


def list_commits(view: git.RepoView, oids: Iterable[str]) -> tuple[list[str], str]:
    """Return the objects that are commits, in order, and an error message or ""; see ``object_info``."""
    answers, error = object_info(view, oids)
    return [words[0].decode("ascii", "replace") for words in answers if words[1] == b"commit"], error


def first_line(error: GitError) -> str:
    """Return the first line of git's error, with paths as in the store."""
    return _LINKED_STORE.sub("objects/", error.message.splitlines()[0])
