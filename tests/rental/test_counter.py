"""The counter's rules, on every store: who may rent what, and what becomes of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpnorton.errors import HPNortonError, RefusedError, UnknownIdError, UsageError
from hpnorton.importer import stock_updates
from hpnorton.rental import queries, record_history
from hpnorton.rental.catalog import Catalog
from hpnorton.rental.counter import RentalCounter
from hpnorton.rental.shop import open_shop
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import ChangeStore, Document, Mode
from hpnorton.stores.history import RecordKey
from tests.helpers.shop import (
    DATASET,
    DAYS,
    PACKAGE,
    everything,
    faults,
    first_and_now,
    history_entries,
    import_files,
    open_counter,
    redescribe,
    rentals,
    run,
    stocks,
    write_customers,
    write_products,
    write_rentals,
)
from tests.helpers.stores import batch_from_documents

TODAY = datetime.now(UTC).date()
LATER = TODAY + timedelta(3)


@pytest.fixture(name="counter")
def open_the_shop(uri: str) -> Iterator[RentalCounter]:
    """A counter of each kind: Ann may rent, Ben may, Ida not; 2 of P1, 1 of P2, none of P3."""
    people: list[Document] = [
        {"user_id": "ANN", "Name": "Ann", "Last_name": "Lee", "Status": "Active"},
        {"user_id": "BEN", "Name": "Ben", "Last_name": "Oak", "Status": "Active"},
        {"user_id": "IDA", "Name": "Ida", "Last_name": "Elm", "Status": "Inactive"},
    ]
    people[0]["Home_address"] = "1 Road,\nTown"
    people[0] |= {"Phone_number": "555-1", "Email_address": "ann@example.org"}
    things: list[Document] = [
        {
            "product_id": product_id,
            "description": "x",
            "product_type": "x",
            "quantity_available": stock,
        }
        for product_id, stock in {"P1": 2, "P2": 1, "P3": 0}.items()
    ]
    with closing(open_store(uri, create=True)) as store:
        journal.prepare(store)
        shop = open_shop(Catalog(store, [PACKAGE.parent]))
        put(store, shop.customers, *({"Credit_limit": 10} | person for person in people))
        put(store, shop.products, *things)
        put(store, shop.rentals, {"user_id": "BEN", "product_id": "P3"})
        yield RentalCounter(shop, DAYS)


def put(store: ChangeStore, collection: Collection, *records: Document) -> None:
    """Inserts records; fields without a value are null."""
    whole = [dict.fromkeys(collection.columns) | record for record in records]
    assert store.write(batch_from_documents(collection, whole), Mode.INSERT).inserted == len(
        records
    )


def place(counter: RentalCounter, name: str, *key: str) -> RecordKey:
    """Where a record of a collection is."""
    return RecordKey(counter.shop.get_collection(name), key)


def now() -> str:
    """The time, as the counter writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def test_a_rental_has_the_customers_data_and_its_days(counter: RentalCounter) -> None:
    """It is like those imported, with the time it was rented at and the day it is due."""
    before = now()
    rental = counter.rent("ANN", "P1")
    assert before <= str(rental.pop("rented_at")) <= now()
    assert rental == {
        "user_id": "ANN",
        "name": "Ann Lee",
        "address": "1 Road,\nTown",
        "phone_number": "555-1",
        "email": "ann@example.org",
        "product_id": "P1",
        "due": (TODAY + timedelta(DAYS)).isoformat(),
    }
    (stored,) = counter.store.find("rental", ("user_id",), (("user_id", "=", "ANN"),))
    assert {**stored, "rented_at": None} == {**rental, "rented_at": None}
    assert stocks(counter.store) == {"P1": 1, "P2": 1, "P3": 0}
    assert faults(counter.store) == []


def test_a_rental_may_be_due_on_any_day_to_come(counter: RentalCounter) -> None:
    """Today is the first one."""
    for due in (TODAY, TODAY + timedelta(1), date(9999, 12, 31)):
        assert counter.rent("ANN", "P1", due)["due"] == due.isoformat()
        counter.give_back("ANN", "P1")


