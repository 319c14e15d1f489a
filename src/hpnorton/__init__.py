"""A rental store's inventory on the command line.

The map, from the ground up; a module imports only from those before it:
`errors` (what can go wrong, and its exit status), `settings` (settings.ini, environment, flags),
`log` (loguru), `fields` (a cell becomes a value), `descriptors` and `schema` (what a collection is,
from datapackage.json), `checks` (rows become records, or faults), `files` (paths and URLs),
`inputs` (the bytes of a file, also of one that grows), `csvfile` (a file becomes chunks, a chunk
becomes rows), `workers` (executors: this process, others, or a cluster), `sketch` and `guess` (how
many different texts, and what they seem to be), `analysis` (what is in a CSV file), `stores` (SQLite and MongoDB behind one protocol), `reports` (counts that add up),
`rejects` (refused rows, to be mended), `journal` (what the database remembers of imports),
`loading` (what is done with a chunk), `secondlook` (keys that a file holds more than once),
`sources` (the files), `work` (a file as tasks), `lanes` (a file on its way), `plan` (files become
lanes, new or resumed), `ingest` (the import), `stream` (a file as a live feed), `inventory` (the questions), `progress` and `output`
(what a person sees), `cli` (flags).
"""

__version__ = "0.1.0"
