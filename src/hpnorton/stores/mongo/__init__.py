"""The MongoDB store, through pymongo.

From the ground up: `bson_schema` (the fields of
BSON documents), `ranges` (of `_id`), `connection`, `documents` (records as documents), `batches`
(what an import writes), `scan` (a look at all documents), `counter` (changes at the counter),
`store` (the adapter).
"""
