"""Workloads from a seed: a git history, a tree of files, a repository with one staged file.

Built once under the benchmark folder and kept under a name that holds their parameters. The
planted keys are test keys, so that a scan of a folder that holds them stays below `live`.
"""

from __future__ import annotations

import base64
import random
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.keys import fake_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SEED = 20240
RECIPE = 1  # raise it when what is built from the same parameters changes
PLANTED = tuple(fake_key("admin" if n % 4 == 0 else "ws", "test", ("bench", n)) for n in range(8))
DIRECTORIES = 4
FILES_PER_DIRECTORY = 250
BINARY_SHARE = 0.03
SUFFIXES = (".py", ".py", ".md", ".json", ".ipynb", ".log")
EPOCH = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Scale:
    """Size of a workload; bytes are of file content before any compression."""

    commits: int
    history_bytes: int
    files: int
    tree_bytes: int


SCALES = {
    "small": Scale(commits=500, history_bytes=12_000_000, files=600, tree_bytes=12_000_000),
    "default": Scale(commits=20_000, history_bytes=600_000_000, files=20_000, tree_bytes=480_000_000),
    "large": Scale(commits=100_000, history_bytes=4_000_000_000, files=100_000, tree_bytes=2_400_000_000),
}


def history(base: Path, commits: int, size: int, env: Mapping[str, str]) -> Path:
    """A bare repository of `commits` commits whose blobs hold about `size` bytes together."""

    def fill(target: Path) -> None:
        git(["init", "-q", "--bare", "--template=", str(target)], base, env)
        with subprocess.Popen(
            ["git", "fast-import", "--quiet", "--done"], cwd=target, env=env, stdin=subprocess.PIPE
        ) as importer:
            if importer.stdin is None:
                raise RuntimeError("git fast-import has no standard input")
            for chunk in _history_stream(commits, size):
                importer.stdin.write(chunk)
        if importer.returncode:
            raise RuntimeError(f"git fast-import ended with {importer.returncode}")
        git(["pack-refs", "--all"], target, env)

    return built(base, f"history-{commits}-{size}", fill)


