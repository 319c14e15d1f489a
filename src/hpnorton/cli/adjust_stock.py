"""--adjust-stock: correct the stock of a product."""

import argparse
import re

from hpnorton.cli.arguments import CommandFlag, Parser, utf8
from hpnorton.cli.counter import group, open_counter
from hpnorton.cli.output import show
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.settings import Settings

ADJUST_STOCK = "--adjust-stock"
_MAX_DELTA_DIGITS = 9


def add_flags(parser: Parser) -> None:
    """Add --adjust-stock and --reason."""
    add = group(parser).add_argument
    add(
        ADJUST_STOCK,
        nargs=2,
        metavar=("PRODUCT_ID", "DELTA"),
        type=utf8,
        action=CommandFlag,
        run=_run,
        takes=("--reason",),
        check=_check,
        help="add DELTA, such as 3 or -1, to the stock of a product",
    )
    add("--reason", metavar="TEXT", type=utf8, help=f"with {ADJUST_STOCK}: why, for the history")


def _check(arguments: argparse.Namespace) -> None:
    if not (arguments.reason or "").strip():
        raise UsageError(f"{ADJUST_STOCK} needs a reason, for the history: --reason TEXT")


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    product_id, delta = map(str.strip, arguments.values)
    if not re.fullmatch(r"[-+]?[0-9]+", delta):
        raise UsageError(f"the DELTA {delta!r} is not a whole number such as 3 or -1")
    if len(delta.lstrip("+-0")) > _MAX_DELTA_DIGITS:
        raise UsageError(f"the DELTA {delta} is beyond {10**_MAX_DELTA_DIGITS - 1:,}, the limit")
    with open_counter(settings) as counter:
        product = counter.adjust_stock(product_id, int(delta), arguments.reason.strip())
    show([product], arguments.format)
    return ExitStatus.OK
