"""The rental shop: its counter, its questions and its audit.

From the ground up: `catalog` (what a database's collections are), `assignments` (FIELD=VALUE, as
typed by hand), `queries` (the questions), `counter` (rent, take back, adjust, edit),
`record_history` (what happened to a record), `audit` (the proof that stocks and history agree).
"""
