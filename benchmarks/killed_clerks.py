"""Kills clerks at random moments, and looks whether the books still balance.

Not a measurement: a trial. Clerks rent, return, adjust and edit without a pause, each in a process
of its own, and write into a file what they are about to do and what is done. In each round they
are killed with SIGKILL; sometimes others work on beside what a dead one has left. Then the next
command comes, and everything has to be as their files tell, but for the one thing that each was at.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from io import FileIO
from itertools import chain, combinations
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

from kills import STORES, database
from measure import BenchmarkError, exit_status, machine, markdown_table
from shell import positive
from shop import (
    Pair,
    State,
    active_customers,
    at_counter,
    faults,
    fill,
    lines_of_products,
    processes,
    state,
)

from hpnorton.errors import RefusedError, UnknownIdError
from hpnorton.rental.counter import RentalCounter
from hpnorton.rental.names import PRODUCT_ID, PRODUCTS
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore
from hpnorton.stores.history import Kind, RecordKey

CLERKS = 3
SHOP_ROWS = 100
PRODUCTS_USED, CUSTOMERS_USED = 8, 16  # so few that clerks get into each other's way
MOST_MOMENT = 0.2  # seconds after they have begun to work
LINGER_SHARE = 0.1  # of the rounds: the others work on, until they have to repair
LINGER_SECONDS = 2.5
START_SECONDS = 60.0
TEXT = "description"
HEADER = ("store", "rounds", "killed", "done", "left half done", "differences")

# What a clerk writes into its file: the thing that it begins, and then how that ended.
BEGUN, DONE, REFUSED, FAILED = "begun", "done", "refused", "failed"
Texts = Mapping[str, str]


class Deed(NamedTuple):
    """Something to be done: `delta` is what it adds to the stock, `text` what it writes."""

    kind: str
    product_id: str
    user_id: str | None
    delta: int
    text: str | None


# A clerk.


def clerk(uri: str, path: Path, number: str, begin: Barrier) -> None:
    """The process of a clerk, who works until it is killed."""
    dice = random.Random(number)
    with path.open("ab", buffering=0) as file, at_counter(uri) as counter:
        customers = active_customers(counter.store)[:CUSTOMERS_USED]
        products = sorted(state(counter.store).stocks)[:PRODUCTS_USED]
        begin.wait(START_SECONDS)
        try:
            while True:
                deed = draw(dice, customers, products)
                note(file, BEGUN, deed)
                try:
                    do(counter, deed)
                    note(file, DONE)
                except (RefusedError, UnknownIdError):
                    note(file, REFUSED)
        except Exception as error:  # pylint: disable=broad-exception-caught # for the report
            note(file, FAILED, f"{type(error).__name__}: {error}")


def draw(dice: random.Random, customers: Sequence[str], products: Sequence[str]) -> Deed:
    """Anything to be done."""
    kind = dice.choices((Kind.RENT, Kind.RETURN, Kind.ADJUST, Kind.EDIT), (4, 4, 1, 1))[0]
    user_id, product_id = dice.choice(customers), dice.choice(products)
    if kind == Kind.ADJUST:
        return Deed(kind, product_id, None, dice.choice((-3, -2, -1, 1, 2, 3)), None)
    if kind == Kind.EDIT:
        return Deed(kind, product_id, None, 0, f"edited {dice.getrandbits(64):x}")
    return Deed(kind, product_id, user_id, -1 if kind == Kind.RENT else 1, None)


def do(counter: RentalCounter, deed: Deed) -> None:
    """Does it."""
    if deed.kind == Kind.ADJUST:
        counter.adjust_stock(deed.product_id, deed.delta, "counted")
    elif deed.kind == Kind.EDIT:
        counter.edit(RecordKey(counter.shop.products, (deed.product_id,)), {TEXT: deed.text})
    elif deed.user_id is not None:
        act = counter.rent if deed.kind == Kind.RENT else counter.give_back
        act(deed.user_id, deed.product_id)


def note(file: FileIO, what: str, about: object = None) -> None:
    """Writes a line into a clerk's file: at once, and whole."""
    file.write(json.dumps([what, about]).encode() + b"\n")


def read(path: Path) -> tuple[list[Deed], list[Deed], list[str]]:
    """What a clerk has done; what it was at in the end, if anything; what it failed of."""
    done: list[Deed] = []
    at: list[Deed] = []
    failures = []
    for what, about in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        if what == BEGUN:
            at = [Deed(*about)]
        elif what == FAILED:
            failures.append(about)
        else:
            done += at if what == DONE else []
            at = []
    return done, at, failures


# What has to be there.


def expected(before: State, deeds: Iterable[Deed]) -> tuple[dict[str, int], Tally[Pair]]:
    """The stocks after some deeds, and how often each pair is rented: once, or not."""
    stocks, rented = dict(before.stocks), Tally(before.rentals)
    for deed in deeds:
        stocks[deed.product_id] += deed.delta
        if deed.user_id is not None:
            rented[deed.user_id, deed.product_id] -= deed.delta
    return stocks, +rented


