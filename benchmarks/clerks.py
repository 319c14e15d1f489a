"""Clerks at one counter: processes that rent and return at random on one database.

Each does one thing after the other for a while, and can hold its transaction, as a slow counter
would. With --fight all of them want the last item of one product, round after round: one gets it,
the others are refused. In the end the books have to balance, and nothing may be oversold.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Empty
from threading import BrokenBarrierError

from kills import SQLITE, STORES, database
from measure import BenchmarkError, exit_status, machine, markdown_table, percentile, spread
from shell import positive
from shop import (
    Pair,
    State,
    active_customers,
    at_counter,
    faults,
    fill,
    processes,
    reason,
    state,
)

from hpnorton.errors import RefusedError, UnknownIdError
from hpnorton.rental.counter import RentalCounter
from hpnorton.stores.base import ChangeStore

CLERKS = (3, 8, 32)
HOLDS = (0.0, 3.0)  # seconds
FIGHTERS = 32
SHOP_ROWS = 100  # so few products and customers that clerks get into each other's way
OWN_SHARE = 0.8  # of the returns: what the clerk has rented out; the others are any pair
PATIENCE_SECONDS = 300.0  # who says nothing for so long after the end hangs
HEADER = (
    "store",
    "clerks",
    "held, s",
    "seconds",
    "operations/s",
    "wait, ms: median",
    "99th percentile",
    "longest",
    "of one clerk (min - max)",
    "rented",
    "returned",
    "refused",
    "errors",
    "CPU s/s",
)
SHOWN_FAULTS = 20
TURNS = 1.5


@dataclass(frozen=True)
class Case:
    """How many clerks work, and for how many seconds, with a hold; or fight for so many rounds."""

    store: str
    clerks: int
    hold: float
    seconds: float
    rounds: int
    seed: int

    def __str__(self) -> str:
        what = f"{self.rounds} fights" if self.rounds else f"{self.hold:g} s held"
        return f"{self.store}, {self.clerks} clerks, {what}"


@dataclass
class Work:
    """What one clerk has done in so many seconds, and CPU seconds.

    `waits` are the seconds that each operation took, without those for which it was held; `done`
    has for each pair how often it was rented less how often returned, `won` the fights won.
    """

    waits: list[float] = field(default_factory=list)
    rented: int = 0
    returned: int = 0
    done: Tally[Pair] = field(default_factory=Tally)
    won: list[int] = field(default_factory=list)
    refused: Tally[str] = field(default_factory=Tally)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0


@dataclass
class Clerk:
    """A clerk, as one process is; `begin` is where all wait for each other."""

    counter: RentalCounter
    case: Case
    begin: Barrier
    dice: random.Random
    work: Work

    def work_freely(self) -> None:
        """Rents out and takes back at random, anything to anybody."""
        customers = active_customers(self.counter.store)
        products = list(state(self.counter.store).stocks)
        mine: list[Pair] = []
        self.begin.wait(PATIENCE_SECONDS)
        end = time.monotonic() + self.case.seconds
        while time.monotonic() < end:
            pair = self.dice.choice(customers), self.dice.choice(products)
            if self.dice.random() < 0.5:
                if self.attempt(pair, is_rent=True):
                    mine.append(pair)
            else:
                if mine and self.dice.random() < OWN_SHARE:
                    pair = mine.pop(self.dice.randrange(len(mine)))
                self.attempt(pair, is_rent=False)

    def fight(self, number: int) -> None:
        """Wants the one item of the first product, in every round; brings it back after it."""
        store = self.counter.store
        product_id = min(state(store).stocks)
        taken = {user_id for user_id, rented in state(store).rentals if rented == product_id}
        rivals = [user_id for user_id in active_customers(store) if user_id not in taken]
        pair = rivals[number], product_id
        for at in range(self.case.rounds):
            self.begin.wait(PATIENCE_SECONDS)
            has_won = self.attempt(pair, is_rent=True)
            self.begin.wait(PATIENCE_SECONDS)
            if has_won:
                self.work.won.append(at)
                self.attempt(pair, is_rent=False)

    def attempt(self, pair: Pair, *, is_rent: bool) -> bool:
        """Rents a pair, or takes it back, and holds that for a while; says whether it was done."""
        start, is_done = time.monotonic(), True
        with self.counter.store.transaction():
            try:
                (self.counter.rent if is_rent else self.counter.give_back)(*pair)
            except (RefusedError, UnknownIdError) as error:
                self.work.refused[reason(error)] += 1
                is_done = False
            held = time.monotonic()
            time.sleep(self.case.hold)
            start += time.monotonic() - held
        self.work.waits.append(time.monotonic() - start)
        if is_done:
            self.work.rented += is_rent
            self.work.returned += not is_rent
            self.work.done[pair] += 1 if is_rent else -1
        return is_done


def clerk(case: Case, uri: str, number: int, begin: Barrier, results: "Queue[Work]") -> None:
    """The process of a clerk."""
    work = Work()
    try:
        with at_counter(uri) as counter:
            dice = random.Random(f"{case.seed} {number}")
            mine = Clerk(counter, case, begin, dice, work)
            begin.wait(PATIENCE_SECONDS)
            start, cpu = time.monotonic(), time.process_time()
            if case.rounds:
                mine.fight(number)
            else:
                mine.work_freely()
            work.seconds, work.cpu = time.monotonic() - start, time.process_time() - cpu
    except BrokenBarrierError:
        pass  # another clerk tells why
    except Exception as error:  # pylint: disable=broad-exception-caught # it is what we look for
        work.errors.append(f"{type(error).__name__}: {error}")
        begin.abort()
    results.put(work)


# A case.


@dataclass
class Outcome:
    """What the clerks of a case have done, and what is wrong with it."""

    case: Case
    works: Sequence[Work]
    faults: Sequence[str]

    def row(self) -> Sequence[str]:
        """The figures, as HEADER names them."""
        waits = [wait * 1000 for work in self.works for wait in work.waits]
        seconds = max(work.seconds for work in self.works)
        return (
            self.case.store,
            str(self.case.clerks),
            f"{self.case.hold:g}",
            f"{seconds:.1f}",
            f"{len(waits) / seconds:,.1f}",
            f"{percentile(waits, 50):,.1f}",
            f"{percentile(waits, 99):,.1f}",
            f"{max(waits):,.1f}",
            spread(len(work.waits) for work in self.works).show(),
            f"{sum(work.rented for work in self.works):,}",
            f"{sum(work.returned for work in self.works):,}",
            f"{sum(work.refused.total() for work in self.works):,}",
            str(sum(len(work.errors) for work in self.works)),
            f"{sum(work.cpu for work in self.works) / seconds:.2f}",
        )

    def refusals(self) -> str:
        """The refusals by reason, the most frequent first."""
        refused = sum((work.refused for work in self.works), Tally[str]())
        return "; ".join(f"{count:,} {why}" for why, count in refused.most_common()) or "none"


def run(case: Case) -> Outcome:
    """Lets the clerks of a case work in a shop of their own, and looks at what they have left."""
    with tempfile.TemporaryDirectory(prefix="hpnorton-clerks-") as name:
        with database(case.store, Path(name), None) as uri:
            fill(uri, Path(name), SHOP_ROWS)
            with at_counter(uri) as counter:
                before = state(counter.store)
                if case.rounds:
                    fought = min(before.stocks)
                    if more := 1 - before.stocks[fought]:
                        counter.adjust_stock(fought, more, "to be fought for")
                works = let_work(case, uri)
                found = [error for work in works for error in work.errors]
                found += faults(counter.store, before)
                found += untrue(counter.store, before, works)
                found += unfair(case, works)
    return Outcome(case, works, found)


def let_work(case: Case, uri: str) -> list[Work]:
    """What the clerks have done, each in its process. Raises BenchmarkError if one is lost."""
    context = processes()
    begin, results = context.Barrier(case.clerks), context.Queue()
    clerks = [
        context.Process(target=clerk, args=(case, uri, number, begin, results))
        for number in range(case.clerks)
    ]
    for each in clerks:
        each.start()
    try:
        return list(gathered(clerks, results, case.seconds))
    finally:
        for each in clerks:
            each.kill()
            each.join()


def gathered(
    clerks: Sequence[BaseProcess], results: "Queue[Work]", seconds: float
) -> Iterator[Work]:
    """The work of each clerk. Raises BenchmarkError if one ends, or hangs, without telling."""
    for _ in clerks:
        try:
            yield results.get(timeout=seconds + PATIENCE_SECONDS)
        except Empty:
            codes = [each.exitcode for each in clerks]
            raise BenchmarkError(f"a clerk is lost; their exit codes: {codes}") from None


def untrue(store: ChangeStore, before: State, works: Sequence[Work]) -> Iterator[str]:
    """What is not as the clerks say that they have made it."""
    now, done = state(store), Tally[Pair]()
    for work in works:
        done.update(work.done)
    for pair in sorted({*before.rentals, *done}):
        wanted = (pair in before.rentals) + done[pair]
        if wanted != (pair in now.rentals):
            yield f"{pair}: rented {wanted} times by what the clerks say"


def unfair(case: Case, works: Sequence[Work]) -> Iterator[str]:
    """The rounds of a fight that not exactly one clerk has won."""
    winners = Tally(number for work in works for number in work.won)
    for number in range(case.rounds):
        if winners[number] != 1:
            yield f"fight {number}: {winners[number]} clerks got the last item"


# All cases.


def cases(given: argparse.Namespace) -> Iterator[Case]:
    """What the command line asks for."""
    for store in given.store or STORES:
        if given.fight:
            clerks = given.clerks or [FIGHTERS]
            yield from (Case(store, n, 0.0, 0.0, given.fight, given.seed) for n in clerks)
            continue
        for hold in given.hold or HOLDS:
            if hold and store != SQLITE:
                continue  # without transactions there is nothing to hold
            for clerks in given.clerks or CLERKS:
                # Long enough for every clerk to have had a turn or two.
                seconds = max(given.seconds, TURNS * hold * clerks)
                yield Case(store, clerks, hold, seconds, 0, given.seed)


def benchmark(given: argparse.Namespace) -> None:
    """Lets clerks work, and prints what came out. Raises BenchmarkError if anything is wrong."""
    about, outcomes = machine(), []
    for case in cases(given):
        outcomes.append(run(case))
        print(f"{case}: refused: {outcomes[-1].refusals()}", flush=True)
        for fault in outcomes[-1].faults[:SHOWN_FAULTS]:
            print(f"  WRONG: {fault}", flush=True)
    print("", markdown_table(HEADER, [each.row() for each in outcomes]), "", about, sep="\n")
    if wrong := sum(len(each.faults) for each in outcomes):
        raise BenchmarkError(f"{wrong} things are wrong, see above; the dice: --seed {given.seed}")
    print("\nNo errors, nothing oversold, and the books balance.")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clerks", type=positive, action="append", metavar="N", help="repeatable")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="of each case")
    parser.add_argument(
        "--hold",
        type=float,
        action="append",
        metavar="S",
        help="seconds for which a clerk holds the transaction; repeatable",
    )
    parser.add_argument(
        "--fight",
        type=positive,
        nargs="?",
        const=50,
        metavar="ROUNDS",
        help="for the last item of one product",
    )
    parser.add_argument("--store", choices=STORES, action="append", help="only this one")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), metavar="N")
    given = parser.parse_args()
    return exit_status(lambda: benchmark(given))


if __name__ == "__main__":
    sys.exit(main())
