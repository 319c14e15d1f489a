"""A rental store's inventory on the command line.

The map, from the ground up; imports point downward only. Beside the packages are `lazy` (imports
at first use), `errors` (what can go wrong, and its exit status), `settings` (settings.ini,
environment, flags), `files` (atomic replacement, temporary files), `sanitize` (what may be shown),
`log` (messages on stderr), `interrupts` (Ctrl+C) and `workers` (executors: this process, others, or
a cluster).

- `tabular`: bytes become chunks, chunks become rows.
- `schema`: what a record is, and how rows are validated.
- `stores`: SQLite and MongoDB behind one protocol, the history of changes, the journal of imports.
- `parallel`: the same work on many parts of a database.
- `importer`: files become counts that add up.
- `profile`: what is in a file or a database without a description.
- `compare`: linear against parallel, measured.
- `rental`: the shop: counter, questions, audit, and the export of a database.
- `cli`: flags.

Each package has a map of its own.

`parallel_map` is for programs of your own; docs/library.md has an example.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpnorton.parallel import parallel_map

__all__ = ["__version__", "parallel_map"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import parallel_map when it is first used, so that the package itself imports nothing."""
    if name == "parallel_map":
        # pylint: disable-next=import-outside-toplevel # a lazy import too would import hpnorton.lazy
        from hpnorton.parallel import parallel_map as found

        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
