"""The command line: options to a plan, the scan, the report, the exit code.

One file per command, loaded when called. ``entry`` is the one place that catches and
prints errors and that ends the process.
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
    """Run a command line; the exit code, whatever happens."""
    try:
        from boltz_keyscan.cli import error_handler  # noqa: PLC0415 - a worker process that re-imports the script pays nothing

        code = error_handler.run_guarded(arguments)
    except KeyboardInterrupt:
        # So early that there is nothing to clean up and nobody to tell it nicely.
        code = 130
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            # The reader went away, or the disk is full and that was told: Python must not complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code
