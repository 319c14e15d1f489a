"""Many clerks at once, as real processes: nothing is oversold, and the books balance."""

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from random import Random

import pytest

from hpnorton.errors import RefusedError
from hpnorton.rental.counter import RentalCounter
from hpnorton.stores import open_store
from hpnorton.stores.base import Mode
from tests.helpers.shop import (
    faults,
    history_entries,
    import_files,
    open_counter,
    rentals,
    stocks,
    write_customers,
    write_products,
)

CLERKS = 8
SECONDS = 300.0  # after which a clerk who does not come is missed
_GATES: dict[int, Barrier] = {}  # in each clerk's process, which gets them in no other way


def _take_a_place(gates: dict[int, Barrier]) -> None:
    _GATES.update(gates)


def wait_for_all(clerks: int) -> None:
    """Returns when so many clerks have come here."""
    _GATES[clerks].wait(SECONDS)


@pytest.fixture(name="staff", scope="module")
def clerks_in_processes_of_their_own() -> Iterator[ProcessPoolExecutor]:
    """Clerks for all tests, as it takes a while to start a process."""
    context = get_context("spawn")
    gates = {clerks: context.Barrier(clerks) for clerks in (2, CLERKS, CLERKS + 1)}
    with ProcessPoolExecutor(
        CLERKS + 1, mp_context=context, initializer=_take_a_place, initargs=(gates,)
    ) as staff:
        yield staff


def at_once(staff: Executor, work: Callable[[int], list[str]], clerks: int) -> list[str]:
    """What so many clerks, who begin together, say of their work."""
    return [said for each in staff.map(work, range(clerks)) for said in each]


def attempt(work: Callable[[], object]) -> str:
    """What the counter says: done, or why not, without ids and numbers."""
    try:
        work()
    except RefusedError as error:
        return " ".join(
            word for word in str(error).split(":", maxsplit=1)[0].split() if word.isalpha()
        )
    return "done"


def rent_one_for_each(uri: str, customers: int, product_id: str, clerk: int) -> list[str]:
    """A clerk, whose customers all want the same."""
    with open_counter(uri) as counter:
        wait_for_all(CLERKS)
        return [
            attempt(partial(counter.rent, f"U{clerk}-{number}", product_id))
            for number in range(customers)
        ]


def test_of_a_hundred_copies_exactly_a_hundred_are_rented(
    staff: Executor, uri: str, tmp_path: Path
) -> None:
    """Eight clerks and 104 customers: four of these hear that it is out of stock."""
    each = 13
    ids = [f"U{clerk}-{number}" for clerk in range(CLERKS) for number in range(each)]
    import_files(uri, write_customers(tmp_path, ids), write_products(tmp_path, {"P1": 100}))
    said = Tally(at_once(staff, partial(rent_one_for_each, uri, each, "P1"), CLERKS))
    assert said == {"done": 100, "is out of stock": 4}
    with closing(open_store(uri)) as store:
        assert stocks(store) == {"P1": 0}
        assert len(rentals(store)) == 100
        told = [(line["kind"], line["number"], line["stock"]) for line in history_entries(store)]
        assert told == [("rent", number, 100 - number) for number in range(1, 101)]
        assert faults(store) == []


def open_and_rent(uri: str, clerk: int) -> list[str]:
    """A clerk, who opens the shop together with all others."""
    wait_for_all(CLERKS)
    with open_counter(uri) as counter:
        return [attempt(partial(counter.rent, f"U{clerk}", "P1"))]


def test_the_first_clerks_open_a_shop_at_once(staff: Executor, uri: str, tmp_path: Path) -> None:
    """Each adds what it finds missing, though another one may just be adding it."""
    ids = [f"U{clerk}" for clerk in range(CLERKS)]
    files = (write_customers(tmp_path, ids), write_products(tmp_path, {"P1": CLERKS}))
    import_files(uri, *files)
    assert at_once(staff, partial(open_and_rent, uri), CLERKS) == ["done"] * CLERKS
    with closing(open_store(uri)) as store:
        assert rentals(store) == {(user_id, "P1") for user_id in ids}
        assert [line["number"] for line in history_entries(store)] == list(range(1, CLERKS + 1))
        assert faults(store) == []


