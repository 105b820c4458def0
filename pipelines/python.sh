#!/bin/sh
# Prints a Python that boltz-keyscan runs on, or nothing: from PATH, or where GitHub's runners keep theirs.
set -u

# Does it run at all (a shim may not), is it new enough, and can it make environments?
usable() {
    "$1" -I -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

for version in 3.14 3.13 3.12 3.11; do
    for python in "python$version" "${RUNNER_TOOL_CACHE:-/nowhere}/Python/$version".*/*/bin/python; do
        if usable "$python"; then
            command -v "$python"
            exit 0
        fi
    done
done
for python in python3 python; do
    if usable "$python"; then
        command -v "$python"
        exit 0
    fi
done
