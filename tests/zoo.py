"""Repositories made to harm, built when the tests run: each by one function, all in one table.

A program that leaves a marker stands wherever git would run one, an address that notes
connections wherever git would connect, and a FIFO wherever somebody could be kept waiting.

Not here, because git 2.39 cannot express it, or it is not about a repository:

* CVE-2022-41903, padding in ``log --format``: takes a format, and the user cannot give one.
* CVE-2024-52005, -50349, -52006, control characters from the other side: takes a network.
* CVE-2024-32020, -32021, CVE-2023-22490, local clones: nothing is cloned (the row of links in
  the store is what they were made of).
* ``LD_PRELOAD``: our own Python would load it too.
* ``git.exe`` in the current folder, UNC paths: Windows.
* A reftable: git 2.45.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.keys import fake_key
from tests.repos import Repo

PLAIN = (".git/index", ".git/HEAD")
BOMB = 10


@dataclass
class Cage:
    """One hostile repository under construction, and the traps around it."""

    repo: Repo
    traps: Path
    """A folder beside the repository: the program, and the marker it leaves."""
    port: int
    env: dict[str, str] = field(default_factory=dict)
    """What the user's shell would have exported."""

    @property
    def marker(self) -> Path:
        """There when anything ran."""
        return self.traps / "ran"

    @property
    def program(self) -> str:
        """What must not run."""
        return str(self.traps / "program")

    @property
    def git(self) -> Path:
        """The inside of the repository."""
        return self.repo.path / ".git"

    @property
    def url(self) -> str:
        """Where nobody must connect to."""
        return f"127.0.0.1:{self.port}"

    def config(self, **values: str) -> None:
        """Settings, with ``__`` for each dot of their names."""
        for name, value in values.items():
            self.repo.run("config", name.replace("__", "."), value)

    def fifo(self, name: str) -> None:
        """A FIFO in place of whatever is there."""
        path = self.repo.path / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)

    def commit(self, message: str, *options: str) -> str:
        """Commit what is staged but for ``staged.txt``, which stays that way."""
        self.repo.run("rm", "--quiet", "--cached", "staged.txt")
        oid = self.repo.commit(message, *options)
        self.repo.run("add", "staged.txt")
        return oid

    def leak(self, seed: str) -> str:
        """A key that a later commit removes; its blob."""
        self.repo.add(f"{seed}.txt", f"x = {fake_key(seed=seed)}\n")
        self.commit("it comes")
        oid = self.repo.run("rev-parse", f"HEAD:{seed}.txt")
        self.repo.run("rm", "--quiet", f"{seed}.txt")
        self.commit("it goes")
        return oid

    def loose(self, kind: str, content: bytes, size: int | None = None) -> None:
        """An object of any content that claims to have any size."""
        name = f"{len(list((self.git / 'objects').iterdir())):02x}"
        path = self.git / "objects" / name / ("e" * 38)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(b"%s %d\0" % (kind.encode(), size or len(content)) + content))


