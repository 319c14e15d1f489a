"""How long a clerk waits for a command, on the production dataset and on a million customers.

Each is the whole command, from the start of its process to its end, with JSON into a pipe. The
small and the large database take turns, and every round asks about other customers and products.
"""

import argparse
import csv
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kills import STORES, database
from measure import (
    HOME,
    Contender,
    Run,
    alternate,
    exit_status,
    hpnorton,
    machine,
    markdown_table,
    measure,
    spread,
)
from shell import generate, hpnorton_import, positive
from shop import Pair, at_counter
from start import run_as_users_do

from hpnorton.rental.names import ACTIVE, CUSTOMERS, DUE, PRODUCTS, RENTALS
from hpnorton.stores.history import RecordKey

SMALL_FILES = HOME / "data" / "production"
QUIET = ("--quiet", "--format", "json")
AIM_SECONDS = 0.5
OVERDUE = 100
LONG_AGO = "2026-01-01"
HEADER = (
    "store",
    "command",
    "ms (min - max)",
    "ms, large",
    "large / small",
    "CPU ms",
    "CPU ms, large",
    "kB, large",
)


@dataclass(frozen=True)
class Draw:
    """Whom and what one round asks about: a customer who has not rented the product; a rental."""

    customer: Mapping[str, str]
    product: Mapping[str, str]
    rented: Pair
    number: int

    def commands(self) -> dict[str, list[str]]:
        """The flags of each command, by what it does, in an order in which they can be done."""
        user_id, product_id = self.customer["user_id"], self.product["product_id"]
        name = f"{self.customer['Name']} {self.customer['Last_name']}"
        new = dict(self.customer) | {"user_id": f"NEW{self.number:06}"}
        return {
            "--rent": ["--rent", user_id, product_id],
            "--history of a product": ["--history", product_id],
            "--history of a customer": ["--history", user_id],
            "--return": ["--return", user_id, product_id],
            "--adjust-stock": ["--adjust-stock", product_id, "1", "--reason", "counted"],
            "--edit a customer": ["--edit", CUSTOMERS, user_id, "Phone_number=206-555-0199"],
            "--add a customer": ["--add", CUSTOMERS, *(f"{n}={text}" for n, text in new.items())],
            "--find an id": ["--find", user_id.lower()],
            "--find an e-mail address": ["--find", self.customer["Email_address"]],
            "--find a name": ["--find", name],
            "--overdue": ["--overdue"],
            "--rentals-for-customer": ["--rentals-for-customer", self.rented[0]],
            "--customers-renting-product": ["--customers-renting-product", self.rented[1]],
        }


@dataclass(frozen=True)
class Shop:
    """A database that was imported from files, and what is asked of it, round by round."""

    uri: str
    draws: Sequence[Draw]


