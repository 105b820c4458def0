r"""Windows, as far as a POSIX system can act it, for the process that calls ``install``.

Whatever Windows lacks is gone: modules, functions of ``os``, signals, ``poll``. Paths are those of
``ntpath``: ``C:\x`` is ``/x`` here, names are found in any case, long paths need the prefix ``\\?\``,
``NUL`` is a device, a colon begins a stream, and a network path ends the process. A file that is open cannot be replaced or
removed, a folder cannot be opened, text is written with ``\r\n`` and in cp1252. Child processes of this
Python act Windows too; others, such as git, get their paths translated.

Loaded first: the standard library and other packages, which are not on trial.
"""

# What replaces functions of the standard library has other types.
# mypy: disable-error-code="assignment,misc,no-any-return,unused-ignore"

from __future__ import annotations

import _io
import builtins
import ctypes
import encodings.cp1252  # noqa: F401 - the encoding of the act
import functools
import genericpath
import importlib
import importlib.machinery
import io
import ntpath
import os
import posix
import posixpath
import re
import select
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from tests.absences import acted

TEMP = tempfile.gettempdir()
ROOT = str(Path(__file__).resolve().parents[2])

LOADED_FIRST = [
    "asyncio",
    "brotli",
    "certifi",
    "click",
    "click.shell_completion",
    "difflib",
    "dulwich.pack",
    "git",
    "glob",
    "hyperscan",
    "isal.isal_zlib",
    "jinja2",
    "lz4.frame",
    "markupsafe",
    "multiprocessing",
    "olefile",
    "pypdf",
    "regex",
    "sarif_om",
    "socket",
    "sqlite3",
    "ssl",
    "tomllib",
    "traceback",
    "urllib.request",
    "uuid",
    "webbrowser",
    "xml.etree.ElementTree",
    "zipfile",
    "zoneinfo",
    "zstandard",
]

NO_MODULES = [
    "_posixsubprocess",
    "crypt",
    "fcntl",
    "grp",
    "nis",
    "posix",
    "pty",
    "pwd",
    "readline",
    "resource",
    "spwd",
    "syslog",
    "termios",
    "tty",
]

IN_OS = frozenset(
    [
        "DirEntry",
        "abort",
        "access",
        "chdir",
        "chmod",
        "close",
        "closerange",
        "cpu_count",
        "device_encoding",
        "dup",
        "dup2",
        "environ",
        "error",
        "execv",
        "execve",
        "fspath",
        "fstat",
        "fsync",
        "ftruncate",
        "get_inheritable",
        "get_terminal_size",
        "getcwd",
        "getcwdb",
        "getlogin",
        "getpid",
        "getppid",
        "isatty",
        "kill",
        "link",
        "listdir",
        "lseek",
        "lstat",
        "mkdir",
        "open",
        "pipe",
        "putenv",
        "read",
        "readlink",
        "remove",
        "rename",
        "replace",
        "rmdir",
        "scandir",
        "set_inheritable",
        "stat",
        "stat_result",
        "statvfs_result",
        "strerror",
        "symlink",
        "system",
        "terminal_size",
        "times",
        "times_result",
        "truncate",
        "umask",
        "uname_result",
        "unlink",
        "unsetenv",
        "urandom",
        "utime",
        "waitpid",
        "waitstatus_to_exitcode",
        "write",
        "F_OK",
        "R_OK",
        "W_OK",
        "X_OK",
        "O_APPEND",
        "O_CREAT",
        "O_EXCL",
        "O_RDONLY",
        "O_RDWR",
        "O_TRUNC",
        "O_WRONLY",
        "P_NOWAIT",
        "P_NOWAITO",
        "P_WAIT",
        "SEEK_SET",
        "SEEK_CUR",
        "SEEK_END",
        "TMP_MAX",
    ]
)
"""Names of the module ``nt`` (https://docs.python.org/3/library/os.html, "Availability")."""

IN_SIGNAL = frozenset(
    ["SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN", "NSIG"]
)

