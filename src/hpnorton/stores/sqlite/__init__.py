"""The embedded store: one SQLite file, through the standard library's sqlite3.

From the ground up: `sql` (statements as text), `schema` (the tables there are), `files` (of a
database in use), `read_only`, `errors`, `connection`, `tables` (created and compared with a
description), `batches` (what an import writes and looks up), `counter` (changes at the counter),
`search` (texts in a table), `scan` (a pass over all rows), `store` (the adapter, which has all of
these).
"""