@contextmanager
def listener() -> Iterator[socket.socket]:
    """Something on this machine to connect to."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        listening.setblocking(False)  # noqa: FBT003 - the only form there is
        yield listening


def connections(listening: socket.socket) -> int:
    """How many came so far."""
    count = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def plain(path: Path) -> Repo:
    """What every row begins with: a key in history, one that is staged, and a revision called v0."""
    repo = Repo(path)
    repo.add("folder/b.txt", "b\n")
    repo.leak("a.txt", "one\n", "first")
    repo.run("tag", "v0")
    repo.leak("a.txt", f"x = {fake_key(seed='history')}\n", "second")
    repo.leak("a.txt", "three\n", "third")
    repo.add("staged.txt", f"x = {fake_key(seed='staged')}\n")
    return repo


# -- 1.1: what a configuration can have git run ----------------------------------------------


def fsmonitor(cage: Cage) -> None:
    cage.config(core__fsmonitor=cage.program)


def hooks(cage: Cage) -> None:
    cage.config(core__hooksPath=str(cage.git / "hooks"))
    for name in ("post-index-change", "pre-commit", "fsmonitor-watchman", "reference-transaction"):
        shutil.copy(cage.program, cage.git / "hooks" / name)


def external_diff(cage: Cage) -> None:
    cage.config(diff__external=cage.program)


def _driver(cage: Cage, **values: str) -> None:
    (cage.git / "info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
    cage.repo.write(".gitattributes", "* filter=evil diff=evil merge=evil\n")
    cage.config(**values)


def diff_driver(cage: Cage) -> None:
    _driver(cage, diff__evil__command=cage.program)


def textconv(cage: Cage) -> None:
    _driver(cage, diff__evil__textconv=cage.program)


def clean(cage: Cage) -> None:
    _driver(cage, filter__evil__clean=cage.program, filter__evil__required="true")
    os.utime(cage.repo.path / "a.txt", (1, 1))


def process(cage: Cage) -> None:
    _driver(cage, filter__evil__process=cage.program)
    os.utime(cage.repo.path / "a.txt", (1, 1))


def smudge(cage: Cage) -> None:
    _driver(cage, filter__evil__smudge=cage.program)


def signature(cage: Cage) -> None:
    cage.config(gpg__program=cage.program, log__showSignature="true")
    lines = cage.repo.run("cat-file", "commit", "HEAD").split("\n")
    at = lines.index("")
    signed = [
        *lines[:at],
        "gpgsig -----BEGIN PGP SIGNATURE-----",
        " ",
        " x",
        " -----END PGP SIGNATURE-----",
        *lines[at:],
    ]
    path = cage.traps / "commit"
    path.write_text("\n".join(signed) + "\n")
    oid = cage.repo.run("hash-object", "-w", "-t", "commit", str(path))
    cage.repo.run("update-ref", "refs/heads/main", oid)


def _promisor(cage: Cage, url: str, **values: str) -> None:
    cage.config(
        core__repositoryFormatVersion="1",
        extensions__partialClone="origin",
        remote__origin__promisor="true",
        remote__origin__url=url,
        **values,
    )
    oid = cage.repo.run("rev-parse", "v0:a.txt")
    (cage.git / "objects" / oid[:2] / oid[2:]).unlink()


def fetch_by_uploadpack(cage: Cage) -> None:
    _promisor(cage, str(cage.traps), remote__origin__uploadpack=cage.program)


def fetch_by_ssh(cage: Cage) -> None:
    _promisor(cage, "ssh://example.invalid/x", core__sshCommand=cage.program)


def fetch_by_ext(cage: Cage) -> None:
    _promisor(cage, f"ext::{cage.program}", protocol__ext__allow="always")


def fetch_by_git(cage: Cage) -> None:
    _promisor(cage, f"git://{cage.url}/x")


def fetch_by_http(cage: Cage) -> None:
    _promisor(cage, f"http://{cage.url}/x", fetch__bundleURI=f"http://{cage.url}/bundle")


def fetch_by_proxy(cage: Cage) -> None:
    _promisor(cage, f"git://{cage.url}/x", core__gitProxy=cage.program)


def the_rest(cage: Cage) -> None:
    cage.config(
        core__pager=cage.program,
        core__editor=cage.program,
        core__askPass=cage.program,
        core__alternateRefsCommand=cage.program,
        credential__helper=cage.program,
        sequence__editor=cage.program,
        trailer__x__command=cage.program,
        uploadpack__packObjectsHook=cage.program,
        interactive__diffFilter=cage.program,
        pager__log=cage.program,
        **{"alias__cat-file": f"!{cage.program}", "alias__x": f"!{cage.program}"},
    )


def includes(cage: Cage) -> None:
    cage.fifo("pipe")
    # The word makes us ask git what the configuration says.
    with (cage.git / "config").open("a") as file:
        file.write(
            f"[extensions]\n\tnone = extensions\n"
            f"[include]\n\tpath = {cage.repo.path}/pipe\n"
            f'[includeIf "gitdir:/"]\n\tpath = {cage.repo.path}/pipe\n'
            '[includeIf "hasconfig:remote.*.url:**"]\n\tpath = ../pipe\n'
        )


def worktree_elsewhere(cage: Cage) -> None:
    cage.config(core__worktree="/")


# -- 1.3 -------------------------------------------------------------------------------------


def everything(cage: Cage) -> None:
    """An unpacked archive: it belongs to the user, and every setting is the attacker's."""
    fetch_by_ext(cage)
    for build in (fsmonitor, hooks, external_diff, diff_driver, textconv, clean, process, smudge, signature):
        build(cage)
    for build in (the_rest, git_in_the_tree, worktree_elsewhere):
        build(cage)
    cage.config(remote__origin__uploadpack=cage.program, core__sshCommand=cage.program)


