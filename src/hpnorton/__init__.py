"""A rental store's inventory on the command line.

The map, from the ground up; a module imports only from those before it:
`errors` (what can go wrong, and its exit status), `settings` (settings.ini, environment, flags),
`log` (loguru), `fields` (a cell becomes a value), `descriptors` and `schema` (what a collection is,
from datapackage.json), `checks` (rows become records, or faults), `files` (paths and URLs),
`csvfile` (a file becomes chunks, a chunk becomes rows), `workers` (executors: this process, others,
or a cluster), `stores` (SQLite and MongoDB behind one protocol), `parallel` (the same work on parts
of a database), `reports` (counts that add up),
`rejects` (refused rows, to be mended), `journal` (what the database remembers of imports),
`loading` (what is done with a chunk), `secondlook` (keys that a file holds more than once),
`sources` (the files), `work` (a file as tasks), `lanes` (a file on its way), `plan` (files become
lanes, new or resumed), `ingest` (the import), `inventory` (the questions), `crawl` (which fields
there are), `quality` (how good they are), `progress` and `output` (what a person sees), `cli`
(flags).

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