O_BINARY, O_NOINHERIT, O_TEMPORARY = 0x8000_0000, 0x4000_0000, 0x2000_0000
SHARING_VIOLATION = 32
MOUNT_POINT, SYMLINK = 0xA000_0003, 0xA000_000C
LOCKED = b".locked"
"""End of the names of files that another program has opened for itself only."""

JUNCTION = b"/./"
"""End of the text of a POSIX link that plays a junction."""

DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9]|CONIN\$|CONOUT\$)(?:[ ]*[.:].*)?", re.IGNORECASE)

REAL = {name: getattr(os, name) for name in dir(os) if not name.startswith("__")}


def _path_module() -> Any:
    """Return a copy of ``posixpath`` that keeps the functions of POSIX."""
    names: dict[str, Any] = {
        "os": types.SimpleNamespace(**REAL),
        "__name__": "posixpath_copy",
        "__all__": [],
        "genericpath": genericpath,
    }
    for module in (genericpath, posixpath):
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        text = text.replace("import os\n", "").replace("from genericpath import *\n", "")
        exec(text.replace("import genericpath\n", ""), names)
    return types.SimpleNamespace(**names)


real = types.SimpleNamespace(
    **{**REAL, "path": None},
    builtin_open=builtins.open,
    FileIO=io.FileIO,
    connect=sqlite3.connect,
)
real.path = _path_module()
_gone: list[tuple[Any, str, Any]] = []


class NetworkError(BaseException):
    """A network path was opened."""


def posix_path(path: Any, *, must_be_short: bool = True) -> Any:  # noqa: C901, PLR0912 - the rules of Windows
    """Return the POSIX path, as bytes, that plays a path of Windows."""
    if isinstance(path, int):
        return path
    text = os.fsdecode(os.fspath(path))
    if "\0" in text:
        raise ValueError("embedded null byte")
    if text.startswith(("/proc", "/sys/")):
        raise FileNotFoundError(2, "The system cannot find the path specified", text)
    is_literal = text.startswith("\\\\?\\")
    native = text[4:] if is_literal else text.replace("/", "\\")
    if is_literal and "/" in native:
        raise OSError(22, "a slash in a literal path")
    if native.startswith(("\\\\", "UNC\\")) and "dev" not in native:
        raise NetworkError(text)
    drive, rest = native[:2], native[2:]
    if drive[1:] != ":":
        drive, rest = "", native
    parts = rest.split("\\")
    for part in parts:
        if ":" in part:
            raise OSError(22, "a stream, or no name", text)
    if not is_literal:
        if must_be_short and len(native if drive else ntpath.join(os.getcwd(), native)) >= 260:
            raise FileNotFoundError(2, "a path of 260 characters or more", text)
        if DEVICES.fullmatch(parts[-1]):
            if parts[-1].lower() == "nul":
                return b"/dev/null"
            raise OSError(22, "a device", text)
        parts = [part if part in (".", "..") else part.rstrip(". ") for part in parts]
    found = "/".join(parts).encode("utf-8", "surrogatepass") or (b"/" if drive else b".")
    if drive.upper() not in ("", "C:"):
        raise FileNotFoundError(3, "no such drive", text)
    return _any_case(found)


def _any_case(path: bytes) -> bytes:
    """Return the existing path that differs in case only; programs may lack their ``.exe``."""
    if real.path.lexists(path):
        return path
    if path.lower().endswith(b".exe") and real.path.lexists(path[:-4]):
        return path[:-4]
    folder, name = real.path.split(path)
    if not name or not folder or folder == path:
        return path
    folder = _any_case(folder)
    try:
        names = posix.listdir(folder)
    except OSError:
        names = []
    fitting = [each for each in names if each.lower() == name.lower()]
    return real.path.join(folder, fitting[0] if fitting else name)


def windows_path(path: Any) -> str:
    """Return the path of Windows that is played by an absolute POSIX path."""
    text = os.fsdecode(path)
    return ("C:" + text if text.startswith("/") else text).replace("/", "\\")