def of_somebody_else(cage: Cage) -> None:
    fsmonitor(cage)
    if os.geteuid() == 0:
        for path in (cage.repo.path, *cage.repo.path.rglob("*")):
            os.chown(path, 65534, 65534, follow_symlinks=False)


def embedded_bare(cage: Cage) -> None:
    """A bare repository as tracked files, which git takes for one when started in it."""
    bare = Repo(cage.repo.path / "docs/x.git", bare=True)
    bare.run("config", "core.fsmonitor", cage.program)
    bare.run("config", "core.bare", "false")
    bare.run("config", "core.worktree", "..")
    for hook in ("pre-commit", "post-index-change"):
        shutil.copy(cage.program, bare.path / "hooks" / hook)


def links_in_the_store(cage: Cage) -> None:
    oid = cage.repo.run("rev-parse", "HEAD:a.txt")
    path = cage.git / "objects" / oid[:2] / oid[2:]
    path.rename(cage.traps / "object")
    path.symlink_to(cage.traps / "object")


def link_for_a_store(cage: Cage) -> None:
    """The whole store is somewhere else: as git does, it is read there."""
    (cage.git / "objects").rename(cage.traps / "objects")
    (cage.git / "objects").symlink_to(cage.traps / "objects")


def submodule(cage: Cage) -> None:
    """CVE-2018-17456, -2024-32002, -2025-48384: settings, names and paths of submodules; a store inside."""
    cage.repo.write(
        ".gitmodules",
        '[submodule "x/../../evil"]\n\tpath = sub\r\n\turl = -u./program\n'
        f'[submodule "y"]\n\tpath = "sub\\r"\n\turl = ext::{cage.program}\n\tupdate = !{cage.program}\n',
    )
    cage.repo.run("add", ".gitmodules")
    cage.repo.run("update-index", "--add", "--cacheinfo", "160000," + "1" * 40 + ",sub")
    inner = Repo(cage.traps / "inner")
    inner.leak("key.txt", fake_key(seed="submodule"))
    inner.run("rm", "--quiet", "key.txt")
    inner.commit("removed")
    inner.run("config", "core.fsmonitor", cage.program)
    inner.run("config", "core.worktree", "../../../sub")
    shutil.copytree(inner.path / ".git", cage.git / "modules/y")
    cage.repo.write("sub/.git", "gitdir: ../.git/modules/y\n")


def attributes(cage: Cage) -> None:
    """Hidden from every patch; and CVE-2022-23521: lines longer and more names than a parser counts."""
    cage.repo.write("hidden.txt", b"\xff\xfex\0\0" + fake_key(seed="hidden").encode())
    flood = "* " + " ".join(f"a{number}" for number in range(20000)) + "\n" + "* " + "x" * 100_000 + "\n"
    cage.repo.write(".gitattributes", "hidden.txt binary -diff -text export-ignore\n" + flood)
    cage.repo.run("add", "hidden.txt", ".gitattributes")
    cage.commit("not to be seen")
    cage.repo.run("rm", "--quiet", "hidden.txt")
    cage.commit("gone")


def replaced(cage: Cage) -> None:
    oid = cage.leak("hidden")
    cage.repo.write("harmless", "harmless\n")
    other = cage.repo.run("hash-object", "-w", "harmless")
    cage.repo.run("replace", oid, other)


def grafted(cage: Cage) -> None:
    cage.leak("hidden")
    (cage.git / "info/grafts").write_text(cage.repo.run("rev-parse", "HEAD") + "\n")


def shallow(cage: Cage) -> None:
    cage.leak("hidden")
    (cage.git / "shallow").write_text(cage.repo.run("rev-parse", "HEAD") + "\n")


def garbage_for_shallow(cage: Cage) -> None:
    (cage.git / "shallow").write_text("no object id\n")


def _chunk(content: bytes | bytearray, header: int, count: int, wanted: bytes) -> int:
    """Where a chunk of a commit-graph or multi-pack-index begins (gitformat-chunk)."""
    for number in range(count):
        name, at = struct.unpack_from(">4sQ", content, header + 12 * number)
        if name == wanted:
            return int(at)
    raise AssertionError(f"no {wanted!r}")


