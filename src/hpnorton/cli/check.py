"""--check: the audit of stocks, rentals and history."""

import argparse
from contextlib import closing

from hpnorton.cli.arguments import CommandFlag, Parser
from hpnorton.cli.output import print_message, show_paged
from hpnorton.errors import ExitStatus, UnknownCollectionError
from hpnorton.lazy import lazy_imports
from hpnorton.rental.names import CUSTOMERS, PRODUCT_ID, PRODUCTS, RENTALS, USER_ID
from hpnorton.sanitize import counted
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton import stores
    from hpnorton.rental import audit

_COLUMNS = ("fault", PRODUCT_ID, USER_ID, "message")


def add_flags(parser: Parser) -> None:
    """Add --check."""
    parser.group("audit and export").add_argument(
        "--check",
        nargs=0,
        action=CommandFlag,
        run=_run,
        help="prove that every stock is what was imported and done since, and that every rental "
        "has its customer and its product; list the faults and exit with status 1 if there are any",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    with closing(stores.open_store(settings.uri)) as store:
        present = store.collections()
        if not {PRODUCTS, RENTALS, CUSTOMERS} & set(present):
            raise UnknownCollectionError(
                f"there is nothing to check: the database has no {PRODUCTS}, {RENTALS} or "
                f"{CUSTOMERS}; it has: {', '.join(present) or 'no collections'}"
            )
        store.finish(store.unfinished())
        checked = audit.Audit(store)
        with store.snapshot():
            faults = list(checked.faults())
            scope = (
                f"{counted(store.count(PRODUCTS), PRODUCTS)} and "
                f"{counted(store.count(RENTALS), RENTALS)}"
            )
    show_paged(faults, arguments, columns=_COLUMNS)
    if faults:
        print_message(
            f"Error: the books do not balance: {counted(len(faults), 'fault')} in {scope}; "
            "--history ID tells what happened to a product"
        )
        return ExitStatus.FAILED
    if not arguments.quiet:
        print_message(f"The books balance: {scope} were checked.")
    if checked.unproven:
        print_message(
            f"The stock of {counted(checked.unproven, PRODUCTS)} cannot be proved: HPNorton has "
            "not imported the first one"
        )
    return ExitStatus.OK
