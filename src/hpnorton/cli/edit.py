"""--edit: change fields of a record."""

from __future__ import annotations

import argparse

from hpnorton.cli.adjust_stock import ADJUST_STOCK
from hpnorton.cli.arguments import CommandFlag, Parser, utf8
from hpnorton.cli.counter import check_writable, group, open_counter
from hpnorton.cli.output import show
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.lazy import lazy_imports
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton.rental import assignments
    from hpnorton.schema import collection as schema
    from hpnorton.stores import base, history, lookup


def add_flags(parser: Parser) -> None:
    """Add --edit."""
    group(parser).add_argument(
        "--edit",
        nargs="+",
        metavar=("COLLECTION", "KEY FIELD=VALUE"),
        type=utf8,
        action=CommandFlag,
        run=_run,
        help="change fields of a record; separate the values of a KEY of several fields by commas",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    name, *rest = arguments.values
    if len(rest) < 2:
        raise UsageError("--edit needs COLLECTION KEY FIELD=VALUE")
    check_writable(name)
    with open_counter(settings) as counter:
        collection = counter.shop.get_collection(name)
        typed = assignments.read_key(collection, rest[0])
        key = lookup.find_key(counter.store, collection.name, collection.key, typed)
        values = assignments.read_values(collection, rest[1:])
        _check_editable(collection, values)
        assignments.check_references(counter.store, collection, values)
        record = counter.edit(history.RecordKey(collection, key or typed), values)
    show([record], arguments.format)
    return ExitStatus.OK


def _check_editable(collection: schema.Collection, values: base.Document) -> None:
    for name in values:
        if name in collection.key:
            raise UsageError(
                f"{name} is the key of {collection.name}, by which others refer to it; it cannot "
                "be changed: add another record"
            )
        if name == collection.stock:
            raise UsageError(
                f"the stock is counted, not edited: {ADJUST_STOCK} PRODUCT_ID DELTA --reason TEXT"
            )