def test_what_is_taken_back_is_in_stock_again(counter: RentalCounter) -> None:
    """Both what was rented here and what was imported as a rental; the time is told."""
    rental = counter.rent("ANN", "P1")
    before = now()
    returned = counter.give_back("ANN", "P1")
    assert before <= str(returned.pop("returned_at")) <= now()
    assert returned == rental
    assert counter.give_back("BEN", "P3")["user_id"] == "BEN"
    assert rentals(counter.store) == set()
    assert stocks(counter.store) == {"P1": 2, "P2": 1, "P3": 1}
    assert faults(counter.store) == []


def test_the_same_may_be_rented_again(counter: RentalCounter) -> None:
    """By the same customer, and by another."""
    for user_id in ("ANN", "ANN", "BEN"):
        counter.rent(user_id, "P2")
        counter.give_back(user_id, "P2")
    assert [line["kind"] for line in history_entries(counter.store)] == ["rent", "return"] * 3
    assert [line["number"] for line in history_entries(counter.store)] == [1, 2, 3, 4, 5, 6]
    assert stocks(counter.store)["P2"] == 1


def test_a_stock_is_adjusted(counter: RentalCounter) -> None:
    """Up and down to nothing, with a reason; the product is given as it is then."""
    assert counter.adjust_stock("P1", 3, "bought")["quantity_available"] == 5
    assert counter.adjust_stock("P1", -5, "stolen")["quantity_available"] == 0
    told = [
        (n["delta"], n["stock"], n["reason"], n["user_id"]) for n in history_entries(counter.store)
    ]
    assert told == [(3, 5, "bought", None), (-5, 0, "stolen", None)]
    assert faults(counter.store) == []


def test_a_new_customer_rents_a_new_product(counter: RentalCounter) -> None:
    """What is added is there for all that follows."""
    customer = dict.fromkeys(counter.shop.customers.columns) | {
        "user_id": "EVE",
        "Name": "E",
        "Last_name": "Vee",
        "Status": "Active",
        "Credit_limit": 0,
    }
    product: Document = {
        "product_id": "P9",
        "description": "Kite",
        "product_type": "Toys",
        "quantity_available": 1,
    }
    assert counter.add(counter.shop.customers, customer) == customer
    counter.add(counter.shop.products, product)
    assert counter.rent("EVE", "P9")["name"] == "E Vee"
    assert first_and_now(counter.store)[-1] == (
        "P9",
        1,
        0,
    )
    assert faults(counter.store) == []


def test_an_edit_changes_what_it_names_and_tells_both_values(counter: RentalCounter) -> None:
    """A value may become none, and the others stay."""
    edited = counter.edit(
        place(counter, "customers", "ANN"), {"Status": "Inactive", "Home_address": None}
    )
    assert (edited["Status"], edited["Home_address"], edited["Name"]) == ("Inactive", None, "Ann")
    (line,) = history_entries(counter.store)
    assert (line["record"], line["collection"], line["kind"]) == ("ANN", "customers", "edit")
    assert json.loads(str(line["before"])) == {"Status": "Active", "Home_address": "1 Road,\nTown"}
    assert json.loads(str(line["after"])) == {"Status": "Inactive", "Home_address": None}


def test_an_edit_that_changes_nothing_is_not_told(counter: RentalCounter) -> None:
    """The record is given as it is; of several values only those that differ are told."""
    before = everything(counter.store)
    ann, rental = place(counter, "customers", "ANN"), place(counter, "rental", "BEN", "P3")
    assert counter.edit(ann, {"Name": "Ann", "Status": "Active"})["user_id"] == "ANN"
    assert counter.edit(rental, {"due": None})["user_id"] == "BEN"
    assert everything(counter.store) == before
    counter.edit(ann, {"Name": "Ann", "Last_name": "Oak"})
    (line,) = history_entries(counter.store)
    assert (line["before"], line["after"]) == ('{"Last_name": "Lee"}', '{"Last_name": "Oak"}')


