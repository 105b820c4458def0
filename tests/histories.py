"""Histories for tests as plain tables, written by one ``git fast-import``.

A commit is its parents and all its files; what happened between two of them is whatever
differs. So a merge can hold anything, and a test can work out for itself what is true.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.repos import Repo

EPOCH = 1_700_000_000

Files = Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """One commit: the names of its parents, and its files."""

    parents: Sequence[str]
    files: Files


History = Mapping[str, Step]
"""Commits by name, parents before children; each a minute after the one before."""


def build(path: Path, history: History, refs: Mapping[str, str], head: str = "main") -> dict[str, str]:
    """A bare repository with this history and these references (``heads/main`` ...); commit ids by name."""
    if not path.exists():
        Repo(path, bare=True).run("symbolic-ref", "HEAD", f"refs/heads/{head}")
    numbers = {name: number for number, name in enumerate(history, 1)}
    stream = b"".join(_commit(numbers, name, step) for name, step in history.items())
    marks = path / "marks"
    _git(path, "fast-import", "--quiet", "--done", f"--export-marks={marks}", stdin=stream + b"done\n")
    by_number = dict(line[1:].split() for line in marks.read_text().splitlines())
    marks.unlink()
    ids = {name: by_number[str(number)] for name, number in numbers.items()}
    old = _git(path, "for-each-ref", "--format=delete %(refname)")
    new = b"".join(b"create refs/%s %s\n" % (ref.encode(), ids[name].encode()) for ref, name in refs.items())
    _git(path, "update-ref", "--stdin", stdin=old)
    _git(path, "update-ref", "--stdin", stdin=new)
    return ids


def _commit(numbers: Mapping[str, int], name: str, step: Step) -> bytes:
    number = numbers[name]
    who = f"C. Mitter <c@example.invalid> {EPOCH + 60 * number} +0000"
    lines = [f"commit refs/made/{number}", f"mark :{number}", f"author {who}", f"committer {who}", "data 0"]
    first, *others = [f":{numbers[parent]}" for parent in step.parents] or [""]
    lines += [f"from {first}"] if first else []
    lines += [f"merge {other}" for other in others]
    lines.append("deleteall")
    for path, content in sorted(step.files.items()):
        lines += [f"M 100644 inline {path}", f"data {len(content)}", content]
    return "\n".join(lines).encode() + b"\n"


def _git(path: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(["git", *arguments], cwd=path, input=stdin, capture_output=True, check=True).stdout


def nested(repo: Repo, oid: str, names: Sequence[str], depth: int, kind: str = "100644 blob") -> str:
    """A tree of trees: at each level entries of these names that are all one and the same. Its id."""
    for _ in range(depth):
        tree = "".join(f"{kind} {oid}\t{name}\n" for name in names).encode()
        oid, kind = _git(repo.path, "mktree", stdin=tree).decode().strip(), "040000 tree"
    return oid
