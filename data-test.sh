#!/bin/sh
# Makes `test` the active dataset: changes that one line of settings.ini.
exec "$(dirname "$0")/scripts/use-dataset.sh" test
