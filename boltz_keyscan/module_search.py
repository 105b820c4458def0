"""Module search without the working folder and without scanned folders.

A scanned folder can contain a file for every module that is imported during the scan, and Python looks
there when '' or the folder itself is on ``sys.path``: with ``python -m``, in a notebook, with a relative
``PYTHONPATH``. The processes of this program drop such entries at their start (``restrict``). A process
that uses the library keeps its ``sys.path``, and only the imports of the scanning thread are restricted
(``Guard``).

Boundary: this module imports nothing that Python has not loaded at its start, not even ``__future__``: it
could come from such a folder.
"""

import _frozen_importlib_external
import _thread
import os
import sys

# Not from ``typing``, which Python does not load at its start.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""Folder that this package was loaded from."""


class _Current(_thread._local):  # noqa: SLF001 - ``threading``, which re-exports it, is not loaded yet
    """Scanned folders of this thread, and the state of its guard."""

    scanned: "tuple[str, ...]" = ()
    guarded: bool = False


_current = _Current()


def restrict(scanned: "Iterable[str]" = ()) -> None:
    """Restrict all imports of this process to trusted folders.

    Args:
        scanned: scanned paths, besides the working folder.
    """
    _current.scanned = tuple(scanned)
    sys.path[:] = trusted_folders()
    if sys.pycache_prefix is not None and _overlaps(_real(sys.pycache_prefix), _untrusted_folders()):
        # Python runs the compiled modules in this folder.
        sys.pycache_prefix = None


def trusted_folders() -> "list[str]":
    """Return the entries of ``sys.path`` outside of the working folder and the scanned paths.

    An entry that overlaps with those is kept only when it belongs to the installation of Python, or when
    this program was loaded from it; then it comes last.
    """
    untrusted, installed = _untrusted_folders(), _installed_folders()
    first, last = [], []
    for entry in sys.path:
        if not isinstance(entry, str) or not os.path.isabs(entry):
            continue
        real = _real(entry)
        if not _overlaps(real, untrusted) or any(_is_within(real, folder) for folder in installed):
            first.append(entry)
        elif real == _real(HOME):
            last.append(entry)
    return first + last


class Guard:
    """Context in which the imports of the current thread come from trusted folders only.

    Other threads and ``sys.path`` are not affected.

    Args:
        scanned: scanned paths, besides the working folder.
    """

    def __init__(self, scanned: "Iterable[str]" = ()) -> None:
        self._scanned = tuple(scanned)

    def __enter__(self) -> None:
        """Restrict imports."""
        _FINDER.open()
        self._before = _current.scanned, _current.guarded
        _current.scanned, _current.guarded = (*_current.scanned, *self._scanned), True

    def __exit__(self, *_: object) -> None:
        """Restore imports."""
        _current.scanned, _current.guarded = self._before
        _FINDER.close()


def carry_guard(function: "Callable[P, T]") -> "Callable[P, T]":
    """Wrap a function for another thread, so that it runs under the guard of this one."""
    scanned, guarded = _current.scanned, _current.guarded

    def run(*arguments: "P.args", **options: "P.kwargs") -> "T":
        if not guarded:
            return function(*arguments, **options)
        with Guard(scanned):
            return function(*arguments, **options)

    return run


class _Finder:
    """Finder for threads under a guard, the first in ``sys.meta_path``."""

    def __init__(self) -> None:
        self._guards = 0
        self._lock = _thread.allocate_lock()
        self._folders: tuple[object, list[str]] = (None, [])

    def open(self) -> None:
        """Insert the finder."""
        with self._lock:
            self._guards += 1
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)

    def close(self) -> None:
        """Remove the finder, unless another thread is under a guard."""
        with self._lock:
            self._guards -= 1
            if not self._guards:
                # A new list: another thread may be iterating over the old one, and would skip a finder.
                sys.meta_path = [finder for finder in sys.meta_path if finder is not self]

    def find_spec(
        self,
        name: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """Return the spec of a top-level module in a trusted folder; None for submodules.

        Raises:
            ModuleNotFoundError: no trusted folder has it; other finders must not search on.
        """
        if path is not None or not _current.guarded:
            return None
        by_path = _frozen_importlib_external.PathFinder
        others = [finder for finder in sys.meta_path if finder is not self and finder is not by_path]
        for finder in others:
            # Editable installs, built-in and frozen modules.
            spec = finder.find_spec(name, None, target)
            if spec is not None and _is_trusted(spec.origin):
                return spec
        if (spec := by_path.find_spec(name, self._trusted_folders(), target)) is not None:
            return spec
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def _trusted_folders(self) -> "list[str]":
        """Return the trusted folders, cached until their inputs change."""
        state = (tuple(sys.path), _real(os.curdir), _current.scanned)
        cached_state, folders = self._folders
        if cached_state != state:
            folders = trusted_folders()
            self._folders = (state, folders)
        return folders


_FINDER = _Finder()


def _is_trusted(origin: "str | None") -> bool:
    """Return True if a module of another finder is outside of the scanned paths, or installed."""
    if origin is None or not os.path.isabs(origin):
        return True
    real = _real(origin)
    inside = [folder for folder in _untrusted_folders() if _is_within(real, folder)]
    return not inside or any(_is_within(real, folder) for folder in (*_installed_folders(), _real(HOME)))


def _untrusted_folders() -> "list[str]":
    # "/" as the working folder would distrust everything; it counts only when it is scanned.
    working_folder = [folder for folder in (_real(os.curdir),) if folder != os.sep]
    return working_folder + [_real(folder) for folder in _current.scanned]


def _installed_folders() -> "list[str]":
    """Return the folders of Python itself, of its packages and of the user's packages."""
    library = os.path.dirname(os.path.abspath(os.__file__))
    zipped = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    folders = [library, os.path.join(os.path.dirname(library), zipped)]
    # Not loaded with -S.
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
        # The working folder was deleted, so it contains no module.
        return os.path.join(os.sep, "nowhere")
