"""The folders that modules are taken from: never the working folder, never what is scanned.

A folder that is scanned can hold a file for every module that is imported while it is scanned.
Python looks there whenever '' or the folder itself is on ``sys.path``: with ``python -m``, in a
notebook, with a relative ``PYTHONPATH``. So a process of ours drops such entries when it begins
(``restrict``). A process of somebody else's keeps its ``sys.path``, and only imports that a thread
makes on our behalf are looked for elsewhere (``Guard``).

Boundary: names of folders and one finder. Nothing may be imported here that Python has not loaded
when it starts, ``__future__`` included: it could come from such a folder.
"""

import _frozen_importlib_external
import _thread
import os
import sys

# Without ``typing``, which Python does not load when it starts.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder that this package was loaded from."""


class _Current(_thread._local):  # noqa: SLF001 - ``threading``, which has it under its name, is not loaded yet
    """What this thread scans, and whether its imports are redirected."""

    scanned: "tuple[str, ...]" = ()
    guarded: bool = False


_current = _Current()


def restrict(scanned: "Iterable[str]" = ()) -> None:
    """Take modules of this whole process from trusted folders only, from now on.

    Args:
        scanned: what is scanned, beside the working folder.
    """
    _current.scanned = tuple(scanned)
    sys.path[:] = trusted_folders()
    if sys.pycache_prefix is not None and _overlaps(_real(sys.pycache_prefix), _untrusted()):
        # Compiled modules are believed as modules are.
        sys.pycache_prefix = None


def trusted_folders() -> "list[str]":
    """Return the entries of ``sys.path`` that nothing scanned by this thread can put a module into.

    An entry inside, around or equal to the working folder or to what is scanned counts only when it
    belongs to Python's own installation, or when this program was loaded from it; then it comes last.
    """
    untrusted, installed = _untrusted(), _installed()
    before, last = [], []
    for entry in sys.path:
        if not isinstance(entry, str) or not os.path.isabs(entry):
            continue
        real = _real(entry)
        if not _overlaps(real, untrusted) or any(_is_within(real, folder) for folder in installed):
            before.append(entry)
        elif real == _real(HOME):
            last.append(entry)
    return before + last


class Guard:
    """Imports of the current thread come from trusted folders while this context is open.

    Other threads import as ever, also meanwhile, and ``sys.path`` is not touched.

    Args:
        scanned: what is scanned, beside the working folder.
    """

    def __init__(self, scanned: "Iterable[str]" = ()) -> None:
        self._scanned = tuple(scanned)

    def __enter__(self) -> None:
        """Redirect imports."""
        _FINDER.open()
        self._before = _current.scanned, _current.guarded
        _current.scanned, _current.guarded = (*_current.scanned, *self._scanned), True

    def __exit__(self, *_: object) -> None:
        """Leave imports alone again."""
        _current.scanned, _current.guarded = self._before
        _FINDER.close()


def carried(function: "Callable[P, T]") -> "Callable[P, T]":
    """Return a function that runs in another thread under the guard of this one, if there is one."""
    scanned, guarded = _current.scanned, _current.guarded

    def run(*arguments: "P.args", **options: "P.kwargs") -> "T":
        if not guarded:
            return function(*arguments, **options)
        with Guard(scanned):
            return function(*arguments, **options)

    return run


class _Finder:
    """Finds modules for threads under a guard, and is asked before all other finders."""

    def __init__(self) -> None:
        self._guards = 0
        self._lock = _thread.allocate_lock()
        self._folders: tuple[object, list[str]] = (None, [])

    def open(self) -> None:
        """Begin to be asked."""
        with self._lock:
            self._guards += 1
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)

    def close(self) -> None:
        """Stop being asked, when no other thread is under a guard."""
        with self._lock:
            self._guards -= 1
            if not self._guards:
                # A new list: another thread may be going through the old one, and would skip a finder.
                sys.meta_path = [finder for finder in sys.meta_path if finder is not self]

    def find_spec(
        self,
        name: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """Return the module of this name; parts of a package are where the package is.

        Raises:
            ModuleNotFoundError: no trusted folder has it, and no other finder may be asked.
        """
        if path is not None or not _current.guarded:
            return None
        by_path = _frozen_importlib_external.PathFinder
        others = [finder for finder in sys.meta_path if finder is not self and finder is not by_path]
        for finder in others:
            # Editable installs, and what is compiled into Python.
            spec = finder.find_spec(name, None, target)
            if spec is not None and _is_trusted(spec.origin):
                return spec
        if (found := by_path.find_spec(name, self._trusted(), target)) is not None:
            return found
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def _trusted(self) -> "list[str]":
        """Return the trusted folders, worked out again when something has changed."""
        state = (tuple(sys.path), _real(os.curdir), _current.scanned)
        known, folders = self._folders
        if known != state:
            folders = trusted_folders()
            self._folders = (state, folders)
        return folders


_FINDER = _Finder()


def _is_trusted(origin: "str | None") -> bool:
    """Return whether a module that another finder found lies outside of what is scanned."""
    if origin is None or not os.path.isabs(origin):
        return True
    real = _real(origin)
    inside = [folder for folder in _untrusted() if _is_within(real, folder)]
    return not inside or any(_is_within(real, folder) for folder in (*_installed(), _real(HOME)))


def _untrusted() -> "list[str]":
    # The root of the file system is nobody's tree, unless it is what is scanned.
    here = [folder for folder in (_real(os.curdir),) if folder != os.sep]
    return here + [_real(folder) for folder in _current.scanned]


def _installed() -> "list[str]":
    """Return the folders of Python itself, of its packages and of the user's packages."""
    library = os.path.dirname(os.path.abspath(os.__file__))
    zipped = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    folders = [library, os.path.join(os.path.dirname(library), zipped)]
    # Not there with -S.
    site = sys.modules.get("site")
    if site is not None:
        folders += site.getsitepackages()
        folders += [site.USER_SITE] if site.ENABLE_USER_SITE and site.USER_SITE else []
    return [_real(folder) for folder in folders if os.path.isabs(folder)]


def _overlaps(path: str, folders: "Iterable[str]") -> bool:
    return any(_is_within(path, folder) or _is_within(folder, path) for folder in folders)


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        # The working folder is gone: nothing can be looked for there.
        return os.path.join(os.sep, "nowhere")
