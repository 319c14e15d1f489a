"""What a record is: fields, collections, and how rows are validated against them.

From the ground up: `lexical` (the text forms of values), `patterns` (matched in bounded time),
`stored` (values as databases hold them), `types` (text becomes a value), `field` (a column and its
constraints), `descriptors` (a field and its entry in a data package), `collection` (fields and
keys), `datapackage` (collections read from datapackage.json), `headers` (messages about headers),
`layout` (a header matched with a collection), `remarks` (warnings about cells), `validate` (rows
become records, or are rejected).
"""
