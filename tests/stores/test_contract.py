"""What every store has to do, the same for all: SQLite, and each MongoDB server."""

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import StoreError
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores import close_process_stores, open_store, process_store
from hpnorton.stores.base import Conflict, Key, Mode, Store
from hpnorton.stores.mongo.store import MongoStore
from hpnorton.stores.sqlite.store import SqliteStore
from tests.conftest import NX
from tests.helpers.properties import costly
from tests.helpers.stores import (
    ANNA,
    ANNE,
    BEN,
    BOTH,
    CUSTOMERS,
    EVERY_TYPE,
    INSERT,
    KINDS,
    PRODUCTS,
    RENTALS,
    UPSERT,
    batch_of,
    check_against_model,
    put,
    records_of,
    summary,
    touched_by,
)


@pytest.fixture(name="store")
def open_empty_store(uri: str) -> Iterator[Store]:
    """An empty store of each kind."""
    with closing(open_store(uri, create=True)) as store:
        yield store


@pytest.fixture(name="is_nx")
def tell_nx(request: pytest.FixtureRequest) -> bool:
    """Whether the server is nx-27017, which is not MongoDB in every detail."""
    return bool(request.node.callspec.params["uri"] == NX)


_NUMBERS = count()


@costly(60)
@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_a_store_is_records_by_key(
    store: Store, is_nx: bool, kind: str, data: st.DataObject
) -> None:
    """Whatever is written in whatever mode, contents and counts are those of one by one."""
    if is_nx and kind == "boolean":
        pytest.skip("nx-27017 finds no boolean _id")
    collection = KINDS[kind].collection(f"thing{next(_NUMBERS)}")
    store.ensure(collection)
    assert isinstance(store, SqliteStore | MongoStore)
    # So that a few records are many.
    store.batches.min_sampled = data.draw(st.integers(1, 4))
    if isinstance(store, SqliteStore):
        store.batches.rows_per_statement = data.draw(st.integers(1, 4))
    else:
        store.batches.max_documents = data.draw(st.integers(1, 4))
        store.batches.ids_per_query = data.draw(st.integers(1, 4))
    check_against_model(store, collection, KINDS[kind], data)
    store.drop_collection(collection.name)


def test_a_new_collection_is_empty_and_listed(store: Store) -> None:
    """ensure makes a collection; doing it again changes nothing."""
    store.ensure(CUSTOMERS)
    store.ensure(CUSTOMERS)
    assert store.collections() == ["customers"]
    assert store.count("customers") == 0
    assert not records_of(store, CUSTOMERS)


@pytest.mark.parametrize("expected", [0, 2, 3, 4, 1000])
def test_a_count_is_what_is_there_whatever_is_expected(store: Store, expected: int) -> None:
    """An expectation may make counting quicker, but never wrong."""
    assert store.count("customers", expected) == 0
    put(store, CUSTOMERS, *_customers(range(3)))
    assert store.count("customers", expected) == 3
    put(store, CUSTOMERS, *_customers(range(3, 4)))
    assert store.count("customers", expected) == 4


def test_an_unknown_collection_is_empty(store: Store) -> None:
    """Counting, finding and joining in a collection that is not there finds nothing."""
    assert store.count("nobody") == 0
    assert not list(store.find("nobody", ("id",)))
    assert not list(store.find_joined("nobody", ("id", "=", "1"), "customers", "user_id"))
    assert store.absent_keys("nobody", ("id",), [["1"]]) == {("1",)}


def test_a_collection_that_is_there_may_be_empty(store: Store) -> None:
    """Whether something is stored is known at once, and for a collection that is not there."""
    assert store.is_empty("customers")
    store.ensure(CUSTOMERS)
    assert store.is_empty("customers")
    put(store, CUSTOMERS, ANNA)
    assert not store.is_empty("customers")
    assert store.is_empty("product")


