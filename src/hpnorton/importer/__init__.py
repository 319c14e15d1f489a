"""The import: files become lanes of chunks, chunks become counts that add up.

From the ground up: `report` (counts that add up), `retry` (a server that is lost for a while),
`targets` (collections that files are probably meant for), `sources` (the files), `rejects`
(rejected rows, to be fixed), `stock_updates` (imports that change a stock), `blocks` (checked rows,
some at a time), `load` (what is done with a chunk), `duplicates` (keys that a file holds more than
once), `work` (a file as tasks), `lanes` (a file on its way), `order` (which file comes next),
`plan` (files become lanes, new or resumed), `runner` (the lanes, worked off linearly or in
parallel), `feed` and `stream` (a file as a live feed).
"""
