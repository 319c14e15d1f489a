"""--drop-collections and --drop-database."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import sys
from contextlib import closing

from hpnorton.cli.flags import Act, Parser
from hpnorton.cli.show import show
from hpnorton.errors import ExitStatus, HPNortonError
from hpnorton.settings import Settings, redact
from hpnorton.texts import tellable


def add_flags(parser: Parser) -> None:
    """Adds the flags of this group."""
    group = parser.add_argument_group("database", "These ask first on the production dataset.")
    group.add_argument(
        "--drop-collections",
        nargs=0,
        action=Act,
        operation=_drop_collections,
        help="remove all collections with their records",
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
    from hpnorton.ingest.journal import OWN_COLLECTIONS
    from hpnorton.stores import open_store

    with closing(open_store(settings.uri)) as store:
        dropped = [
            {"collection": name, "records": store.count(name)} for name in store.collections()
        ]
        _confirm(arguments, settings, f"all {len(dropped)} collections of")
        for collection in dropped:
            store.drop_collection(str(collection["collection"]))
        for notes in OWN_COLLECTIONS:  # of imports that nothing is left of
            store.drop_collection(notes.name)
    show(dropped, arguments.format)
    return ExitStatus.OK


def _drop_database(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.stores import open_store

    with closing(open_store(settings.uri)) as store:
        _confirm(arguments, settings, "the database")
        store.drop_database()
    show([{"database": redact(settings.uri)}], arguments.format)
    return ExitStatus.OK


def _confirm(arguments: argparse.Namespace, settings: Settings, what: str) -> None:
    """Asks before production data are lost. Raises HPNortonError unless the answer is yes."""
    if arguments.yes or not settings.is_production:
        return
    question = f"Remove {what} {redact(settings.uri)} (production)? [y/N] "
    print(tellable(question), end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise HPNortonError("nothing was removed; answer y, or give the flag --yes")