@BOTH
def test_a_new_key_is_inserted(store: Store, mode: Mode) -> None:
    """A record with a new key is inserted; the same again is nothing, but its key is taken."""
    put(store, CUSTOMERS, ANNA)
    done = store.write(batch_of(CUSTOMERS, ANNA, BEN), mode)
    assert summary(done) == (1, 0, [], [0])
    assert records_of(store, CUSTOMERS) == [ANNA, BEN]


def test_a_taken_key_with_other_values_is_a_conflict_and_the_stored_record_stays(
    store: Store,
) -> None:
    """The conflict names the record, the first field that differs and the stored value."""
    put(store, CUSTOMERS, ANNA)
    done = store.write(batch_of(CUSTOMERS, BEN, ANNE), INSERT)
    assert summary(done) == (1, 0, [Conflict(1, "name", "Anna")], [1])
    assert records_of(store, CUSTOMERS) == [ANNA, BEN]


def test_an_upsert_replaces_what_differs(store: Store) -> None:
    """A taken key with other values is updated, one with the same values is left alone."""
    put(store, CUSTOMERS, ANNA, BEN)
    done = store.write(batch_of(CUSTOMERS, BEN, ANNE, ("C3", "Cleo", 0)), UPSERT)
    assert summary(done) == (1, 1, [], [0, 1])
    assert records_of(store, CUSTOMERS) == [ANNE, BEN, ("C3", "Cleo", 0)]


def test_a_value_may_be_replaced_by_none_and_back(store: Store) -> None:
    """Null is a value like others: it differs, and it replaces."""
    put(store, CUSTOMERS, ANNA)
    nothing: Record = ("C1", None, None)
    assert store.write(batch_of(CUSTOMERS, nothing), UPSERT).updated == 1
    assert records_of(store, CUSTOMERS) == [nothing]
    done = store.write(batch_of(CUSTOMERS, ANNA), INSERT)
    assert list(done.conflicts) == [Conflict(0, "name", None)]
    assert store.write(batch_of(CUSTOMERS, ANNA), UPSERT).updated == 1
    assert records_of(store, CUSTOMERS) == [ANNA]


def test_only_the_given_columns_are_compared(store: Store) -> None:
    """A file that lacks a column does not conflict with what is stored in it."""
    put(store, CUSTOMERS, ANNA)
    batch = batch_of(CUSTOMERS, ("C1", 100), ("C2", 50), columns=("user_id", "credit"))
    assert summary(store.write(batch, INSERT)) == (1, 0, [], [0])
    assert records_of(store, CUSTOMERS) == [ANNA, ("C2", None, 50)]
    assert store.stored_records(batch, [0, 1]) == {("C1",): ("C1", 100), ("C2",): ("C2", 50)}


def test_only_the_given_columns_are_replaced(store: Store) -> None:
    """A file that lacks a column leaves what is stored in it; columns may come in any order."""
    put(store, CUSTOMERS, ANNA)
    batch = batch_of(CUSTOMERS, (7, "C1"), (50, "C2"), columns=("credit", "user_id"))
    assert summary(store.write(batch, UPSERT)) == (1, 1, [], [0])
    assert records_of(store, CUSTOMERS) == [("C1", "Anna", 7), ("C2", None, 50)]


def test_many_records_are_replaced_in_one_batch(store: Store) -> None:
    """More than FerretDB 1 takes in one command, which then waits for ever."""
    old = [(f"C{number:03}", "Anna", number) for number in range(150)]
    new = [(key, "Anne", number) for key, _, number in old]
    put(store, CUSTOMERS, *old)
    assert store.write(batch_of(CUSTOMERS, *new), UPSERT).updated == len(new)
    assert records_of(store, CUSTOMERS) == new


def test_the_first_of_a_key_wins_within_one_insert(store: Store) -> None:
    """Of records with the same key the first is inserted, and others are compared with it."""
    store.ensure(CUSTOMERS)
    records = [ANNA, BEN, ANNA, ("C2", "Benno", 50)]
    done = store.write(batch_of(CUSTOMERS, *records), INSERT)
    assert summary(done) == (2, 0, [Conflict(3, "name", "Ben")], [2, 3])
    assert records_of(store, CUSTOMERS) == [ANNA, BEN]


