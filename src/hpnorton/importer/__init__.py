"""The import: files become chunks, chunks become counts that add up.

From the ground up: `phases` (where the time goes), `report`, `retry` (a server that is lost for a
while), `targets` (collections that files are probably meant for), `sources` (the files), `rejects`
(rejected rows), `stock_updates` (imports that change a stock), `bitmap` (a set of rows), `options`,
`blocks` (checked rows), `chunk_result` and `load` (what is done with a chunk), `executors` and
their tasks, `duplicates` (keys that a file holds more than once), `file_import` (the state of one
file's import), `stages` (its tasks), `order` (which file comes next), `totals`, `plan` (files
become imports, new or resumed), `runner` (the loop), `feed` and `stream` (a file as a live feed).
"""
