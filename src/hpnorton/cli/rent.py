"""--rent: rent a product to a customer."""

import argparse
from datetime import date

from hpnorton.cli.arguments import CommandFlag, Parser, utf8
from hpnorton.cli.counter import RENTAL, group, open_counter, show_rental
from hpnorton.errors import ExitStatus
from hpnorton.lazy import lazy_imports
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton.schema import lexical


def add_flags(parser: Parser) -> None:
    """Add --rent and --due."""
    add = group(parser).add_argument
    add(
        "--rent",
        nargs=2,
        metavar=RENTAL,
        type=utf8,
        action=CommandFlag,
        run=_run,
        takes=("--due",),
        help="rent a product to a customer",
    )
    add(
        "--due",
        type=_day,
        metavar="YYYY-MM-DD",
        help="with --rent: the day when the product has to be back (default: after rental_days "
        "days, see settings.ini)",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    user_id, product_id = map(str.strip, arguments.values)
    with open_counter(settings) as counter:
        rental = counter.rent(user_id, product_id, arguments.due)
    show_rental(rental, arguments.format)
    return ExitStatus.OK


def _day(text: str) -> date:
    try:
        return date.fromisoformat(lexical.day(text))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a day such as {date.today().isoformat()}"
        ) from None