def test_the_last_of_a_key_wins_within_one_upsert(store: Store) -> None:
    """Records with the same key replace one another in order, and each change is counted."""
    store.ensure(CUSTOMERS)
    done = store.write(batch_of(CUSTOMERS, ANNA, ANNE, ANNE, BEN, ANNA, ANNE), UPSERT)
    assert summary(done) == (2, 3, [], [1, 2, 4, 5])
    assert records_of(store, CUSTOMERS) == [ANNE, BEN]


@BOTH
def test_repeating_a_write_changes_nothing(store: Store, mode: Mode) -> None:
    """A chunk that is done again, as after a lost connection, inserts and updates nothing."""
    put(store, CUSTOMERS, ANNE)
    batch = batch_of(CUSTOMERS, ANNA, BEN, ("C3", "Cleo", 0))
    store.write(batch, mode)
    records = records_of(store, CUSTOMERS)
    again = store.write(batch, mode)
    assert (again.inserted, again.updated, list(again.taken)) == (0, 0, [0, 1, 2])
    assert records_of(store, CUSTOMERS) == records


def _customers(numbers: range) -> list[Record]:
    return [(f"C{n:05}", f"n{n}", n) for n in numbers]


def test_many_records_with_collisions_anywhere(store: Store) -> None:
    """Counts are exact when a large insert meets stored, changed and doubled records."""
    put(store, CUSTOMERS, *_customers(range(0, 1000, 7)))
    records = _customers(range(1000))
    for n in (0, 350, 700, 994):  # stored with other values
        records[n] = (f"C{n:05}", "other", n)
    records[999] = records[1]  # doubled, with the same values
    done = store.write(batch_of(CUSTOMERS, *records), INSERT)
    assert [conflict.at for conflict in done.conflicts] == [0, 350, 700, 994]
    assert done.inserted == 1000 - 143 - 1
    assert list(done.taken) == [*range(0, 1000, 7), 999]
    assert store.count("customers") == 999


@pytest.mark.parametrize(("mode", "updated"), [(INSERT, 0), (UPSERT, 1)])
def test_doubles_far_apart_in_a_large_write(store: Store, mode: Mode, updated: int) -> None:
    """A key that comes again after thousands of new ones is taken, as if it came at once."""
    store.ensure(CUSTOMERS)
    records = _customers(range(3000))
    records[2500] = records[20]
    records[2900] = ("C00030", "other", 30)
    done = store.write(batch_of(CUSTOMERS, *records), mode)
    assert (done.inserted, done.updated, list(done.taken)) == (2998, updated, [2500, 2900])
    assert list(done.conflicts) == ([] if updated else [Conflict(2900, "name", "n30")])
    assert store.count("customers") == 2998
    (found,) = store.find("customers", ("user_id",), (("user_id", "=", "C00030"),))
    assert found["name"] == ("other" if updated else "n30")


@BOTH
def test_writing_nothing_is_fine(store: Store, mode: Mode) -> None:
    """A chunk may hold no good row."""
    store.ensure(CUSTOMERS)
    assert summary(store.write(batch_of(CUSTOMERS), mode)) == (0, 0, [], [])
    assert store.absent_keys("customers", ("user_id",), []) == set()
    assert store.absent_keys("customers", ("user_id",), [[]]) == set()
    assert not store.stored_records(batch_of(CUSTOMERS, ANNA), [])


def test_stored_gives_the_records_under_some_keys(store: Store) -> None:
    """Only keys at the positions asked for are looked up, and those that are there are given."""
    batch = batch_of(CUSTOMERS, ANNE, ("C7", "Gus", 1), BEN)
    assert not store.stored_records(batch, [0, 1, 2])  # there is no such collection
    put(store, CUSTOMERS, ANNA, BEN)
    assert store.stored_records(batch, [0, 1]) == {("C1",): ANNA}
    assert store.stored_records(batch, [2, 0, 2]) == {("C1",): ANNA, ("C2",): BEN}


