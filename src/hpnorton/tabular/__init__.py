"""Bytes become chunks, chunks become rows; nothing here knows a schema or a database.

From the ground up: `marks` and `keys` (characters that nobody sees, and those that spreadsheets
add), `signatures` (what a file holds that is no CSV), `urls` and `files` (paths and URLs),
`record_ends` (where a record ends), `rows` (text becomes rows), `writer` (rows become text), `open`
(the bytes of a file, also of one that grows), `chunk` (some rows of a file, by name), `reader` (a
file becomes chunks).
"""
