"""--check while clerks work: it tells of every fault, and of none that is not there."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpnorton.errors import RefusedError
from hpnorton.rental.audit import Audit
from hpnorton.rental.catalog import Catalog
from hpnorton.rental.counter import RentalCounter
from hpnorton.rental.export import export
from hpnorton.rental.names import PRODUCTS, QUANTITY, RENTALS
from hpnorton.rental.shop import open_shop
from hpnorton.schema.stored import Value
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import Condition, Document
from hpnorton.stores.history import HISTORY, RecordKey, StockRow
from hpnorton.stores.mongo.store import MongoStore
from tests.helpers.hand import Hand
from tests.helpers.shop import DAYS, PACKAGE, import_files, import_shop, open_counter


class Disturbed(MongoStore):
    """A store whose reader is overtaken: a clerk acts before, or while, one collection is read."""

    def __init__(self, uri: str) -> None:
        self.acts: dict[str, Callable[[], object]] = {}
        super().__init__(uri)

    def find(
        self,
        collection: str,
        key: Sequence[str],
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[str] = (),
    ) -> Iterator[Document]:
        self._act(f"before {collection}")
        yield from super().find(collection, key, where, sort=sort)
        self._act(f"after {collection}")

    def stocks(
        self, collection: str, key: str, stock: str, only: Value = None
    ) -> Iterator[StockRow]:
        self._act("before stocks")
        yield from super().stocks(collection, key, stock, only)
        self._act("after stocks")

    def _act(self, moment: str) -> None:
        if act := self.acts.pop(moment, None):
            act()


MOMENTS = ("after history", "before stocks", "after stocks", "before rental", "after rental")
ACTIONS: dict[str, Callable[[RentalCounter], object]] = {
    "rent": lambda counter: counter.rent("ANN", "P1"),
    "return": lambda counter: counter.give_back("BEN", "P2"),
    "count": lambda counter: counter.adjust_stock("P2", 4, "found"),
    "edit": lambda counter: counter.edit(
        RecordKey(counter.shop.products, ("P1",)), {"description": "x"}
    ),
    "rent and return": lambda counter: (counter.rent("ANN", "P1"), counter.give_back("ANN", "P1")),
    "return and rent": lambda counter: (counter.give_back("BEN", "P2"), counter.rent("BEN", "P2")),
}


@pytest.fixture(name="shop")
def a_shop_in_use(mongo_uri: str, tmp_path: Path) -> str:
    """Some products with a history, others without one; BEN has P2."""
    import_shop(mongo_uri, tmp_path, ["ANN", "BEN"], {"P1": 5, "P2": 3, "P3": 1})
    with open_counter(mongo_uri) as counter:
        counter.rent("BEN", "P2")
    return mongo_uri


def checked(uri: str, acts: dict[str, Callable[[RentalCounter], object]]) -> list[str]:
    """What a check tells while a clerk acts at some moments of it."""
    with open_counter(uri) as counter, closing(Disturbed(uri)) as store:
        for moment, act in acts.items():
            store.acts[moment] = lambda act=act: act(counter)  # type: ignore[misc] # its default
        found = [f"{f['fault']} {f['product_id']}" for f in Audit(store).faults()]
        assert not store.acts
    return found


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_clerk_raises_no_alarm(shop: str, moment: str, action: str) -> None:
    """Whatever is done between any two reads."""
    assert checked(shop, {moment: ACTIONS[action]}) == []
    assert checked(shop, {}) == []


def test_clerks_who_act_all_the_time_raise_no_alarm(shop: str) -> None:
    """Also between the reads of the second look."""
    one_by_one = dict(zip(MOMENTS, (ACTIONS["rent"], *[ACTIONS["count"]] * 4)))
    assert checked(shop, one_by_one) == []


def test_a_history_that_was_imported_counts(shop: str, tmp_path: Path) -> None:
    """Its lines are in the stock though no record has their numbers; a clerk acts meanwhile."""
    with closing(open_store(shop)) as store:
        export(store, Catalog(store), tmp_path / "out")
        for name in (*store.collections(), *(notes.name for notes in journal.OWN_COLLECTIONS)):
            store.drop_collection(name)
    import_files(shop, *sorted((tmp_path / "out").glob("*.csv")))
    for moment in MOMENTS:
        assert checked(shop, {moment: ACTIONS["count"]}) == []


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("wrong", [4, 6])
def test_no_clerk_hides_a_fault(shop: str, moment: str, wrong: int) -> None:
    """A stock that is one too low or too high looks right for a moment, but is told."""
    Hand(shop).set(PRODUCTS, {"product_id": "P1"}, **{QUANTITY: wrong})
    back_in_line = ACTIONS["rent"] if wrong == 6 else _give_one_back
    assert checked(shop, {moment: back_in_line}) == ["stock P1"]


def _give_one_back(counter: RentalCounter) -> None:
    counter.adjust_stock("P1", 1, "found")


def test_a_lost_rental_is_told_whatever_clerks_do(shop: str) -> None:
    """It was rented out according to the history, but there is no rental."""
    Hand(shop).remove(RENTALS, user_id="BEN", product_id="P2")
    for moment in MOMENTS:
        assert checked(shop, {moment: ACTIONS["count"]}) == ["rental P2"]


def _work(uri: str, started: Any, is_over: Any) -> None:
    with closing(open_store(uri)) as store:
        counter = RentalCounter(open_shop(Catalog(store, [PACKAGE.parent])), DAYS)
        started.release()
        while not is_over.is_set():
            for product_id in ("P1", "P2", "P3"):
                try:
                    counter.rent("ANN", product_id)
                    counter.give_back("ANN", product_id)
                    counter.adjust_stock(product_id, 1, "found")
                    counter.adjust_stock(product_id, -1, "lost")
                except RefusedError:
                    continue


def test_checks_beside_clerks_at_work(uri: str, tmp_path: Path) -> None:
    """Two processes rent, return and count without a pause; each of many checks is clean."""
    import_shop(uri, tmp_path, ["ANN", "BEN"], {"P1": 5, "P2": 3, "P3": 1})
    with open_counter(uri):
        pass
    context = multiprocessing.get_context("spawn")
    started, is_over = context.Semaphore(0), context.Event()
    clerks = [context.Process(target=_work, args=(uri, started, is_over)) for _ in range(2)]
    for clerk in clerks:
        clerk.start()
    try:
        for _ in clerks:
            assert started.acquire(timeout=60)
        with closing(open_store(uri)) as store:
            for _ in range(12):
                with store.snapshot():
                    assert not list(Audit(store).faults())
            assert any(True for _ in store.find(HISTORY.name, HISTORY.key))
    finally:
        is_over.set()
        for clerk in clerks:
            clerk.join(60)
    assert [clerk.exitcode for clerk in clerks] == [0, 0]
