"""--check and --export: the books proven, and the whole database as files."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
from contextlib import closing
from typing import TYPE_CHECKING

from hpnorton.cli.arguments import Act, Parser, file_path
from hpnorton.cli.show import answer, show, tell
from hpnorton.errors import ExitStatus, UnknownCollectionError
from hpnorton.rental.names import CUSTOMERS, PRODUCTS, RENTALS
from hpnorton.sanitize import counted
from hpnorton.settings import Settings

if TYPE_CHECKING:
    from hpnorton.export import Exported


def add_flags(parser: Parser) -> None:
    """Adds the flags of this group."""
    group = parser.add_argument_group("books")
    group.add_argument(
        "--check",
        nargs=0,
        action=Act,
        operation=_check,
        help="prove that every stock is what was imported and done since, and that every rental "
        "has its customer and its product; lists what is wrong, with exit status 1",
    )
    group.add_argument(
        "--export",
        metavar="DIR",
        type=file_path,
        action=Act,
        operation=_export,
        help="write every collection, the history too, as CSV with a datapackage.json: importing "
        "that into an empty database gives the same records; replaces the files of an earlier "
        "export, and no others",
    )


def _check(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.rental.audit import Audit
    from hpnorton.stores import open_store

    with closing(open_store(settings.uri)) as store:
        present = store.collections()
        if not {PRODUCTS, RENTALS, CUSTOMERS} & set(present):
            raise UnknownCollectionError(
                f"there is nothing to check: the database has no {PRODUCTS}, {RENTALS} or "
                f"{CUSTOMERS}; it has: {', '.join(present) or 'no collections'}"
            )
        store.finish(store.unfinished())
        audit = Audit(store)
        with store.snapshot():
            faults = list(audit.faults())
            checked = (
                f"{counted(store.count(PRODUCTS), PRODUCTS)} and "
                f"{counted(store.count(RENTALS), RENTALS)}"
            )
    answer(faults, arguments)
    if not faults and not arguments.quiet:
        tell(f"The books balance: {checked} were checked.")
    if faults:
        tell(
            f"Error: the books do not balance: {counted(len(faults), 'fault')} in {checked}; "
            "--history ID tells what happened to a product"
        )
    elif audit.unproven:
        tell(
            f"Of {counted(audit.unproven, PRODUCTS)} nothing proves the stock: HPNorton has not "
            "imported the first one"
        )
    return ExitStatus.FAILED if faults else ExitStatus.OK


def _export(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.export import export
    from hpnorton.rental.catalog import Catalog
    from hpnorton.stores import open_store

    with closing(open_store(settings.uri)) as store:
        store.finish(store.unfinished())
        written = export(store, Catalog(store, settings.description_folders), arguments.values)
        left_out = sorted({*store.collections()} - {each.collection for each in written})
    show(
        (
            {"collection": each.collection, "records": each.records, "file": str(each.file)}
            for each in written
        ),
        arguments.format,
    )
    for each in written:
        _tell_formulas(each)
        for text in each.texts:
            tell(f"{each.file}: {text}; it was written as it is, and cannot be imported again")
    for name in left_out:
        tell(
            f"Error: {name} was left out: HPNorton has not imported it, so what its fields are is "
            "not known; describe it in a datapackage.json"
        )
    return ExitStatus.FAILED if left_out else ExitStatus.OK


def _tell_formulas(exported: "Exported") -> None:
    for row, field in exported.formulas:
        tell(
            f"{exported.file}, row {row}, {field}: a spreadsheet would take this for a formula; "
            "it was written as it is"
        )
    more = exported.formula_count - len(exported.formulas)
    if more:
        tell(f"{exported.file}: and {counted(more, 'more cell')} like that")
