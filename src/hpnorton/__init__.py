"""A rental store's inventory on the command line.

The map, from the ground up; a module imports only from those before it:
`errors` (what can go wrong, and its exit status), `settings` (settings.ini, environment, flags),
`log` (loguru), `fields` (a cell becomes a value), `descriptors` and `schema` (what a collection is,
from datapackage.json), `checks` (rows become records, or faults), `csvfile` (a file becomes chunks,
a chunk becomes rows), `workers` (executors: this process, or others), `stores` (SQLite and MongoDB
behind one protocol), `reports` (counts that add up), `loading` (one chunk), `sources` (the files),
`ingest` (the import), `inventory` (the questions), `progress` and `output` (what a person sees),
`cli` (flags).
"""

__version__ = "0.1.0"
