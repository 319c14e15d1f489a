"""The embedded store: one SQLite file, through the standard library's sqlite3.

From the ground up: `files` (the files of a database that is in use), `sql` (statements as text),
`read_only`, `connection`, `batches` (what an import writes), `search` (texts in a table), `scan` (a
look at all rows), `store` (the adapter).
"""
