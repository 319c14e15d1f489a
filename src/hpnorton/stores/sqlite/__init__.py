"""The embedded store: one SQLite file, through the standard library's sqlite3.

From the ground up: `sql` (statements as text), `schema` (the tables there are), `database_files`
(notices that they were removed or replaced), `read_only`, `errors`, `connection`, `tables` (created
and compared with a description), `batches` (what an import writes and looks up), `changes` (posted
with their history entries), `search` (texts in a table), `scan` (a pass over all rows), `store`
(the adapter, which has all of these).
"""
