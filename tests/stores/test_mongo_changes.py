"""Clerks who die at MongoDB, between a line of the history and the steps that carry it out.

On servers without transactions, that is; others cannot come to this, but the pieces work there too.
"""
# pylint: disable=protected-access # a crash is made of the pieces that it leaves undone

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Barrier
from typing import Any

import pymongo
import pytest

from hpnorton.errors import StoreError
from hpnorton.stores.base import Document
from hpnorton.stores.history import Change, RecordKey
from hpnorton.stores.mongo import changes
from hpnorton.stores.mongo.store import MongoStore
from tests.helpers.changes import (
    ANNA,
    DRUM,
    PRODUCTS,
    TENT,
    add,
    adjust,
    edit,
    fill,
    give_back,
    product,
    record_of,
    rent,
)
from tests.helpers.commandline import ROOT
from tests.helpers.dead_clerks import die_over
from tests.helpers.shop import first_and_now, history_entries, rentals, stocks

LAMP = RecordKey(PRODUCTS, ("P3",))
# What a clerk has done before, the change over which he dies, and what is in stock afterwards.
DEATHS: dict[str, tuple[list[Change], Change, int]] = {
    "rent": ([], rent(1), 1),
    "return": ([rent(1)], give_back(2), 2),
    "rent again": ([rent(1), give_back(2)], rent(3), 1),
    "adjust": ([], adjust(1, -1), 1),
    "edit": ([], edit(1, TENT, {"description": "Tent"}, {"description": "Hut"}), 2),
}
Repair = Callable[[MongoStore], object]
REPAIRS: dict[str, Repair] = {
    "the next clerk": lambda store: store.last_numbers([TENT]),
    "the next command": lambda store: store.finish(store.unfinished()),
}


@pytest.fixture(name="store")
def open_shop(mongo_uri: str) -> Iterator[MongoStore]:
    """A store on each server, with two customers, 2 of P1 and 5 of P2."""
    with closing(MongoStore(mongo_uri)) as store:
        fill(store)
        yield store


@pytest.fixture(name="impatient")
def wait_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is late is taken for dead at once."""
    monkeypatch.setattr(changes, "PATIENCE_SECONDS", 0.0)


def state_of(store: MongoStore) -> tuple[object, ...]:
    """All that a change may have changed; times are not compared."""
    told = [{n: v for n, v in line.items() if n != "at"} for line in history_entries(store)]
    records = [record_of(store, place) for place in (TENT, DRUM, LAMP, ANNA)]
    return told, rentals(store), stocks(store), records


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("repair", REPAIRS.values(), ids=list(REPAIRS))
@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("death", DEATHS)
def test_what_a_dead_clerk_has_begun_is_finished_once(
    store: MongoStore, death: str, steps: int, repair: Repair
) -> None:
    """Wherever he died: then it is as if he had lived, and repairing again changes nothing."""
    before, change, left = DEATHS[death]
    for earlier in before:
        store.post([earlier])
    die_over(store, change, steps)
    assert store.unfinished() == [f"P1|product|{change.number}"]
    repair(store)
    repaired = state_of(store)
    assert store.unfinished() == []
    assert stocks(store)["P1"] == left
    assert rentals(store) == ({("C1", "P1")} if "rent" in death else set())
    for again in REPAIRS.values():
        again(store)
    assert state_of(store) == repaired
    assert store.last_numbers([TENT]) == [change.number]


@pytest.mark.usefixtures("impatient")
def test_a_new_record_of_a_dead_clerk_comes(store: MongoStore) -> None:
    """With its first stock."""
    die_over(store, add(LAMP, product("P3", 4, "Lamp")), 0)
    assert record_of(store, LAMP) is None
    assert store.last_numbers([LAMP]) == [1]
    assert record_of(store, LAMP) == product("P3", 4, "Lamp")
    assert ("P3", 4, 4) in first_and_now(store)


def test_an_unfinished_line_shows_no_notes(store: MongoStore) -> None:
    """Also while its steps stand in it."""
    die_over(store, rent(1), 1)
    (line,) = history_entries(store)
    assert line.keys() == rent(1).entry.keys()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("death", DEATHS)
def test_two_who_repair_at_once_do_it_once(
    store: MongoStore, mongo_uri: str, death: str, steps: int
) -> None:
    """Each of several commands may find the line; the change is carried out once."""
    before, change, left = DEATHS[death]
    for earlier in before:
        store.post([earlier])
    die_over(store, change, steps)
    barrier = Barrier(3)

    def repair(own: MongoStore) -> None:
        left_over = own.unfinished()
        barrier.wait(60)
        own.finish(left_over)

    with ExitStack() as stack:
        clerks = [stack.enter_context(closing(MongoStore(mongo_uri))) for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(repair, clerks))
    assert store.unfinished() == []
    assert stocks(store)["P1"] == left
    assert rentals(store) == ({("C1", "P1")} if "rent" in death else set())


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("steps", [0, 1])
def test_a_late_clerk_does_not_bring_a_returned_rental_back(store: MongoStore, steps: int) -> None:
    """He was taken for dead, his rental was carried out by another one, and is over."""
    late = die_over(store, rent(1), steps)
    store.finish(store.unfinished())
    store.post([give_back(2)])
    expected = state_of(store)
    store.changes.carry_out(late)
    assert rentals(store) == set()
    assert state_of(store) == expected


@pytest.mark.usefixtures("impatient")
def test_a_late_clerk_leaves_a_newer_rental_alone(store: MongoStore) -> None:
    """Also if the same customer has rented the same product again."""
    late = die_over(store, rent(1), 0)
    store.finish(store.unfinished())
    store.post([give_back(2)])
    store.post([rent(3)])
    expected = state_of(store)
    store.changes.carry_out(late)
    assert rentals(store) == {("C1", "P1")}
    assert state_of(store) == expected


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("steps", [0, 1])
def test_a_late_return_ends_no_newer_rental(store: MongoStore, steps: int) -> None:
    """The rental that it has ended is not the one that is there now."""
    store.post([rent(1)])
    late = die_over(store, give_back(2), steps)
    store.finish(store.unfinished())
    store.post([rent(3)])
    expected = state_of(store)
    store.changes.carry_out(late)
    assert rentals(store) == {("C1", "P1")}
    assert state_of(store) == expected


@pytest.mark.usefixtures("impatient")
def test_a_late_count_or_edit_changes_nothing(store: MongoStore) -> None:
    """What was done after it stays."""
    late = [
        *die_over(store, adjust(1, -1), 0),
        *die_over(store, edit(1, ANNA, {"Name": "Anna"}, {"Name": "Anne"}), 0),
    ]
    store.finish(store.unfinished())
    store.post([adjust(2, 5), edit(2, ANNA, {"Name": "Anne"}, {"Name": "Annie"})])
    expected = state_of(store)
    store.changes.carry_out(late)
    assert state_of(store) == expected
    assert stocks(store)["P1"] == 6


@pytest.mark.usefixtures("impatient")
def test_only_the_late_ones_of_several_are_taken_back(store: MongoStore) -> None:
    """A clerk who repairs many lines may be late for one of them."""
    late = die_over(store, rent(1), 0)
    store.finish(store.unfinished())
    store.post([give_back(2)])
    fresh = die_over(store, rent(1, "C2", DRUM, 4), 1)
    store.changes.carry_out([*late, *fresh])
    assert rentals(store) == {("C2", "P2")}
    assert stocks(store) == {"P1": 2, "P2": 4}
    assert store.unfinished() == []


def test_a_line_that_goes_on_is_waited_for(store: MongoStore, mongo_uri: str) -> None:
    """A clerk who lives carries out his line himself; who waits for it reads the stock after it."""
    alive = die_over(store, rent(1), 0)
    with closing(MongoStore(mongo_uri)) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.last_numbers, [TENT])
        store.changes.carry_out(alive)
        assert waiting.result(60) == [1]
        assert stocks(other)["P1"] == 1
    assert store.unfinished() == []


_CLERK = """
import sys
from hpnorton.stores.mongo.changes import MongoChanges
do = MongoChanges.do_steps
left = int(sys.argv.pop())
def dying(self, steps, session):
    global left
    if left == 0:
        print("dying", flush=True)
        sys.stdin.read()
    left -= 1
    return do(self, steps, session)
