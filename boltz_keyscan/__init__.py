"""boltz-keyscan: find, classify and trace Boltz API keys in files and git history.

``from boltz_keyscan import scan`` for scripts; ``docs/library.md`` is the guide. The names in ``__all__``
are the public API, to which versions apply.

The names are loaded at their first use: every module imported here would slow down the commit hook.
"""

# ruff: noqa: F403, F405 - ``library`` has a list of the same names, which a test compares
from boltz_keyscan._version import __version__

# Not from ``typing``, which takes longer to import than this module; type checkers know the name.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from boltz_keyscan.library import *

__all__ = [
    "ExitCode",
    "Exposure",
    "FailOn",
    "Finding",
    "Gap",
    "InternalError",
    "KeyType",
    "KeyscanError",
    "Location",
    "Mode",
    "OutputError",
    "ScanResult",
    "Severity",
    "Shape",
    "Status",
    "Suppression",
    "Tally",
    "__version__",
    "scan",
    "write_report",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name at its first use."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from boltz_keyscan import module_search  # noqa: PLC0415 - only needed for the import below

        with module_search.Guard():
            from boltz_keyscan import library  # noqa: PLC0415 - loaded at first use

        value = globals()[name] = getattr(library, name)
        return value

    def __dir__() -> list[str]:
        """Return the public names, for completion in shells."""
        return sorted(__all__)
