"""Scan every repository below some folders, and print one line for each.

    python examples/many_repositories.py ~/projects /srv/mirrors --reports reports

With ``--reports`` a folder gets a JSON report of each repository. The exit code is 1 when a
key fails the scan of any of them, 3 when one could not be seen whole, and 0 otherwise.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from boltz_keyscan import ExitCode, KeyscanError, ScanResult, scan, write_report


def repositories(folder: Path) -> Iterator[Path]:
    """The outermost repositories in a folder; those inside of them are scanned with them."""
    for path, folders, names in os.walk(folder):
        bare = "HEAD" in names and {"objects", "refs"} <= set(folders)
        if ".git" in (*folders, *names) or bare:
            folders.clear()
            yield Path(path)
        folders.sort()


def row(repository: Path, result: ScanResult) -> str:
    """One line: what is wrong, how many keys of which kind, and where it is worst."""
    blocking = sum(finding.blocking for finding in result.findings)
    gaps = sum(not gap.by_design for gap in result.gaps)
    worst = result.keys[0] if result.keys else None
    place = f"{worst.severity}: {worst.locations[0].path}" if worst else "-"
    return f"{blocking:8} {len(result.keys):5} {gaps:5} {result.tally.commits:8}  {repository}  {place}"


def main() -> int:
    """Scan, print, and say how it went."""
    parser = argparse.ArgumentParser(description="Scan every repository below some folders.")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--reports", type=Path, help="a folder for a JSON report of each")
    arguments = parser.parse_args()
    if arguments.reports:
        arguments.reports.mkdir(parents=True, exist_ok=True)
    found = [repository for folder in arguments.folders for repository in repositories(folder)]
    if not found:
        parser.error("there is no repository in these folders")
    codes = []
    print("BLOCKING  KEYS  GAPS  COMMITS  REPOSITORY  WORST KEY")
    for number, repository in enumerate(found):
        try:
            result = scan(repository)
        except KeyscanError as error:
            codes.append(ExitCode.INCOMPLETE)
            print(f"{'?':>8} {'?':>5} {'?':>5} {'?':>8}  {repository}  {error.message}")
            continue
        codes.append(ExitCode(result.exit_code))
        print(row(repository, result))
        if arguments.reports:
            write_report(result, "json", arguments.reports / f"{number:04}-{repository.name}.json")
    # A key outweighs what was not seen.
    return next((code for code in (ExitCode.BLOCKING, ExitCode.INCOMPLETE) if code in codes), ExitCode.CLEAN)


if __name__ == "__main__":
    sys.exit(main())
