"""What the commands of the counter share: --rent, --return, --adjust-stock, --add and --edit."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager

from hpnorton.cli.arguments import Parser
from hpnorton.cli.output import show, to_the_minute
from hpnorton.errors import StoreLostError, UsageError
from hpnorton.lazy import lazy_imports
from hpnorton.rental.names import DUE, PRODUCT_ID, RENTED_AT, RETURNED_AT, USER_ID
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton import stores
    from hpnorton.rental import catalog, counter, shop
    from hpnorton.stores import base, history

RENTAL = ("USER_ID", "PRODUCT_ID")
# A rental in a table, as far as a clerk needs it.
_COLUMNS = (USER_ID, "name", PRODUCT_ID, RENTED_AT, DUE, RETURNED_AT)


def group(parser: Parser) -> argparse._ArgumentGroup:
    """Return the group of these commands."""
    return parser.group("counter", "Several clerks may use these commands at once.")


@contextmanager
def open_counter(settings: Settings) -> Iterator[counter.RentalCounter]:
    """Open the counter of a database; at the end finish what clerks who died left unfinished."""
    with closing(stores.open_store(settings.uri)) as store, store.cached_schema():
        unfinished = store.unfinished()
        opened = shop.open_shop(catalog.Catalog(store, settings.description_folders))
        try:
            yield counter.RentalCounter(opened, settings.rental_days)
        except StoreLostError:
            unfinished = []  # the database does not answer, and this error is the one to report
            raise
        finally:
            store.finish(unfinished)


def show_rental(rental: base.Document, form: str | None) -> None:
    """Write a rental to stdout."""
    names = [name for name in _COLUMNS if name in rental]
    show([rental], form, as_table=[{name: to_the_minute(rental[name]) for name in names}])


def check_writable(name: str) -> None:
    """Raise UsageError if a clerk may not write into the collection with this name."""
    if name == history.HISTORY.name:
        raise UsageError(
            "the history is a record of what happened; it cannot be added to or edited"
        )
