"""Taking apart what git answered, without believing that it is all there.

A git that dies, that is stopped or that is no git must not look like one that found
nothing: an answer of another form, or too few answers, is an error like one git tells.

Boundary: the form of answers; what they mean is the caller's business.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources.git.run import command as git

CHECK = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
"""Asks ``cat-file`` for ``id type size``; it answers ``id missing`` for what it cannot read."""


UNEXPECTED_OUTPUT = "git's answer makes no sense"


@contextlib.contextmanager
def parsing_git_output() -> Iterator[None]:
    """Around code that takes an answer apart.

    Raises:
        GitError: it has other parts than it should.
    """
    try:
        yield
    except (ValueError, IndexError) as error:
        raise GitError(UNEXPECTED_OUTPUT) from error


def object_info(view: git.RepoView, oids: Iterable[str]) -> tuple[list[list[bytes]], str]:
    """The words of ``CHECK`` for each object, in order; and what is wrong with the answer.

    An id with ``^{}`` is answered by the one it leads to, or by itself when it leads nowhere.
    """
    asked = [oid.encode() + b"\n" for oid in oids]
    if not asked:
        return [], ""
    output, told = git.run(view, "cat-file", "--buffer", CHECK, lines=asked)
    lines = [line.split() for line in output.splitlines()]
    whole = [line for line in lines if line[1:] == [b"missing"] or (len(line) == 3 and line[2].isdigit())]
    pairs = zip(whole, asked, strict=False)
    fits = all(line[0] == oid.strip() or (oid.endswith(b"^{}\n") and len(line) == 3) for line, oid in pairs)
    if not told and not (len(whole) == len(asked) == len(lines) and fits):
        told = f"git gave {len(whole)} answers for {len(asked)} objects, or wrong ones"
    return whole, told