def test_an_edited_rental_belongs_to_its_products_history(counter: RentalCounter) -> None:
    """And to its customer's; the stock stays."""
    counter.edit(place(counter, "rental", "BEN", "P3"), {"due": "2030-01-01"})
    (line,) = history_entries(counter.store)
    keys = ("record", "collection", "user_id", "changed", "delta")
    assert [line[name] for name in keys] == ["P3", "product", "BEN", "rental", None]
    assert counter.give_back("BEN", "P3")["due"] == "2030-01-01"
    assert faults(counter.store) == []


def test_other_collections_can_be_edited_as_well(
    counter: RentalCounter, uri: str, tmp_path: Path
) -> None:
    """Whatever was imported; keys may have several fields, or be numbers."""
    (tmp_path / "shelf.csv").write_text("shelf,place\nS1,left\n", encoding="utf-8")
    import_files(uri, tmp_path / "shelf.csv")
    shelves = counter.shop.get_collection("shelf")
    counter.add(shelves, {"shelf": "S2", "place": None})
    assert counter.edit(RecordKey(shelves, ("S1",)), {"place": "right"}) == {
        "shelf": "S1",
        "place": "right",
    }
    with pytest.raises(UnknownIdError, match="shelf has no shelf 'S3'$"):
        counter.edit(RecordKey(shelves, ("S3",)), {"place": "right"})


NO_ANN = "customers has no user_id 'AN'; --all-customers lists them"
NO_P0 = "product has no product_id 'P0'; --all-products lists them"
Attempt = Callable[[RentalCounter], object]
REFUSALS: dict[str, tuple[Attempt, type[HPNortonError], str]] = {
    "rent for nobody": (lambda t: t.rent("AN", "P1"), UnknownIdError, NO_ANN),
    "rent nothing": (lambda t: t.rent("ANN", "P0"), UnknownIdError, NO_P0),
    "rent for the inactive": (
        lambda t: t.rent("IDA", "P1"),
        RefusedError,
        "IDA is Inactive, and only an active customer may rent; to change that: "
        "--edit customers IDA Status=Active",
    ),
    "rent twice what was imported": (
        lambda t: t.rent("BEN", "P3"),
        RefusedError,
        "BEN has P3 already; when it is back: --return BEN P3",
    ),
    "rent what is out": (
        lambda t: t.rent("ANN", "P3"),
        RefusedError,
        "P3 is out of stock: 1 rented, none with a due day",
    ),
    "due in the past": (
        lambda t: t.rent("ANN", "P1", TODAY - timedelta(1)),
        UsageError,
        f"--due {TODAY - timedelta(1)} is in the past; today is {TODAY} (UTC)",
    ),
    "return what is not rented": (
        lambda t: t.give_back("ANN", "P1"),
        RefusedError,
        "ANN has not rented P1; --rentals-for-customer ANN lists what is rented, --history ANN "
        "what was",
    ),
    "return by nobody": (lambda t: t.give_back("AN", "P1"), UnknownIdError, NO_ANN),
    "return nothing": (lambda t: t.give_back("ANN", "P0"), UnknownIdError, NO_P0),
    "take out too many": (
        lambda t: t.adjust_stock("P1", -3, "x"),
        RefusedError,
        "P1 has 2 in stock, so 3 cannot be taken out: none is rented; --adjust-stock adds what "
        "has come in",
    ),
    "adjust by 0": (
        lambda t: t.adjust_stock("P1", 0, "x"),
        UsageError,
        "a DELTA of 0 changes nothing; give another number, such as 3 or -1",
    ),
    "adjust nothing": (lambda t: t.adjust_stock("P0", 1, "x"), UnknownIdError, NO_P0),
    "add a known key": (
        lambda t: t.add(t.shop.products, {"product_id": "P1", "quantity_available": 1}),
        RefusedError,
        "product has P1 already; --edit changes it",
    ),
    "edit nobody": (
        lambda t: t.edit(place(t, "customers", "AN"), {"Name": "x"}),
        UnknownIdError,
        NO_ANN,
    ),
    "edit no rental": (
        lambda t: t.edit(place(t, "rental", "ANN", "P1"), {"name": "x"}),
        UnknownIdError,
        "rental has no user_id, product_id 'ANN|P1'; --all-rentals lists them",
    ),
}


