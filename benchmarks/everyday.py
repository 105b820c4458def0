"""Likenesses of small real repositories: a work tree with a packed history, built from a seed."""

from __future__ import annotations

import gzip
import io
import random
import subprocess
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.synthetic import (
    EPOCH,
    PLANTED,
    SEED,
    SUFFIXES,
    assignment,
    built,
    git,
    line_pool,
    sizes,
    text_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILES_PER_FOLDER = 25
ARCHIVE_MEMBERS = 12
FIGURES = 8
"""Binary files that commits replace, when the history is larger than its text."""
_ZIP_EPOCH = (2020, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Likeness:
    """Size of one repository; bytes are of content before any compression."""

    name: str
    files: int
    tree_bytes: int
    commits: int
    figure_bytes: int = 0
    """Bytes of binary content in the history that is not in the work tree."""
    archives: int = 0


LIKENESSES = (
    Likeness("179 files", files=179, tree_bytes=4_000_000, commits=1200, figure_bytes=12_000_000),
    Likeness(
        "130 files, 40 MB of pack", files=130, tree_bytes=3_000_000, commits=300, figure_bytes=40_000_000
    ),
    Likeness(
        "1,444 files of 38 MB, 14 archives", files=1444, tree_bytes=38_000_000, commits=1200, archives=14
    ),
    Likeness("4,843 files of 60 MB", files=4843, tree_bytes=60_000_000, commits=2500, archives=20),
)


def everyday(base: Path, likeness: Likeness, env: Mapping[str, str], *, leaky: bool) -> Path:
    """Return a work tree with its history; a leaky one has the planted keys in its newest files."""

    def fill(target: Path) -> None:
        git(["init", "-q", "--template=", str(target)], base, env)
        importer = ["git", "fast-import", "--quiet", "--done"]
        stream = b"".join(_stream(likeness, leaky=leaky))
        subprocess.run(importer, cwd=target, env=env, input=stream, check=True)
        git(["symbolic-ref", "HEAD", "refs/heads/main"], target, env)
        git(["repack", "-q", "-a", "-d", "-f"], target, env)
        git(["pack-refs", "--all"], target, env)
        git(["reset", "-q", "--hard"], target, env)

    name = f"everyday-{likeness.files}-{likeness.tree_bytes}-{'leaky' if leaky else 'clean'}"
    return built(base, name, fill)


def _stream(likeness: Likeness, *, leaky: bool) -> Iterator[bytes]:
    """Yield the fast-import stream: everything in the first commit, then changes of one to three files."""
    rng = random.Random(SEED)
    pool = line_pool(rng)
    lengths = sizes(rng, likeness.files - likeness.archives, likeness.tree_bytes)
    texts = [text_lines(rng, pool, length) for length in lengths]
    archives = {
        _path(len(texts) + number): _archive(rng, pool, number) for number in range(likeness.archives)
    }
    yield from _commit(0, {**{_path(n): b"\n".join(text) for n, text in enumerate(texts)}, **archives})
    for number in range(1, likeness.commits):
        changed = {}
        for file in rng.sample(range(len(texts)), rng.choice((1, 1, 2, 3))):
            for _ in range(3):
                texts[file][rng.randrange(len(texts[file]))] = rng.choice(pool)
            changed[_path(file)] = b"\n".join(texts[file])
        if likeness.figure_bytes:
            size = likeness.figure_bytes // likeness.commits
            changed[b"figures/figure%d.png" % (number % FIGURES)] = rng.randbytes(size)
        yield from _commit(number, changed)
    if leaky:
        chosen = zip(rng.sample(range(len(texts)), len(PLANTED)), PLANTED, strict=True)
        yield from _commit(
            likeness.commits, {_path(n): b"\n".join([assignment(key), *texts[n]]) for n, key in chosen}
        )
    yield b"done\n"


def _commit(number: int, files: Mapping[bytes, bytes]) -> Iterator[bytes]:
    who = b"Bench <bench@example.invalid> %d +0000" % (EPOCH + 600 * number)
    yield b"commit refs/heads/main\nauthor %s\ncommitter %s\ndata 7\nChange\n\n" % (who, who)
    for path, content in files.items():
        yield b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(content), content)


def _archive(rng: random.Random, pool: list[bytes], number: int) -> bytes:
    """Return a zip file, or every third time a gzip file, of a few small texts."""
    members = [b"\n".join(text_lines(rng, pool, 4000)) for _ in range(ARCHIVE_MEMBERS)]
    if number % 3 == 2:
        return gzip.compress(b"\n".join(members), mtime=0)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for position, member in enumerate(members):
            archive.writestr(zipfile.ZipInfo(f"member{position}.txt", _ZIP_EPOCH), member)
    return buffer.getvalue()


def _path(file: int) -> bytes:
    suffix = SUFFIXES[file % len(SUFFIXES)].encode()
    return b"part%d/module_%04d%b" % (file // FILES_PER_FOLDER, file, suffix)