def test_a_record_is_got_by_its_key(store: Store) -> None:
    """All of it; none if nobody has that key, or there is no such collection."""
    assert store.get("customers", ("user_id",), ("C1",)) is None
    put(store, CUSTOMERS, ANNA, BEN)
    put(store, RENTALS, ("a|b", "one", "c"), ("a", "two", "b|c"))
    put(store, EVERY_TYPE, (7, "x", 1, 0.5, True, "2026-12-01"))
    assert store.get("customers", ("user_id",), ("C2",)) == dict(zip(CUSTOMERS.columns, BEN))
    for nobody in ("C3", "c2", "", "C"):
        assert store.get("customers", ("user_id",), (nobody,)) is None
    found = [store.get("rental", RENTALS.key, key) for key in (("a", "b|c"), ("a|b", "c"))]
    assert [record and record["note"] for record in found] == ["two", "one"]
    assert store.get("rental", RENTALS.key, ("a", "c")) is None
    record = store.get("every_type", ("id",), (7,))
    assert record is not None and tuple(record.values()) == (7, "x", 1, 0.5, True, "2026-12-01")
    assert store.get("every_type", ("id",), (8,)) is None


TOUCHED = [
    ("new ones", INSERT, [("C3", "Cleo", 0), ("C4", "Dan", 0)], [0, 1]),
    ("the same", INSERT, [ANNA, BEN], []),
    ("conflicts", INSERT, [ANNE, ("C3", "Cleo", 0), BEN], [1]),
    ("doubles", INSERT, [("C3", "Cleo", 0), ("C3", "Cleo", 0), ("C3", "Clea", 0)], [0]),
    ("replaced", UPSERT, [ANNE, BEN], [0]),
    ("new and replaced", UPSERT, [BEN, ("C3", "Cleo", 0), ANNE], [1, 2]),
    ("unchanged", UPSERT, [ANNA, BEN], []),
    ("nothing", UPSERT, [], []),
]


@pytest.mark.parametrize(
    ("records", "mode", "touched"),
    [pytest.param(records, mode, touched, id=name) for name, mode, records, touched in TOUCHED],
)
def test_what_a_write_has_touched_is_known(
    store: Store, records: list[Record], mode: Mode, touched: list[int]
) -> None:
    """The records that are in the database by it: not those that were there, or were kept out."""
    put(store, CUSTOMERS, ANNA, BEN)
    written = store.write(batch_of(CUSTOMERS, *records), mode)
    assert touched_by(written, len(records)) == touched


def test_a_batch_may_lose_a_column() -> None:
    """The others stay in their order; the batch itself stays as it was."""
    batch = batch_of(CUSTOMERS, ANNA, BEN)
    shorter = batch.without("name")
    assert (shorter.columns, list(shorter.values)) == (
        ("user_id", "credit"),
        [("C1", "C2"), (100, 50)],
    )
    assert (shorter.collection, shorter.keys, len(shorter)) == (CUSTOMERS, batch.keys, 2)
    assert batch.columns == CUSTOMERS.columns
    assert shorter.without("nothing") == shorter


VALUES = pytest.mark.parametrize(
    "values",
    [
        (None, None, None, None, None),
        ("", 0, 0.0, False, "2026-12-01"),
        ("Zoë 林 🎈", 2**63 - 1, 1.5, True, "1999-01-31"),
        ('Screen 5" stand', -(2**63), -1e300, True, "2000-02-29"),
        ("two\nlines\r\nand 'quotes'; DROP TABLE x; --", 2**31, 0.1, False, None),
        ('{"$ne": null}', -1, 1e-300, True, "2026-01-01"),
    ],
)