def _same_kind(text: str, like: Any) -> Any:
    return os.fsencode(text) if isinstance(like, bytes) else text


class Status:
    """A ``stat_result`` of Windows."""

    def __init__(self, facts: Any, tag: int = 0) -> None:
        self._facts = facts
        self.st_uid = self.st_gid = 0
        self.st_reparse_tag = tag
        kind = stat.S_IFDIR if tag == MOUNT_POINT else stat.S_IFMT(facts.st_mode)
        bits = 0o777 if kind == stat.S_IFDIR else 0o666 if facts.st_mode & 0o200 else 0o444
        self.st_mode = kind | bits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._facts, name)


def _tag(path: bytes | int, facts: Any) -> int:
    if isinstance(path, int) or not stat.S_ISLNK(facts.st_mode):
        return 0
    return MOUNT_POINT if posix.readlink(path).endswith(JUNCTION) else SYMLINK


class Entry:
    """A ``DirEntry`` of Windows."""

    def __init__(self, entry: Any, folder: Any) -> None:
        self._entry = entry
        name = os.fsdecode(entry.name)
        self.name = _same_kind(name, folder)
        self.path = ntpath.join(folder, self.name)
        self._is_junction = entry.is_symlink() and posix.readlink(entry.path).endswith(JUNCTION)

    def is_symlink(self) -> bool:
        return bool(self._entry.is_symlink()) and not self._is_junction

    def is_junction(self) -> bool:
        return self._is_junction

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._is_junction or self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return bool(self._entry.is_file(follow_symlinks=follow_symlinks))

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        facts = self._entry.stat(follow_symlinks=follow_symlinks)
        return Status(facts, 0 if follow_symlinks else _tag(self._entry.path, facts))

    def inode(self) -> int:
        return int(self._entry.inode())

    def __fspath__(self) -> Any:
        return self.path