def _rewrite(path: Path, content: bytearray) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def commit_graph(cage: Cage) -> None:
    """It says that the last commit has no parents."""
    cage.leak("hidden")
    cage.repo.run("commit-graph", "write", "--reachable")
    path = cage.git / "objects/info/commit-graph"
    content = bytearray(path.read_bytes())
    ids = _chunk(content, 8, content[6], b"OIDL")
    head = bytes.fromhex(cage.repo.run("rev-parse", "HEAD"))
    number = (content.index(head, ids) - ids) // 20
    struct.pack_into(">I", content, _chunk(content, 8, content[6], b"CDAT") + 36 * number + 20, 0x70000000)
    _rewrite(path, content)


def multi_pack_index(cage: Cage) -> None:
    """It has another object in the place of one."""
    oid = bytes.fromhex(cage.leak("hidden"))
    cage.repo.run("repack", "-a", "-d", "-q")
    cage.repo.run("multi-pack-index", "write")
    path = cage.git / "objects/pack/multi-pack-index"
    content = bytearray(path.read_bytes())
    at = content.index(oid, _chunk(content, 12, content[6], b"OIDL"))
    content[at + 19] ^= 1
    _rewrite(path, content)


def pack_order(cage: Cage) -> None:
    """The table of the order in a pack has one object twice and one not at all."""
    oid = cage.leak("hidden")
    cage.repo.run("-c", "pack.writeReverseIndex=true", "repack", "-a", "-d", "-q")
    (index,) = (cage.git / "objects/pack").glob("*.idx")
    with index.open("rb") as file:
        listed = cage.repo.run("show-index", istream=file).splitlines()
    number = next(place for place, line in enumerate(listed) if oid in line)
    path = index.with_suffix(".rev")
    content = bytearray(path.read_bytes())
    (at,) = (
        at for at in range(12, 12 + 4 * len(listed), 4) if content[at : at + 4] == struct.pack(">I", number)
    )
    other = 12 if at != 12 else 16
    content[at : at + 4] = content[other : other + 4]
    _rewrite(path, content)


def alternates(cage: Cage) -> None:
    """Another repository of this user, a loop, a folder that is none, and addresses."""
    other = Repo(cage.traps / "private")
    other.leak("key.txt", fake_key(seed="private"))
    lines = [
        other.path / ".git/objects",
        "../objects",
        "/",
        "//server/share",
        f"http://{cage.url}/",
        "/dev/zero",
    ]
    (cage.git / "objects/info/alternates").write_text("".join(f"{line}\n" for line in lines))
    (cage.git / "objects/info/http-alternates").write_text(f"http://{cage.url}/\n")


def options_for_names(cage: Cage) -> None:
    """References and files whose names are options that write a file or start a program."""
    head = cage.repo.run("rev-parse", "HEAD")
    for name in (
        f"--output={cage.marker}".replace("/", "\\"),
        "--output=ran",
        "--upload-pack=x",
        "-c",
        "--help",
    ):
        (cage.git / "refs/heads" / name).write_text(head + "\n")
        cage.repo.write(name, "x\n")
    (cage.git / "refs/heads/--ext-diff").write_text(head + "\n")
    (cage.git / "HEAD").write_text("ref: refs/heads/--output=ran\n")
    packed = f"{head} --output={cage.marker}\n{head} refs/tags/--exec={cage.program}\n"
    (cage.git / "packed-refs").write_text(packed)


def git_in_the_tree(cage: Cage) -> None:
    """On a PATH that begins with the current folder."""
    shutil.copy(cage.program, cage.repo.path / "git")
    cage.env["PATH"] = f"::.:{os.environ['PATH']}"


