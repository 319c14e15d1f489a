"""A rental store's inventory on the command line.

The map, from the ground up; a module imports only from those before it:
`errors` (what can go wrong, and its exit status), `shop` (a rental store's words), `settings`
(settings.ini, environment, flags), `log` (loguru), `fields` (a cell becomes a value), `descriptors`
and `schema` (what a collection is, from datapackage.json), `checks` (rows become records, or
faults), `files` (paths and URLs), `inputs` (the bytes of a file, also of one that grows), `csvfile`
(a file becomes chunks, a chunk becomes rows), `workers` (executors: this process, others, or a
cluster), `stores` (SQLite and MongoDB behind one protocol, and the history of changes), `reports`
(counts that add up), `rejects` (refused rows, to be mended), `journal` (what the database remembers
of imports), `restock` (imports that change a stock), `loading` (what is done with a chunk),
`secondlook` (keys that a file holds more than once), `sources` (the files), `work` (a file as
tasks), `lanes` (a file on its way), `plan` (files become lanes, new or resumed), `ingest` (the
import), `stream` (a file as a live feed), `inventory` (the questions), `catalog` (what a database's
collections are), `forms` (records typed in by hand), `counter` (rent, take back, edit), `books`
(history and proof), `progress` and `output` (what a person sees), `export` (the database as files),
`cli` (flags).

What looks at all of a file or a database stands beside that. Before an import: `sketch` and `guess`
(how many different texts, and what they seem to be), `analysis` (what is in a CSV file). After it:
`parallel` (the same work on parts of a database), `crawl` (which fields there are), `moments`,
`columns` and `quality` (how good they are).

What compares linear with parallel, too: `stopwatch` and `children` (commands, measured), `figures`,
`machine`, `advice` (what to use, and why), `scratch` (databases of our own), `shorten` (files cut
to fewer rows), `phases` (where the time of an import goes), `trials` and `timing` (the runs),
`looks`, `plots` and `page` (what came out, drawn).

`parallel_map` is for programs of your own; the README has an example.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpnorton.parallel import parallel_map

__all__ = ["__version__", "parallel_map"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """parallel_map, when it is used: to read the version imports nothing else."""
    if name == "parallel_map":
        # pylint: disable-next=import-outside-toplevel # the docstring says why
        from hpnorton.parallel import parallel_map as found

        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
