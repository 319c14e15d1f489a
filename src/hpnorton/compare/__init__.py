"""Linear against parallel imports, measured on the user's files and machine.

From the ground up: `stopwatch` and `children` (commands, measured), `stats`, `machine`, `advice`
(what to use, and why), `scratch` (temporary databases), `shorten` (files cut to fewer rows),
`phases` (where the time of an import goes), `results` (variants, samples and their measurements),
`comparison` (the runs), `styles`, `painters`, `plots` and `page` (the report).
"""
