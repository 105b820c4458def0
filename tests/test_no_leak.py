"""The canary test: whatever is planted and whatever goes wrong, no byte put out gives a key away.

Looks at standard output, standard error, every file written and whatever is left in the
folder for temporary files, for the keys themselves and for every form that
``tests.leaks`` knows.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.cli import main
from boltz_keyscan.errors import GitError, KeyscanError, OutputError, RuleError
from boltz_keyscan.report import REPORTERS
from conformance.containers import tarred, text, zipped
from tests import depth
from tests.hostile import flagged
from tests.keys import PREFIXES, fake_key, fake_link, fingerprint
from tests.leaks import disguises, leaks
from tests.repos import Repo
from tests.running import ROOT, Ran, keyscan

KINDS = tuple(PREFIXES)
FORMATS = tuple(REPORTERS)
EVERY_FORMAT = " ".join(f"--report {name}={{out}}/report.{name}" for name in FORMATS)
"""All of them from one scan, which is what takes long."""

PLACES = (
    "file name",
    "folder name",
    "disguised name",
    "branch",
    "tag",
    "tag message",
    "commit message",
    "author",
    "email",
    "link target",
    "link name",
    "ignore pattern",
    "ignored file",
    "packed-refs",
    "remote",
    "staged",
    "staged name",
    "stash",
    "note",
    "fifo",
    "archive member",
    "archive member's name",
    "archive's comment",
    "compressed",
    "nested",
    "arguments",
    "environment",
)
CANARY = {place: fake_key(*KINDS[number % 4], place) for number, place in enumerate(PLACES)}
CONTENT = [*(fake_key(kind, mode, "content") for kind, mode in KINDS), fake_link("content")]
EVERY = [*CONTENT, *CANARY.values()]
KEY = CANARY["arguments"]

_LINES = [
    key.encode() + b" " + form + b" " + key.encode()
    for number, key in enumerate(CONTENT)
    for form in list(disguises(key).values())[number :: len(CONTENT)]
]
LINES = b"\n".join(_LINES)
"""Lines that hold a key, one of its disguises, and the key again; each disguise once."""
SHARES = [b"\n".join(_LINES[number::3]) for number in range(3)]
"""The same lines, dealt out to three containers: every run over the repository opens all of them."""


@dataclass(frozen=True)
class Scene:
    """The folders that the runs look at. Every one of them holds canaries."""

    top: Path
    repo: Path
    lean: Path
    """Another with all the canaries of git, and few lines in its files."""
    broken: Path
    plain: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    top = tmp_path_factory.mktemp("scene")
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}.items():
            patch.setenv(name, value)
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", CANARY["author"])
            patch.setenv(f"GIT_{role}_EMAIL", f"{CANARY['email']}@example.invalid")
        made = Scene(top, top / "repo", top / "lean", top / f"broken-{CANARY['nested']}", top / "plain")
        _haunt(made.repo, LINES)
        _haunt(made.lean, LINES if depth.NIGHTLY else b"\n".join(_LINES[: len(CONTENT)]))
        _break(made.broken)
        made.plain.mkdir()
        (made.plain / "keys.txt").write_bytes(LINES)
        (made.plain / f"{CANARY['file name']}.txt").write_text("nothing\n")
        yield made


def _haunt(path: Path, lines: bytes) -> None:
    """A repository with a canary wherever git and the file system take one."""
    repo = Repo(path)
    repo.write(".gitignore", f"ignored-{CANARY['ignore pattern']}\nignored/\n")
    repo.write("content.txt", lines)
    repo.write("wide.txt", "\n".join(CONTENT).encode("utf-16"))
    repo.write("one-line.bin", b"\0".join(key.encode() * 6 for key in CONTENT))
    repo.write(f"name-{CANARY['file name']}.txt", f"{CANARY['file name']}\n")
    repo.write(f"in-{CANARY['folder name']}/deep/file.txt", f"{CANARY['folder name']}\n")
    for form in ("hex", "base64, URL-safe", "percent, all"):
        name = disguises(CANARY["disguised name"])[form].decode("ascii")
        repo.add(f"{name}.txt", CANARY["file name"])
    repo.write(f"ignored/{CANARY['ignored file']}", CANARY["ignored file"])
    (path / "link").symlink_to(f"/nowhere/{CANARY['link target']}")
    (path / CANARY["link name"]).symlink_to("content.txt")
    os.mkfifo(path / f"fifo-{CANARY['fifo']}")
    if lines == LINES:
        _containers(repo)
    repo.run(
        "add",
        ".gitignore",
        "content.txt",
        "wide.txt",
        "one-line.bin",
        "name-*",
        "in-*",
        "link",
        CANARY["link name"],
    )
    repo.commit(f"about {CANARY['commit message']}\n\n{CANARY['commit message']}")
    repo.run("branch", f"b/{CANARY['branch']}")
    repo.run("tag", "-a", CANARY["tag"], "-m", CANARY["tag message"])
    repo.run("remote", "add", CANARY["remote"], f"https://user:{CANARY['remote']}@example.invalid/")
    repo.run("notes", "add", "-m", CANARY["note"])
    repo.write("content.txt", CANARY["stash"])
    repo.run("stash", "push", "--quiet")
    repo.run("pack-refs", "--all")
    with (path / ".git/packed-refs").open("a") as file:
        file.write(f"not an id {CANARY['packed-refs']}\n")
    repo.add("staged.txt", f"{CANARY['staged']} {CANARY['staged'].encode().hex()}\n")
    repo.add(f"staged-{CANARY['staged name']}.txt", "nothing\n")


def _containers(repo: Repo) -> None:
    """Canaries inside archives, sound and damaged, and in the names of their members."""
    name = CANARY["archive member's name"]
    members = {
        f"in-{name}/{name}.txt": text(CANARY["archive member"]),
        f"{name}.gz": gzip.compress(SHARES[0])[:-9],
        f"{name.encode().hex()}.tar": tarred({f"{name}.env": SHARES[1]}),
    }
    archive = zipped(members, comment=CANARY["archive's comment"].encode())
    repo.write("archive.zip", archive)
    repo.write("encrypted.zip", flagged(archive, 1))
    repo.write("cut.zip", archive[: len(archive) // 2])
    repo.write("compressed", gzip.compress(CANARY["compressed"].encode() + b" " + SHARES[2]))
    repo.run("add", "archive.zip", "encrypted.zip", "cut.zip", "compressed")


def _break(top: Path) -> None:
    """A folder of repositories that each have something wrong with a canary in it."""
    key = CANARY["nested"]

    def broken(name: str) -> Path:
        repo = Repo(top / f"{name}-{key}")
        repo.leak("file.txt", f"{key}\n", key)
        return repo.path / ".git"

    gone = top / f"gone-{key}"
    gone.mkdir(parents=True)
    (gone / ".git").write_text(f"gitdir: /nonexistent/{key}\n")
    odd = top / "odd"
    odd.mkdir()
    (odd / ".git").write_text(f"{key}\n")
    (broken("config") / "config").write_text(f"[{key}\n{key} = {key}\n")
    (broken("section") / "config").write_text(
        f'[core]\n\trepositoryformatversion = 1\n[extensions "{key}"]\n\t{key} = {key}\n'
    )
    (broken("format") / "config").write_text(
        f"[extensions]\n\tobjectFormat = {key}\n\tpartialClone = {key}\n"
    )
    (broken("head") / "HEAD").write_text(f"ref: refs/heads/{key}\n")
    (broken("headless") / "HEAD").write_text(f"{key}\n")
    (broken("index") / "index").write_text(f"DIRC{key}\n")
    (broken("packed") / "packed-refs").write_text(f"{key}\n{'0' * 40} refs/heads/{key}\n^{key}\n")
    (broken("loose") / f"refs/heads/{key}").write_text(f"{key}\n")
    (broken("ref-folder") / f"refs/heads/{key}").mkdir()
    (broken("shallow") / "shallow").write_text(f"{key}\n")
    (broken("alternates") / "objects/info/alternates").write_text(f"/nonexistent/{key}\n../../{key}\n")
    (broken("commondir") / "commondir").write_text(f"/nonexistent/{key}\n")
    (broken("pack") / f"objects/pack/pack-{key}.idx").write_text(key)
    (broken("pack-of-nothing") / f"objects/pack/pack-{'0' * 40}.pack").write_text(key)
    os.mkfifo(broken("special") / f"objects/pack/{key}")
    store = broken("object")
    loose = next(found for found in sorted((store / "objects").glob("??/*")))
    loose.chmod(0o600)
    loose.write_text(key)
    (store / "objects/ab").mkdir(exist_ok=True)
    (store / f"objects/ab/{key}").write_text(key)


@dataclass(frozen=True)
class Case:
    """One run of the program, in the words of a shell. ``{...}`` is filled in; see ``_filled``."""

    name: str
    arguments: str
    codes: tuple[int, ...]
    cwd: str = "top"
    stdin: bytes = b""
    env: dict[str, str] = field(default_factory=dict)


def _scans() -> Iterator[Case]:
    yield Case("repository", f"repo {EVERY_FORMAT}", (1,))
    yield Case("broken repositories", f"{{broken}} {EVERY_FORMAT}", (1,))
    yield Case("placeholders", f"plain --show-placeholders {EVERY_FORMAT}", (1,))
    yield Case("a file by its name", f"plain/{CANARY['file name']}.txt {EVERY_FORMAT}", (1,))
    yield Case("containers", f"-v repo/archive.zip repo/cut.zip {EVERY_FORMAT}", (1,))
    yield Case("verbose", f"-v --show-placeholders lean {EVERY_FORMAT}", (1,))
    # The reports above have the others.
    for format_ in FORMATS if depth.NIGHTLY else ("text", "json", "github"):
        yield Case(f"standard input, {format_}", f"- --format {format_}", (1,), stdin=LINES)
    yield Case("an encrypted archive", "-v repo/encrypted.zip", (1,))
    yield Case("a container from a pipe", "- -v", (1,), stdin=gzip.compress(LINES))
    # Those that are broken have a run of their own in every format.
    broken = " {broken}" if depth.NIGHTLY else ""
    yield Case("several targets", f"plain lean{broken} --format json --output {{out}}/report", (1,))
    yield Case("from inside", ".", (1,), "lean")
    yield Case("verbose, broken", "-v {broken}", (1,))
    yield Case("quiet", "-q lean", (1,))
    yield Case("in colour", "--color always -v lean", (1,))
    yield Case("files only", "--no-history lean", (1,))
    yield Case("history only", "--history-only -v lean", (1,))
    yield Case("never failing", "--fail-on never --require-complete lean", (0, 3))
    yield Case("unexposed too", "--fail-on-unexposed lean", (1,))
    yield Case("in two processes", "--jobs 2 -v repo", (1,))
    yield Case(
        "a locale without letters",
        f"-v lean{broken}",
        (1,),
        env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    )


def _hooks() -> Iterator[Case]:
    yield Case("hook", "hook pre-commit", (1,), "repo")
    yield Case(
        "hook, files",
        f"hook pre-commit staged.txt staged-{CANARY['staged name']}.txt content.txt",
        (1,),
        "repo",
    )
    yield Case(
        "hook, a file that is not staged", f"hook pre-commit ignored/{CANARY['ignored file']}", (1,), "repo"
    )
    yield Case("hook, a file that is not there", f"hook pre-commit no-{KEY}", (0, 1, 2, 3), "repo")
    yield Case("hook, an option", f"hook pre-commit --{KEY}", (2,), "repo")
    yield Case("hook, another", f"hook {KEY}", (2,), "repo")
    yield Case("hook, outside", "hook pre-commit", (2,), "plain")
    yield Case(
        "hook, no such index",
        "hook pre-commit",
        (0, 1, 2, 3),
        "repo",
        env={"GIT_INDEX_FILE": f"/nonexistent/{KEY}"},
    )
    yield Case(
        "hook, an index that is none",
        "hook pre-commit",
        (2, 3),
        "repo",
        env={"GIT_INDEX_FILE": "content.txt"},
    )
    yield Case("hook, broken index", "hook pre-commit", (2, 3), f"broken/index-{CANARY['nested']}")
    yield Case("hook, broken config", "hook pre-commit", (0, 1, 2, 3), f"broken/config-{CANARY['nested']}")
    yield Case("hook, broken link", "hook pre-commit", (2,), f"broken/gone-{CANARY['nested']}")


def _triage() -> Iterator[Case]:
    yield Case(
        "baseline create",
        f"baseline create --reason {KEY} --by {KEY} --until 2999-01-01 --baseline {{out}}/known lean",
        (0, 3),
    )
    yield Case(
        "explain", f"explain {fingerprint(CONTENT[0])} lean --replace-text {{out}}/expressions", (0, 3)
    )
    yield Case("explain, another", f"explain {fingerprint(CANARY['file name'])} -- lean", (0, 3))
    yield Case("config show", f"config show --fail-on any --range {KEY}..{KEY} lean", (0,))
    for name, arguments in {
        "a baseline that is none": "--baseline plain/keys.txt lean",
        "a baseline that is not there": f"--baseline {KEY} lean",
        "a configuration that is none": "--config plain/keys.txt lean",
        "a configuration that is not there": f"--config {KEY} lean",
        "a trust that is none": f"--trust {KEY} lean",
        "a revision that is not there": f"--trust base:{KEY} lean",
        "a named file that a revision has not": f"--trust base:HEAD --baseline lean/{KEY} lean",
        "explain a key": f"explain {KEY} lean",
        "explain to nowhere": f"explain {fingerprint(CONTENT[0])} lean --replace-text {{out}}/no/{KEY}",
        "baseline of nothing": f"baseline show {KEY}",
        "baseline with a wrong date": f"baseline create --reason x --until {KEY} lean",
        "a command of baseline": f"baseline {KEY}",
        "a baseline to nowhere": f"baseline create --reason x --by y --baseline {{out}}/no/{KEY} lean",
        "diff of nothing": f"diff {KEY} {KEY}",
        "diff of no reports": "diff plain/keys.txt plain/keys.txt",
    }.items():
        yield Case(name, arguments, (2,))


def _mistakes() -> Iterator[Case]:
    for name, arguments in {
        "no such path": KEY,
        "no such path below": f"repo/{KEY}/{KEY}",
        "no such history": f"--history-only {KEY}",
        "no history": "--history-only plain",
        "a broken repository's history": f"--history-only {{broken}}/gone-{CANARY['nested']}",
        "a link to nowhere": "repo/link",
        "an unknown option": f"--{KEY}",
        "an unknown short option": f"-{KEY}",
        "an unknown option with a value": f"--formt={KEY}",
        "a format": f"--format {KEY}",
        "a severity": f"--fail-on={KEY}",
        "a colour": f"--color {KEY}",
        "a number of jobs": f"--jobs {KEY}",
        "a report in no format": f"--report {KEY}=report",
        "a report to nowhere": f"--report json=/nonexistent/{KEY}/report plain",
        "a report into a folder": "--report sarif={out} plain",
        "a report without a file": f"--report {KEY}",
        "an output to nowhere": f"--output /nonexistent/{KEY} plain",
        "an output below a file": f"--output plain/keys.txt/{KEY} plain",
        "an output over a link": "--output repo/link plain",
        "a full disk": "--output /dev/full plain",
        "two reports to one file": f"--report json={{out}}/{KEY} --report sarif={{out}}/{KEY} plain",
        "a cache that is no folder": f"--cache-dir plain/keys.txt/{KEY} lean",
        "a cache that cannot be made": f"-v --cache-dir /proc/{KEY} lean",
        "contradictions": f"-q -v {{broken}}/{KEY}",
        "contradictions about history": f"--history-only --no-history {CANARY['nested']}",
        "history of standard input": f"--history-only - {KEY}",
        "a command of rules": f"rules {KEY}",
        "an option of rules": f"rules --{KEY}",
        "an argument of rules": f"rules list {KEY}",
        "no rules": f"rules check {KEY}",
        "no rules in a folder": "rules check {broken}",
        "rules in a file": f"rules check plain/{CANARY['file name']}.txt",
    }.items():
        # What was found outweighs what could not be written, so 1 is as right as 2 where a scan took place.
        yield Case(name, arguments, (1, 2))


def _surroundings() -> Iterator[Case]:
    for names in ("TERM COLUMNS NO_COLOR CLICOLOR GIT_DIR GIT_TRACE PAGER", "FORCE_COLOR", "LANG LC_ALL"):
        env = dict.fromkeys(names.split(), CANARY["environment"])
        yield Case(f"{names} in the environment", "plain --format text", (1,), env=env)
    yield Case("no git", "-v lean", (1,), env={"PATH": f"/nonexistent/{KEY}"})
    yield Case("no git for the hook", "hook pre-commit", (2, 3), "repo", env={"PATH": f"/nonexistent/{KEY}"})
    yield Case("help", f"--help {KEY}", (0, 2))
    yield Case("version", f"--version {KEY}", (0, 2))
    yield Case("rules list", "rules list", (0,), "repo")
    yield Case("rules check", "rules check", (0,), "repo")


CASES = {case.name: case for case in (*_scans(), *_hooks(), *_triage(), *_mistakes(), *_surroundings())}


@pytest.mark.parametrize("name", CASES)
def test_no_run_gives_a_key_away(name: str, scene: Scene, tmp_path: Path) -> None:
    case = CASES[name]
    left = Left(tmp_path)
    cwd = {"top": scene.top, "repo": scene.repo, "lean": scene.lean, "plain": scene.plain}.get(case.cwd)
    cwd = cwd or scene.broken / Path(case.cwd).name
    arguments = [_filled(word, scene, left.out) for word in case.arguments.split(" ")]
    before = _listing(scene.top)
    ran = keyscan(*arguments, cwd=cwd, stdin=case.stdin, env={**left.env, **case.env})
    left.check(ran)
    assert ran.code in case.codes, (ran.code, ran.errors)
    if EVERY_FORMAT in case.arguments:
        assert {path.name for path in left.out.iterdir()} == {f"report.{format_}" for format_ in FORMATS}
        # A report that tells of no key proves nothing.
        assert all(b"_[REDACTED]" in path.read_bytes() for path in left.out.iterdir())
    assert _listing(scene.top) == before
    assert "Traceback" not in ran.errors


def _filled(word: str, scene: Scene, out: Path) -> str:
    return word.replace("{out}", str(out)).replace("{broken}", scene.broken.name)


def _listing(folder: Path) -> list[tuple[str, list[str], list[str]]]:
    return sorted((path, sorted(folders), sorted(names)) for path, folders, names in os.walk(folder))


class Left:
    """What a run leaves behind: two streams, files, and a temporary folder that must be empty again."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.temporary = folder / "temporary"
        self.home = folder / "home"
        for made in (self.out, self.temporary, self.home):
            made.mkdir()
        self.env = {
            "TMPDIR": str(self.temporary),
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }

    def cached(self) -> list[Path]:
        return [path for path in self.home.rglob("*") if path.is_file()]

    def check(self, ran: Ran) -> None:
        for name, content in self._contents(ran):
            if leaks(content, *EVERY):
                told = {key: forms for key in EVERY if (forms := leaks(content, key))}
                places = {place: told[key] for place, key in CANARY.items() if key in told}
                pytest.fail(f"{name} gives away {places or told}: {content[:4000]!r}")
        assert list(self.temporary.iterdir()) == []
        assert {path.name for path in self.home.rglob("*") if path.is_dir()} <= {"cache", "boltz-keyscan"}

    def _contents(self, ran: Ran) -> Iterator[tuple[str, bytes]]:
        yield "standard output", ran.out
        yield "standard error", ran.err
        for folder in (self.out, self.temporary, self.home):
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    yield str(path.relative_to(folder)), path.read_bytes()


