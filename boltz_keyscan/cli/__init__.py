"""The command line: options, scan, report, exit code.

Each command is a module that is imported when it is called. ``entry`` ends the process.
"""

# No "from __future__": that is a module too, and could come from the folder that is scanned.
import os
import sys

from boltz_keyscan import module_search


def entry() -> None:
    """Run as the console script."""
    module_search.restrict()
    sys.exit(main(sys.argv[1:]))


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
