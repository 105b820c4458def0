"""The direction of imports, who may start processes, print and exit, and the form of modules.

Every law is a function of source text, so that the tests below it can plant a violation
and see it found: a law that cannot fail proves nothing.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import FrozenInstanceError, dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions

import pytest

from boltz_keyscan.model import finding, status, suppression
from boltz_keyscan.sources import shards, tree
from boltz_keyscan.sources.git import bundle, history, revision_range, staged
from tests.running import ROOT

PACKAGE = "boltz_keyscan"

LAYERS = (
    ("__main__",),
    ("cli",),
    ("library",),
    ("agents", "fleet"),
    ("trust", "key_status", "redactor"),
    ("scan_roots",),
    ("plan",),
    ("pipeline", "api", "exports", "imports", "forecast", "redaction"),
    ("workers",),
    ("audit", "findings"),
    ("sources", "detect", "triage", "report"),
    ("rules", "advice"),
    ("policy",),
    ("model",),
    ("errors", "sanitize", "fsutil", "ci_detection", "columns", "beginnings", "package_data"),
    ("__init__",),
    ("_version", "module_search", "records", "late_pattern", "base64_text", "system"),
)
"""The diagram: a part imports from rows below its own, and within itself.

``__init__`` has the version, and is the door to ``library``, which it opens when somebody asks for one
of its names; ``tests/test_imports.py`` holds that. Nothing in the package imports from it.
"""

ROOMS = (
    ("tree",),
    ("git.bundle",),
    ("git.file_exposures",),
    ("git.lfs_objects",),
    ("git.history", "git.revision_range", "git.staged"),
    ("git.worktree_exposure", "git.file_versions", "git.other_side"),
    ("git.attribution", "git.packs", "git.blob_keys", "trusted_files", "files"),
    ("git.objects",),
    ("git.repo",),
    ("git.run",),
    ("archives",),
    ("shards",),
    ("blob",),
    ("windows",),
    ("signatures",),
    ("encoded_checks",),
    ("encoded",),
    ("encoded_lines",),
    ("signature_checks",),
    ("stream_checks", "sqlite_pages", "git_delta", "safe_open"),
)
"""The same within ``sources``."""

DOOR = ("__init__", "library")

STARTS_PROCESSES = frozenset(
    {"sources.git.run.command", "workers.isolated", "workers.process", "workers.programs"}
)
COPIES_ITSELF = frozenset({"workers.process"})
"""A copy of a process ends without what the process does at its end."""
TALKS = ("cli", "report")
LONGEST = 350

MODULE_NAME = re.compile(rf"{PACKAGE}(?:\.\w+)*(?::\w+)?")
STARTERS = re.compile(
    r"subprocess\.(?!PIPE$|DEVNULL$|STDOUT$)\w+|os\.(system|popen|fork|forkpty|startfile|exec\w+|spawn\w+|posix_spawn\w*)"
    r"|pty\.\w+|asyncio\.create_subprocess\w+"
)
KNOWS_THE_SYSTEM = frozenset({"fsutil", "system", "workers.process", "redactor.in_use"})
"""Modules and folders that ask which system this is: ``workers.process`` whether to fork, ``redactor.in_use``
which programs have a file open."""

POSIX_MODULES = frozenset(
    {"fcntl", "grp", "pty", "pwd", "resource", "select", "termios", "msvcrt", "winreg", "_winapi"}
)

POSIX_NAMES = re.compile(
    r"sys\.platform|os\.(name|uname|supports_\w+)|platform\.(system|release|mac_ver|win32_ver)"
    r"|os\.O_(?!RDONLY$|WRONLY$|RDWR$|CREAT$|EXCL$|APPEND$|TRUNC$)\w+"
    r"|os\.(fork|forkpty|kill|killpg|wait\w*|set_blocking|get_blocking|pipe2|memfd_create|sched_\w+|sysconf|pread\w*"
    r"|pwrite\w*|readv|writev|fchmod|fchown|l?chown|getuid|geteuid|getgid|getegid|getgroups|getpg\w+|setpg\w+|setsid"
    r"|[gls]e?t?xattr|listxattr|statvfs|fstatvfs|mkfifo|mknod|posix_\w+|symlink|umask|nice)"
    r"|signal\.(pthread_\w+|sig(wait\w*|timedwait|pending)|SIG(?!INT$|TERM$|ABRT$|SEGV$|_DFL$|_IGN$|nals$)[A-Z_]+)"
)

EXITS = frozenset({"print", "exit", "quit", "sys.exit", "os._exit", "SystemExit", "sys.stdout", "sys.stderr"})


@dataclass(frozen=True)
class Module:
    """A module of the package by its name without the package's, and its text."""

    name: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @functools.cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the tree that a law here is about."""
        kinds = (ast.Attribute, ast.Name, ast.Import, ast.ImportFrom, ast.Constant, ast.Call)
        return tuple(node for node in ast.walk(self.tree) if isinstance(node, kinds))

    @property
    def part(self) -> str:
        return self.name.partition(".")[0]


@functools.cache
def modules() -> list[Module]:
    found = []
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found.append(Module(name, path.read_text(encoding="utf-8")))
    return found


def imports(module: Module) -> Iterator[str]:
    """Full names of all that a module imports, anywhere, and of modules it names in strings to load later."""
    for node in module.nodes:
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=source, level=level):
                if level:
                    raise AssertionError(f"{module.name}: a relative import does not show its direction")
                yield from (f"{source}.{alias.name}" for alias in node.names)
            case ast.Constant(value=str(text)) if ":" in text and MODULE_NAME.fullmatch(text):
                yield text.replace(":", ".")


def row(part: str) -> int:
    """The row of a part; a new part has to be put into the diagram first."""
    for number, members in enumerate(LAYERS):
        if part in members:
            return number
    raise AssertionError(f"{part} is in no row of LAYERS")


def parts_imported(module: Module) -> Iterator[str]:
    known = {name for members in LAYERS for name in members}
    for name in imports(module):
        package, _, rest = name.partition(".")
        if package == PACKAGE:
            part = rest.partition(".")[0]
            yield part if part in known or _is_module(part) else "__init__"


def _is_module(part: str) -> bool:
    return (ROOT / PACKAGE / part).is_dir() or (ROOT / PACKAGE / f"{part}.py").is_file()


def against_the_direction(module: Module) -> list[str]:
    own = row(module.part)
    return [
        f"{module.name} imports {part}"
        for part in parts_imported(module)
        if part != module.part and row(part) <= own and (module.part, part) != DOOR
    ]


def room(name: str) -> int:
    """The row of a module of ``sources``; a new one has to be put into the diagram first."""
    for number, members in enumerate(ROOMS):
        if any(name == member or name.startswith(f"{member}.") for member in members):
            return number
    raise AssertionError(f"sources.{name} is in no row of ROOMS")


def against_the_rooms(module: Module) -> list[str]:
    prefix = f"{PACKAGE}.sources."
    own = module.name.removeprefix("sources.")
    if own in {module.name, "git"}:
        return []
    (mine,) = (member for member in ROOMS[room(own)] if f"{own}.".startswith(f"{member}."))
    found = (name.removeprefix(prefix) for name in imports(module) if name.startswith(prefix))
    return [
        f"{module.name} imports {name}"
        for name in found
        if not f"{name}.".startswith(f"{mine}.") and room(name) <= room(own)
    ]


Graph = dict[str, set[str]]
"""Modules or folders, with those that each one imports, anywhere in its text."""


def import_graph(found: Sequence[Module]) -> Graph:
    known = {module.name for module in found}
    graph: Graph = {name: set() for name in known}
    for module in found:
        for name in imports(module):
            target = name.removeprefix(f"{PACKAGE}.")
            while target and target not in known:
                target = target.rpartition(".")[0]
            if name.startswith(f"{PACKAGE}.") and target and target != module.name:
                graph[module.name].add(target)
    return graph


def folder_graph(files: Graph) -> Graph:
    """The same by folder; in a folder that has folders, each module is a node of its own."""
    outer = {"", *(name.rpartition(".")[0].rpartition(".")[0] for name in files)}
    packages = {name.rpartition(".")[0] for name in files}

    def node(name: str) -> str:
        folder = name if name in packages else name.rpartition(".")[0]
        return name if folder in outer else folder

    graph: Graph = {node(name): set() for name in files}
    for name, targets in files.items():
        graph[node(name)] |= {node(target) for target in targets} - {node(name)}
    return graph


def circle(graph: Graph) -> list[str]:
    """One circle; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def any_circle(files: Graph) -> list[str]:
    """A circle by file, else one by folder; empty if there is none."""
    return circle(files) or circle(folder_graph(files))