def tree(base: Path, files: int, size: int) -> Path:
    """A folder of `files` files, `size` bytes together, a few of them binary."""

    def fill(target: Path) -> None:
        rng = random.Random(SEED)
        pool = line_pool(rng)
        lengths = sizes(rng, files, size)
        plants = dict(zip(sorted(rng.sample(range(files), len(PLANTED))), PLANTED, strict=True))
        for number, length in enumerate(lengths):
            folder = target / f"area{number // 5000:02}" / f"part{number // 100 % 50:02}"
            folder.mkdir(parents=True, exist_ok=True)
            if number not in plants and rng.random() < BINARY_SHARE:
                (folder / f"data{number:06}.bin").write_bytes(rng.randbytes(length))
                continue
            text = text_lines(rng, pool, length)
            if number in plants:
                text.insert(len(text) // 2, assignment(plants[number]))
            (folder / f"file{number:06}{rng.choice(SUFFIXES)}").write_bytes(b"\n".join(text))

    return built(base, f"tree-{files}-{size}", fill)


def staged(base: Path, env: Mapping[str, str], *, leaky: bool) -> Path:
    """A repository with one commit and one staged file, `settings.py`, of about 200 lines."""

    def fill(target: Path) -> None:
        target.mkdir()
        rng = random.Random(SEED)
        text = [f"option_{n} = {rng.randrange(1000)}".encode() for n in range(200)]
        git(["init", "-q", "--template=", "."], target, env)
        (target / "settings.py").write_bytes(b"\n".join(text[:100]) + b"\n")
        git(["add", "settings.py"], target, env)
        identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.invalid"]
        git([*identity, "commit", "-q", "-m", "start"], target, env)
        if leaky:
            text.insert(150, assignment(PLANTED[0]))
        (target / "settings.py").write_bytes(b"\n".join(text) + b"\n")
        git(["add", "settings.py"], target, env)

    return built(base, "hook-leaky" if leaky else "hook-clean", fill)


def built(base: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """The folder of that name, built beside its place and renamed, so that a half-built one is never used."""
    place = base / f"{name}-r{RECIPE}"
    if not place.exists():
        draft = base / f"{name}.part"
        shutil.rmtree(draft, ignore_errors=True)
        fill(draft)
        draft.rename(place)
    return place


def git(arguments: list[str], cwd: Path, env: Mapping[str, str]) -> None:
    """Run git."""
    subprocess.run(["git", *arguments], cwd=cwd, env=env, check=True)


def _history_stream(commits: int, size: int) -> Iterator[bytes]:
    """The fast-import stream: all versions of a file together, as a packed repository has them."""
    rng = random.Random(SEED)
    count = DIRECTORIES * FILES_PER_DIRECTORY
    touched = [range(count), *(rng.sample(range(count), rng.choice((1, 1, 2))) for _ in range(commits - 1))]
    versions = [0] * count
    for files in touched:
        for file in files:
            versions[file] += 1
    first_mark = [1]
    for number in versions:
        first_mark.append(first_mark[-1] + number)
    yield from _blobs(rng, versions, size)
    upcoming = first_mark[:count]
    for number, files in enumerate(touched):
        message = b"Change %d: %s\n" % (number, b"reason " * (number % 12))
        who = b"Bench <bench@example.invalid> %d +0000" % (EPOCH + 600 * number)
        yield b"commit refs/heads/main\nauthor %s\ncommitter %s\n" % (who, who)
        yield b"data %d\n%s" % (len(message), message)
        for file in files:
            yield b"M 100644 :%d %s\n" % (upcoming[file], _path(file))
            upcoming[file] += 1
    yield b"done\n"


def _blobs(rng: random.Random, versions: list[int], size: int) -> Iterator[bytes]:
    """Each version differs from the one before in a few lines; a planted key is in one version only."""
    pool = line_pool(rng)
    total = sum(versions)
    plants = dict(zip(sorted(rng.sample(range(total), len(PLANTED))), PLANTED, strict=True))
    lengths = sizes(rng, len(versions), size * len(versions) // total)
    number = 0
    for count, length in zip(versions, lengths, strict=True):
        text = text_lines(rng, pool, length)
        for _ in range(count):
            for _ in range(3):
                text[rng.randrange(len(text))] = rng.choice(pool)
            shown = [*text[:2], assignment(plants[number]), *text[2:]] if number in plants else text
            number += 1
            content = b"\n".join(shown)
            yield b"blob\nmark :%d\ndata %d\n%s\n" % (number, len(content), content)


def _path(file: int) -> bytes:
    return f"part{file // FILES_PER_DIRECTORY}/module_{file:04}{SUFFIXES[file % len(SUFFIXES)]}".encode()


def assignment(key: str) -> bytes:
    """Return a line with a key."""
    return f'api_key = "{key}"'.encode()


def sizes(rng: random.Random, count: int, total: int) -> list[int]:
    """`count` lengths of very different size that add up to about `total`."""
    weights = [min(rng.lognormvariate(0, 1.2), 100.0) for _ in range(count)]
    share = total / sum(weights)
    return [int(weight * share) + 1 for weight in weights]


def line_pool(rng: random.Random) -> list[bytes]:
    """Lines to write files from: mostly words, one in forty base64 or hex as in notebooks and locks."""
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    words = ["".join(rng.choices(letters, k=rng.randrange(2, 11))) for _ in range(2000)]
    lines: list[bytes] = []
    for number in range(6000):
        if number % 80 == 0:
            lines.append(b'    "data": "' + base64.b64encode(rng.randbytes(57)) + b'",')
        elif number % 80 == 40:
            lines.append(b"    sha256:" + rng.randbytes(32).hex().encode())
        else:
            indent = " " * (4 * rng.randrange(4))
            chosen = rng.choices(words, k=rng.randrange(1, 9))
            lines.append((indent + rng.choice((" ", "_", " = ", ".")).join(chosen)).encode())
    return lines


def text_lines(rng: random.Random, pool: list[bytes], length: int) -> list[bytes]:
    """Return random lines of the pool, about `length` bytes together."""
    mean = sum(map(len, pool)) / len(pool) + 1
    return rng.choices(pool, k=max(4, round(length / mean)))


def planted_in(text: str) -> int:
    """Count the planted keys in the raw output of a tool."""
    return sum(key in text for key in PLANTED)
