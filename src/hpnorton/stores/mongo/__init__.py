"""The MongoDB store, through pymongo.

From the ground up: `field_counter` (the fields of BSON documents), `errors`, `connection`, `ranges`
(of `_id`), `documents` (records as documents), `batches` (what an import writes and looks up),
`steps` (a change as repeatable steps), `changes` (posted with their history entries), `collections`
(created and compared with a description), `scan` (a pass over all documents), `store` (the adapter,
which has all of these).
"""
