"""Linear against parallel, measured on the files and the machine at hand.

From the ground up: `stopwatch` and `children` (commands, measured), `figures`, `machine`, `advice`
(what to use, and why), `scratch` (databases of our own), `shorten` (files cut to fewer rows),
`phases` (where the time of an import goes), `trials` (what is run, and what comes of it),
`comparison` (the runs), `styles`, `plots` and `page` (what came out, drawn).
"""
