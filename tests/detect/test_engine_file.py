"""The saved engine: loaded only when it can be trusted, and never needed."""

from __future__ import annotations

import functools
import logging
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import hyperscan
import pytest

from boltz_keyscan.detect import KeyDetector, engine, engine_file, literal_table
from boltz_keyscan.detect.encodings import FORMS
from boltz_keyscan.fsutil import replace_file
from boltz_keyscan.rules import load
from tests.keys import fake_key
from tests.repos import Repo
from tests.running import keyscan

PREFIXES = tuple(rule.prefix.encode() for rule in load())

_compile = functools.cache(engine.compile_literals)
"""The same literals take half a second each time."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engine, "compile_literals", _compile)
    engine.engine.cache_clear()
    yield tmp_path / "boltz-keyscan"
    engine.engine.cache_clear()


def search() -> list[int]:
    """Search with an engine made ready as a new process does."""
    engine.engine.cache_clear()
    text = b"k = " + fake_key().encode()
    return engine.candidate_offsets(text, len(text), PREFIXES)


_compiled: list[tuple[str, bytes]] = []


def saved(cache: Path) -> Path:
    """Return the one engine in the cache, which is compiled for the first test only."""
    if not _compiled:
        assert search() == [4]
        (path,) = cache.iterdir()
        _compiled.append((path.name, path.read_bytes()))
    ((name, raw),) = _compiled
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(str(cache / name), raw)
    return cache / name


def test_the_second_process_compiles_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert search() == [4]
    (path,) = cache.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    monkeypatch.delattr(engine, "compile_literals")
    assert search() == [4]


def test_a_loaded_engine_knows_what_each_literal_means(cache: Path) -> None:
    saved(cache)
    engine.engine.cache_clear()
    table = literal_table.make_table(PREFIXES)
    loaded = engine.engine(PREFIXES)
    assert [loaded.meanings(literal) for literal in table.literals] == list(table.meanings)


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 1
    path.write_bytes(raw)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _writable_by_others(path: Path) -> None:
    path.chmod(0o666)


def _of_another_user(path: Path) -> None:
    os.chown(path, 4242, 4242)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _blind(_path: Path) -> None:
    """Put a whole and sound file there whose database finds other things."""
    identity = engine_file.identity(PREFIXES)
    loaded = engine_file.load(identity)
    assert loaded is not None
    other = tuple(b"nothing-%d" % number for number in range(len(loaded[1].lengths)))
    engine_file.save(identity, engine.compile_literals(other), loaded[1])


def _of_another_version(path: Path) -> None:
    identity = engine_file.identity(PREFIXES)
    loaded = engine_file.load(identity)
    assert loaded is not None
    engine_file.save(b"other", *loaded)
    (other,) = set(path.parent.iterdir()) - {path}
    other.rename(path)


def _no_database(path: Path) -> None:
    """Put something there that hyperscan does not take, with sizes and checksum that hold."""
    sections = (engine_file.identity(PREFIXES), b"x" * 5000, b"", b"", b"")
    sizes = " ".join(str(len(section)) for section in sections).encode()
    body = sizes + b"\n" + b"".join(sections).translate(engine_file._INVERTED)
    head = b"%b %08x\n" % (engine_file._FORMAT, zlib.crc32(body))
    replace_file(str(path), head + body)


UNSOUND = [
    (_flip, "it is damaged"),
    (_truncate, "it is damaged"),
    (_empty, "it is damaged"),
    (_writable_by_others, "others may write to it"),
    (_of_another_user, "it belongs to another user"),
    (_link, "Too many levels of symbolic links"),
    (_folder, "is a directory"),
    (_fifo, "not a regular file"),
    (_blind, "it does not find what it must"),
    (_of_another_version, "it is for another version"),
    (_no_database, "error"),
]


@pytest.mark.parametrize(("harm", "reason"), UNSOUND, ids=lambda value: getattr(value, "__name__", ""))
def test_a_file_that_fails_is_not_used_and_said_so(
    cache: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None], reason: str
) -> None:
    if harm is _of_another_user and os.geteuid() != 0:
        pytest.skip("only root may give a file away")
    harm(saved(cache))
    with caplog.at_level(logging.WARNING, "boltz_keyscan"):
        assert search() == [4]
    assert reason.lower() in caplog.text.lower()
    assert "cache ignored" in caplog.text


def test_it_is_replaced(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    _flip(saved(cache))
    search()
    caplog.clear()
    assert search() == [4]
    assert caplog.text == ""


@pytest.mark.parametrize("harm", ["file", "no home"])
def test_without_a_cache_it_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, harm: str
) -> None:
    if harm == "file":
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    else:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("HOME", "nowhere")
    assert search() == [4]
    assert ("not written" in caplog.text) == (harm == "file")
    engine.engine.cache_clear()


def test_every_module_that_makes_literals_is_part_of_the_identity() -> None:
    """In a checkout such a module changes without the version."""
    listed = {Path(name).name for name in engine_file._SOURCE_MODULES}
    for form in FORMS:
        for spell in (form.spell, form.spell_link, form.spell_prefix, form.spell_outer):
            function = spell.func if isinstance(spell, functools.partial) else spell
            assert function.__module__.rpartition(".")[2] in listed, form.name


def test_a_scan_of_the_cache_finds_nothing(cache: Path) -> None:
    raw = saved(cache).read_bytes()
    detector = KeyDetector.of(load())
    assert detector.candidate_offsets(raw, len(raw)) == []
    assert list(detector.find([raw])) == []


def test_old_engines_do_not_pile_up(cache: Path) -> None:
    identity = engine_file.identity(PREFIXES)
    saved(cache)
    loaded = engine_file.load(identity)
    assert loaded is not None
    for number in range(12):
        engine_file.save(b"version %d" % number, *loaded)
    assert len(list(cache.iterdir())) == 8


def test_the_processor_is_hyperscans_to_check(cache: Path) -> None:
    """A database of another mode stands for one of another processor: loading refuses both."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_STREAM)
    database.compile(expressions=[b"a"], ids=[0], elements=1, flags=[0])
    saved(cache)
    identity = engine_file.identity(PREFIXES)
    loaded = engine_file.load(identity)
    assert loaded is not None
    engine_file.save(identity, database, loaded[1])
    assert search() == [4]


@pytest.mark.parametrize("command", [("hook", "pre-commit"), (".", "--no-cache")])
def test_a_bad_file_is_a_warning_of_every_command(tmp_path: Path, command: tuple[str, ...]) -> None:
    repo = Repo(tmp_path / "repo")
    repo.add("a.py", "x = 1\n")
    expected = ""
    for harm in (False, True, False):
        if harm:
            (path,) = (tmp_path / "boltz-keyscan").glob("engine-*")
            path.write_bytes(b"damaged")
            expected = f"warning: cache ignored: {path}: it is damaged\n"
        ran = keyscan(*command, cwd=repo.path, env={"XDG_CACHE_HOME": str(tmp_path)}, started=True)
        assert (ran.code, ran.errors) == (0, expected if harm else "")
