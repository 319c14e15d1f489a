"""The rental shop: its counter, its questions and its audit. Nothing below it knows of a shop.

From the ground up: `names` (of the shop's collections and fields), `catalog` (descriptions of
collections), `foreign_values` (values that another program has stored), `assignments`
(FIELD=VALUE, as typed by a clerk), `queries` (the questions), `shop` (the collections, opened for
the counter), `rentals` (what a rental holds), `posting` (how a change is written), `counter` (rent,
take back, adjust, add, edit), `record_history` (what happened to a record), `faults`,
`stock_audit`, `rental_audit` and `audit` (stocks and rentals against the history), `export` (a
database as files).
"""
