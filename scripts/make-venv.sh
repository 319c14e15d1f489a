#!/bin/sh
# Usage: make-venv.sh PYTHON FOLDER
# Makes a virtual environment with pip in it, or says what is missing for that.
set -eu

python=$1
folder=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Error: $python is not Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    # Debian keeps what `python3 -m venv` needs in a package of its own.
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing python$version-venv, which Debian's Python lacks ..." >&2
        apt-get update -qq
        apt-get install -y -qq "python$version-venv" >/dev/null
    else
        echo "Error: $python cannot make virtual environments." \
            "On Debian or Ubuntu: sudo apt-get install python$version-venv, then try again." >&2
        exit 1
    fi
fi
"$python" -m venv "$folder"
