"""--add: add a record."""

import argparse

from hpnorton.cli.arguments import CommandFlag, Parser, utf8
from hpnorton.cli.counter import check_writable, group, open_counter
from hpnorton.cli.output import show
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.lazy import lazy_imports
from hpnorton.rental.names import RENTALS
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton.rental import assignments


def add_flags(parser: Parser) -> None:
    """Add --add."""
    group(parser).add_argument(
        "--add",
        nargs="+",
        metavar=("COLLECTION", "FIELD=VALUE"),
        type=utf8,
        action=CommandFlag,
        run=_run,
        help="add a record",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    name, *texts = arguments.values
    check_writable(name)
    if name == RENTALS:
        raise UsageError("a rental takes something from stock: add it with --rent")
    with open_counter(settings) as counter:
        collection = counter.shop.get_collection(name)
        record = assignments.complete(collection, assignments.read_values(collection, texts))
        assignments.check_references(counter.store, collection, record)
        counter.add(collection, record)
    show([record], arguments.format)
    return ExitStatus.OK