MongoChanges.do_steps = dying
from hpnorton.stores.mongo.store import MongoStore
from tests.helpers.changes import rent
MongoStore(sys.argv[1]).post([rent(1)])
"""


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("steps", [0, 1])
def test_a_killed_process_leaves_what_the_next_one_finishes(
    store: MongoStore, mongo_uri: str, steps: int
) -> None:
    """kill -9 before and after the rental: it is there in the end, and paid for with stock."""
    if store.connection.has_transactions:
        pytest.skip("there a crash leaves nothing")
    command = [sys.executable, "-c", _CLERK, mongo_uri, str(steps)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as clerk:
        assert clerk.stdout and clerk.stdout.readline() == b"dying\n"
        clerk.kill()
    assert (len(rentals(store)), stocks(store)["P1"]) == (steps, 2)
    assert store.last_numbers([TENT]) == [1]
    assert (rentals(store), stocks(store)["P1"]) == ({("C1", "P1")}, 1)
    assert store.unfinished() == []


def test_the_history_is_indexed_by_what_is_asked_of_it(store: MongoStore, mongo_uri: str) -> None:
    """Unfinished lines, lines of a record, lines of a customer, and rentals by their due day."""
    with pymongo.MongoClient[Document](mongo_uri) as client:
        database = client.get_default_database()
        first = {
            name: {next(iter(index["key"])) for index in database[name].list_indexes()}
            for name in store.collections()
        }
    assert first["history"] >= {"record", "user_id", "hpnorton_pending"}
    assert first["rental"] >= {"user_id", "due"}


def test_the_first_change_of_a_record_is_waited_for(
    store: MongoStore, mongo_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks between another's first line and what it changes does not build on the line."""
    look = store.changes.last_changes

    def look_and_be_late(places: Iterable[RecordKey]) -> dict[tuple[str, Any], int | None]:
        found = look(places)
        monkeypatch.setattr(store.changes, "last_changes", look)
        with closing(MongoStore(mongo_uri)) as other:
            die_over(other, adjust(1, -1), steps=0)
        return found

    monkeypatch.setattr(store.changes, "last_changes", look_and_be_late)
    (number,) = store.last_numbers([TENT])
    assert store.post([adjust(number + 1, -1)]) == [0]
    assert store.last_numbers([TENT]) == [1]
    assert stocks(store)["P1"] == 1


def test_a_change_that_a_server_has_lost_is_told(store: MongoStore, mongo_uri: str) -> None:
    """Where a record was put back behind its history, nobody asks for ever for the next number."""
    store.post([adjust(1, -1)])
    store.post([adjust(2, -1)])
    with pymongo.MongoClient[Document](mongo_uri) as client:
        products = client.get_default_database()["product"]
        products.update_one({"_id": "P1"}, {"$set": {"hpnorton_last": 1, "quantity_available": 1}})
    assert store.last_numbers([TENT]) == [1]
    with pytest.raises(StoreError, match="lost a change: product P1 does not know of number 2"):
        store.post([adjust(2, -1)])
    assert store.post([adjust(3, -1)]) == []
