"""What --fields and --quality share."""

import argparse
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from hpnorton.cli.arguments import CommandFlag, Parser, Run, utf8
from hpnorton.lazy import lazy_imports
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton import stores

Record = dict[str, Any]


def add_command(parser: Parser, flag: str, run: Run, takes: Collection[str], about: str) -> None:
    """Add the flag of a command that takes names of collections; `about` is its help."""
    parser.group(
        "profile", "Without COLLECTION all collections of the database are read."
    ).add_argument(
        flag,
        nargs="*",
        metavar="COLLECTION",
        type=utf8,
        action=CommandFlag,
        run=run,
        takes=takes,
        help=about,
    )


def warm_up(module: str, arguments: argparse.Namespace, settings: Settings) -> None:
    """Start the server of worker processes early, if workers are asked for."""
    if arguments.workers not in (None, 1):
        stores.warm_up_workers(settings.uri, module)


def records_for_table(
    records: Iterable[Record],
    hidden: Collection[str],
    heads: Mapping[str, str] | None = None,
) -> Iterator[Record]:
    """Yield the records without the fields `hidden`, and with other names for those in `heads`."""
    names = heads or {}
    for record in records:
        yield {names.get(name, name): v for name, v in record.items() if name not in hidden}
