"""--return: take a product back from a customer."""

import argparse

from hpnorton.cli.arguments import CommandFlag, Parser, utf8
from hpnorton.cli.counter import RENTAL, group, open_counter, show_rental
from hpnorton.errors import ExitStatus
from hpnorton.settings import Settings


def add_flags(parser: Parser) -> None:
    """Add --return."""
    group(parser).add_argument(
        "--return",
        nargs=2,
        metavar=RENTAL,
        type=utf8,
        action=CommandFlag,
        run=_run,
        help="take a product back from a customer",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    user_id, product_id = map(str.strip, arguments.values)
    with open_counter(settings) as counter:
        rental = counter.give_back(user_id, product_id)
    show_rental(rental, arguments.format)
    return ExitStatus.OK
