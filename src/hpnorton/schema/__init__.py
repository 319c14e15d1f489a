"""What a record is: fields, collections, and how rows are validated against them.

From the ground up: `lexical` (the form of each type), `patterns` (matched in bounded time),
`stored` (values as databases hold them), `field` (a cell becomes a value), `descriptors` (a field
from its entry in a data package), `collection` (collections, from datapackage.json), `headers`
(headers that do not fit), `remarks` (cells that deserve a look), `validate` (rows become records,
or faults).
"""
