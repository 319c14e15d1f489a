"""What the trials of the counter share: a shop, clerks as processes, and a proof of their work.

The proof is plain Python that reads the records, and shares nothing with `--check`.
"""

import json
import multiprocessing
import re
import sys
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from measure import HOME, BenchmarkError, measure
from shell import generate, hpnorton_import

sys.path.insert(0, str(HOME / "src"))
# pylint: disable=wrong-import-position # found only now
from hpnorton.log import start_log
from hpnorton.rental.audit import Audit
from hpnorton.rental.catalog import Catalog
from hpnorton.rental.counter import RentalCounter
from hpnorton.rental.names import (
    ACTIVE,
    CUSTOMERS,
    PRODUCT_ID,
    PRODUCTS,
    QUANTITY,
    RENTALS,
    STATUS,
    USER_ID,
)
from hpnorton.rental.shop import open_shop
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore
from hpnorton.stores.history import HISTORY

# pylint: enable=wrong-import-position

RENTAL_DAYS = 14

Pair = tuple[str, str]


# The shop.


def fill(uri: str, folder: Path, rows: int) -> None:
    """Fills a new database with `rows` customers, products and rentals, of files in `folder`."""
    files = generate(folder / "files", rows).parent
    for name in (CUSTOMERS, PRODUCTS, RENTALS):
        measure(hpnorton_import(uri, files / f"{name}.csv", "--linear"))
    with at_counter(uri):
        pass  # the first one makes the history


@contextmanager
def at_counter(uri: str) -> Iterator[RentalCounter]:
    """A counter, opened and left as the command line does; silent, however long it waits."""
    start_log(None)
    with closing(open_store(uri)) as store:
        left = store.unfinished()
        yield RentalCounter(open_shop(Catalog(store)), RENTAL_DAYS)
        store.finish(left)


def processes() -> ForkServerContext:
    """How clerks are started: quickly, from a process that has imported all they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["shop", "hpnorton.stores.mongo.store", "hpnorton.stores.sqlite.store"]
    )
    return context


# What is in it.


@dataclass(frozen=True)
class State:
    """What is in stock by product, and who has rented what."""

    stocks: Mapping[str, int]
    rentals: frozenset[Pair]

    def rented(self) -> Tally[str]:
        """How many of each product are rented."""
        return Tally(product_id for _, product_id in self.rentals)

    def totals(self) -> dict[str, int]:
        """How many there are of each product, in stock or rented."""
        rented = self.rented()
        return {product_id: stock + rented[product_id] for product_id, stock in self.stocks.items()}


def state(store: ChangeStore) -> State:
    """What is in a store now."""
    rentals = [(str(r[USER_ID]), str(r[PRODUCT_ID])) for r in store.find(RENTALS, (USER_ID,))]
    if len(set(rentals)) != len(rentals):
        raise BenchmarkError("a rental is there twice")
    products = store.find(PRODUCTS, (PRODUCT_ID,))
    return State({str(p[PRODUCT_ID]): _number(p[QUANTITY]) for p in products}, frozenset(rentals))


def active_customers(store: ChangeStore) -> list[str]:
    """The customers who may rent."""
    return [str(c[USER_ID]) for c in store.find(CUSTOMERS, (USER_ID,), ((STATUS, "=", ACTIVE),))]


def lines_of_products(store: ChangeStore) -> dict[str, list[dict[str, Any]]]:
    """The lines of the history of each product, in order, with `before` and `after` as records."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in store.find(HISTORY.name, HISTORY.key, (("collection", "=", PRODUCTS),)):
        records = {name: json.loads(str(line[name] or "null")) for name in ("before", "after")}
        found.setdefault(str(line["record"]), []).append({**line, **records})
    return found


# Whether it is right.


def faults(store: ChangeStore, before: State) -> Iterator[str]:
    """What is wrong in a store that was `before`, and where only clerks have worked since.

    What `--check` finds; lines whose change was not carried out; and what a replay of the history,
    from the first line to the last, does not bear out.
    """
    yield from (f"--check: {fault}" for fault in Audit(store).faults())
    yield from (f"the line {line} is not carried out" for line in store.unfinished())
    now, rentals = state(store), set(before.rentals)
    lines = lines_of_products(store)
    for product_id, first in before.stocks.items():
        mine = lines.get(product_id, [])
        stock, told = replay(product_id, first, mine, rentals)
        yield from told
        if now.stocks.get(product_id) != stock:
            yield f"{product_id}: {now.stocks.get(product_id)} in stock, by the history {stock}"
        if stock < 0:
            yield f"{product_id}: the stock is {stock}"
    for pair in sorted(now.rentals ^ rentals):
        yield f"{pair}: {'a rental' if pair in now.rentals else 'no rental'}, against the history"


def replay(
    product_id: str, stock: int, lines: Sequence[Mapping[str, Any]], rentals: set[Pair]
) -> tuple[int, list[str]]:
    """The stock of a product after its lines, and what is wrong with these; changes `rentals`."""
    told = []
    for number, line in enumerate(lines, 1):
        pair = (line["user_id"], product_id)
        stock += line["delta"] or 0
        place = f"{product_id}, line {line['number']}"
        if line["number"] != number:
            told.append(f"{place}: should be {number}")
        if line["stock"] not in (None, stock) or stock < 0:
            told.append(f"{place}: {line['stock']} in stock, should be {stock}")
        if line["kind"] == "rent":
            told += [f"{place}: {pair} was rented already"] if pair in rentals else []
            rentals.add(pair)
        if line["kind"] == "return":
            told += [] if pair in rentals else [f"{place}: {pair} was not rented"]
            rentals.discard(pair)
    return stock, told


def reason(error: Exception) -> str:
    """Why a clerk could not do something, without ids and figures: its class and the kind."""
    kinds = ("out of stock", "already", "has not rented", "only an active customer", "has no")
    text = re.sub(r"\s+", " ", str(error))
    kind = next((kind for kind in kinds if kind in text), text[:60])
    return f"{type(error).__name__}: {kind}"


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise BenchmarkError(f"{value!r} is no stock")
    return value
