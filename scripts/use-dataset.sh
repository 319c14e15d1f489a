#!/bin/sh
# Usage: use-dataset.sh NAME
# Sets `dataset = NAME` in the [hpnorton] section of settings.ini and leaves every other line alone.
set -eu

name=$1
settings=$(dirname "$0")/../settings.ini
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# awk, because GNU's and BSD's `sed -i` differ. The first line may begin with a UTF-8 BOM, lines may
# end as on Windows, and the last one not at all.
if ! LC_ALL=C awk -v name="$name" '
    NR > 1 { printf "\n" }
    { text = $0; if (NR == 1) sub(/^\357\273\277/, "", text) }
    text ~ /^\[/ { here = (text ~ /^\[hpnorton\]/) }
    here && !done && text ~ /^dataset[ \t]*[=:]/ {
        printf "dataset = %s%s", name, (text ~ /\r$/ ? "\r" : "")
        done = 1
        next
    }
    { printf "%s", $0 }
    END { exit !done }
' "$settings" >"$new"; then
    echo "Error: settings.ini has no line 'dataset = ...' in its section [hpnorton];" \
        "add 'dataset = $name' there." >&2
    exit 1
fi
if [ -z "$(tail -c 1 "$settings")" ]; then
    echo >>"$new"
fi
if ! cmp -s "$new" "$settings"; then
    # cat, not mv: the file keeps its owner, its mode and its links.
    cat "$new" >"$settings"
fi
echo "The active dataset is $name."
