"""The counter's flags: rent out, take back, count the stock, add and edit records."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from typing import TYPE_CHECKING

from hpnorton.cli.arguments import Act, Parser, utf8
from hpnorton.cli.show import minute, show
from hpnorton.errors import ExitStatus, StoreLostError, UsageError
from hpnorton.rental.names import DUE, PRODUCT_ID, RENTALS, RENTED_AT, RETURNED_AT, USER_ID
from hpnorton.settings import Settings

if TYPE_CHECKING:
    from hpnorton.rental.counter import RentalCounter
    from hpnorton.schema.collection import Collection
    from hpnorton.stores.base import Document

RENT, ADJUST_STOCK = "--rent", "--adjust-stock"
_MAX_DELTA_DIGITS = 9
_RENTAL = ("USER_ID", "PRODUCT_ID")
# What a clerk has room for.
_TABLE_COLUMNS = (USER_ID, "name", PRODUCT_ID, RENTED_AT, DUE, RETURNED_AT)


def add_flags(parser: Parser) -> None:
    """Adds the flags of this group."""
    group = parser.add_argument_group("counter", "Many clerks may do these at once.")
    group.add_argument(
        RENT,
        nargs=2,
        metavar=_RENTAL,
        type=utf8,
        action=Act,
        operation=_rent,
        help="rent a product to a customer",
    )
    group.add_argument(
        "--due",
        type=_day,
        metavar="YYYY-MM-DD",
        help=f"with {RENT}: until when (default: in rental_days days, see settings.ini)",
    )
    group.add_argument(
        "--return",
        nargs=2,
        metavar=_RENTAL,
        type=utf8,
        action=Act,
        operation=_give_back,
        help="take a product back from a customer",
    )
    group.add_argument(
        ADJUST_STOCK,
        nargs=2,
        metavar=("PRODUCT_ID", "DELTA"),
        type=utf8,
        action=Act,
        operation=_adjust_stock,
        help="add DELTA, such as 3 or -1, to the stock of a product",
    )
    group.add_argument("--reason", metavar="TEXT", type=utf8, help=f"with {ADJUST_STOCK}: why")
    group.add_argument(
        "--add",
        nargs="+",
        metavar=("COLLECTION", "FIELD=VALUE"),
        type=utf8,
        action=Act,
        operation=_add,
        help="add a record",
    )
    group.add_argument(
        "--edit",
        nargs="+",
        metavar=("COLLECTION", "KEY FIELD=VALUE"),
        type=utf8,
        action=Act,
        operation=_edit,
        help="change fields of a record; a KEY of several fields is written with commas",
    )


@contextmanager
def _open_counter(settings: Settings) -> Iterator["RentalCounter"]:
    """The counter of a database; what clerks have died over is finished before it is closed."""
    from hpnorton.rental.catalog import Catalog
    from hpnorton.rental.counter import RentalCounter
    from hpnorton.rental.shop import open_shop
    from hpnorton.stores import open_store

    with closing(open_store(settings.uri)) as store, store.cached_schema():
        left = store.unfinished()
        shop = open_shop(Catalog(store, settings.description_folders))
        try:
            yield RentalCounter(shop, settings.rental_days)
        except StoreLostError:
            left = []  # there is nobody to ask, and what this error says counts
            raise
        finally:
            store.finish(left)


def _rent(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    user_id, product_id = map(str.strip, arguments.values)
    with _open_counter(settings) as counter:
        rental = counter.rent(user_id, product_id, arguments.due)
    _show_rental(rental, arguments.format)
    return ExitStatus.OK


def _give_back(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    user_id, product_id = map(str.strip, arguments.values)
    with _open_counter(settings) as counter:
        rental = counter.give_back(user_id, product_id)
    _show_rental(rental, arguments.format)
    return ExitStatus.OK


def _show_rental(rental: "Document", form: str | None) -> None:
    names = [name for name in _TABLE_COLUMNS if name in rental]
    show([rental], form, as_table=[{name: minute(rental[name]) for name in names}])


def _adjust_stock(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    product_id, delta = map(str.strip, arguments.values)
    if not re.fullmatch(r"[-+]?[0-9]+", delta):
        raise UsageError(f"the DELTA {delta!r} is not a whole number such as 3 or -1")
    if len(delta.lstrip("+-0")) > _MAX_DELTA_DIGITS:
        raise UsageError(f"the DELTA {delta} is beyond {10**_MAX_DELTA_DIGITS - 1:,}, the limit")
    with _open_counter(settings) as counter:
        product = counter.adjust_stock(product_id, int(delta), arguments.reason.strip())
    show([product], arguments.format)
    return ExitStatus.OK


def _add(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.rental import assignments

    name, *texts = arguments.values
    _check_writable(name)
    if name == RENTALS:
        raise UsageError(f"a rental takes something from stock: add it with {RENT}")
    with _open_counter(settings) as counter:
        collection = counter.shop.get_collection(name)
        record = assignments.complete(collection, assignments.read_values(collection, texts))
        assignments.check_references(counter.store, collection, record)
        counter.add(collection, record)
    show([record], arguments.format)
    return ExitStatus.OK


def _edit(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.rental import assignments
    from hpnorton.stores import lookup
    from hpnorton.stores.history import RecordKey

    name, *rest = arguments.values
    if len(rest) < 2:
        raise UsageError("--edit needs COLLECTION KEY FIELD=VALUE")
    _check_writable(name)
    with _open_counter(settings) as counter:
        collection = counter.shop.get_collection(name)
        typed = assignments.read_key(collection, rest[0])
        key = lookup.meant(counter.store, collection.name, collection.key, typed)
        place = RecordKey(collection, key or typed)
        values = assignments.read_values(collection, rest[1:])
        _check_editable(collection, values)
        assignments.check_references(counter.store, collection, values)
        record = counter.edit(place, values)
    show([record], arguments.format)
    return ExitStatus.OK


def _check_writable(name: str) -> None:
    from hpnorton.stores.history import HISTORY

    if name == HISTORY.name:
        raise UsageError("the history is what has happened; nothing is added to it, or edited")


def _check_editable(collection: "Collection", values: "Document") -> None:
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


def _day(text: str) -> date:
    from hpnorton.schema import lexical

    try:
        return date.fromisoformat(lexical.day(text))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a day such as {date.today().isoformat()}"
        ) from None
