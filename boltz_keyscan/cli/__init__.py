"""The command line: options, scan, report, exit code.

Each command is a module that is imported when it is called. ``entry`` ends the process.
"""

# No "from __future__": that is a module too, and could come from the folder that is scanned.
import atexit
import gc
import os
import sys

from boltz_keyscan import module_search

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""New objects after which Python looks for garbage. Modules make as many, and all of them stay."""


def entry() -> None:
    """Run as the console script, and end the process."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    module_search.restrict()
    code = main(sys.argv[1:])
    # Taking all modules apart takes a tenth of a small scan: the system does it at once.
    atexit._run_exitfuncs()  # noqa: SLF001 - what ``sys.exit`` runs at the end
    os._exit(code)


def main(arguments: "list[str]") -> int:
    """Run a command line and return its exit code, whatever happens."""
    try:
        from boltz_keyscan.cli import error_handler  # noqa: PLC0415 - a worker process that re-imports the script pays nothing

        code = error_handler.run_guarded(arguments)
    except KeyboardInterrupt:
        # Before the error handler was loaded: there is nothing to clean up.
        code = 130
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            # Closed pipe, or a full disk that was reported: keep Python from printing another error at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code