def test_no_cache_gives_a_key_away_be_it_cold_warm_or_damaged(scene: Scene, tmp_path: Path) -> None:
    left = Left(tmp_path)
    for _ in range(2):
        ran = keyscan("lean", "-v", "--format", "json", cwd=scene.top, env=left.env)
        left.check(ran)
        (path,) = left.cached()
        assert path.suffix == ".json"
    path.write_text(KEY)
    ran = keyscan("lean", "-v", cwd=scene.top, env=left.env)
    assert "warning: cache ignored: " in ran.errors
    left.check(ran)


def test_every_canary_that_can_be_found_is(scene: Scene) -> None:
    """A scan that shows nothing because it saw nothing would pass the rest."""
    found = {
        finding["fingerprint"]
        for finding in keyscan("repo", "--format", "json", cwd=scene.top).report["findings"]
    }
    missing = {place for place, key in CANARY.items() if fingerprint(key) not in found}
    # Not in this repository, or in no plain form.
    assert missing == {"nested", "arguments", "environment"}
    assert {fingerprint(key) for key in CONTENT} <= found


class TestBrokenRules:
    @pytest.mark.parametrize(
        "content",
        [
            "{key} = 1\n",
            "id = {key}\n",
            'id = "{key}"\nid = 2\n',
            "[{key}\n",
            'key_type = "{key}"\n',
            "\xff{key}",
        ],
        ids=["field", "no TOML", "twice", "table", "value", "not UTF-8"],
    )
    def test_a_rule_file_with_a_key(self, content: str, tmp_path: Path) -> None:
        left = Left(tmp_path)
        folder = tmp_path / f"rules-{KEY}"
        folder.mkdir()
        (folder / f"{KEY}.toml").write_bytes(content.replace("{key}", KEY).encode("latin-1"))
        ran = keyscan("rules", "check", folder, env=left.env)
        assert ran.code == 2
        left.check(ran)

    @pytest.mark.parametrize("end", ["", "_", "\\\\n("], ids=["alone", "as a prefix", "broken"])
    @pytest.mark.parametrize(
        "field_", ["id", "title", "key_type", "mode", "prefix", "body", "severity", "summary"]
    )
    @pytest.mark.sampled
    def test_a_good_rule_with_a_key_in_a_field(self, field_: str, end: str, tmp_path: Path) -> None:
        left = Left(tmp_path)
        folder = tmp_path / "rules"
        folder.mkdir()
        text = (ROOT / "rules/boltz-admin-live-key.toml").read_text()
        text, count = re.subn(rf"(?m)^{field_} = .*$", f'{field_} = "{KEY}{end}"', text)
        assert count == 1
        (folder / "rule.toml").write_text(text)
        left.check(keyscan("rules", "check", folder, env=left.env))