class Scan:
    """The result of ``scandir``."""

    def __init__(self, folder: Any) -> None:
        if isinstance(folder, int):
            raise TypeError("Windows has no descriptors of folders")
        self._folder = folder
        self._scan = posix.scandir(posix_path(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._scan.close()

    def close(self) -> None:
        self._scan.close()

    def __iter__(self) -> Iterator[Entry]:
        return (Entry(entry, self._folder) for entry in self._scan)

    def __next__(self) -> Entry:
        return Entry(next(self._scan), self._folder)


def _plain(*, dir_fd: int | None = None, **more: Any) -> dict[str, Any]:
    if dir_fd is not None:
        raise NotImplementedError("dir_fd unavailable on this platform")
    return more


def _open(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
    _plain(**more)
    caller = sys._getframe(1).f_globals["__name__"]
    if caller.startswith("boltz_keyscan") and not flags & O_BINARY and flags != os.O_RDWR:
        raise AssertionError(f"{caller} opens {path!r} in text mode")
    name = posix_path(path)
    if real.path.isdir(name):
        raise PermissionError(13, "Permission denied", path)
    if not isinstance(name, int) and name.endswith(LOCKED):
        raise _sharing_violation(path)
    own = O_BINARY | O_NOINHERIT | O_TEMPORARY
    descriptor = posix.open(name, flags & ~own | real.O_CLOEXEC, mode)
    if flags & O_TEMPORARY:
        posix.unlink(name)
    return descriptor


def _stat(path: Any, *, follow_symlinks: bool = True, **more: Any) -> Status:
    _plain(**more)
    name = posix_path(path)
    facts = (
        posix.stat(name, follow_symlinks=follow_symlinks) if not isinstance(name, int) else posix.fstat(name)
    )
    return Status(facts, 0 if follow_symlinks else _tag(name, facts))


def _is_open(path: bytes) -> bool:
    try:
        wanted = posix.lstat(path)
    except OSError:
        return False
    for number in posix.listdir("/proc/self/fd"):
        try:
            if real.path.samestat(posix.fstat(int(number)), wanted) and stat.S_ISREG(wanted.st_mode):
                return True
        except OSError:
            continue
    return False


def _sharing_violation(path: Any) -> PermissionError:
    error = PermissionError(13, "Permission denied", path)
    error.winerror = SHARING_VIOLATION  # type: ignore[attr-defined]
    return error


def _free(path: Any) -> bytes:
    """Return the POSIX path of a file that is not open."""
    name: bytes = posix_path(path)
    if _is_open(name):
        raise _sharing_violation(path)
    return name


def _unlink(path: Any, **more: Any) -> None:
    _plain(**more)
    posix.unlink(_free(path))


def _replace(source: Any, target: Any, **more: Any) -> None:
    _plain(**more)
    posix.replace(_free(source), _free(target))


def _rename(source: Any, target: Any, **more: Any) -> None:
    _plain(**more)
    if real.path.lexists(posix_path(target)):
        raise FileExistsError(17, "it exists", target)
    posix.rename(_free(source), posix_path(target))


def _readlink(path: Any, **more: Any) -> Any:
    _plain(**more)
    text = posix.readlink(posix_path(path))
    if text.endswith(JUNCTION):
        return _same_kind("\\\\?\\" + windows_path(text.removesuffix(JUNCTION)), path)
    return _same_kind(windows_path(text), path)


def _symlink(*_: Any, **__: Any) -> None:
    raise OSError(1314, "a required privilege is not held by the client")


def _kill(process: int, number: int) -> None:
    if number in (0, 1):
        raise AssertionError("this number is CTRL_C_EVENT or CTRL_BREAK_EVENT")
    posix.kill(process, 9)


def _path_only(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(path: Any, *arguments: Any, **more: Any) -> Any:
        if isinstance(path, int):
            raise TypeError("should be string, bytes or os.PathLike, not int")
        return function(posix_path(path), *arguments, **_plain(**more))

    return call


def _list(path: Any = ".") -> list[Any]:
    if isinstance(path, int):
        raise TypeError("Windows has no descriptors of folders")
    return [_same_kind(os.fsdecode(name), path) for name in posix.listdir(posix_path(path))]


def _open_file(file: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
    is_text = "b" not in mode
    names = ("buffering", "encoding", "errors", "newline", "closefd", "opener")
    more = {**dict(zip(names, arguments, strict=False)), **more}
    if is_text and more.get("encoding") is None:
        more["encoding"] = "cp1252"
    if is_text and more.get("newline") is None and set(mode) & set("wax+"):
        more["newline"] = "\r\n"
    if more.get("opener") is None and not isinstance(file, int):
        shown, file = file, posix_path(file)
        if real.path.isdir(file):
            raise PermissionError(13, "Permission denied", shown)
    return real.builtin_open(file, mode, **more)


class FileIO(io.FileIO):
    """A ``FileIO`` of Windows."""

    def __init__(self, file: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(posix_path(file), *arguments, **more)


def _translated(value: Any, separator: str = "") -> Any:
    """Return an argument or a variable for another program, with POSIX paths."""
    text = os.fsdecode(value)
    if separator and separator in text:
        return b":".join(map(_translated, filter(None, text.split(separator))))
    if text == "nul":
        return b"/dev/null"
    if re.match(r"(?:\\\\\?\\)?[A-Za-z]:[\\/]", text):
        return posix_path(text, must_be_short=False)
    return text.encode("utf-8", "surrogatepass")


class _Posix:
    """Context in which POSIX is back, for the standard library; several threads may be in it."""

    lock = threading.Lock()
    depth = 0

    def __enter__(self) -> None:
        with self.lock:
            _Posix.depth += 1
            for owner, name, value in _gone:
                setattr(owner, name, value)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            _Posix.depth -= 1
            for owner, name, _value in _gone:
                if not self.depth and hasattr(owner, name):
                    delattr(owner, name)


def _as_posix(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **more: Any) -> Any:
        with _Posix():
            return function(*arguments, **more)

    return call


RealPopen = subprocess.Popen


class Popen(RealPopen):  # type: ignore[type-arg]
    """A ``Popen`` of Windows."""

    def __init__(self, args: Any, *rest: Any, **more: Any) -> None:
        if rest or more.pop("pass_fds", ()) or more.get("preexec_fn"):
            raise AssertionError("pass_fds and preexec_fn are not supported on Windows platforms")
        if not more.pop("creationflags", 0) & 0x200:
            raise AssertionError(f"Ctrl-C would reach {args[0]}")
        environment = more.pop("env", None) or os.environ
        if "SYSTEMROOT" not in environment:
            raise AssertionError(f"{args[0]} does not start without SYSTEMROOT")
        words = list(args)
        if words[0] == sys.executable and "-c" in words:
            code = words.index("-c") + 1
            act = "from tests.absences import windows; windows.install(); del sys.path[0]"
            words[code] = f"import sys; sys.path.insert(0, {ROOT!r}); {act}; exec({words[code]!r})"
            translated = [_translated(words[0]), *words[1:]]
            variables = {**environment, "BOLTZ_ABSENCE": "1"}
        else:
            translated = [_translated(word) for word in words]
            lists = {"PATH": ";", "GIT_ALTERNATE_OBJECT_DIRECTORIES": ";"}
            variables = {key: _translated(value, lists.get(key, "")) for key, value in environment.items()}
        folder = more.pop("cwd", None)
        where = posix_path(folder) if folder is not None else None
        more.pop("start_new_session", None)
        more["process_group"] = 0
        with _Posix():
            super().__init__(translated, cwd=where, env=variables, **more)
        self._handle = self.pid

    wait = _as_posix(RealPopen.wait)
    poll = _as_posix(RealPopen.poll)
    communicate = _as_posix(RealPopen.communicate)
    kill = _as_posix(RealPopen.kill)
    terminate = _as_posix(RealPopen.terminate)


class Kernel:
    """The functions of kernel32 that are used."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._jobs: dict[int, list[int]] = {}
        for name in (
            "CreateJobObjectW",
            "OpenProcess",
            "SetInformationJobObject",
            "AssignProcessToJobObject",
        ):
            setattr(self, name, types.SimpleNamespace())
        self.CreateJobObjectW = _Function(self._create)
        self.SetInformationJobObject = _Function(lambda *_: 1)
        self.AssignProcessToJobObject = _Function(self._assign)
        self.TerminateJobObject = _Function(lambda job, _: self._end(job))
        self.CloseHandle = _Function(self._end)
        self.OpenProcess = _Function(lambda _, __, process: process if _exists(process) else 0)
        self.WaitForSingleObject = _Function(lambda *_: 0x102)

    def _create(self, *_: Any) -> int:
        self._jobs[len(self._jobs) + 1] = []
        return len(self._jobs)

    def _assign(self, job: int, handle: int) -> int:
        self._jobs[job].append(handle)
        return 1

    def _end(self, job: int) -> int:
        for process in self._jobs.get(job, ()):
            try:
                posix.killpg(process, 9)
            except OSError:
                continue
        return 1


class _Function:
    restype: Any = None
    argtypes: Any = None

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


def _exists(process: int) -> bool:
    return real.path.isdir(f"/proc/{process}")


def _locking(descriptor: int, _mode: int, size: int) -> None:
    fcntl = next(value for owner, name, value in _modules if name == "fcntl")
    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, size, 0, 1)


def _junction(target: str, path: str) -> None:
    posix.symlink(posix_path(target) + JUNCTION, posix_path(path))


def _database_uri(text: str) -> str:
    name, mark, rest = text.removeprefix("file:").partition("?")
    name = re.sub(r"^/?[A-Za-z]:|^[A-Za-z]%3A", "", name.replace("%5C", "/").replace("\\", "/"))
    return f"file:{name}{mark}{rest}"


class Connection(sqlite3.Connection):
    """A ``Connection`` of Windows."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql.startswith("ATTACH "):
            parameters = tuple(map(_database_uri, parameters))
        return super().execute(sql, parameters)


def _connect(path: Any, *arguments: Any, **more: Any) -> Any:
    text = str(path)
    if "/dev/fd" in text:
        raise sqlite3.OperationalError("unable to open database file")
    if text.startswith("file:"):
        return real.connect(_database_uri(text), *arguments, factory=Connection, **more)
    # In memory, and in a temporary file without a name.
    return real.connect(text if text in {":memory:", ""} else posix_path(text), *arguments, **more)


def _temporary_file(mode: str = "w+b", *, dir: Any = None) -> Any:  # noqa: A002 - its name there
    descriptor, name = tempfile.mkstemp(dir=dir)
    posix.unlink(posix_path(name))
    return real.builtin_open(descriptor, mode)


def _find_modules(folder: str) -> Any:
    """Return the finder of modules in a folder of Windows, which ``importlib`` does not know here."""
    if not re.match(r"[A-Za-z]:[\\/]", folder):
        raise ImportError(folder)
    details = importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES
    extensions = importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES
    return importlib.machinery.FileFinder(os.fsdecode(posix_path(folder)), extensions, details)


def _absolute(path: Any) -> Any:
    path = os.fspath(path)
    drive, rest = ntpath.splitdrive(os.fsdecode(path))
    if not rest.startswith(("\\", "/")):
        return _same_kind(ntpath.normpath(ntpath.join(os.getcwd(), rest)), path)
    return _same_kind(ntpath.normpath((drive or "C:") + rest), path)


def _real_path(path: Any, *, strict: bool = False) -> Any:
    del strict
    literal = os.fsdecode(path).startswith("\\\\?\\")
    found = posix_path(ntpath.abspath(path), must_be_short=not literal)
    resolved = real.path.realpath(found)
    return _same_kind(("\\\\?\\" if literal else "") + windows_path(resolved), path)


_modules: list[tuple[Any, str, Any]] = []


def _forget(owner: Any, names: Any) -> None:
    for name in names:
        if hasattr(owner, name):
            _gone.append((owner, name, getattr(owner, name)))
            delattr(owner, name)


def install() -> None:
    """Make this process act Windows from now on."""
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    for name in LOADED_FIRST:
        importlib.import_module(name)
    if any(name.startswith("boltz_keyscan.") for name in sys.modules):
        raise AssertionError("the package was loaded before")
    _install_names()
    _install_files()
    _forget(os, [name for name in dir(posix) if not name.startswith("_") and name not in IN_OS])
    _forget(os, ["getenvb", "environb", "posix_spawn", "fork", "forkpty", "register_at_fork"])
    _forget(select, [name for name in dir(select) if "poll" in name.lower()])
    _forget(
        signal,
        [
            name
            for name in dir(signal)
            if (name.startswith("SIG") and name not in IN_SIGNAL | {"SIGBREAK"} and name != "Signals")
            or name
            in {"pthread_sigmask", "pthread_kill", "sigwait", "setitimer", "alarm", "pause", "siginterrupt"}
        ],
    )
    for name in NO_MODULES:
        if name in sys.modules:
            _modules.append((sys.modules, name, sys.modules[name]))
        sys.modules[name] = None  # type: ignore[assignment]
    sys.path_hooks.insert(0, _find_modules)
    sys.path_importer_cache.clear()
    ctypes.WinDLL = Kernel  # type: ignore[attr-defined]
    ctypes.get_last_error = lambda: 0  # type: ignore[attr-defined]
    subprocess.Popen = Popen  # type: ignore[misc]
    sqlite3.connect = _connect
    sys.modules["msvcrt"] = types.SimpleNamespace(  # type: ignore[assignment]
        LK_NBLCK=2,
        locking=_locking,
        get_osfhandle=int,
        open_osfhandle=lambda handle, _: handle,
        setmode=lambda *_: 0,
    )
    sys.modules["_winapi"] = types.SimpleNamespace(CreateJunction=_junction)  # type: ignore[assignment]


def _install_names() -> None:
    import fcntl  # noqa: F401, PLC0415 - kept for the lock of the act

    os.name, sys.platform = "nt", "win32"
    os.path = sys.modules["os.path"] = ntpath
    os.sep, os.altsep, os.pathsep, os.linesep, os.devnull = "\\", "/", ";", "\r\n", "nul"
    os.defpath = ".;C:\\bin"
    os.supports_dir_fd = set()
    os.supports_fd = set()
    os.supports_follow_symlinks = set()
    os.O_BINARY, os.O_NOINHERIT, os.O_TEMPORARY = O_BINARY, O_NOINHERIT, O_TEMPORARY  # type: ignore[attr-defined]
    os.fsencode = lambda path: (
        path.encode("utf-8", "surrogatepass") if isinstance(path := os.fspath(path), str) else path
    )
    os.fsdecode = lambda path: (
        path.decode("utf-8", "surrogatepass") if isinstance(path := os.fspath(path), bytes) else path
    )
    sys.getfilesystemencodeerrors = lambda: "surrogatepass"
    signal.SIGBREAK, signal.CTRL_C_EVENT = 21, 0  # type: ignore[attr-defined]
    stat.IO_REPARSE_TAG_MOUNT_POINT = MOUNT_POINT  # type: ignore[attr-defined]
    sys.executable = windows_path(sys.executable)
    was = dict(os.environ)
    os.environ.clear()
    os.environ.update({name: value for name, value in was.items() if not name.startswith(("XDG_", "HOME"))})
    if "BOLTZ_ABSENCE" not in was:
        os.environ["PATH"] = ";".join(map(windows_path, was["PATH"].split(":")))
        os.environ |= {"SYSTEMROOT": "C:\\Windows", "TEMP": windows_path(TEMP)}
        os.environ |= home_variables(was.get("HOME", "/nonexistent"))
    tempfile.tempdir = os.environ.get("TEMP")
    tempfile.TemporaryFile = _temporary_file  # type: ignore[assignment]


def home_variables(home: str) -> dict[str, str]:
    """Return the environment variables of a home folder."""
    home = windows_path(home)
    return {
        "USERPROFILE": home,
        "LOCALAPPDATA": home + "\\AppData\\Local",
        "APPDATA": home + "\\AppData\\Roaming",
    }


def _install_files() -> None:
    os.getcwd = lambda: windows_path(posix.getcwdb())
    os.getcwdb = lambda: os.fsencode(os.getcwd())
    os.open, os.stat = _open, _stat  # type: ignore[assignment]
    os.lstat = functools.partial(_stat, follow_symlinks=False)  # type: ignore[assignment]
    os.fstat = lambda descriptor: Status(posix.fstat(descriptor))  # type: ignore[assignment, return-value]
    os.scandir, os.listdir, os.readlink = Scan, _list, _readlink  # type: ignore[misc, assignment]
    os.unlink = os.remove = _unlink
    os.replace, os.rename, os.symlink, os.kill = _replace, _rename, _symlink, _kill
    os.link = lambda source, target: posix.link(posix_path(source), posix_path(target))  # type: ignore[assignment]
    for name in ("mkdir", "rmdir", "chmod", "utime", "access", "chdir", "truncate"):
        setattr(os, name, _path_only(getattr(posix, name)))
    builtins.open = io.open = _io.open = _open_file
    io.FileIO = _io.FileIO = FileIO  # type: ignore[misc]
    ntpath.realpath, ntpath.abspath = _real_path, _absolute
    ntpath.isabs = lambda path: ntpath.splitdrive(path)[1][:1] in ("\\", "/", b"\\", b"/")
    shutil._USE_CP_SENDFILE = shutil._HAS_FCOPYFILE = False  # type: ignore[attr-defined]
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    if hasattr(shutil, "_rmtree_impl"):  # From Python 3.14 on, chosen when it is imported.
        shutil._rmtree_impl = shutil._rmtree_unsafe  # type: ignore[attr-defined]
    shutil.which = None  # type: ignore[assignment]  # it looks in the working folder first


def run_all() -> None:
    """Run command lines from standard input on Windows, each in a copy of this process."""
    acted.run_copies(install, home_variables)
