"""boltz-keyscan: find, classify and trace Boltz API keys in files and git history.

``from boltz_keyscan import scan`` for scripts; ``docs/library.md`` is the guide. The names in
``__all__`` are the whole of what versions of the library speak of.

The package root holds the version and nothing that costs import time: the hook pays
for every module loaded here on every commit. The names are loaded when they are asked for.
"""

__version__ = "0.1.0"

# Without ``typing``, which costs more than all of this; checkers know the name alone.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from boltz_keyscan.library import (
        ExitCode,
        Exposure,
        FailOn,
        Finding,
        Gap,
        InternalError,
        KeyscanError,
        KeyType,
        Location,
        Mode,
        OutputError,
        ScanResult,
        Severity,
        Shape,
        Status,
        Suppression,
        Tally,
        scan,
        write_report,
    )

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
        """A name of the library, at its first use."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from boltz_keyscan import module_search  # noqa: PLC0415 - only for what follows

        with module_search.Guard():
            from boltz_keyscan import library  # noqa: PLC0415 - that is what this function is for

        found = globals()[name] = getattr(library, name)
        return found

    def __dir__() -> list[str]:
        """What a shell completes."""
        return sorted(__all__)