def differences(before: State, now: State, done: Sequence[Deed], at: Sequence[Deed]) -> list[str]:
    """What is not as if all that was done was done, and any of what somebody was `at`."""
    found: list[str] = []
    for some in chain.from_iterable(combinations(at, size) for size in range(len(at) + 1)):
        stocks, rented = expected(before, [*done, *some])
        if now.stocks == stocks and Tally(now.rentals) == rented:
            return []
        wrong = [name for name in stocks if stocks[name] != now.stocks.get(name)]
        pairs = sorted((Tally(now.rentals) - rented) + (rented - Tally(now.rentals)))
        found.append(f"if {some} was done: stocks of {wrong}, rentals {pairs}")
    return found


def wrong_texts(
    before: Texts, now: Texts, done: Sequence[Deed], at: Sequence[Deed], last: Texts
) -> Iterator[str]:
    """The products whose description is none of those that it can have, or not the last one."""
    for product_id, text in now.items():
        edits = {d.text for d in done if d.product_id == product_id and d.text}
        begun = {d.text for d in at if d.product_id == product_id and d.text}
        if text not in (edits or {before[product_id]}) | begun:
            yield f"{product_id}: its {TEXT} is {text!r}, which nobody wrote last"
        if text != last.get(product_id, text):
            yield f"{product_id}: its {TEXT} is {text!r}, by the history {last[product_id]!r}"


def texts(store: ChangeStore) -> Texts:
    """The descriptions of the products."""
    return {str(p[PRODUCT_ID]): str(p[TEXT]) for p in store.find(PRODUCTS, (PRODUCT_ID,))}


def last_texts(store: ChangeStore) -> Texts:
    """The descriptions that the last edit of each product has written, by the history."""
    return {
        product_id: str(line["after"][TEXT])
        for product_id, lines in lines_of_products(store).items()
        for line in lines
        if line["kind"] == Kind.EDIT
    }


# Rounds.


@dataclass
class Trial:
    """A database in which clerks are killed round after round."""

    store: str
    uri: str
    folder: Path
    seed: int
    rounds: int = 0
    killed: int = 0
    done: int = 0
    half: int = 0
    found: list[str] = field(default_factory=list)

    def go(self, rounds: int) -> None:
        """Does the rounds, until something is wrong."""
        with at_counter(self.uri) as counter:
            first = state(counter.store)
        for number in range(rounds):
            dice = random.Random(f"{self.seed} {self.store} {number}")
            with closing(open_store(self.uri)) as store:
                before, written = state(store), texts(store)
            files = [self.folder / f"{number}-{at}" for at in range(CLERKS)]
            self._kill(files, dice)
            done, at, failures = ([*chain(*each)] for each in zip(*map(read, files)))
            with closing(open_store(self.uri)) as store:
                half = len(store.unfinished())
            with at_counter(self.uri):
                pass  # what any counter command does
            with closing(open_store(self.uri)) as store:
                found = [*failures, *differences(before, state(store), done, at)]
                found += wrong_texts(written, texts(store), done, at, last_texts(store))
                found += faults(store, first)
            self.rounds, self.half, self.done = number + 1, self.half + half, self.done + len(done)
            self.found += [f"{self.store}, round {number}: {fault}" for fault in found]
            if found:
                break

    def _kill(self, files: Sequence[Path], dice: random.Random) -> None:
        """Lets clerks work, and kills each at its moment."""
        context = processes()
        begin = context.Barrier(len(files) + 1)
        clerks = [
            context.Process(target=clerk, args=(self.uri, file, f"{self.seed} {file.name}", begin))
            for file in files
        ]
        for each in clerks:
            each.start()
        try:
            begin.wait(START_SECONDS)
            start = time.monotonic()
            lingering = LINGER_SECONDS if dice.random() < LINGER_SHARE else 0.0
            moments = [dice.uniform(0, MOST_MOMENT) for _ in clerks]
            moments = [moments[0], *(moment + lingering for moment in moments[1:])]
            for moment, each in sorted(zip(moments, clerks), key=lambda pair: pair[0]):
                time.sleep(max(0.0, start + moment - time.monotonic()))
                each.kill()
        finally:
            for each in clerks:
                each.kill()
                each.join()
        self.killed += sum(each.exitcode == -signal.SIGKILL for each in clerks)

    def row(self) -> Sequence[str]:
        """The figures, as HEADER names them."""
        figures = self.rounds, self.killed, self.done, self.half, len(self.found)
        return self.store, *(f"{figure:,}" for figure in figures)


def benchmark(given: argparse.Namespace) -> None:
    """Kills, and prints what came out. Raises BenchmarkError if anything differs."""
    trials = []
    for store in given.store or STORES:
        with tempfile.TemporaryDirectory(prefix="hpnorton-killed-") as name:
            with database(store, Path(name), None) as uri:
                fill(uri, Path(name), SHOP_ROWS)
                trials.append(Trial(store, uri, Path(name), given.seed))
                trials[-1].go(given.rounds)
    for fault in (fault for trial in trials for fault in trial.found):
        print(f"WRONG: {fault}")
    print(markdown_table(HEADER, [trial.row() for trial in trials]), "", machine(), sep="\n")
    if any(trial.found for trial in trials):
        raise BenchmarkError(f"the books do not balance, see above; the dice: --seed {given.seed}")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=positive, default=100, metavar="R")
    parser.add_argument("--store", choices=STORES, action="append", help="only this one")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), metavar="N")
    given = parser.parse_args()
    return exit_status(lambda: benchmark(given))


if __name__ == "__main__":
    sys.exit(main())
