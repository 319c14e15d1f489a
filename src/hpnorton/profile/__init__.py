"""What is in a file or a database that nobody has described, in tallies that merge.

Before an import: `oddities` (rows that are left out), `cardinality` and `column_types` (how many
different texts, and what they seem to be), `analysis` (what is in a CSV file). After it: `fields`
(which fields there are), `moments`, `column_quality` and `quality` (how good they are).
"""
