"""The import: files become lanes of chunks, chunks become counts that add up.

From the ground up: `reports` (counts that add up), `outage` (a server that is lost for a while),
`targets` (collections that files are probably meant for), `sources` (the files), `rejects` (refused
rows, to be mended), `journal` (what the database remembers of imports), `restock` (imports that
change a stock), `blocks` (checked rows, some at a time), `loading` (what is done with a chunk),
`secondlook` (keys that a file holds more than once), `work` (a file as tasks), `lanes` (a file on
its way), `order` (which file comes next), `plan` (files become lanes, new or resumed), `run` (the
lanes, worked off linearly or in parallel).
"""
