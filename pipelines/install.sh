#!/bin/sh
# Installs boltz-keyscan from the checkout this file is in, into a virtual environment of its own.
#
#   install.sh FOLDER      prints the environment's interpreter; FOLDER is made, and must not be there before
#   PYTHON=                the interpreter to use; without it the first that is new enough
#
# What it depends on is pinned by version and hash in requirements.txt; build.txt is for the build. Beyond a
# package index nothing is reached. The environment sees no package of the machine, and nothing of PYTHONPATH.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?"usage: install.sh FOLDER"}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac

# In a folder that is scanned pip would take a pip.conf, and Python its modules, for ours.
cd /
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP

python=${PYTHON:-$("$here/python.sh")}
if [ -z "$python" ]; then
    echo "error: no Python 3.11 or newer with the modules venv and ensurepip (Debian: python3-venv)" >&2
    exit 2
fi
if [ -e "$folder" ]; then
    echo "error: $folder is there already" >&2
    exit 2
fi

"$python" -I -m venv "$folder"
pip() {
    "$folder/bin/python" -I -m pip --quiet --disable-pip-version-check --no-input "$@" >&2
}
pip install --require-hashes --only-binary :all: --requirement "$here/build.txt" --requirement "$here/requirements.txt"
pip install --no-deps --no-index --no-build-isolation "$here/.."
"$folder/bin/boltz-keyscan" --version >&2
echo "$folder/bin/python"