@VALUES
def test_values_come_back_as_they_were(store: Store, values: Record) -> None:
    """Every type keeps its value and its type, null included, and is unchanged when repeated."""
    record: Record = (1, *values)
    put(store, EVERY_TYPE, record)
    (found,) = records_of(store, EVERY_TYPE)
    assert found == record
    assert json.dumps(found) == json.dumps(record)  # 1, 1.0 and true are equal, but not the same
    again = store.write(batch_of(EVERY_TYPE, record), INSERT)
    assert summary(again) == (0, 0, [], [0])


@VALUES
def test_values_replace_others_as_they_are(store: Store, is_nx: bool, values: Record) -> None:
    """A value that replaces another one keeps its type too, and so does null."""
    record: Record = (1, *values)
    nothing: Record = (1, None, None, None, None, None)
    put(store, EVERY_TYPE, nothing)
    for each in (record, nothing, record):
        done = store.write(batch_of(EVERY_TYPE, each), UPSERT)
        assert summary(done) == (0, int(values != nothing[1:]), [], [0])
        found = records_of(store, EVERY_TYPE)
        assert found == [each]
        if not is_nx:  # which turns true into 1 when it updates a document
            assert json.dumps(found) == json.dumps([each])


KEYS = [
    ("a|b", "c"),
    ("a", "b|c"),
    ("a\\", "|c"),
    ("a\\|", "c"),
    ("a", "\\|c"),
    ('["a"', "]"),
    ("é", "c'"),
    ("A|B", "c"),
]


def test_keys_of_several_fields_are_told_apart(store: Store) -> None:
    """Whatever characters the parts of a key hold, different keys stay different."""
    records: list[Record] = [(user, "note", product) for user, product in KEYS]
    put(store, RENTALS, *records)
    assert store.count("rental") == len(KEYS)
    again = store.write(batch_of(RENTALS, *records), INSERT)
    assert (again.inserted, list(again.conflicts), len(again.taken)) == (0, [], len(KEYS))
    wanted = [*KEYS, ("a", "c")]
    assert store.absent_keys("rental", RENTALS.key, list(zip(*wanted))) == {("a", "c")}
    changed: list[Record] = [(user, product, product) for user, product in KEYS]
    assert store.write(batch_of(RENTALS, *changed), UPSERT).updated == len(KEYS)
    assert sorted(records_of(store, RENTALS)) == sorted(changed)


def test_nobody_has_a_key_that_is_null_in_part(store: Store) -> None:
    """A reference of which one part is empty refers to nobody, not to one who is called None."""
    put(store, RENTALS, ("C1", "note", "None"))
    wanted: list[Key] = [("C1", None), ("C1", "None")]
    assert store.absent_keys("rental", RENTALS.key, list(zip(*wanted))) == {("C1", None)}


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)


@costly(40)
@given(keys=st.lists(st.tuples(TEXTS, TEXTS), min_size=2, max_size=20, unique=True))
@pytest.mark.parametrize("parts", [1, 2])
def test_any_text_is_a_key(store: Store, parts: int, keys: list[tuple[str, str]]) -> None:
    """Different texts are different keys, whatever characters they have, and are found again."""
    fields = (Field("k"), Field("l"))
    collection = Collection(f"text{next(_NUMBERS)}", fields, ("k", "l")[:parts])
    store.ensure(collection)
    names = collection.columns
    batch = batch_of(collection, *{key[:parts]: key for key in keys}.values())
    half = len(batch) // 2
    assert store.write(batch.only(range(half)), INSERT).inserted == half
    wanted = list(zip(*batch.keys))
    assert store.absent_keys(collection.name, names[:parts], wanted) == set(batch.keys[half:])
    assert store.write(batch, INSERT).inserted == len(batch) - half
    everything = range(len(batch))
    assert store.stored_records(batch, everything) == {
        batch.keys[at]: batch.record(at) for at in everything
    }
    store.drop_collection(collection.name)


