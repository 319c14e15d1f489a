"""Bytes of files become chunks, chunks become rows; nothing here knows a schema or a database.

From the ground up: `marks` and `keys` (characters that spreadsheets add, and invisible ones),
`signatures` (formats other than CSV), `urls` and `location` (paths and URLs), `fingerprint` (the
identity of a file's content), `record_ends` (where records end), `rows` (text becomes rows),
`writer` (rows become text), `open` (the bytes of a file, also of one that grows), `chunk`
(consecutive rows of a file), `reader` (a file becomes chunks).
"""
