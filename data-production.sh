#!/bin/sh
# Makes `production` the active dataset: changes that one line of settings.ini.
exec "$(dirname "$0")/scripts/use-dataset.sh" production