def test_absent_names_the_keys_nobody_has(store: Store) -> None:
    """Of many keys, doubled ones among them, those that are not stored are given."""
    put(store, CUSTOMERS, *[(f"C{n:05}", "x", n) for n in range(6000)])
    keys = [f"C{n:05}" for n in range(3, 6003)] * 2
    assert store.absent_keys("customers", ("user_id",), [keys]) == {
        ("C06000",),
        ("C06001",),
        ("C06002",),
    }


def test_find_sorts_and_filters(store: Store) -> None:
    """Conditions hold together, and records come sorted by the fields asked for."""
    put(store, PRODUCTS, ("P3", 5), ("P1", 0), ("P2", 1), ("P4", None))
    everything = [document["product_id"] for document in store.find("product", ("product_id",))]
    assert everything == ["P1", "P2", "P3", "P4"]
    in_stock = store.find("product", ("product_id",), (("stock", ">", 0),))
    assert list(in_stock) == [{"product_id": "P2", "stock": 1}, {"product_id": "P3", "stock": 5}]
    both = store.find("product", ("product_id",), (("stock", ">", 0), ("product_id", "=", "P3")))
    assert [document["product_id"] for document in both] == ["P3"]


@pytest.mark.parametrize("text", ['{"$ne": null}', "' OR 1=1 --", "$where", "__proto__", ".*"])
def test_a_search_text_is_only_text(store: Store, text: str) -> None:
    """Nothing in a searched value is taken for an operator, SQL or a pattern."""
    put(store, CUSTOMERS, ANNA)
    assert not list(store.find("customers", ("user_id",), (("user_id", "=", text),)))


def test_a_join_gives_the_records_referred_to(store: Store) -> None:
    """Both directions, sorted by key, and nothing for one without references."""
    put(store, CUSTOMERS, ANNA, BEN, ("C3", "Cleo", 0))
    put(store, PRODUCTS, ("P1", 0), ("P2", 1), ("P3", 2))
    put(store, RENTALS, ("C1", None, "P3"), ("C2", None, "P1"), ("C1", None, "P1"))
    of_anna = store.find_joined("rental", ("user_id", "=", "C1"), "product", "product_id")
    assert list(of_anna) == [{"product_id": "P1", "stock": 0}, {"product_id": "P3", "stock": 2}]
    of_first = store.find_joined("rental", ("product_id", "=", "P1"), "customers", "user_id")
    assert [document["name"] for document in of_first] == ["Anna", "Ben"]
    assert not list(store.find_joined("rental", ("user_id", "=", "C3"), "product", "product_id"))


def test_a_collection_may_gain_fields(store: Store) -> None:
    """Records from before have null in a field that the collection has gained."""
    put(store, CUSTOMERS, ANNA)
    wider = Collection("customers", (*CUSTOMERS.fields, Field("e-mail ü")), ("user_id",))
    store.ensure(wider)
    new: Record = ("C9", "Zoë", 1, "zoe@example.org")
    assert store.write(batch_of(wider, new), INSERT).inserted == 1
    emails = [document.get("e-mail ü") for document in store.find("customers", ("user_id",))]
    assert emails == [None, "zoe@example.org"]


def test_a_collection_with_another_key_is_refused(store: Store) -> None:
    """Records cannot be told apart by one key and stored by another: they would double."""
    put(store, CUSTOMERS, ANNA)
    for key in (("name",), ("user_id", "name")):
        other = Collection("customers", CUSTOMERS.fields, key)
        for refuses in (store.check_fit, store.ensure):
            with pytest.raises(StoreError, match="key"):
                refuses(other)