def names_used(module: Module) -> Iterator[str]:
    """Dotted names as they are used, and ``from a import b`` as ``a.b``."""
    for node in module.nodes:
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute):
                yield f"{owner}.{attribute}"
            case ast.Name(id=name):
                yield name
            case ast.ImportFrom(module=source):
                yield from (f"{source}.{alias.name}" for alias in node.names)


def processes_started(module: Module) -> list[str]:
    if module.name in STARTS_PROCESSES:
        return []
    return [f"{module.name} uses {name}" for name in names_used(module) if STARTERS.fullmatch(name)]


def words_and_exits(module: Module) -> list[str]:
    if module.part in TALKS:
        return []
    exits = EXITS - {"os._exit"} if module.name in COPIES_ITSELF else EXITS
    return [f"{module.name} uses {name}" for name in names_used(module) if name in exits]


def asks_for_the_system(module: Module) -> list[str]:
    parents = [module.name[:end] for end in range(len(module.name) + 1)]
    if any(name in KNOWS_THE_SYSTEM and f"{module.name}.".startswith(f"{name}.") for name in parents):
        return []
    found = [name for name in names_used(module) if POSIX_NAMES.fullmatch(name)]
    found += [name for name in imports(module) if name in POSIX_MODULES]
    for node in module.nodes:
        match node:
            case ast.Call(
                func=ast.Name(id="hasattr" | "getattr"), args=[ast.Name(id="os" | "signal" as owner), *_]
            ):
                found.append(f"attributes of {owner}")
    return [f"{module.name} asks for the system: {name}" for name in found]


