"""Which imports wrote a record, on every store."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pymongo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.rental import record_history
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import Batch, ChangeStore, Document, Key, Mode
from hpnorton.stores.history import RecordKey
from hpnorton.stores.journal import ImportEntry
from hpnorton.stores.provenance import REPLACED, number_of, save_replaced
from tests.helpers.shop import import_files, write_customers, write_products

THINGS = Collection("things", (Field("id"), Field("size", "integer")), ("id",), is_tracked=True)
PARTS = Collection(
    "parts",
    (Field("of"), Field("n", "integer"), Field("size", "integer")),
    ("of", "n"),
    is_tracked=True,
)


@pytest.fixture(name="store")
def open_prepared_store(uri: str) -> Iterator[ChangeStore]:
    """A store of each kind with two tracked collections."""
    with closing(open_store(uri, create=True)) as store:
        journal.prepare(store)
        for collection in (THINGS, PARTS):
            store.ensure(collection)
            journal.save_collection(store, collection)
        yield store


def load(store: ChangeStore, run: str, collection: Collection, *records: Sequence[object]) -> None:
    """Upsert records, as the import `run` of a file does."""
    entry = ImportEntry(
        id=run,
        started=run,
        collection=collection.name,
        file="x.csv",
        mode="upsert",
        is_ordered=True,
        was_empty=False,
    )
    journal.begin_import(store, entry)
    columns = list(zip(*records))
    batch = Batch(collection, collection.columns, columns, number_of(store, run))
    with store.transaction():
        written = store.write(batch, Mode.UPSERT)
        save_replaced(store, [batch.only(written.replacing)])


def writers(store: ChangeStore, text: str) -> list[str]:
    """The imports that wrote the record with a key."""
    return [entry.id for entry in journal.imports_of(store, text)]


def test_a_record_knows_the_imports_that_wrote_it(store: ChangeStore) -> None:
    """Those that inserted or replaced it, the oldest first; not those that left it as it was."""
    load(store, "r1", THINGS, ("A", 1), ("B", 1))
    load(store, "r2", THINGS, ("A", 2), ("B", 1), ("C", 1))
    load(store, "r3", THINGS, ("A", 3), ("C", 1))
    assert writers(store, "A") == ["r1", "r2", "r3"]
    assert (writers(store, "B"), writers(store, "C")) == (["r1"], ["r2"])
    assert writers(store, "D") == writers(store, "a") == writers(store, "") == []


def test_a_key_may_have_several_fields(store: ChangeStore) -> None:
    """The text of such a key is that of the history, whatever its parts hold."""
    load(store, "r1", PARTS, ("a|b", 1, 0), ("a", 1, 0), ("a\\", 12, 0))
    load(store, "r2", PARTS, ("a|b", 1, 5), ("a", 1, 0))
    assert writers(store, "a\\|b|1") == ["r1", "r2"]
    assert writers(store, "a|1") == writers(store, "a\\\\|12") == ["r1"]
    for nobody in ("a|b|1", "a|01", "a|x", "a", "|", "a|1|", "\\"):
        assert writers(store, nobody) == []


@given(parts=st.tuples(st.text("ab|\\\n", max_size=5), st.integers(-5, 5)))
def test_a_key_comes_back_from_its_text(parts: Key) -> None:
    """Whatever is in it."""
    record = RecordKey(PARTS, parts)
    assert RecordKey.from_text(PARTS, record.text) == record


def test_the_first_import_of_a_record_is_known(store: ChangeStore) -> None:
    """When it began, for those of the keys that were inserted or replaced at all."""
    store.write(Batch(THINGS, THINGS.columns, [["P4"], [1]]), Mode.INSERT)  # by the counter
    load(store, "2026-12-01", THINGS, ("P1", 1), ("P2", 1))
    load(store, "2026-12-02", PARTS, ("P3", 1, 1))
    load(store, "2026-12-03", THINGS, ("P1", 2), ("P2", 1), ("P3", 1), ("P4", 2))
    load(store, "2026-12-04", THINGS, ("P10", 1), ("P1", 3), ("P4", 3))
    wanted: list[Key] = [("P1",), ("P2",), ("P3",), ("P4",), ("P10",), ("P",)]
    assert journal.first_imports(store, THINGS, wanted) == {
        ("P1",): "2026-12-01",
        ("P2",): "2026-12-01",
        ("P3",): "2026-12-03",
        ("P4",): "2026-12-03",
        ("P10",): "2026-12-04",
    }
    assert journal.first_imports(store, PARTS, [("P3", 1)]) == {("P3", 1): "2026-12-02"}
    assert not journal.first_imports(store, THINGS, [])


def test_each_import_has_a_number(store: ChangeStore) -> None:
    """It stays the same, and no other import gets it."""
    assert [number_of(store, run) for run in ("b", "a", "b", "c")] == [1, 2, 1, 3]
    journal.prepare(store)
    assert number_of(store, "d") == 4


def test_what_a_tracked_record_keeps_is_not_shown(store: ChangeStore) -> None:
    """The number of the import is no field of the record."""
    load(store, "r1", THINGS, ("A", 1))
    assert list(store.find("things", ("id",))) == [{"id": "A", "size": 1}]
    assert store.get("things", ("id",), ("A",)) == {"id": "A", "size": 1}


def test_a_collection_may_be_tracked_later(store: ChangeStore) -> None:
    """Records from before have no import; those that are imported from then on have one."""
    plain = Collection("more", THINGS.fields, ("id",))
    store.ensure(plain)
    store.write(Batch(plain, plain.columns, [["A"], [1]]), Mode.INSERT)
    tracked = replace(THINGS, name="more")
    store.ensure(tracked)
    journal.save_collection(store, tracked)
    load(store, "r1", tracked, ("A", 1), ("B", 1))
    assert (writers(store, "A"), writers(store, "B")) == ([], ["r1"])


def test_a_history_reads_no_more_than_it_needs(
    sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In SQLite an index finds everything of a record; no table that grows with rows is scanned."""
    customers = write_customers(tmp_path, [f"C{number}" for number in range(50)])
    import_files(sqlite_uri, customers, write_products(tmp_path, {"P1": 1}), rows=2)
    newer = write_products(tmp_path / "newer", {"P1": 2})
    import_files(sqlite_uri, newer, mode=Mode.UPSERT)
    statements: list[str] = []
    connect = sqlite3.connect

    def connect_and_trace(*arguments: object, **how: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **how)  # type: ignore[call-overload]
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_and_trace)
    with closing(open_store(sqlite_uri)) as store:
        assert [event["kind"] for event in record_history.history(store, "P1")] == ["import"] * 2
        assert [event["kind"] for event in record_history.history(store, "C7")] == ["import"]
    monkeypatch.undo()
    steps: set[str] = set()
    with closing(connect(sqlite_uri.removeprefix("sqlite:///"))) as connection:
        for statement in statements:
            if statement.startswith("SELECT"):
                plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}")
                steps.update(str(detail) for *_, detail in plan)
    grown = ("customers", "product", "history", REPLACED.name, "t")
    assert f"SEARCH {REPLACED.name}" in {step.partition(" USING")[0] for step in steps}
    assert "SEARCH t" in {step.partition(" USING")[0] for step in steps}, "a record by its key"
    assert not [step for step in steps for name in grown if step.startswith(f"SCAN {name} ")]
    assert not [step for step in steps if journal.CHUNKS.name in step]


def test_replaced_records_have_an_index(mongo_uri: str) -> None:
    """In MongoDB, where a record itself is found by its _id."""
    with closing(open_store(mongo_uri)) as store:
        journal.prepare(store)
    with pymongo.MongoClient[Document](mongo_uri) as client:
        indexes = client.get_default_database()[REPLACED.name].index_information().values()
    keys = [[name for name, _ in index["key"]] for index in indexes]
    assert ["record", "collection", "number"] in keys
