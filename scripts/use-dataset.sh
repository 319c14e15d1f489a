#!/bin/sh
# Usage: use-dataset.sh NAME
# Sets `dataset = NAME` in the [hpnorton] section of settings.ini and leaves every other line alone.
set -eu

name=$1
settings=$(dirname "$0")/../settings.ini
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# No `sed -i`: GNU's and BSD's differ.
LC_ALL=C sed "/^\[hpnorton\]/,/^\[[^h]/s/^dataset[[:space:]]*=.*/dataset = $name/" "$settings" >"$new"
if ! grep -q "^dataset = $name\$" "$new"; then
    echo "Error: settings.ini has no line 'dataset = ...' in its section [hpnorton]; add 'dataset = $name' there." >&2
    exit 1
fi
if ! cmp -s "$new" "$settings"; then
    # cat, not mv: the file keeps its owner, its mode and its links.
    cat "$new" >"$settings"
fi
echo "The active dataset is $name."
