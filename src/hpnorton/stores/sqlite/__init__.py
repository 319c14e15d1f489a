"""The embedded store: one SQLite file, through the standard library's sqlite3.

From the ground up: `sql` (statements as text), `files` (the files of a database in use),
`read_only`, `errors`, `schema` (which tables there are), `connection`, `tables` (how they are
made), `batches` (what an import writes and looks up), `counter` (changes at the counter), `search`
(texts in a table), `scan` (a pass over all rows), `store` (the adapter, which has all of these).
"""
