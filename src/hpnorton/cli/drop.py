"""--drop-collections and --drop-database."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing

from hpnorton.cli.arguments import CommandFlag, Parser, utf8
from hpnorton.cli.output import print_message, show
from hpnorton.errors import ExitStatus, HPNortonError, StoreMissingError, UsageError
from hpnorton.lazy import lazy_imports
from hpnorton.log import write_message
from hpnorton.sanitize import counted, sanitize_message
from hpnorton.settings import Settings, redact

with lazy_imports():
    from hpnorton import stores
    from hpnorton.profile import fields
    from hpnorton.rental import catalog
    from hpnorton.stores import journal


def add_flags(parser: Parser) -> None:
    """Add --drop-collections, --drop-database and --yes."""
    add = parser.group(
        "database",
        "These commands ask first, unless settings.ini marks the dataset with 'disposable = yes'.",
    ).add_argument
    add(
        "--drop-collections",
        nargs="*",
        metavar="NAME",
        type=utf8,
        action=CommandFlag,
        run=_drop_collections,
        help="remove these collections with their records and history; without NAME all",
    )
    add(
        "--drop-database",
        nargs=0,
        action=CommandFlag,
        run=_drop_database,
        help="remove the database itself; for SQLite, its file",
    )
    add("--yes", action="store_true", help="drop without asking")


def _drop_collections(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    with closing(stores.open_store(settings.uri)) as store:
        names = fields.choose_collections(store, arguments.values)
        dropped = [{"collection": name, "records": store.count(name)} for name in names]
        listed = ", ".join(f"{name} ({counted(store.count(name), 'record')})" for name in names)
        if arguments.values:
            known = catalog.Catalog(store, settings.description_folders)
            for reference in _lost_references(known, names):
                print_message(reference)
        _confirm(arguments, settings, f"{listed} from" if arguments.values else "all of")
        with store.transaction():
            for name in names:
                store.drop_collection(name)
            if arguments.values:
                for name in names:
                    catalog.forget(store, name)
            else:
                for notes in journal.OWN_COLLECTIONS:  # they are about imports that are gone
                    store.drop_collection(notes.name)
    show(dropped, arguments.format)
    return ExitStatus.OK


def _lost_references(known: catalog.Catalog, names: Sequence[str]) -> Iterator[str]:
    """Yield a message for each collection that stays and refers to one that is to be dropped."""
    for other in sorted({*known.store.collections()} - {*names}):
        collection = known.find(other)
        for foreign in collection.foreign_keys if collection else ():
            if foreign.parent in names:
                yield (
                    f"{other} refers to {foreign.parent} ({', '.join(foreign.fields)}): without "
                    "it these references lead nowhere, which --quality reports"
                )


def _drop_database(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    try:
        opened = stores.open_store(settings.uri, any_format=True)
    except StoreMissingError as error:
        raise StoreMissingError(
            f"nothing was removed: there is no database at {redact(settings.uri)}"
        ) from error
    with closing(opened) as store:
        _confirm(arguments, settings, "the database")
        store.drop_database()
    show([{"database": redact(settings.uri)}], arguments.format)
    return ExitStatus.OK


def _confirm(arguments: argparse.Namespace, settings: Settings, what: str) -> None:
    """Ask before data are lost, unless the dataset is disposable.

    Raises UsageError if there is nobody to ask, and HPNortonError if the answer is not yes.
    """
    if arguments.yes or settings.is_disposable:
        return
    target = f"{what} {redact(settings.uri)}"
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            f"nothing was removed: settings.ini does not mark {redact(settings.uri)} as "
            "disposable, and there is no terminal to ask on; give the flag --yes to remove "
            f"{target}"
        )
    write_message(sanitize_message(f"Remove {target}? [y/N] "))
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise HPNortonError("nothing was removed; answer y, or give the flag --yes")