def form(module: Module) -> list[str]:
    wrong = []
    if not (ast.get_docstring(module.tree) or "").strip():
        wrong.append(f"{module.name} has no docstring")
    lines = module.text.count("\n")
    if lines > LONGEST:
        wrong.append(f"{module.name} has {lines} lines; split it by what it knows")
    return wrong


Law = Callable[[Module], list[str]]

LAWS = (
    against_the_direction,
    against_the_rooms,
    processes_started,
    asks_for_the_system,
    words_and_exits,
    form,
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_package_keeps_the_law(law: Law) -> None:
    found = modules()
    assert len(found) > 30
    assert [complaint for module in found for complaint in law(module)] == []


def test_no_circle_by_file_or_by_folder() -> None:
    assert any_circle(import_graph(modules())) == []


@pytest.mark.parametrize(
    "texts",
    [
        {"plan": "from boltz_keyscan import trust", "trust": "def f():\n    from boltz_keyscan import plan"},
        {
            "api.a": "from boltz_keyscan.exports import b",
            "exports.b": "from boltz_keyscan.api import c",
            "api.c": "",
        },
        {
            "report": "R = 'boltz_keyscan.report.text:render'",
            "report.text": "from boltz_keyscan import report",
        },
    ],
    ids=["late import", "by folder", "by a name in a string"],
)
def test_a_circle_is_noticed(texts: dict[str, str]) -> None:
    files = import_graph([Module(name, text) for name, text in texts.items()])
    assert any_circle(files) != []


PLANTED = [
    (
        against_the_rooms,
        "sources.archives.shard",
        "def f():\n    from boltz_keyscan.sources.git.run import command",
        "sources.archives.shard imports git.run.command",
    ),
    (
        against_the_rooms,
        "sources.blob",
        "from boltz_keyscan.sources.shards import NamesShard",
        "sources.blob imports shards.NamesShard",
    ),
    (
        against_the_rooms,
        "sources.git.objects.reader",
        "from boltz_keyscan.sources.git import history",
        "sources.git.objects.reader imports git.history",
    ),
    (
        against_the_rooms,
        "sources.files.shard",
        "from boltz_keyscan.sources.git.bundle import BundleSource",
        "sources.files.shard imports git.bundle.BundleSource",
    ),
    (against_the_direction, "model", "from boltz_keyscan import policy", "model imports policy"),
    (
        against_the_direction,
        "__init__",
        "M = ('boltz_keyscan.pipeline:run',)",
        "__init__ imports pipeline",
    ),
    (against_the_direction, "library", "from boltz_keyscan.cli import scan", "library imports cli"),
    (against_the_direction, "model", "import boltz_keyscan.policy as p", "model imports policy"),
    (
        against_the_direction,
        "detect.match",
        "from boltz_keyscan.sources import files",
        "detect.match imports sources",
    ),
    (
        against_the_direction,
        "errors",
        "from boltz_keyscan.sanitize import harmless",
        "errors imports sanitize",
    ),
    (
        against_the_direction,
        "sources.files",
        "def f():\n    import boltz_keyscan.pipeline",
        "sources.files imports pipeline",
    ),
    (
        against_the_direction,
        "pipeline",
        "if TYPE_CHECKING:\n    from boltz_keyscan.plan import Plan",
        "pipeline imports plan",
    ),
    (
        against_the_direction,
        "report",
        "R = {'a': 'boltz_keyscan.cli.commands.scan:scan'}",
        "report imports cli",
    ),
    (
        processes_started,
        "pipeline",
        "import subprocess\nsubprocess.run(['git'])",
        "pipeline uses subprocess.run",
    ),
    (processes_started, "sources.files", "def f():\n    os.system('id')", "sources.files uses os.system"),
    (processes_started, "cli", "from subprocess import Popen", "cli uses subprocess.Popen"),
    (processes_started, "detect", "os.execvp('git', [])", "detect uses os.execvp"),
    (asks_for_the_system, "plan", "import fcntl", "plan asks for the system: fcntl"),
    (asks_for_the_system, "cli.x", "sys.platform == 'win32'", "cli.x asks for the system: sys.platform"),
    (asks_for_the_system, "sources.x", "os.pread(1, 2, 3)", "sources.x asks for the system: os.pread"),
    (asks_for_the_system, "sources.x", "os.O_NOFOLLOW", "sources.x asks for the system: os.O_NOFOLLOW"),
    (
        asks_for_the_system,
        "workers.pool",
        "signal.SIGKILL",
        "workers.pool asks for the system: signal.SIGKILL",
    ),
    (
        asks_for_the_system,
        "report.x",
        "hasattr(os, 'geteuid')",
        "report.x asks for the system: attributes of os",
    ),
    (words_and_exits, "detect.match", "print(key)", "detect.match uses print"),
    (words_and_exits, "pipeline", "def f():\n    sys.exit(1)", "pipeline uses sys.exit"),
    (words_and_exits, "policy", "raise SystemExit(1)", "policy uses SystemExit"),
    (words_and_exits, "sources", "sys.stderr.write('x')", "sources uses sys.stderr"),
    (form, "plan", "x = 1\n", "plan has no docstring"),
    (
        form,
        "plan",
        '"""Long."""\n' + "x = 1\n" * LONGEST,
        f"plan has {LONGEST + 1} lines; split it by what it knows",
    ),
]


@pytest.mark.parametrize(("law", "name", "text", "complaint"), PLANTED)
def test_the_law_can_be_broken(law: Law, name: str, text: str, complaint: str) -> None:
    assert law(Module(name, text)) == [complaint]


@pytest.mark.parametrize(
    ("law", "name", "text"),
    [
        (against_the_direction, "detect.match", "from boltz_keyscan.detect import redact"),
        (against_the_direction, "cli.commands", "from boltz_keyscan._version import __version__"),
        (against_the_direction, "cli.commands", "C = {'scan': 'boltz_keyscan.cli.commands.scan:scan'}"),
        (processes_started, "sources.git.objects.reader", "subprocess.PIPE"),
        (processes_started, "sources.git.run.command", "subprocess.Popen(['git'])"),
        (asks_for_the_system, "system.processes", "import fcntl"),
        (asks_for_the_system, "sources.x", "os.open(path, os.O_RDONLY)"),
        (words_and_exits, "cli.rules", "print(1)"),
    ],
)
def test_what_is_lawful_passes(law: Law, name: str, text: str) -> None:
    assert law(Module(name, text)) == []


def test_a_part_outside_the_diagram_is_noticed() -> None:
    with pytest.raises(AssertionError, match="helpers is in no row"):
        against_the_direction(Module("helpers", "import os"))


def test_a_room_outside_the_diagram_is_noticed() -> None:
    with pytest.raises(AssertionError, match="cellar is in no row"):
        against_the_rooms(Module("sources.cellar", "import os"))


def test_a_relative_import_is_noticed() -> None:
    with pytest.raises(AssertionError, match="relative"):
        against_the_direction(Module("pipeline", "from . import plan"))


def is_frozen(record: type) -> bool:
    """Return whether an instance refuses a change."""
    name = "path"
    try:
        setattr(object.__new__(record), name, None)
    except FrozenInstanceError:
        return True
    return False


def test_the_nouns_are_frozen_and_have_no_dict() -> None:
    found = [
        thing
        for nouns in (finding, suppression, status)
        for thing in vars(nouns).values()
        if isinstance(thing, type) and dataclasses.is_dataclass(thing) and thing.__module__ == nouns.__name__
    ]
    assert len(found) > 8
    for noun in found:
        assert is_frozen(noun), noun
        assert "__slots__" in vars(noun), noun


def test_sources_are_frozen_and_have_no_dict() -> None:
    sources: tuple[type, ...] = (
        bundle.BundleSource,
        history.HistorySource,
        revision_range.RangeSource,
        staged.StagedSource,
        shards.ShardSource,
        tree.TreeSource,
    )
    for source in sources:
        assert is_frozen(source), source
        assert "__slots__" in vars(source), source


def test_every_package_it_imports_is_declared() -> None:
    used = {name.partition(".")[0] for module in modules() for name in imports(module)}
    used -= {PACKAGE, *sys.stdlib_module_names}
    distributions = packages_distributions()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *extras["api"], *extras["science"], *extras["fleet"]]
    declared = {re.split(r"[<>=[]", name)[0].lower() for name in named}
    assert "click" in used
    # The extra science may be missing; its packages are named as their modules.
    assert {each.lower() for name in used for each in distributions.get(name, [name])} <= declared
