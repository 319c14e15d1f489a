"""The queries: list what there is, who rents what, what matches a text, what is overdue."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain

from hpnorton.cli.arguments import CSV, CommandFlag, Parser, utf8
from hpnorton.cli.output import print_message, show_paged
from hpnorton.errors import ExitStatus
from hpnorton.lazy import lazy_imports
from hpnorton.rental.names import CUSTOMERS, PRODUCTS, RENTALS
from hpnorton.settings import Settings, redact

with lazy_imports():
    from hpnorton import stores
    from hpnorton.rental import catalog, queries
    from hpnorton.stores import base

_COLLECTION = "collection"


@dataclass(frozen=True)
class _Query:
    """A query, and the shape of its answer.

    `name` is that of its function in rental/queries.py and of its flag; `metavar` stands for the
    flag's argument, if it has one. Records have the fields of `collections`, with the fields
    `extra_first` before them and `extra_last` after them. In JSON, the records are an object by the
    key of the collection `keyed_by`, or a list if that is None. `columns` are the columns of a
    table; without them, it shows all fields.
    """

    name: str
    help: str
    collections: tuple[str, ...]
    metavar: str | None = None
    keyed_by: str | None = None
    extra_first: tuple[str, ...] = ()
    extra_last: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    if_empty: str = "There are none"


_QUERIES = (
    _Query("all_products", "list all products", (PRODUCTS,), keyed_by=PRODUCTS),
    _Query("available_products", "list the products in stock", (PRODUCTS,), keyed_by=PRODUCTS),
    _Query("all_customers", "list all customers", (CUSTOMERS,), keyed_by=CUSTOMERS),
    _Query("all_rentals", "list all rentals", (RENTALS,)),
    _Query(
        "rentals_for_customer",
        "list the products that a customer rents",
        (PRODUCTS,),
        metavar="USER_ID",
        if_empty="{} has nothing rented",
    ),
    _Query(
        "customers_renting_product",
        "list the customers who rent a product",
        (CUSTOMERS,),
        metavar="PRODUCT_ID",
        if_empty="Nobody has rented {}",
    ),
    _Query(
        "find",
        "list the products and customers with all these words in their id, name, description, "
        "e-mail address or phone number",
        (PRODUCTS, CUSTOMERS),
        metavar="TEXT",
        extra_first=(_COLLECTION,),
        if_empty="Nothing matches {!r}",
    ),
    _Query(
        "overdue",
        "list the rentals that should be back, the longest overdue first",
        (RENTALS,),
        extra_last=("days_overdue",),
        columns=("user_id", "name", "phone_number", "product_id", "due", "days_overdue"),
        if_empty="Nothing is overdue",
    ),
)


def add_flags(parser: Parser) -> None:
    """Add a flag for each query."""
    add = parser.group("query").add_argument
    for query in _QUERIES:
        flag = f"--{query.name.replace('_', '-')}"
        run = partial(_run, query=query)
        if query.metavar is None:
            add(flag, nargs=0, action=CommandFlag, run=run, help=query.help)
        else:
            add(
                flag,
                metavar=query.metavar,
                type=utf8,
                action=CommandFlag,
                run=run,
                help=query.help,
            )


def _run(arguments: argparse.Namespace, settings: Settings, *, query: _Query) -> ExitStatus:
    about = [] if query.metavar is None else [arguments.values]
    with closing(stores.open_store(settings.uri)) as store:
        records: Iterator[base.Document] = getattr(queries, query.name)(store, *about)
        first = next(records, None)
        if first is None and not arguments.quiet:
            print_message(f"{query.if_empty.format(*about)} in {redact(settings.uri)}.")
        found = chain([] if first is None else [first], records)
        keys = queries.key_of(store, query.keyed_by) if query.keyed_by else ()
        is_keyed = len(keys) == 1 and (first is None or keys[0] in first)
        # It shares its iterator with `found`: show_paged reads one of the two, by the format.
        for_table = ({name: record.get(name) for name in query.columns} for record in found)
        show_paged(
            _with_equal_fields(found) if arguments.format == CSV else found,
            arguments,
            noun="record",
            key=keys[0] if is_keyed else None,
            columns=_columns(store, settings, query) if first is None else (),
            by=_COLLECTION if _COLLECTION in query.extra_first else None,
            as_table=for_table if query.columns else None,
        )
    return ExitStatus.OK


def _columns(store: base.ChangeStore, settings: Settings, query: _Query) -> list[str]:
    """Return the fields of a query's records from the descriptions; [] if there are none."""
    known = catalog.Catalog(store, settings.description_folders)
    described = [known.find(name) for name in query.collections]
    fields = [field for each in described if each is not None for field in each.columns]
    return list(dict.fromkeys([*query.extra_first, *fields, *query.extra_last])) if fields else []


def _with_equal_fields(records: Iterator[base.Document]) -> Iterator[base.Document]:
    """Yield records with the same fields, as a CSV file needs them.

    Those of a single collection have them already. Those of several are all read first, to know the
    fields of all.
    """
    first = next(records, None)
    if first is None:
        return iter(())
    if _COLLECTION not in first:
        return chain([first], records)
    found = [first, *records]
    names = dict.fromkeys(name for record in found for name in record)
    return ({name: record.get(name) for name in names} for record in found)