def rows_of(folder: Path, name: str) -> Iterator[dict[str, str]]:
    """The rows of a file."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def draws_of(folder: Path, rounds: int, dice: random.Random) -> list[Draw]:
    """Other customers, products and rentals for each round."""
    active = [row for row in rows_of(folder, CUSTOMERS) if row["Status"] == ACTIVE]
    customers = dice.sample(active, rounds)
    products = [row for row in rows_of(folder, PRODUCTS) if int(row["quantity_available"]) > 0]
    rented = [(row["user_id"], row["product_id"]) for row in rows_of(folder, RENTALS)]
    taken = set(rented)
    found = []
    for number, customer in enumerate(customers):
        product = dice.choice(products)
        while (customer["user_id"], product["product_id"]) in taken:
            product = dice.choice(products)
        found.append(Draw(customer, product, dice.choice(rented), number))
    return found


def filled(uri: str, folder: Path, rounds: int) -> Shop:
    """A new database with all rows of the files, some of whose rentals are overdue."""
    for name in (CUSTOMERS, PRODUCTS, RENTALS):
        measure(hpnorton_import(uri, folder / f"{name}.csv", "--linear"))
    with at_counter(uri) as counter:
        key = counter.shop.rentals.key
        for row, _ in zip(rows_of(folder, RENTALS), range(OVERDUE)):
            place = RecordKey(counter.shop.rentals, tuple(row[name] for name in key))
            counter.edit(place, {DUE: LONG_AGO})
    return Shop(uri, draws_of(folder, rounds, random.Random(0)))


def asked(shops: Sequence[Shop], rounds: int) -> dict[str, list[list[Run]]]:
    """The runs of each command, by its name: those of the first shop, then those of the others.

    In a round a command is run for one shop after the other, beginning with another one each time.
    """
    runs: dict[str, list[list[Run]]] = {}
    for number in range(rounds):
        order = [*range(len(shops))]
        order = [*order[number % len(shops) :], *order[: number % len(shops)]]
        commands = [shop.draws[number].commands() for shop in shops]
        contenders = [
            Contender(
                f"{name} {at}", hpnorton("--uri", shops[at].uri, *QUIET, *commands[at][name]), 1
            )
            for name in commands[0]
            for at in order
        ]
        done = alternate(contenders, 1)
        for name in commands[0]:
            mine = runs.setdefault(name, [[] for _ in shops])
            for at in order:
                mine[at] += done[f"{name} {at}"]
    return runs


def table_rows(store: str, runs: Mapping[str, Sequence[Sequence[Run]]]) -> Iterator[Sequence[str]]:
    """A row of figures a command; ratios are those within a round."""
    for name, (small, large) in runs.items():
        yield (
            store,
            name,
            spread(run.wall * 1000 for run in small).show(),
            spread(run.wall * 1000 for run in large).show(),
            spread(more.wall / less.wall for more, less in zip(large, small)).show(".2f"),
            f"{spread(run.cpu * 1000 for run in small).median:,.0f}",
            f"{spread(run.cpu * 1000 for run in large).median:,.0f}",
            f"{spread(run.output / 1000 for run in large).median:,.1f}",
        )


def too_slow(store: str, runs: Mapping[str, Sequence[Sequence[Run]]]) -> Iterator[str]:
    """The commands that take longer than they should."""
    for name, sizes in runs.items():
        for size, mine in zip(("small", "large"), sizes):
            if (seconds := spread(run.wall for run in mine).median) > AIM_SECONDS:
                yield f"{store}, {size}: {name} takes {seconds:.2f} s"


def benchmark(given: argparse.Namespace) -> None:
    """Measures, and prints what came out."""
    about = machine()
    table: list[Sequence[str]] = []
    slow: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        folder = Path(name)
        run_as_users_do(folder / "bytecode")
        files = given.files or generate(folder / "large", given.rows).parent
        for store in given.store or STORES:
            with ExitStack() as stack:
                shops = []
                for size, where in (("small", SMALL_FILES), ("large", files)):
                    uri = stack.enter_context(database(store, folder / f"{store}-{size}", None))
                    shops.append(filled(uri, where, given.rounds + 1))
                asked([Shop(shop.uri, shop.draws[-1:]) for shop in shops], 1)  # Python compiles
                runs = asked(shops, given.rounds)
            table += table_rows(store, runs)
            slow += too_slow(store, runs)
    print(f"The production dataset beside {given.files or f'{given.rows:,} rows a file'}, ", end="")
    print(f"{given.rounds} rounds\n", markdown_table(HEADER, table), "", about, sep="\n")
    print("", f"Over {AIM_SECONDS} s: {'; '.join(slow) or 'nothing'}", sep="\n")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=positive, default=1_000_000, metavar="N", help="a file")
    parser.add_argument("--files", type=Path, metavar="DIR", help="these, not generated ones")
    parser.add_argument("--rounds", type=positive, default=5, metavar="R")
    parser.add_argument("--store", choices=STORES, action="append", help="only this one")
    given = parser.parse_args()
    return exit_status(lambda: benchmark(given))


if __name__ == "__main__":
    sys.exit(main())
