"""Generate data sets of any size: a rental store, a social network, and card payments to analyze.

The same arguments give the same bytes on every machine. The folder datasets/ has what they hold.
"""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from datasets import payments, social, store
from datasets.draws import DEFAULT_SEED, Request, Shape, Table

HOME = Path(__file__).resolve().parent.parent
PACKAGE_NAME = "datapackage.json"
DEFAULT_SHAPE = "store"

SHAPES = {
    "store": Shape("rows for each file", HOME / "data" / PACKAGE_NAME, store.store_tables),
    "social": Shape(
        "status updates and an account per hundred",
        HOME / "examples" / "social" / PACKAGE_NAME,
        social.social_tables,
    ),
    "payments": Shape("card payments", None, payments.payment_tables),
}


def write_table(path: Path, table: Table) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.header)
        writer.writerows(table.rows)


def package_beside_its_files(template: Path) -> dict[str, Any]:
    """Return the template's data package, with its CSV files in the same folder."""
    package: dict[str, Any] = json.loads(template.read_text(encoding="utf-8"))
    for resource in package["resources"]:
        resource["path"] = Path(resource["path"]).name
    return package


def write_package(path: Path, template: Path) -> None:
    """Write the datapackage.json that describes the files beside it."""
    text = json.dumps(package_beside_its_files(template), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def generate(shape: Shape, request: Request, out: Path) -> None:
    """Write all files into the folder `out`, which is created if it is missing."""
    out.mkdir(parents=True, exist_ok=True)
    if shape.template is not None:
        write_package(out / PACKAGE_NAME, shape.template)
    for name, table in shape.tables(request).items():
        write_table(out / name, table)


class Parser(argparse.ArgumentParser):
    """A parser that reports wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"Error: {message}. Try '{self.prog} --help'.\n")


def row_count(text: str) -> int:
    """Convert the value of --rows."""
    try:
        rows = int(text)
    except ValueError:
        rows = 0
    if rows < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 up, not {text!r}")
    return rows


def command_line() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        description="Generates CSV files whose records belong together, and the datapackage.json "
        "that describes them; payments have none. The same arguments give the same bytes on every "
        "machine.",
        epilog="Example: python scripts/generate.py --rows 1000000 --out /tmp/million",
    )
    parser.add_argument(
        "--shape", choices=SHAPES, default=DEFAULT_SHAPE, help="the data set (default: %(default)s)"
    )
    amounts = "; ".join(f"{name}: N {shape.amount}" for name, shape in SHAPES.items())
    parser.add_argument(
        "--rows", type=row_count, required=True, metavar="N", help=f"1 or more ({amounts})"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the files; it is made if need be, and files of the same names in it "
        "are replaced",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        metavar="S",
        help="a whole number; another one gives other data (default: %(default)s)",
    )
    parser.add_argument(
        "--shuffled",
        action="store_true",
        help="the same rows, but in an order that looks random instead of sorted by their ids; "
        "only rentals stay sorted",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate the files that the command line asks for, and return the exit status."""
    options = command_line().parse_args(arguments)
    shape = SHAPES[options.shape]
    request = Request(rows=options.rows, seed=options.seed, shuffled=options.shuffled)
    try:
        generate(shape, request, options.out)
    except OSError as error:
        where = error.filename or options.out
        print(f"Error: {where}: {error.strerror or error}.", file=sys.stderr)
        return 1
    print(f"Generated {request.rows:,} {shape.amount} in {options.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