def test_a_refusal_says_why_and_changes_nothing(counter: RentalCounter) -> None:
    """What is wrong, and what to do next; all records are as before."""
    before = everything(counter.store)
    for refusal, (attempt, error, message) in REFUSALS.items():
        with pytest.raises(error) as raised:
            attempt(counter)  # pylint: disable=not-callable # it is taken for one of the errors
        assert (refusal, str(raised.value)) == (refusal, message)
    assert everything(counter.store) == before


def test_a_refusal_tells_when_what_is_rented_comes_back(counter: RentalCounter) -> None:
    """The number of rentals and the next day, also where only some have one."""
    counter.adjust_stock("P3", 2, "found")
    counter.edit(place(counter, "customers", "IDA"), {"Status": "Active"})
    counter.rent("ANN", "P3", LATER + timedelta(1))
    counter.rent("IDA", "P3", LATER)
    customer = counter.store.find("customers", ("user_id",), (("user_id", "=", "ANN"),))
    counter.add(counter.shop.customers, next(customer) | {"user_id": "EVE"})
    with pytest.raises(RefusedError) as raised:
        counter.rent("EVE", "P3")
    assert str(raised.value) == f"P3 is out of stock: 3 rented, the next is due {LATER}"


def test_a_refusal_tells_since_when_it_is_rented(counter: RentalCounter) -> None:
    """So that the clerk knows which rental is meant."""
    counter.rent("ANN", "P1")
    with pytest.raises(RefusedError) as raised:
        counter.rent("ANN", "P1")
    told = f"ANN has P1 already since {TODAY}; when it is back: --return ANN P1"
    assert str(raised.value) == told


def test_products_without_a_number_cannot_be_rented(uri: str, tmp_path: Path) -> None:
    """As when their field is text, because no data package describes it."""
    import_files(uri, write_customers(tmp_path, ["ANN"]), write_rentals(tmp_path))
    (tmp_path / "datapackage.json").unlink()
    (tmp_path / "product.csv").write_text("product_id,quantity_available\nP1,2\n", encoding="utf-8")
    import_files(uri, tmp_path / "product.csv")
    with open_counter(uri) as counter:
        with pytest.raises(RefusedError, match="product P1 has no number as its quantity_availabl"):
            counter.rent("ANN", "P1")
        assert not history_entries(counter.store)


def test_a_stock_is_no_larger_than_a_database_can_hold(counter: RentalCounter) -> None:
    """64 bits, with a sign."""
    most = 2**63 - 1
    product: Document = {"product_id": "PX", "description": "x", "product_type": "x"}
    counter.add(counter.shop.products, product | {"quantity_available": most - 1})
    assert counter.adjust_stock("PX", 1, "found")["quantity_available"] == most
    with pytest.raises(RefusedError) as raised:
        counter.adjust_stock("PX", 1, "found")
    assert str(raised.value) == f"PX cannot have more than {most} in stock"
    assert len([line for line in history_entries(counter.store) if line["kind"] == "adjust"]) == 1


def test_an_id_in_small_letters_is_that_of_nobody_else(counter: RentalCounter) -> None:
    """Who has just that id goes first."""
    assert counter.rent("ann", "p1")["user_id"] == "ANN"
    customer = next(counter.store.find("customers", ("user_id",)))
    twin = batch_from_documents(counter.shop.customers, [customer | {"user_id": "ann"}])
    counter.store.write(twin, Mode.INSERT)
    assert counter.rent("ann", "p1")["user_id"] == "ann"
    assert rentals(counter.store) == {("ANN", "P1"), ("ann", "P1"), ("BEN", "P3")}


