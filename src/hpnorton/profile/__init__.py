"""Profiles of files and databases, which are merged from profiles of their parts.

Before an import: `questions` (what --analyze asks), `ignored_rows`, `cardinality` (distinct texts),
`column_types` (inferred types), `file_profile` (columns, years, counts), `analysis` (a file, by
several processes). After it: `fields` (which fields there are), `moments`, `column_quality`,
`quality_facts` and `quality` (how far records are from their description).
"""
