"""A look at all of a file or a database, in tallies that merge.

Before an import: `oddities` (rows that are left out), `sketch` and `guess` (how many different
texts, and what they seem to be), `analysis` (what is in a CSV file). After it: `crawl` (which
fields there are), `moments`, `columns` and `quality` (how good they are).
"""
