"""The store for trying things out: it tells what would be, and leaves what is as it is."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import StoreError
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.stores import close_process_stores, open_store, process_store
from hpnorton.stores.base import Batch, Conflict, Mode, Store
from hpnorton.stores.dry_run import DryRunStore
from tests.helpers.properties import costly
from tests.helpers.stores import (
    ANNA,
    ANNE,
    BEN,
    BOTH,
    CUSTOMERS,
    INSERT,
    KINDS,
    PRODUCTS,
    RENTALS,
    UPSERT,
    Model,
    batch_of,
    put,
    records_of,
    summary,
)

CLEO = ("C3", "Cleo", 0)
_NUMBERS = count()


@pytest.fixture(name="present")
def open_database(uri: str) -> Iterator[Store]:
    """A database of each kind that holds Anna."""
    with closing(open_store(uri, create=True)) as store:
        put(store, CUSTOMERS, ANNA)
        yield store


@pytest.fixture(name="store")
def open_dry_run(present: Store, uri: str, tmp_path: Path) -> Iterator[Store]:
    """A store that tries things out on that database."""
    scratch = open_store(f"sqlite:///{tmp_path}/scratch.db", create=True)
    with closing(DryRunStore(open_store(uri), scratch)) as store:
        yield store
    # A server may make a collection when it is only asked about it: nx-27017 does.
    assert {name for name in present.collections() if present.count(name)} == {"customers"}
    assert records_of(present, CUSTOMERS) == [ANNA]


@BOTH
def test_writes_are_counted_as_if_they_were_done(store: Store, mode: Mode) -> None:
    """What is new, the same and different is told; the database is left as it is."""
    store.ensure(CUSTOMERS)
    done = store.write(batch_of(CUSTOMERS, ANNA, BEN, ANNE), mode)
    if mode is INSERT:
        assert summary(done) == (1, 0, [Conflict(2, "name", "Anna")], [0, 2])
    else:
        assert summary(done) == (1, 1, [], [0, 2])


def test_later_writes_see_earlier_ones(store: Store) -> None:
    """What was written meets what comes, whether the database has it or not."""
    store.ensure(CUSTOMERS)
    store.write(batch_of(CUSTOMERS, ANNE, BEN), UPSERT)
    batch = batch_of(CUSTOMERS, ANNA, ("C2", "Benno", 50), CLEO, BEN)
    assert store.stored_records(batch, [0, 1, 2]) == {("C1",): ANNE, ("C2",): BEN}
    done = store.write(batch, INSERT)
    assert summary(done) == (
        1,
        0,
        [Conflict(0, "name", "Anne"), Conflict(1, "name", "Ben")],
        [0, 1, 3],
    )
    assert store.write(batch, UPSERT).updated == 3


def test_references_see_both(store: Store) -> None:
    """A record may refer to one in the database, or to one that would be there by then."""
    keys = [["C1", "C2", "C9"]]
    assert store.absent_keys("customers", ("user_id",), keys) == {("C2",), ("C9",)}
    store.ensure(CUSTOMERS)
    store.write(batch_of(CUSTOMERS, BEN), INSERT)
    assert store.absent_keys("customers", ("user_id",), keys) == {("C9",)}
    assert store.absent_keys("nobody", ("id",), [["1"]]) == {("1",)}


def test_questions_are_answered_from_the_database(store: Store, present: Store) -> None:
    """Counting, finding and joining tell what is there, not what would be."""
    for collection in (CUSTOMERS, PRODUCTS, RENTALS):
        store.ensure(collection)
    store.write(batch_of(CUSTOMERS, ANNE, BEN), UPSERT)
    store.write(batch_of(PRODUCTS, ("P1", 1)), INSERT)
    store.write(batch_of(RENTALS, ("C1", None, "P1")), INSERT)
    assert records_of(store, CUSTOMERS) == [ANNA]
    assert (store.count("customers"), store.count("product")) == (1, 0)
    assert not list(store.find_joined("rental", ("user_id", "=", "C1"), "product", "product_id"))
    assert store.collections() == present.collections()


def test_what_would_be_there_is_not_empty(store: Store) -> None:
    """A collection is empty if neither the database nor what was written has a record of it."""
    store.ensure(PRODUCTS)
    assert store.is_empty("product")
    assert not store.is_empty("customers")
    store.write(batch_of(PRODUCTS, ("P1", 1)), INSERT)
    assert not store.is_empty("product")


def test_a_transaction_that_fails_has_done_nothing(store: Store) -> None:
    """What is written in it is forgotten, as it would be in the database."""
    store.ensure(CUSTOMERS)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.write(batch_of(CUSTOMERS, BEN), INSERT)
        raise ZeroDivisionError
    assert store.write(batch_of(CUSTOMERS, BEN), INSERT).inserted == 1


def test_records_that_do_not_fit_the_database_are_told(store: Store) -> None:
    """It is the database that would have to hold them: its key counts, not that of a new table."""
    other = Collection("customers", CUSTOMERS.fields, ("name",))
    for refuses in (store.check_fit, store.ensure):
        with pytest.raises(StoreError, match="key"):
            refuses(other)


@BOTH
def test_a_field_that_the_database_would_gain(store: Store, mode: Mode) -> None:
    """Records in the database have null in a field that only the new ones have."""
    wider = Collection("customers", (*CUSTOMERS.fields, Field("phone")), ("user_id",))
    store.ensure(wider)
    done = store.write(batch_of(wider, (*ANNA, None), (*BEN, "12")), mode)
    assert summary(done) == (1, 0, [], [0])
    done = store.write(batch_of(wider, (*ANNA, "34")), mode)
    assert (done.updated, len(done.conflicts)) == ((1, 0) if mode is UPSERT else (0, 1))


def test_a_file_that_lacks_a_column_hides_nothing(store: Store) -> None:
    """What a write of some columns leaves as it is, is still seen by one of all columns."""
    store.ensure(CUSTOMERS)
    store.write(batch_of(CUSTOMERS, ("C1", 7), columns=("user_id", "credit")), UPSERT)
    done = store.write(batch_of(CUSTOMERS, ("C1", "Anna", 7)), INSERT)
    assert summary(done) == (0, 0, [], [0])


def test_nothing_can_be_dropped_but_what_was_written(store: Store) -> None:
    """Dropping a collection forgets what was written to it; the database keeps its own."""
    store.ensure(CUSTOMERS)
    store.write(batch_of(CUSTOMERS, BEN), INSERT)
    store.drop_collection("customers")
    store.ensure(CUSTOMERS)
    assert summary(store.write(batch_of(CUSTOMERS, ANNA, BEN), INSERT)) == (1, 0, [], [0])


def test_dropping_the_database_removes_the_temporary_one(
    present: Store, uri: str, tmp_path: Path
) -> None:
    """Its file is gone; the real one is there and holds what it held."""
    scratch = tmp_path / "scratch.db"
    temporary = open_store(f"sqlite:///{scratch}", create=True)
    DryRunStore(open_store(uri), temporary).drop_database()
    assert not scratch.exists()
    assert records_of(present, CUSTOMERS) == [ANNA]


@costly(40)
@given(data=st.data())
@pytest.mark.parametrize("kind", [name for name in KINDS if name != "boolean"])
def test_a_dry_run_foretells_what_happens(
    store: Store, present: Store, kind: str, data: st.DataObject
) -> None:
    """Counts, conflicts and what is taken are those that the real writes would have."""
    collection = KINDS[kind].collection(f"thing{next(_NUMBERS)}")
    try:
        _check_foretelling(store, present, collection, KINDS[kind].batches(collection), data)
    finally:
        present.drop_collection(collection.name)


def _check_foretelling(
    store: Store,
    present: Store,
    collection: Collection,
    batches: st.SearchStrategy[Batch],
    data: st.DataObject,
) -> None:
    model = Model(collection)
    batch = data.draw(batches)
    model.write(batch, UPSERT)
    present.ensure(collection)
    present.write(batch, UPSERT)
    before = records_of(present, collection)
    store.ensure(collection)
    for _ in range(data.draw(st.integers(1, 4))):
        batch, mode = data.draw(batches), data.draw(st.sampled_from(Mode))
        assert summary(store.write(batch, mode)) == summary(model.write(batch, mode))
        assert store.is_empty(collection.name) is not bool(model.stored)
    assert records_of(present, collection) == before


def test_without_a_database_nothing_is_there(tmp_path: Path) -> None:
    """A dry run needs no database: everything is new, and questions find nothing."""
    scratch = open_store(f"sqlite:///{tmp_path}/scratch.db", create=True)
    with closing(DryRunStore(None, scratch)) as store:
        store.check_fit(CUSTOMERS)
        store.ensure(CUSTOMERS)
        assert store.is_empty("customers")
        done = store.write(batch_of(CUSTOMERS, ANNA, BEN, ANNA), INSERT)
        assert summary(done) == (2, 0, [], [2])
        assert store.absent_keys("customers", ("user_id",), [["C1", "C7"]]) == {("C7",)}
        assert (store.count("customers"), store.collections()) == (0, [])
        assert not records_of(store, CUSTOMERS)
        assert not list(store.find_joined("customers", ("user_id", "=", "C1"), "x", "y"))
        assert not store.is_empty("customers")


def test_a_process_makes_no_database_for_a_dry_run(tmp_path: Path) -> None:
    """process_store with a temporary file leaves a database that is not there where it is."""
    uri, scratch = f"sqlite:///{tmp_path}/store.db", str(tmp_path / "scratch.db")
    try:
        store = process_store(uri, scratch)
        assert process_store(uri, scratch) is store
        put(store, CUSTOMERS, ANNA)
        assert not (tmp_path / "store.db").exists()
        assert process_store(uri) is not store
    finally:
        close_process_stores()


def test_a_dry_run_changes_no_byte_of_the_database(tmp_path: Path) -> None:
    """The file of the database is afterwards what it was, and nothing lies beside it."""
    folder = tmp_path / "database"
    uri = f"sqlite:///{folder}/store.db"
    with closing(open_store(uri, create=True)) as present:
        put(present, CUSTOMERS, ANNA)
    before = (folder / "store.db").read_bytes()
    try:
        store = process_store(uri, str(tmp_path / "scratch.db"))
        for collection in (CUSTOMERS, PRODUCTS):
            store.ensure(collection)
        assert store.write(batch_of(CUSTOMERS, ANNE, BEN), UPSERT).updated == 1
    finally:
        close_process_stores()
    assert (folder / "store.db").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["store.db"]
