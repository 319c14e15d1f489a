"""Linear against parallel imports, measured on the user's files and machine.

From the ground up: `variants` (what is measured: variants of an import, samples of the files),
`stopwatch` and `children` (commands, measured), `stats`, `machine`, `advice` (what to use, and
why), `scratch` (temporary databases), `shorten` (files cut to fewer rows), `phases` (where the time
of an import goes), `results` (the measurements), `comparison` (the runs), `styles`, `painters`,
`plots` and `page` (the report).
"""
