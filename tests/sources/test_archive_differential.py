"""Whatever the usual reader of an archive gets out of it is found, or reported as a gap.

Small archives of every format are changed at random, and each is given to the real programs and
to a scan. ``BOLTZ_KEYSCAN_MUTANTS`` says how many in all; ``make nightly`` takes thousands.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gate import absent
from tests.keys import fingerprint
from tests.mutants import DETECTOR, KEY, SAMPLES, mutant, scanned

# Read when this is imported: tests see no settings of ours.
COUNT = int(os.environ.get("BOLTZ_KEYSCAN_MUTANTS", "130"))

TIMEOUT_S = 60
TOO_LARGE = 1 << 20

SEVEN = ("7z", "x", "-so", "-y", "-p-", "FILE")
BSDTAR = ("bsdtar", "-xOf", "FILE")
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "zip": (("unzip", "-p", "-P", "-", "FILE"), SEVEN, BSDTAR),
    "7z": (SEVEN, BSDTAR),
    "gzip": (("gzip", "-dc", "FILE"), SEVEN),
    "bzip2": (("bzip2", "-dc", "FILE"), SEVEN),
    "xz": (("xz", "-dc", "FILE"), SEVEN),
    "lzma": (("xz", "--format=lzma", "-dc", "FILE"), ("xz", "-dc", "FILE"), SEVEN),
    "zstd": (("zstd", "-dc", "FILE"), SEVEN),
    "tar": (("tar", "-xOf", "FILE"), BSDTAR, SEVEN),
    "cpio": (("cpio", "-i", "--to-stdout", "-F", "FILE"), BSDTAR, SEVEN),
    "ar": (("ar", "p", "FILE"), BSDTAR, SEVEN),
    "deb": (("dpkg-deb", "--fsys-tarfile", "FILE"), BSDTAR, SEVEN),
    "rpm": (("rpm2cpio", "FILE"), BSDTAR, SEVEN),
}
"""Programs that open each format, and write what is in it to a pipe."""


def _outputs(kind: str, path: Path, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what each reader gets out of a file."""
    for command in COMMANDS[kind]:
        if shutil.which(command[0]) is None:
            continue
        words = [str(path) if word == "FILE" else word for word in command]
        # Its errors do not matter: what it wrote before them was read.
        try:
            ran = subprocess.run(
                words,
                cwd=folder,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            continue
        yield command[0], ran.stdout[:TOO_LARGE]
    if kind == "zip":
        yield "zipfile", b"".join(_zipfile(path))
    if kind == "tar":
        yield "tarfile", b"".join(_tarfile(path))


def _zipfile(path: Path) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                try:
                    with archive.open(entry) as member:
                        # To its end only where its checksum is right, as users have it.
                        yield member.read(TOO_LARGE)
                except Exception:  # noqa: BLE001 - whatever it fails with
                    continue
    except Exception:  # noqa: BLE001 - as above
        return


def _tarfile(path: Path) -> Iterator[bytes]:
    try:
        with tarfile.open(path) as archive:
            for entry in archive:
                if (member := archive.extractfile(entry)) is not None:
                    yield member.read(TOO_LARGE)
    except Exception:  # noqa: BLE001 - as above
        return


def _readable(output: bytes) -> bool:
    """Return whether the key is in what a reader wrote, or in something compressed in that."""
    if _holds(output):
        return True
    for found in re.finditer(rb"\x1f\x8b\x08", output):
        engine = zlib.decompressobj(31)
        inner = io.BytesIO()
        try:
            for at in range(found.start(), len(output)):
                inner.write(engine.decompress(output[at : at + 1]))
        except zlib.error:
            pass
        if _holds(inner.getvalue()):
            return True
    return False


def _holds(plain: bytes) -> bool:
    """Return whether a scan of plain bytes finds the key: damage behind it may make another of it."""
    if KEY.encode() not in plain:
        return False
    return any(match.fingerprint == fingerprint(KEY) for match in DETECTOR.find([plain]))


def tally_of(name: str, count: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Return how mutants of one sample fared, and those that were passed over in silence."""
    kind = name.partition("-")[0]
    others = [other for other in SAMPLES if other != name]
    tally: Counter[str] = Counter()
    silent = []
    empty = folder / "empty"
    empty.mkdir()
    path = folder / "mutant"
    for number in range(count):
        seed = f"{name} {number}"
        content, recipe = mutant(SAMPLES[name](), SAMPLES[others[number % len(others)]](), seed)
        path.write_bytes(content)
        readers = [reader for reader, output in _outputs(kind, path, empty) if _readable(output)]
        result = scanned(path)
        found = any(hit.match.fingerprint == fingerprint(KEY) for hit in result.hits)
        tally["mutants"] += 1
        tally["readable"] += bool(readers)
        tally["found"] += bool(readers) and found
        tally["gap"] += bool(readers) and not found and bool(result.gaps)
        tally["gap, nothing readable"] += not readers and not found and bool(result.gaps)
        if readers and not found and not result.gaps:
            silent.append(
                f"seed {seed!r}: {'; '.join(recipe)} (with {others[number % len(others)]}): {readers}"
            )
    return tally, silent


@pytest.mark.parametrize("command", sorted({command[0] for each in COMMANDS.values() for command in each}))
def test_the_reader_is_here(command: str) -> None:
    if shutil.which(command) is None:
        absent(f"{command} is not installed, so archives are not compared with what it reads")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_read_by_all_and_found(name: str, tmp_path: Path) -> None:
    path = tmp_path / "sample"
    path.write_bytes(SAMPLES[name]())
    outputs = _outputs(name.partition("-")[0], path, tmp_path)
    assert [reader for reader, output in outputs if _readable(output)]
    result = scanned(path)
    assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(KEY)]
    assert result.gaps == ()


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_reader_reads_is_found_or_a_gap(name: str, tmp_path: Path) -> None:
    tally, silent = tally_of(name, max(COUNT // len(SAMPLES), 1), tmp_path)
    print(name, dict(tally))  # noqa: T201 - shown by pytest -rP, for the record
    assert not silent, "\n".join(silent)
