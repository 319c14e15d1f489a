"""What a record is: fields, collections, and how rows are validated against them.

From the ground up: `lexical` (the text forms of each type), `patterns` (matched in bounded time),
`stored` (values as databases hold them), `field` (a cell becomes a value), `descriptors` (a field
and its entry in a data package), `collection` (fields and keys), `datapackage` (collections read
from datapackage.json), `headers` (messages about headers that do not fit), `remarks` (warnings
about cells), `validate` (rows become records, or are rejected with a reason).
"""
