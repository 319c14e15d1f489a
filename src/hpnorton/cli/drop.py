"""--drop-collections and --drop-database."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from hpnorton.cli.arguments import Act, Parser, utf8
from hpnorton.cli.show import show, tell
from hpnorton.errors import ExitStatus, HPNortonError, StoreMissingError, UsageError
from hpnorton.log import write_message
from hpnorton.sanitize import counted, tellable
from hpnorton.settings import Settings, redact

if TYPE_CHECKING:
    from hpnorton.rental.catalog import Catalog

DROP_COLLECTIONS = "--drop-collections"


def add_flags(parser: Parser) -> None:
    """Adds the flags of this group."""
    group = parser.add_argument_group(
        "database",
        "These ask first, unless settings.ini marks the dataset with 'disposable = yes'.",
    )
    group.add_argument(
        DROP_COLLECTIONS,
        nargs="*",
        metavar="NAME",
        type=utf8,
        action=Act,
        operation=_drop_collections,
        help="remove these collections with their records and history; without NAME all",
    )
    group.add_argument(
        "--drop-database",
        nargs=0,
        action=Act,
        operation=_drop_database,
        help="remove the database itself; for SQLite, its file",
    )
    group.add_argument("--yes", action="store_true", help="do not ask")


def _drop_collections(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.profile.fields import choose
    from hpnorton.rental.catalog import Catalog, forget
    from hpnorton.stores import open_store
    from hpnorton.stores.journal import OWN_COLLECTIONS

    with closing(open_store(settings.uri)) as store:
        names = choose(store, arguments.values)
        dropped = [{"collection": name, "records": store.count(name)} for name in names]
        listed = ", ".join(f"{name} ({counted(store.count(name), 'record')})" for name in names)
        if arguments.values:
            for reference in _lost_references(Catalog(store, settings.description_folders), names):
                tell(reference)
        _confirm(arguments, settings, f"{listed} from" if arguments.values else "all of")
        with store.transaction():
            for name in names:
                store.drop_collection(name)
            if arguments.values:
                for name in names:
                    forget(store, name)
            else:
                for notes in OWN_COLLECTIONS:  # of imports that nothing is left of
                    store.drop_collection(notes.name)
    show(dropped, arguments.format)
    return ExitStatus.OK


def _lost_references(catalog: "Catalog", names: Sequence[str]) -> Iterator[str]:
    """Says which of the other collections refer to some that are to be dropped."""
    for other in sorted({*catalog.store.collections()} - {*names}):
        collection = catalog.find(other)
        for foreign in collection.foreign_keys if collection else ():
            if foreign.parent in names:
                yield (
                    f"{other} refers to {foreign.parent} ({', '.join(foreign.fields)}): without "
                    "it these references lead nowhere, which --quality reports"
                )


def _drop_database(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.stores import open_store

    try:
        opened = open_store(settings.uri, any_format=True)
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
    """Asks before data are lost, except those of a disposable dataset.

    Raises UsageError if nobody can answer, and HPNortonError if the answer is not yes.
    """
    if arguments.yes or settings.is_disposable:
        return
    place = f"{what} {redact(settings.uri)}"
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            f"nothing was removed: settings.ini does not mark {redact(settings.uri)} as "
            f"disposable, and there is no terminal to ask on; give the flag --yes to remove {place}"
        )
    write_message(tellable(f"Remove {place}? [y/N] "))
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise HPNortonError("nothing was removed; answer y, or give the flag --yes")