class TestCtrlC:
    def test_while_standard_input_is_read(self, tmp_path: Path) -> None:
        left = Left(tmp_path)
        left.check(self._interrupted(left, "-", "--format", "json", feed=LINES))

    def test_while_files_are_read(self, scene: Scene, tmp_path: Path) -> None:
        # A FIFO that nobody writes to, named by the user, is waited for.
        left = Left(tmp_path)
        left.check(self._interrupted(left, "plain", f"repo/fifo-{CANARY['fifo']}", cwd=scene.top))

    def _interrupted(self, left: Left, *arguments: str, feed: bytes = b"", cwd: Path | None = None) -> Ran:
        with subprocess.Popen(
            [sys.executable, "-c", _READY, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **left.env, "PYTHONPATH": str(ROOT)},
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stderr.readline() == b"ready\n"
            process.stdin.write(feed)
            process.stdin.flush()
            for _ in range(60):
                process.send_signal(signal.SIGINT)
                # One that comes just before Python begins to wait for a byte is heard when that has come.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)
                    break
            out, err = process.stdout.read(), process.stderr.read()
            ran = Ran(process.wait(60), out, err)
        assert ran.code == 130
        assert "Traceback" not in ran.errors
        return ran


_READY = """
import sys
from boltz_keyscan import pipeline
from boltz_keyscan.cli import main
run = pipeline.run
def ready(*arguments, **options):
    print("ready", file=sys.stderr, flush=True)
    return run(*arguments, **options)
pipeline.run = ready
sys.exit(main(sys.argv[1:]))
"""
"""The program, which says when its scan begins."""


RAISED: dict[str, tuple[BaseException, int]] = {
    "ValueError": (ValueError(KEY), 4),
    "KeyError": (KeyError(KEY), 4),
    "decoding": (UnicodeDecodeError("utf-8", KEY.encode(), 0, 4, KEY), 4),
    "RecursionError": (RecursionError(KEY), 4),
    "MemoryError": (MemoryError(KEY), 4),
    "AssertionError": (AssertionError(KEY), 4),
    "OSError": (OSError(5, f"no such key: {KEY}", KEY), 2),
    "OSError without words": (OSError(KEY), 2),
    "TimeoutError": (TimeoutError(KEY), 2),
    "KeyscanError": (KeyscanError(f"a {KEY}", f"b {KEY}"), 2),
    "GitError": (GitError(f"fatal: {KEY.encode().hex()}", KEY), 2),
    "RuleError": (RuleError(KEY, KEY), 2),
    "OutputError": (OutputError(KEY, KEY), 2),
    "UsageError": (click.UsageError(KEY), 2),
    "FileError": (click.FileError(KEY, KEY), 2),
    "KeyboardInterrupt": (KeyboardInterrupt(KEY), 130),
}


@pytest.mark.parametrize("name", RAISED)
def test_no_error_shows_what_it_carries(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    error, code = RAISED[name]

    def fails(*_: object, **__: object) -> None:
        secret = KEY  # noqa: F841 - a traceback with locals would show it
        raise error from LookupError(KEY)

    monkeypatch.setattr(pipeline, "run", fails)
    with _handlers():
        assert main([str(tmp_path)]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert leaks(err.encode(), KEY) == []
    if code == 4:
        assert err.splitlines()[0] == f"error: internal error: {type(error).__name__}"
        assert f"  {Path(__file__).name}:" in err


@pytest.mark.parametrize("form", [name for name, form in disguises(KEY).items() if b"\0" not in form])
def test_no_message_shows_a_key_in_disguise(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with _handlers():
        assert main([disguises(KEY)[form].decode("ascii")]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert leaks(err.encode(), KEY) == []


@contextlib.contextmanager
def _handlers() -> Iterator[None]:
    """The program takes over what ends it; a test gives it back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class TestWhatGitIsGiven:
    """git gets no environment of ours and, on its command line, no name that a stranger chose."""

    ALLOWED = re.compile(
        r"PATH|HOME|XDG_CONFIG_HOME|LC_ALL|SSH_ASKPASS|GIT_[A-Z_]+|GIT_CONFIG_(KEY|VALUE)_0|MALLOC_[A-Z_]+_"
    )
    SECRETS = (
        "BOLTZ_API_KEY",
        "BOLTZ_COMPUTE_API_KEY",
        "GITHUB_TOKEN",
        "SOME_SECRET",
        "GIT_CONFIG_PARAMETERS",
    )

    @pytest.mark.parametrize(
        "arguments", [("lean",), ("hook", "pre-commit"), ("hook", "pre-commit", "staged.txt")], ids=" ".join
    )
    def test_it(self, arguments: tuple[str, ...], scene: Scene, tmp_path: Path) -> None:
        if not Path("/proc/self/environ").exists():
            pytest.skip("there is no /proc that shows what a process was given")
        real = shutil.which("git")
        assert real is not None
        shims = tmp_path / "bin"
        shims.mkdir()
        shim = shims / "git"
        shim.write_text(
            "#!/bin/sh\n"
            f"n={tmp_path}/given.$$\n"
            "tr '\\0' '\\n' < /proc/$$/environ > $n.env\n"
            "tr '\\0' '\\n' < /proc/$$/cmdline > $n.arguments\n"
            f'exec {real} "$@"\n'
        )
        shim.chmod(0o755)
        env = {
            "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}",
            **dict.fromkeys(self.SECRETS, CANARY["environment"]),
        }
        ran = keyscan(*arguments, cwd=scene.lean if arguments[0] == "hook" else scene.top, env=env)
        assert ran.code == 1, ran.errors
        environments = sorted(tmp_path.glob("given.*.env"))
        assert len(environments) >= 2
        for path in environments:
            text = path.read_text()
            names = {line.partition("=")[0] for line in text.splitlines()}
            assert {name for name in names if not self.ALLOWED.fullmatch(name)} <= {"PWD", "SHLVL", "_"}
            assert not names & set(self.SECRETS)
            assert leaks(text.encode(), *EVERY) == []
        for path in tmp_path.glob("given.*.arguments"):
            assert leaks(path.read_bytes(), *EVERY) == [], path.read_text()