def test_ids_may_be_numbers(uri: str, tmp_path: Path) -> None:
    """As the data package describes them: they are stored as such, and read from what is typed."""
    files = {
        "customers": "user_id,Name,Last_name,Status,Credit_limit\n1,A,B,Active,5\n",
        "product": "product_id,description,product_type,quantity_available\n10,a,b,5\n",
        "rental": "user_id,product_id\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        for key in ("user_id", "product_id"):
            if key in text:
                redescribe(tmp_path, name, {"name": key, "type": "integer"})
    import_files(uri, *(tmp_path / f"{name}.csv" for name in files))
    with open_counter(uri) as counter:
        rental = counter.rent("1", "10")
        assert (rental["user_id"], rental["product_id"]) == (1, 10)
        assert rentals(counter.store) == {(1, 10)}
        assert stocks(counter.store) == {10: 4}
        assert [event["kind"] for event in record_history.history(counter.store, "10")] == [
            "import",
            "rent",
        ]
        assert faults(counter.store) == []
        with pytest.raises(RefusedError, match="^1 has 10 already since "):
            counter.rent("1", "10")
        assert counter.give_back("1", "10")["user_id"] == 1
        assert stocks(counter.store) == {10: 5}
        with pytest.raises(UnknownIdError, match="^customers has no user_id 'one'; --all-customer"):
            counter.rent("one", "10")
        counter.rent("1", "10")
        rented = queries.rentals_for_customer(counter.store, "1")
        assert [product["product_id"] for product in rented] == [10]
        renters = queries.customers_renting_product(counter.store, "10")
        assert [customer["user_id"] for customer in renters] == [1]
        counter.store.drop_collection("customers")
        assert faults(counter.store) == ["orphan 10 1"]


def test_the_counter_needs_rentals_by_customer_and_product(uri: str, tmp_path: Path) -> None:
    """Rentals with a key of their own cannot be kept apart."""
    (tmp_path / "rental.csv").write_text("id,user_id,product_id\n1,A,P\n", encoding="utf-8")
    run(uri, tmp_path / "rental.csv")
    with pytest.raises(UsageError, match="with the key user_id, product_id; this one's is id;"):
        with open_counter(uri):
            pass


def test_without_a_shop_there_is_no_counter(uri: str, tmp_path: Path) -> None:
    """A database with other collections only is named with what it has."""
    (tmp_path / "thing.csv").write_text("id\n1\n", encoding="utf-8")
    import_files(uri, tmp_path / "thing.csv")
    with pytest.raises(UsageError, match="no collection 'rental'; the database has: .*thing"):
        with open_counter(uri, tmp_path):
            pass


def test_rentals_may_have_their_key_in_any_order(uri: str, tmp_path: Path) -> None:
    """And more fields, which stay empty."""
    write_products(tmp_path, {"P1": 1})
    package = tmp_path / "datapackage.json"
    text = package.read_text(encoding="utf-8").replace(
        '"primaryKey": ["user_id", "product_id"]', '"primaryKey": ["product_id", "user_id"]'
    )
    package.write_text(
        text.replace(
            '{"name": "address"', '{"name": "note", "type": "string"}, {"name": "address"'
        ),
        encoding="utf-8",
    )
    (tmp_path / "rental.csv").write_text("user_id,product_id\n", encoding="utf-8")
    (tmp_path / "customers.csv").write_text(
        "user_id,Name,Last_name,Status,Credit_limit\nANN,A,B,Active,1\n", encoding="utf-8"
    )
    import_files(uri, *(tmp_path / f"{name}.csv" for name in ("customers", "product", "rental")))
    with open_counter(uri) as counter:
        rental = counter.rent("ANN", "P1")
        assert (rental["note"], rental["name"]) == (None, "A B")
        counter.edit(place(counter, "rental", "P1", "ANN"), {"note": "handle with care"})
        assert counter.give_back("ANN", "P1")["note"] == "handle with care"
        assert faults(counter.store) == []


@dataclass
class Model:
    """A shop in plain Python: what every operation should come to."""

    stock: dict[str, int]
    active: dict[str, bool]
    rented: set[tuple[str, str]] = field(default_factory=set)

    def rent(self, user_id: str, product_id: str) -> bool:
        """Whether it is done."""
        pair, is_left = (user_id, product_id), self.stock[product_id] > 0
        if not self.active[user_id] or pair in self.rented or not is_left:
            return False
        self.rented.add(pair)
        self.stock[product_id] -= 1
        return True

    def give_back(self, user_id: str, product_id: str) -> bool:
        """Whether it is done."""
        if (user_id, product_id) not in self.rented:
            return False
        self.rented.remove((user_id, product_id))
        self.stock[product_id] += 1
        return True

    def adjust(self, product_id: str, delta: int) -> bool:
        """Whether it is done."""
        if self.stock[product_id] + delta < 0:
            return False
        self.stock[product_id] += delta
        return True


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["rent", "return"]), st.integers(0, 1), st.integers(0, 1)),
        st.tuples(st.just("status"), st.integers(0, 1), st.booleans()),
        st.tuples(st.sampled_from(["adjust", "import"]), st.integers(0, 1), st.integers(-2, 3)),
    ),
    max_size=12,
)
_RUNS = count()