def inherited(cage: Cage) -> None:
    """What a shell may have exported for git, and what must not be handed on."""
    grafts = cage.traps / "grafts"
    grafts.write_text(cage.repo.run("rev-parse", "HEAD") + "\n")
    cage.env |= {
        "GIT_TRACE": str(cage.marker),
        "GIT_TRACE2": str(cage.marker),
        "GIT_TRACE_SETUP": str(cage.marker),
        "GIT_EXTERNAL_DIFF": cage.program,
        "GIT_SSH_COMMAND": cage.program,
        "GIT_PAGER": cage.program,
        "GIT_ASKPASS": cage.program,
        "GIT_TEMPLATE_DIR": str(cage.traps),
        "GIT_EXEC_PATH": str(cage.traps),
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": cage.program,
        "GIT_CONFIG_KEY_1": "core.pager",
        "GIT_CONFIG_VALUE_1": cage.program,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor'='{cage.program}'",
        "GIT_CONFIG_GLOBAL": str(cage.git / "config"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(cage.traps),
        "GIT_OBJECT_DIRECTORY": str(cage.traps),
        # Not the marker: git would read for ever what it traces meanwhile.
        "GIT_GRAFT_FILE": str(grafts),
        "GIT_REPLACE_REF_BASE": "refs/heads/",
        "GIT_NAMESPACE": "x",
        "GIT_CEILING_DIRECTORIES": "/",
    }
    fsmonitor(cage)


# -- made to keep us waiting, or to take all there is ----------------------------------------


def fifos(cage: Cage) -> None:
    """In every place that somebody reads and that a scan can do without."""
    (cage.git / "worktrees/x").mkdir(parents=True)
    for name in IDLE:
        cage.fifo(name)


IDLE = (
    ".git/COMMIT_EDITMSG",
    ".git/FETCH_HEAD",
    ".git/MERGE_HEAD",
    ".git/ORIG_HEAD",
    ".git/config.worktree",
    ".git/description",
    ".git/gc.log",
    ".git/hooks/pre-commit",
    ".git/info/attributes",
    ".git/info/exclude",
    ".git/info/grafts",
    ".git/info/refs",
    ".git/info/sparse-checkout",
    ".git/logs/HEAD",
    ".git/logs/refs/heads/main",
    ".git/modules/x/HEAD",
    ".git/modules/x/config",
    ".git/refs/heads/pipe",
    ".git/refs/replace/pipe",
    ".git/shallow",
    ".git/worktrees/x/HEAD",
    ".git/worktrees/x/commondir",
    ".git/worktrees/x/gitdir",
    ".git/worktrees/x/index",
    ".gitattributes",
    ".gitignore",
    ".gitmodules",
    ".mailmap",
    "folder/.gitattributes",
    "folder/.gitignore",
)

STORE = (
    "info/alternates",
    "info/commit-graph",
    "info/commit-graphs/commit-graph-chain",
    "info/packs",
    "ab/" + "c" * 38,
    "ab",
    f"pack/pack-{'1' * 40}.pack",
    f"pack/pack-{'1' * 40}.idx",
    f"pack/pack-{'1' * 40}.rev",
    f"pack/pack-{'1' * 40}.bitmap",
    f"pack/pack-{'1' * 40}.keep",
    "pack/multi-pack-index",
    "pack",
)
"""Slots of an object store: with a FIFO in one of them, git is not shown the store at all."""


def _store_fifo(name: str) -> Callable[[Cage], None]:
    return lambda cage: cage.fifo(f".git/objects/{name}")


def _fifo(name: str) -> Callable[[Cage], None]:
    return lambda cage: cage.fifo(name)


def shared_index_fifo(cage: Cage) -> None:
    cage.repo.run("update-index", "--split-index")
    (shared,) = cage.git.glob("sharedindex.*")
    cage.fifo(f".git/{shared.name}")


def bomb(cage: Cage) -> None:
    """A dozen objects, ten to the tenth paths, a key at each."""
    cage.repo.write("leaf", f"x = {fake_key(seed='bomb')}\n")
    oid, mode = cage.repo.run("hash-object", "-w", "leaf"), "100644 blob"
    (cage.repo.path / "leaf").unlink()
    for _ in range(BOMB):
        path = cage.traps / "tree"
        path.write_text("".join(f"{mode} {oid}\t{number}\n" for number in range(BOMB)))
        with path.open("rb") as listing:
            oid, mode = cage.repo.run("mktree", istream=listing), "040000 tree"
    commit = cage.repo.run("commit-tree", "-p", "HEAD", "-m", "bomb", oid)
    cage.repo.run("update-ref", "refs/heads/main", commit)


def claims(cage: Cage) -> None:
    """Objects that claim to have a terabyte, of each kind."""
    for kind in ("commit", "tag", "tree", "blob"):
        cage.loose(kind, b"x", 1 << 40)


def long_message(cage: Cage) -> None:
    path = cage.traps / "message"
    text = "word " * (2 << 20)
    path.write_text(f"{text}\nx = {fake_key(seed='message')}\n{text}")
    tree = cage.repo.run("rev-parse", "HEAD^{tree}")
    cage.repo.run("update-ref", "HEAD", cage.repo.run("commit-tree", "-p", "HEAD", "-F", str(path), tree))


ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066\r::stop-commands::x\r##[error]\u2028"


def escapes(cage: Cage) -> None:
    """In names of files, branches, authors and remotes, in messages and around keys."""
    name = "f\x1b[2J\r::error::\u202ex.txt"
    cage.repo.write(name, f"{ESCAPES}{fake_key(seed='escapes')}{ESCAPES}\n")
    cage.repo.run("add", "--", name)
    cage.commit(f"{ESCAPES} {fake_key(seed='message')}", f"--author={ESCAPES} <{ESCAPES}>")
    cage.repo.run("rm", "--quiet", "--", name)
    cage.commit("gone")
    head = cage.repo.run("rev-parse", "HEAD")
    (cage.git / f"refs/heads/b\x1b[2J{fake_key(seed='branch')}").write_text(head + "\n")
    (cage.git / "refs/heads/c\x1b[2J\n").write_text("nonsense\x1b[2J\n")
    cage.config(remote__origin__url=f"https://{ESCAPES}")


# -- the table -------------------------------------------------------------------------------

MARKER, CONNECTION, HIDDEN = "marker", "connection", "hidden"


@dataclass(frozen=True)
class Row:
    """One hostile repository, and what a scan of it must come to."""

    name: str
    vector: str
    """Where the reference speaks of it."""
    build: Callable[[Cage], None]
    also: tuple[str, ...] = ()
    """Keys in its history beside those that are in every row."""
    trap: str = ""
    """What plain git does here: leave the marker, connect, or not see ``hidden``."""
    proof: tuple[str, ...] = ()
    """The git command that does it."""
    gaps: frozenset[str] = frozenset()
    """Reasons of gaps that may be told, by design or not."""
    blind: frozenset[str] = frozenset()
    """What may not be readable: ``history``, ``index``, ``head`` or a ``range``."""
    ways: tuple[str, ...] = ()
    """Of scanning it; empty for the usual ones."""
    hurried: bool = False
    """Something in it has no end, and need not be waited for as long as for a sound repository."""


def _rows() -> Iterator[Row]:  # noqa: PLR0915 - a table
    run, named = "1.1", "1.3"
    yield Row("plain", "", lambda _: None, ways=("scan", "history", "staged", "range", "hook"))
    yield Row("fsmonitor", run, fsmonitor, trap=MARKER, proof=("status",))
    yield Row("hooks", run, hooks, trap=MARKER, proof=("add", "a.txt"))
    yield Row("external diff", run, external_diff, trap=MARKER, proof=("diff", "--cached"))
    yield Row("diff driver", run, diff_driver, trap=MARKER, proof=("diff", "--cached"))
    yield Row("textconv", run, textconv, trap=MARKER, proof=("log", "-p"))
    yield Row("clean filter", run, clean, trap=MARKER, proof=("diff",))
    yield Row("process filter", run, process, trap=MARKER, proof=("diff",))
    yield Row("smudge filter", run, smudge, trap=MARKER, proof=("archive", "HEAD"))
    yield Row("signature", run, signature, trap=MARKER, proof=("log",))
    left_out = frozenset({"partial-clone", "reference-broken"})
    fetch = ("show", "v0:a.txt")
    yield Row(
        "promisor uploadpack", f"{run}, CVE-2024-32004", fetch_by_uploadpack, (), MARKER, fetch, left_out
    )
    yield Row("promisor ssh", f"{run}, CVE-2024-32465", fetch_by_ssh, (), MARKER, fetch, left_out)
    yield Row("promisor ext", f"{run}, CVE-2022-24439", fetch_by_ext, (), MARKER, fetch, left_out)
    yield Row("promisor proxy", run, fetch_by_proxy, (), MARKER, fetch, left_out)
    yield Row("promisor git", run, fetch_by_git, (), CONNECTION, fetch, left_out)
    yield Row("promisor http", f"{run}, CVE-2025-48385", fetch_by_http, (), CONNECTION, fetch, left_out)
    yield Row("pager, editor, alias, credentials", run, the_rest, trap=MARKER, proof=("x",))
    yield Row("include of a FIFO", run, includes)
    yield Row("worktree elsewhere", run, worktree_elsewhere)
    every = ("scan", "history", "staged", "range", "hook")
    yield Row("everything", "CVE-2025-41390", everything, (), MARKER, ("status",), left_out, ways=every)
    yield Row("of somebody else", "CVE-2022-24765", of_somebody_else)
    yield Row("embedded bare", named, embedded_bare, trap=MARKER, proof=("-C", "docs/x.git", "status"))
    yield Row(
        "links in the store", "CVE-2022-39253", links_in_the_store, blind=frozenset({"history", "index"})
    )
    yield Row("link for a store", "CVE-2022-39253", link_for_a_store)
    yield Row("submodule", "CVE-2024-32002, CVE-2025-48384", submodule, ("submodule",))
    log, seen = ("log", "-p", "--all"), HIDDEN
    yield Row("attributes", "1.3, CVE-2022-23521", attributes, ("hidden",), seen, log)
    yield Row("replace reference", named, replaced, ("hidden",), seen, log)
    yield Row("grafts", named, grafted, ("hidden",), seen, log)
    boundary = frozenset({"shallow"})
    yield Row("forged shallow", named, shallow, ("hidden",), seen, log, boundary)
    untraced = frozenset({"shallow", "untraced", "object-store"})
    yield Row("garbage for shallow", named, garbage_for_shallow, gaps=untraced, blind=frozenset({"range"}))
    yield Row("forged commit-graph", named, commit_graph, ("hidden",), seen, log)
    # The last object of the patch that git does show is the one before: it dies of the missing one.
    yield Row("forged multi-pack-index", named, multi_pack_index, ("hidden",), seen, log)
    whole = ("cat-file", "--batch-all-objects", "--unordered", "--batch")
    yield Row("forged pack order", named, pack_order, ("hidden",), seen, whole)
    elsewhere = frozenset({"alternate-outside", "alternate-missing"})
    yield Row("alternates", "1.2, UNC and others", alternates, gaps=elsewhere)
    yield Row("options for names", "GHSA-956x-8gvw-wg5v", options_for_names)
    yield Row("git in the tree", "CVE-2023-40590", git_in_the_tree)
    yield Row("inherited", named, inherited, trap=MARKER, proof=("status",))
    pipes = frozenset({"index-unreadable", "reference-unreadable", "repository-unreadable", "unreadable"})
    yield Row("FIFOs", named, fifos, gaps=pipes)
    not_read = frozenset({"special-file", "alternate-unreadable"})
    both = frozenset({"history", "index"})
    for name in STORE:
        yield Row(
            f"FIFO objects/{name}", named, _store_fifo(name), gaps=not_read, blind=both, ways=("scan", "hook")
        )
    head = frozenset({"reference-unreadable"})
    yield Row("FIFO HEAD", named, _fifo(".git/HEAD"), gaps=head, blind=frozenset({"head"}))
    yield Row("FIFO packed-refs", named, _fifo(".git/packed-refs"), gaps=head)
    yield Row("FIFO config", named, _fifo(".git/config"), gaps=frozenset({"config-unreadable"}))
    index = frozenset({"index-unreadable"})
    yield Row("FIFO index", named, _fifo(".git/index"), gaps=index, blind=frozenset({"index"}))
    yield Row("FIFO shared index", named, shared_index_fifo, gaps=index, blind=frozenset({"index"}))
    nowhere = frozenset({"repository-unreadable"})
    yield Row("FIFO .git", named, _fifo(".git"), gaps=nowhere, blind=both)
    yield Row("bomb", "1.2", bomb, ("bomb",), gaps=frozenset({"untraced"}), hurried=True)
    broken = frozenset({"corrupt-object", "object-store", "too-large", "untraced"})
    yield Row("a terabyte", "1.2", claims, gaps=broken)
    yield Row("long message", "1.3", long_message, ("message",))
    unread = frozenset({"reference-unreadable"})
    yield Row("escapes", "CVE-2024-52005", escapes, ("escapes", "message", "branch"), gaps=unread)


ROWS = tuple(_rows())