@pytest.mark.parametrize(
    ("kind", "value", "others"),
    [
        ("integer", 5, ["string", "date"]),
        ("string", "5", ["integer", "number", "boolean", "year"]),
        ("number", 0.5, ["string", "integer", "boolean"]),
        ("boolean", True, ["string", "integer", "number"]),
    ],
)
def test_a_field_of_another_type_is_refused(
    store: Store, kind: str, value: Value, others: list[str]
) -> None:
    """Whole numbers do not become text by themselves, nor anything else."""

    def things(other: str) -> Collection:
        return Collection("thing", (Field("id"), Field("stock", other)), ("id",))

    put(store, things(kind), ("P1", value))
    for other in others:
        for refuses in (store.check_fit, store.ensure):
            with pytest.raises(StoreError, match="stock"):
                refuses(things(other))
    store.ensure(things(kind))


def test_to_ask_whether_records_fit_makes_nothing(store: Store) -> None:
    """What is not there takes anything, and new fields fit; the collection is not changed."""
    store.check_fit(CUSTOMERS)
    assert store.collections() == []
    put(store, CUSTOMERS, ANNA)
    store.check_fit(Collection("customers", (*CUSTOMERS.fields, Field("new")), ("user_id",)))
    store.check_fit(Collection("customers", CUSTOMERS.fields[:2], ("user_id",)))
    assert [set(found) for found in store.find("customers", ("user_id",))] == [
        {"user_id", "name", "credit"}
    ]


@pytest.mark.parametrize("name", ["hpnorton_imports", "HPNorton_Chunks", "hpnorton_"])
def test_our_own_collections_are_not_listed(store: Store, name: str) -> None:
    """Notes of imports are kept like records, but nobody sees them among the collections."""
    put(store, Collection(name, CUSTOMERS.fields, CUSTOMERS.key), ANNA)
    put(store, Collection("hpnortons", CUSTOMERS.fields, CUSTOMERS.key), BEN)
    assert store.collections() == ["hpnortons"]
    assert store.count(name) == 1


def test_a_transaction_that_ends_well_is_written(store: Store) -> None:
    """What is written in a transaction is there inside it, and afterwards for everybody."""
    store.ensure(CUSTOMERS)
    with store.transaction():
        store.write(batch_of(CUSTOMERS, ANNA), INSERT)
        with store.transaction():
            done = store.write(batch_of(CUSTOMERS, ANNE, BEN), UPSERT)
        assert summary(done) == (1, 1, [], [0])
    assert records_of(store, CUSTOMERS) == [ANNE, BEN]


def test_dropping_a_collection_leaves_the_others(store: Store) -> None:
    """Dropping removes the records and the name; dropping what is not there is no error."""
    put(store, CUSTOMERS, ANNA)
    put(store, PRODUCTS, ("P1", 0))
    store.drop_collection("customers")
    store.drop_collection("customers")
    assert store.collections() == ["product"]
    assert store.count("customers") == 0


def test_dropping_the_database_leaves_nothing(uri: str) -> None:
    """A database that was dropped is empty when it is opened again."""
    with closing(open_store(uri, create=True)) as store:
        put(store, CUSTOMERS, ANNA)
        store.drop_database()
    with closing(open_store(uri, create=True)) as store:
        assert store.collections() == []


def test_a_process_keeps_one_store_a_database(uri: str) -> None:
    """process_store opens once; after close_process_stores it opens anew."""
    first = process_store(uri)
    assert process_store(uri) is first
    close_process_stores()
    second = process_store(uri)
    assert second is not first
    assert second.collections() == []
    close_process_stores()


def test_several_stores_see_each_others_records(uri: str) -> None:
    """What one connection has inserted, another one finds, and takes for unchanged."""
    with closing(open_store(uri, create=True)) as one, closing(open_store(uri)) as other:
        put(one, CUSTOMERS, ANNA)
        assert records_of(other, CUSTOMERS) == [ANNA]
        assert summary(other.write(batch_of(CUSTOMERS, ANNA, BEN), INSERT)) == (1, 0, [], [0])
        assert summary(one.write(batch_of(CUSTOMERS, BEN, ANNE), UPSERT)) == (0, 1, [], [0, 1])
        assert records_of(other, CUSTOMERS) == [ANNE, BEN]