def fight_for_each(uri: str, products: Sequence[str], clerk: int) -> list[str]:
    """A clerk, whose customer wants the last of everything."""
    with open_counter(uri) as counter:
        said = []
        for product_id in products:
            wait_for_all(2)
            said.append(f"{product_id} {attempt(partial(counter.rent, f'U{clerk}', product_id))}")
        return said


def test_one_of_two_gets_the_last_one(staff: Executor, uri: str, tmp_path: Path) -> None:
    """Each time they both want the last copy, one has it and the other hears that it is out."""
    products = [f"P{number}" for number in range(12)]
    stock = dict.fromkeys(products, 1)
    import_files(uri, write_customers(tmp_path, ["U0", "U1"]), write_products(tmp_path, stock))
    said = at_once(staff, partial(fight_for_each, uri, products), 2)
    assert Tally(said) == Tally(
        f"{product_id} {answer}"
        for product_id in products
        for answer in ("done", "is out of stock")
    )
    with closing(open_store(uri)) as store:
        assert stocks(store) == dict.fromkeys(products, 0)
        assert len(rentals(store)) == len(products)
        assert faults(store) == []


def work_at_random(uri: str, customers: int, products: int, clerk: int) -> list[str]:
    """A clerk who rents out, takes back and counts whatever for whomever."""
    random = Random(clerk)
    with open_counter(uri) as counter:
        wait_for_all(CLERKS + 1)
        return [
            attempt(partial(_do_anything, counter, random, customers, products)) for _ in range(12)
        ]


def _do_anything(counter: RentalCounter, random: Random, customers: int, products: int) -> None:
    user_id, product_id = f"U{random.randrange(customers)}", f"P{random.randrange(products)}"
    work = random.choice((counter.rent, counter.rent, counter.give_back, counter.adjust_stock))
    if work == counter.adjust_stock:
        counter.adjust_stock(product_id, random.choice((-1, 1, 2)), "counted")
    elif work == counter.give_back:
        counter.give_back(user_id, product_id)
    else:
        counter.rent(user_id, product_id)


def import_again_and_again(uri: str, files: list[str]) -> list[str]:
    """Imports that replace the products, at the same time."""
    wait_for_all(CLERKS + 1)
    for path in files * 3:
        import_files(uri, path, mode=Mode.UPSERT, rows=2)
    return []


def clerk_or_import(uri: str, files: list[str], clerk: int) -> list[str]:
    """The last clerk imports."""
    if clerk == CLERKS:
        return import_again_and_again(uri, files)
    return work_at_random(uri, 3, 4, clerk)


def test_the_books_balance_after_imports_among_clerks(
    staff: Executor, uri: str, tmp_path: Path
) -> None:
    """An import that replaces stocks, and clerks who change them, leave nothing unexplained."""
    names = [f"P{number}" for number in range(4)]
    import_files(
        uri,
        write_customers(tmp_path, ["U0", "U1", "U2"]),
        write_products(tmp_path, dict.fromkeys(names, 2)),
    )
    files = [
        str(
            write_products(
                tmp_path / f"delivery{stock}", dict.fromkeys((*names, f"N{stock}"), stock)
            )
        )
        for stock in (1, 4)
    ]
    said = Tally(at_once(staff, partial(clerk_or_import, uri, files), CLERKS + 1))
    assert said["done"] > 0
    assert said.total() == 12 * CLERKS
    with closing(open_store(uri)) as store:
        assert store.unfinished() == []
        assert faults(store) == []
        kinds = Tally(line["kind"] for line in history_entries(store))
        assert kinds["import"] > 0
        rented = kinds["rent"] - kinds["return"]
        assert len(rentals(store)) == rented
        assert all(isinstance(number, int) and number >= 0 for number in stocks(store).values())
