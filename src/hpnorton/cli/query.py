"""The questions: what there is, what is available, who rents what."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from hpnorton.cli.arguments import CSV, Act, Parser, utf8
from hpnorton.cli.show import answer, minute, tell
from hpnorton.errors import ExitStatus
from hpnorton.rental.names import CUSTOMERS, PRODUCTS, RENTALS, USER_ID
from hpnorton.settings import Settings, redact

if TYPE_CHECKING:
    from hpnorton.stores.base import CounterStore, Document

COLLECTION = "collection"

# Flag, function of queries.py, collection whose key keys the JSON object (None: a list), help.
_QUESTIONS = (
    ("--all-products", "all_products", PRODUCTS, "all products"),
    ("--available-products", "available_products", PRODUCTS, "the products in stock"),
    ("--all-customers", "all_customers", CUSTOMERS, "all customers"),
    ("--all-rentals", "all_rentals", None, "all rentals"),
)
_QUESTIONS_ABOUT_ONE = (
    ("--rentals-for-customer", "rentals_for_customer", "USER_ID", "the products a customer rents"),
    (
        "--customers-renting-product",
        "customers_renting_product",
        "PRODUCT_ID",
        "the customers who rent a product",
    ),
)
# What the records of an answer have: fields, those of some collections, fields.
_ANSWERS: dict[str, tuple[Sequence[str], Sequence[str], Sequence[str]]] = {
    "all_products": ((), (PRODUCTS,), ()),
    "available_products": ((), (PRODUCTS,), ()),
    "all_customers": ((), (CUSTOMERS,), ()),
    "all_rentals": ((), (RENTALS,), ()),
    "rentals_for_customer": ((), (PRODUCTS,), ()),
    "customers_renting_product": ((), (CUSTOMERS,), ()),
    "find": ((COLLECTION,), (PRODUCTS, CUSTOMERS), ()),
    "overdue": ((), (RENTALS,), ("days_overdue",)),
}
# What is said where an answer is empty, of the text that was asked about.
_NOTHING = {
    "find": "Nothing matches {!r}",
    "overdue": "Nothing is overdue",
    "rentals_for_customer": "{} has nothing rented",
    "customers_renting_product": "Nobody has rented {}",
}
# What a person has room for, of all that a rental or a note holds.
_OVERDUE_COLUMNS = ("user_id", "name", "phone_number", "product_id", "due", "days_overdue")
_HISTORY_COLUMNS = ("collection", "status", "read")
_COUNTS = ("inserted", "updated", "unchanged", "conflicts", "rejected")
# And from which width of a table on there is room for more of a note.
_MORE_OF_HISTORY = ((100, "file"), (160, "id"), (240, "rejects_file"))
_COUNTS_ROOM = 118  # below it there is none for a column of each count


def add_flags(parser: Parser) -> None:
    """Adds the flags of this group."""
    group = parser.add_argument_group("ask")
    for flag, question, keyed, about in _QUESTIONS:
        operation = partial(_ask, question=question, keyed=keyed)
        group.add_argument(flag, nargs=0, action=Act, operation=operation, help=about)
    for flag, question, name, about in _QUESTIONS_ABOUT_ONE:
        operation = partial(_ask, question=question)
        group.add_argument(
            flag, metavar=name, type=utf8, action=Act, operation=operation, help=about
        )
    group.add_argument(
        "--find",
        metavar="TEXT",
        type=utf8,
        action=Act,
        operation=partial(_ask, question="find"),
        help="the products and customers with these words in id, name, description, e-mail, phone",
    )
    group.add_argument(
        "--overdue",
        nargs=0,
        action=Act,
        operation=partial(_ask, question="overdue", columns=_OVERDUE_COLUMNS),
        help="the rentals that should be back, the longest overdue first",
    )
    group.add_argument(
        "--history",
        nargs="?",
        metavar="ID",
        type=utf8,
        action=Act,
        operation=_show_history,
        help="all that happened to a product or a customer; without ID all imports: when, which "
        "file, what became of its rows",
    )


def _ask(
    arguments: argparse.Namespace,
    settings: Settings,
    *,
    question: str,
    keyed: str | None = None,
    columns: Sequence[str] = (),
) -> ExitStatus:
    from hpnorton.rental import queries
    from hpnorton.stores import open_store

    about = [arguments.values] if isinstance(arguments.values, str) else []
    with closing(open_store(settings.uri)) as store:
        records: Iterator[Document] = getattr(queries, question)(store, *about)
        first = next(records, None)
        if first is None and not arguments.quiet:
            nothing = _NOTHING.get(question, "There are none").format(*about)
            tell(f"{nothing} in {redact(settings.uri)}.")
        found = chain([] if first is None else [first], records)
        keys = queries.key_of(store, keyed) if keyed else ()
        is_keyed = len(keys) == 1 and (first is None or keys[0] in first)
        short = ({name: record.get(name) for name in columns} for record in found)
        answer(
            _alike(found) if arguments.format == CSV else found,
            arguments,
            noun="record",
            key=keys[0] if is_keyed else None,
            columns=_columns(store, settings, question) if first is None else (),
            by=COLLECTION if question == "find" else None,
            as_table=short if columns else None,
        )
    return ExitStatus.OK


def _columns(store: "CounterStore", settings: Settings, question: str) -> list[str]:
    """The fields that the records of an answer would have, as far as somebody describes them."""
    from hpnorton.rental.catalog import Catalog

    catalog = Catalog(store, settings.description_folders)
    before, names, behind = _ANSWERS[question]
    found = [catalog.find(name) for name in names]
    fields = [field for each in found if each is not None for field in each.columns]
    return list(dict.fromkeys([*before, *fields, *behind])) if fields else []


def _alike(records: "Iterator[Document]") -> "Iterator[Document]":
    """Records of several collections with the fields of all, as a CSV file needs them."""
    first = next(records, None)
    if first is None:
        return iter(())
    if COLLECTION not in first:
        return chain([first], records)
    found = [first, *records]
    names = dict.fromkeys(name for record in found for name in record)
    return ({name: record.get(name) for name in names} for record in found)


def _show_history(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    if arguments.values is not None:
        return _show_events(arguments, settings)
    return _show_imports(arguments, settings)


def _show_events(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.rental import record_history
    from hpnorton.stores import open_store
    from hpnorton.stores.lookup import typed
    from hpnorton.tabular.keys import fold_case

    with closing(open_store(settings.uri)) as store:
        store.finish(store.unfinished())
        events = record_history.history(store, arguments.values)
    # A person knows whose history it is, and needs the room for what has happened.
    whose = fold_case(typed(arguments.values))
    ids = [
        name
        for name in ("record", USER_ID)
        if any(event.get(name) is not None and fold_case(event[name]) != whose for event in events)
    ]
    shown = (
        {"at": minute(event["at"]), "kind": event["kind"]}
        | {name: event.get(name) for name in ids}
        | {"delta": event.get("delta"), "stock": event.get("stock")}
        | {"what": record_history.describe_event(event)}
        for event in events
    )
    if arguments.format == CSV:
        packed = ("before", "after")
        events = [
            e | {n: e[n] and json.dumps(e[n], ensure_ascii=False) for n in packed} for e in events
        ]
    answer(events, arguments, noun="event", as_table=shown)
    return ExitStatus.OK


def _show_imports(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from dataclasses import asdict, fields

    from hpnorton.cli.table import terminal_width
    from hpnorton.stores import journal, open_store

    with closing(open_store(settings.uri)) as store:
        imports = [asdict(note) for note in journal.imports(store)]
    if not imports and not arguments.quiet:
        tell(f"Nothing was imported into {redact(settings.uri)}.")
    shown = (_import_for_table(note, terminal_width()) for note in imports)
    columns = [field.name for field in fields(journal.ImportEntry)]
    answer(imports, arguments, noun="import", columns=columns, as_table=shown)
    return ExitStatus.OK


def _import_for_table(note: dict[str, Any], width: int) -> dict[str, Any]:
    """A note of an import in a table that may be so wide."""
    more = [name for room, name in _MORE_OF_HISTORY if width >= room]
    counts = {name: note[name] for name in _COUNTS}
    if width < _COUNTS_ROOM:
        counts = {"what": ", ".join(f"{count} {name}" for name, count in counts.items() if count)}
    shown = {"started": minute(note["started"])}
    shown |= {name: note[name] for name in _HISTORY_COLUMNS} | counts
    shown |= {name: note[name] for name in more}
    if "file" in more and "rejects_file" not in more:
        shown["file"] = os.path.basename(note["file"])
    return shown
