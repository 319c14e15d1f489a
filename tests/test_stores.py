"""What every store has to do, the same for all: SQLite, and each MongoDB server."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from hpnorton.checks import Record
from hpnorton.errors import StoreError
from hpnorton.fields import Field
from hpnorton.schema import Collection, ForeignKey
from hpnorton.stores import close_process_stores, open_store, process_store
from hpnorton.stores.protocol import Conflict, Store

CUSTOMERS = Collection(
    "customers",
    (Field("user_id"), Field("name"), Field("credit", "integer")),
    ("user_id",),
)
PRODUCTS = Collection("product", (Field("product_id"), Field("stock", "integer")), ("product_id",))
RENTALS = Collection(
    "rental",
    (Field("user_id"), Field("note"), Field("product_id")),
    ("user_id", "product_id"),
    (
        ForeignKey(("user_id",), "customers", ("user_id",)),
        ForeignKey(("product_id",), "product", ("product_id",)),
    ),
)
EVERY_TYPE = Collection(
    "every_type",
    (
        Field("id", "integer"),
        Field("text"),
        Field("whole", "integer"),
        Field("number", "number"),
        Field("flag", "boolean"),
        Field("day", "date"),
    ),
    ("id",),
)
ANNA: Record = ("C1", "Anna", 100)
BEN: Record = ("C2", "Ben", 50)


@pytest.fixture(name="store")
def open_empty_store(uri: str) -> Iterator[Store]:
    """An empty store of each kind."""
    with closing(open_store(uri, create=True)) as store:
        yield store


def put(store: Store, collection: Collection, *records: Record) -> None:
    """Inserts whole records, which have to be new."""
    store.ensure(collection)
    assert store.insert(collection, collection.columns, records).inserted == len(records)


def records_of(store: Store, collection: Collection) -> list[Record]:
    """All records of a collection, by key."""
    found = store.find(collection.name, collection.key)
    return [tuple(document[name] for name in collection.columns) for document in found]


def test_a_new_collection_is_empty_and_listed(store: Store) -> None:
    """ensure makes a collection; doing it again changes nothing."""
    store.ensure(CUSTOMERS)
    store.ensure(CUSTOMERS)
    assert store.collections() == ["customers"]
    assert store.count("customers") == 0
    assert not records_of(store, CUSTOMERS)


def test_an_unknown_collection_is_empty(store: Store) -> None:
    """Counting, finding and joining in a collection that is not there finds nothing."""
    assert store.count("nobody") == 0
    assert not list(store.find("nobody", ("id",)))
    assert not list(store.find_joined("nobody", ("id", "=", "1"), "customers", "user_id"))
    assert store.absent("nobody", ("id",), [("1",)]) == {("1",)}


def test_insert_reports_what_was_new(store: Store) -> None:
    """A record with a new key is inserted; the same again is neither inserted nor a conflict."""
    put(store, CUSTOMERS, ANNA)
    done = store.insert(CUSTOMERS, CUSTOMERS.columns, [ANNA, BEN])
    assert (done.inserted, list(done.conflicts)) == (1, [])
    assert records_of(store, CUSTOMERS) == [ANNA, BEN]


def test_a_taken_key_with_other_values_is_a_conflict_and_the_stored_record_stays(
    store: Store,
) -> None:
    """The conflict names the record, the first field that differs and the stored value."""
    put(store, CUSTOMERS, ANNA)
    done = store.insert(CUSTOMERS, CUSTOMERS.columns, [BEN, ("C1", "Anne", 7)])
    assert done.inserted == 1
    assert list(done.conflicts) == [Conflict(1, "name", "Anna")]
    assert records_of(store, CUSTOMERS) == [ANNA, BEN]


def test_only_the_given_columns_are_compared(store: Store) -> None:
    """A file that lacks a column does not conflict with what is stored in it."""
    put(store, CUSTOMERS, ANNA)
    done = store.insert(CUSTOMERS, ("user_id", "credit"), [("C1", 100), ("C2", 50)])
    assert (done.inserted, list(done.conflicts)) == (1, [])
    assert records_of(store, CUSTOMERS) == [ANNA, ("C2", None, 50)]


def test_the_first_of_a_key_wins_within_one_insert(store: Store) -> None:
    """Of records with the same key the first is inserted, and others are compared with it."""
    store.ensure(CUSTOMERS)
    records = [ANNA, BEN, ANNA, ("C2", "Benno", 50)]
    done = store.insert(CUSTOMERS, CUSTOMERS.columns, records)
    assert done.inserted == 2
    assert list(done.conflicts) == [Conflict(3, "name", "Ben")]
    assert records_of(store, CUSTOMERS) == [ANNA, BEN]


def test_many_records_with_collisions_anywhere(store: Store) -> None:
    """Counts are exact when a large insert meets stored, changed and doubled records."""
    put(store, CUSTOMERS, *[(f"C{n:04}", f"n{n}", n) for n in range(0, 1000, 7)])
    records: list[Record] = [(f"C{n:04}", f"n{n}", n) for n in range(1000)]
    for n in (0, 350, 700, 994):  # stored with other values
        records[n] = (f"C{n:04}", "other", n)
    records[999] = records[1]  # doubled, with the same values
    done = store.insert(CUSTOMERS, CUSTOMERS.columns, records)
    assert [conflict.at for conflict in done.conflicts] == [0, 350, 700, 994]
    assert done.inserted == 1000 - 143 - 1
    assert store.count("customers") == 999


def test_inserting_nothing_is_fine(store: Store) -> None:
    """A chunk may hold no good row."""
    store.ensure(CUSTOMERS)
    assert store.insert(CUSTOMERS, CUSTOMERS.columns, []).inserted == 0
    assert store.absent("customers", ("user_id",), []) == set()


@pytest.mark.parametrize(
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
def test_values_come_back_as_they_were(store: Store, values: Record) -> None:
    """Every type keeps its value and its type, null included, and is unchanged when repeated."""
    record: Record = (1, *values)
    put(store, EVERY_TYPE, record)
    (found,) = records_of(store, EVERY_TYPE)
    assert found == record
    assert json.dumps(found) == json.dumps(record)  # 1, 1.0 and true are equal, but not the same
    again = store.insert(EVERY_TYPE, EVERY_TYPE.columns, [record])
    assert (again.inserted, list(again.conflicts)) == (0, [])


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
    again = store.insert(RENTALS, RENTALS.columns, records)
    assert (again.inserted, list(again.conflicts)) == (0, [])
    wanted = [*KEYS, ("a", "c")]
    assert store.absent("rental", RENTALS.key, wanted) == {("a", "c")}


def test_absent_names_the_keys_nobody_has(store: Store) -> None:
    """Of many keys, doubled ones among them, those that are not stored are given."""
    put(store, CUSTOMERS, *[(f"C{n:05}", "x", n) for n in range(6000)])
    keys = [(f"C{n:05}",) for n in range(3, 6003)] * 2
    assert store.absent("customers", ("user_id",), keys) == {
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
    assert store.insert(wider, wider.columns, [new]).inserted == 1
    emails = [document.get("e-mail ü") for document in store.find("customers", ("user_id",))]
    assert emails == [None, "zoe@example.org"]


def test_a_collection_with_another_key_is_refused(store: Store) -> None:
    """Records cannot be told apart by one key and stored by another: they would double."""
    put(store, CUSTOMERS, ANNA)
    for key in (("name",), ("user_id", "name")):
        with pytest.raises(StoreError, match="key"):
            store.ensure(Collection("customers", CUSTOMERS.fields, key))


@pytest.mark.parametrize("kind", ["string", "number", "boolean"])
def test_a_field_of_another_type_is_refused(store: Store, kind: str) -> None:
    """Whole numbers do not become text by themselves, nor anything else."""
    put(store, PRODUCTS, ("P1", 5))
    with pytest.raises(StoreError, match="stock"):
        store.ensure(
            Collection("product", (Field("product_id"), Field("stock", kind)), ("product_id",))
        )
    store.ensure(PRODUCTS)


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
        assert other.insert(CUSTOMERS, CUSTOMERS.columns, [ANNA]).inserted == 0