def expect(model: Model, operation: tuple[str, int, int]) -> bool:
    """Does one operation in the model; whether it may be done."""
    kind, first, second = operation
    users, products = list(model.active), list(model.stock)
    if kind == "rent":
        return model.rent(users[first], products[second])
    if kind == "return":
        return model.give_back(users[first], products[second])
    if kind == "adjust":
        return second != 0 and model.adjust(products[first], second)
    if kind == "status":
        model.active[users[first]] = bool(second)
    else:
        model.stock[products[first]] = abs(second)
    return True


def operate(counter: RentalCounter, model: Model, operation: tuple[str, int, int]) -> bool:
    """Does one operation at the counter; whether it was done."""
    kind, first, second = operation
    users, products = list(model.active), list(model.stock)
    try:
        if kind == "rent":
            counter.rent(users[first], products[second])
        elif kind == "return":
            counter.give_back(users[first], products[second])
        elif kind == "adjust":
            counter.adjust_stock(products[first], second, "counted")
        elif kind == "status":
            status = "Active" if second else "Inactive"
            counter.edit(place(counter, "customers", users[first]), {"Status": status})
        else:
            record: Document = {"product_id": products[first], "quantity_available": abs(second)}
            batch = batch_from_documents(counter.shop.products, [record])
            assert stock_updates.is_stock_update(batch, Mode.UPSERT)
            stock_updates.write(counter.store, batch, "a run")
    except (RefusedError, UsageError):
        return False
    return True


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stock=st.lists(st.integers(0, 2), min_size=2, max_size=2), operations=OPERATIONS)
def test_the_counter_is_a_shop(
    counter: RentalCounter, stock: list[int], operations: list[tuple[str, int, int]]
) -> None:
    """Whatever is done in whatever order: what may be done is done, and the books balance."""
    run_id = next(_RUNS)
    model = Model(
        {f"{run_id}-P{at}": number for at, number in enumerate(stock)},
        {f"{run_id}-U{at}": True for at in range(2)},
    )
    for product_id, number in model.stock.items():
        product: Document = {"product_id": product_id, "quantity_available": number}
        counter.add(counter.shop.products, product | {"description": "x", "product_type": "x"})
    customer = next(counter.store.find("customers", ("user_id",), (("user_id", "=", "BEN"),)))
    for user_id in model.active:
        counter.add(counter.shop.customers, customer | {"user_id": user_id})
    for operation in operations:
        expected = expect(model, operation)
        assert operate(counter, model, operation) is expected
    assert model.stock.items() <= stocks(counter.store).items()
    assert {pair for pair in rentals(counter.store) if str(pair[0]) in model.active} == model.rented
    assert faults(counter.store) == []


def test_a_till_that_is_opened_again_changes_nothing(counter: RentalCounter, uri: str) -> None:
    """What the counter adds to the database it adds once."""
    counter.rent("ANN", "P1")
    before = everything(counter.store)
    again = open_shop(Catalog(counter.store, []))
    assert again == open_shop(Catalog(counter.store, []))
    assert everything(counter.store) == before
    with open_counter(uri) as other:
        assert other.shop.rentals.columns == counter.shop.rentals.columns


def test_a_history_that_is_another_one_is_told(uri: str) -> None:
    """Another program has written it; the counter cannot write its lines there."""
    import_files(uri, *DATASET)
    other = Collection("history", (Field("id"), Field("what")), ("id",))
    with closing(open_store(uri)) as store:
        store.ensure(other)
        store.write(batch_from_documents(other, [{"id": "1", "what": "founded"}]), Mode.INSERT)
    with pytest.raises(RefusedError, match=r"another name \(NAME=FILE\)"), open_counter(uri):
        pass
