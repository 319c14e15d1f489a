#!/usr/bin/env bash
# Makes the certificates of the tests again, with openssl: for nothing else than 127.0.0.1, and
# with keys that everybody has. They are valid for a hundred years.
set -euo pipefail
cd "$(dirname "$0")"
new="openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 36500"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# Two authorities: one signs the server and the client, the other signs nobody.
$new -nodes -subj "/CN=HPNorton test authority" -addext keyUsage=critical,keyCertSign \
    -keyout "$work/ca.key" -out ca.pem
$new -nodes -subj "/CN=another authority" -addext keyUsage=critical,keyCertSign \
    -keyout "$work/other.key" -out other-ca.pem
$new -nodes -subj "/CN=127.0.0.1" -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE \
    -CA ca.pem -CAkey "$work/ca.key" -keyout "$work/server.key" -out "$work/server.crt"
cat "$work/server.key" "$work/server.crt" > server.pem

# The client's key needs a password.
$new -passout pass:geheim -subj "/CN=client" -addext basicConstraints=CA:FALSE \
    -CA ca.pem -CAkey "$work/ca.key" -keyout "$work/client.key" -out "$work/client.crt"
cat "$work/client.key" "$work/client.crt" > client.pem
