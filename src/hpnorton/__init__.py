"""A rental store's inventory on the command line.

The map, from the ground up; a module imports only from those before it: `errors` (what can go
wrong, and its exit status), `suggest` (did you mean ...?), `shop` (a rental store's words),
`streams` (stdin, stdout, stderr), `settings` (settings.ini, environment, flags), `texts` (what may
be shown), `log` (loguru), `patterns` (matched in bounded time), `lexical` (the form of each type),
`keys` (the text of a key), `marks` (what spreadsheets leave in cells), `stored` (values in a
database), `fields` (a cell becomes a value), `descriptors` and `schema` (what a collection is, from
datapackage.json), `signatures` (what is no CSV), `records` (where a row ends), `rows` (text becomes
rows), `headers` (those that do not fit), `checks` (rows become records, or faults), `remotes` (what
URLs name), `files` (paths and URLs), `inputs` (the bytes of a file, also of one that grows),
`csvfile` (a file becomes chunks, a chunk becomes rows), `workers` (executors: this process, others,
or a cluster), `stores` (SQLite and MongoDB behind one protocol, and the history of changes),
`parallel` (the same work on parts of a database), `ingest` (the import), `stream` (a file as a live
feed) and `feed` (a text file that takes its rows), `catalog` (what a database's collections are),
`forms` (records typed in by hand), `inventory` (the questions), `counter` (rent, take back, edit),
`books` (the history), `audit` (its proof), `look` (what is in a file or a database that nobody has
described, and how good it is), `timing` (linear against parallel), `progress`, `widths`, `layout`,
`table` and `output` (what a person sees), `export` (the database as files), `cli` (flags). Each
package has a map of its own.

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
