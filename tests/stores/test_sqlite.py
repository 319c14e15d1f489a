"""What is particular to the embedded store."""

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import StoreAccessError, StoreBusyError, StoreError, StoreMissingError
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.validate import Record
from hpnorton.stores import open_store
from hpnorton.stores.base import Mode, Store
from hpnorton.stores.sqlite.store import SqliteStore
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
)


@pytest.fixture(name="path")
def path_of(sqlite_uri: str) -> Path:
    """Where the database file is going to be."""
    return Path(sqlite_uri.removeprefix("sqlite:///"))


@pytest.fixture(name="store")
def open_empty_store(path: Path) -> Iterator[SqliteStore]:
    """An empty store."""
    with closing(SqliteStore(str(path), create=True)) as store:
        yield store


@pytest.fixture(name="tool")
def open_with_another_tool(store: Store, path: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection to the store's file, as any SQLite tool has one."""
    for collection in (CUSTOMERS, PRODUCTS, RENTALS, EVERY_TYPE):
        store.ensure(collection)
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def test_columns_have_real_types(tool: sqlite3.Connection) -> None:
    """Any SQLite tool sees typed columns, the primary key and the foreign keys."""
    types = dict(tool.execute("SELECT name, type FROM pragma_table_info('every_type')"))
    assert types == {
        "id": "INTEGER",
        "text": "TEXT",
        "whole": "INTEGER",
        "number": "REAL",
        "flag": "BOOLEAN",
        "day": "TEXT",
    }
    keys = "SELECT name FROM pragma_table_info('rental') WHERE pk > 0 ORDER BY pk"
    assert [name for (name,) in tool.execute(keys)] == ["user_id", "product_id"]
    parents = "SELECT \"table\" FROM pragma_foreign_key_list('rental') ORDER BY 1"
    assert [name for (name,) in tool.execute(parents)] == ["customers", "product"]


@pytest.mark.parametrize(
    "where", ["user_id = 'C1'", "product_id = 'P1'", "user_id = 'C1' AND product_id = 'P1'"]
)
def test_an_index_answers_each_reference(tool: sqlite3.Connection, where: str) -> None:
    """Nobody has to scan the rentals to find those of a customer or of a product."""
    plan = str(tool.execute(f"EXPLAIN QUERY PLAN SELECT * FROM rental WHERE {where}").fetchall())
    assert "USING INDEX" in plan
    assert "SCAN" not in plan


def test_the_file_is_whole_after_closing(path: Path, sqlite_uri: str) -> None:
    """The write-ahead log goes back into the file: nothing lies beside it."""
    with closing(open_store(sqlite_uri, create=True)) as store:
        put(store, CUSTOMERS, ANNA)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_missing_database_is_only_made_to_write(path: Path, sqlite_uri: str) -> None:
    """Asking a question of a database that is not there makes no file, and says so."""
    with pytest.raises(StoreMissingError, match="import the CSV files first"):
        open_store(sqlite_uri)
    assert not path.exists()


def test_folders_are_made_on_the_way(tmp_path: Path) -> None:
    """The database's folder need not be there yet."""
    uri = f"sqlite:///{tmp_path}/new/folder/store.db"
    open_store(uri, create=True).close()
    assert (tmp_path / "new" / "folder" / "store.db").exists()


@pytest.mark.parametrize("place", ["", "/store.db/inside.db"])
def test_a_place_for_no_file_is_refused(tmp_path: Path, place: str) -> None:
    """A folder, or a path through a file, cannot be a database."""
    (tmp_path / "store.db").touch()
    with pytest.raises(StoreAccessError, match="cannot be"):
        open_store(f"sqlite:///{tmp_path}{place}", create=True)


def test_a_file_of_another_kind_is_left_alone(path: Path, sqlite_uri: str) -> None:
    """A text file is refused, and neither changed nor removed."""
    path.write_text("dear diary, " * 100, encoding="utf-8")
    with pytest.raises(StoreAccessError, match="not an SQLite database"):
        open_store(sqlite_uri, create=True)
    with pytest.raises(StoreAccessError, match="not an SQLite database"):
        open_store(sqlite_uri)
    assert path.read_text(encoding="utf-8").startswith("dear diary")


def test_a_damaged_file_is_told(path: Path, sqlite_uri: str) -> None:
    """Pages overwritten with rubbish give an error that names the file and the remedy."""
    with closing(open_store(sqlite_uri, create=True)) as store:
        put(store, PRODUCTS, *[(f"P{n}", n) for n in range(5000)])
    with path.open("r+b") as file:
        file.seek(16_384)  # the second page
        file.write(b"\xa5" * 40_000)
    with closing(open_store(sqlite_uri)) as store, pytest.raises(StoreError, match="damaged"):
        list(store.find("product", ("product_id",)))


def test_who_begins_again_at_once_does_not_keep_others_out(sqlite_uri: str, store: Store) -> None:
    """A process that holds its transaction, time after time, lets another one have its turn."""
    has_begun, is_served = threading.Event(), threading.Event()

    def other_till() -> None:
        with closing(open_store(sqlite_uri)) as other:
            has_begun.wait()
            with other.transaction():
                is_served.set()

    with ThreadPoolExecutor() as threads:
        served = threads.submit(other_till)
        for _ in range(30):
            with store.transaction():
                has_begun.set()
                if is_served.wait(0.1):
                    break
        assert is_served.is_set()
        served.result()


def test_a_lock_that_stays_is_told(store: Store, path: Path) -> None:
    """When another program keeps the lock for too long, the message says what to look for."""
    store.ensure(CUSTOMERS)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            closing(open_store(f"sqlite:///{path}", patience=0.05)) as second,
            pytest.raises(StoreBusyError, match="for 0.05 s; look for one with unsaved changes"),
        ):
            second.write(batch_of(CUSTOMERS, ANNA), INSERT)


@pytest.mark.parametrize("kind", ["number", "boolean", "string"])
def test_a_column_has_one_type(store: Store, kind: str) -> None:
    """A column of whole numbers takes no others, which it would change, and no true or false."""
    store.ensure(PRODUCTS)
    fields = (Field("product_id"), Field("stock", kind))
    with pytest.raises(StoreError, match="the column stock of .* has the type INTEGER"):
        store.ensure(Collection("product", fields, ("product_id",)))


def test_a_table_that_needs_more_than_the_file_has_is_refused(store: Store) -> None:
    """A required column that the file's description has lost is told before any row is read."""
    first, *others = CUSTOMERS.fields
    required = Field("name", required=True)
    store.ensure(Collection("customers", (first, required), ("user_id",)))
    with pytest.raises(StoreError, match="needs a value for name"):
        store.ensure(Collection("customers", (first, others[1]), ("user_id",)))


@BOTH
def test_a_failed_write_leaves_nothing(store: Store, mode: Mode) -> None:
    """A chunk is in the database as a whole or not at all."""
    put(store, CUSTOMERS, ANNA)
    records: list[Any] = [(f"C{n}", "x", 1) for n in range(500)] + [("C999", object(), 1)]
    with pytest.raises(StoreError):
        store.write(batch_of(CUSTOMERS, *records), mode)
    assert records_of(store, CUSTOMERS) == [ANNA]
    put(store, CUSTOMERS, BEN)


def test_a_transaction_is_all_or_nothing(store: Store, path: Path) -> None:
    """After an error nothing of it is there, whatever was written in it, and how deep inside."""
    put(store, CUSTOMERS, ANNA)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.write(batch_of(CUSTOMERS, ANNE, BEN), UPSERT)
        with store.transaction():
            put(store, PRODUCTS, ("P1", 1))
        assert records_of(store, CUSTOMERS) == [ANNE, BEN]
        with closing(open_store(f"sqlite:///{path}")) as other:
            assert records_of(other, CUSTOMERS) == [ANNA]
        raise ZeroDivisionError
    assert records_of(store, CUSTOMERS) == [ANNA]
    assert store.collections() == ["customers"]
    with store.transaction():
        store.write(batch_of(CUSTOMERS, BEN), INSERT)
    assert records_of(store, CUSTOMERS) == [ANNA, BEN]


TABLES = {
    "ours": "(k TEXT NOT NULL, a TEXT, rowid INTEGER, PRIMARY KEY (k))",
    "without rowid": "(k TEXT PRIMARY KEY NOT NULL, a TEXT, rowid INTEGER) Without\n  RowId",
    "every name taken": "(k TEXT PRIMARY KEY, a TEXT, rowid INTEGER, _ROWID_ TEXT, OID TEXT)",
    "a default": "(more TEXT NOT NULL DEFAULT 'x', a TEXT, rowid INTEGER, k TEXT PRIMARY KEY)",
    "numbers": "(k INTEGER PRIMARY KEY, a TEXT, rowid INTEGER)",
    "numbers descending": "(k INTEGER PRIMARY KEY DESC, a TEXT, rowid INTEGER)",
    "numbers counting": "(k INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, rowid INTEGER)",
}


@costly(60)
@given(data=st.data())
@pytest.mark.parametrize("table", TABLES)
def test_tables_made_by_hand(path: Path, table: str, data: st.DataObject) -> None:
    """Into a table that another tool has made records go as into one of ours."""
    path.unlink(missing_ok=True)
    kind = KINDS["integer" if table.startswith("numbers") else "text"]
    collection = kind.collection("thing")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE thing {TABLES[table]}")
    with closing(SqliteStore(str(path), create=True)) as store:
        store.ensure(collection)
        store.batches.rows_per_statement = data.draw(st.integers(1, 4))
        store.batches.min_sampled = data.draw(st.integers(1, 4))
        check_against_model(store, collection, kind, data)


@BOTH
def test_a_rule_of_the_table_that_keeps_a_record_out_is_told(
    store: Store, tool: sqlite3.Connection, mode: Mode
) -> None:
    """A record that is silently left out would be lost: the error names it, and nothing is in."""
    tool.execute("CREATE UNIQUE INDEX one_of_a_name ON customers (name)")
    store.write(batch_of(CUSTOMERS, ANNA), INSERT)
    with pytest.raises(StoreError, match="a rule of its own that keeps out the record C9;"):
        store.write(batch_of(CUSTOMERS, BEN, ("C9", "Anna", 1)), mode)
    assert records_of(store, CUSTOMERS) == [ANNA]
    tool.execute("CREATE UNIQUE INDEX one_of_a_text ON every_type (text)")
    records: list[Record] = [(n, "x", None, None, None, None) for n in (1, 9)]
    with pytest.raises(StoreError, match="a rule of its own that keeps out the record"):
        store.write(batch_of(EVERY_TYPE, *records), mode)
    assert store.is_empty("every_type")


def test_keys_that_differ_for_us_and_not_for_the_table_are_told(path: Path, store: Store) -> None:
    """A table that was made to take a for A cannot hold both."""
    with closing(sqlite3.connect(path)) as connection:
        columns = "user_id TEXT COLLATE NOCASE PRIMARY KEY, name TEXT, credit INTEGER"
        connection.execute(f"CREATE TABLE customers ({columns})")
    put(store, CUSTOMERS, ANNA)
    with pytest.raises(StoreError, match="keeps out the record c1;"):
        store.write(batch_of(CUSTOMERS, ("c1", "Anna", 100)), INSERT)


def test_a_table_made_anew_is_looked_at_anew(store: Store) -> None:
    """After it was dropped, a table may come back with a key of another kind."""
    put(store, PRODUCTS, ("P1", 1))
    store.drop_collection("product")
    fields = (Field("product_id", "integer"), Field("stock", "integer"))
    other = Collection("product", fields, ("product_id",))
    put(store, other, (10, 1))
    assert summary(store.write(batch_of(other, (3, 1), (10, 1)), INSERT)) == (1, 0, [], [1])


@BOTH
def test_a_table_that_is_gone_is_told(store: Store, mode: Mode) -> None:
    """Another program may drop a table while an import runs."""
    with pytest.raises(StoreError, match="customers"):
        store.write(batch_of(CUSTOMERS, ANNA), mode)


def test_a_wide_table_takes_fewer_rows_a_statement(sqlite_uri: str) -> None:
    """A statement has no more values than SQLite takes: rows of a wide table go in one by one."""
    fields = tuple(Field(f"f{n}") for n in range(50))
    wide = Collection("wide", fields, ("f0",))
    with closing(SqliteStore(sqlite_uri.removeprefix("sqlite:///"), create=True)) as store:
        store.connection.max_parameters = 120  # as in an old SQLite
        records: list[Record] = [tuple(f"{row}-{n}" for n in range(50)) for row in range(9)]
        put(store, wide, *records)
        assert records_of(store, wide) == records


@costly(50)
@given(
    numbers=st.lists(
        st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0),
        min_size=2,
        unique=True,
    )
)
def test_any_number_is_a_key(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float]
) -> None:
    """A number is found by its value to the last bit, however large or small it is."""
    collection = Collection("thing", (Field("k", "number"), Field("a")), ("k",))
    folder = tmp_path_factory.mktemp("numbers")
    with closing(open_store(f"sqlite:///{folder}/store.db", create=True)) as store:
        first, *others = [(number, "x") for number in numbers]
        put(store, collection, *others)
        assert store.absent_keys("thing", ("k",), [numbers]) == {(first[0],)}
        done = store.write(batch_of(collection, first, *others), UPSERT)
        assert summary(done) == (1, 0, [], list(range(1, len(numbers))))


def _insert_many(uri: str, start: int) -> int:
    with closing(open_store(uri, create=True)) as store:
        store.ensure(CUSTOMERS)
        batches = [
            batch_of(CUSTOMERS, *[(f"C{n}", "x", n) for n in range(at, at + 20)])
            for at in range(start, start + 1000, 20)
        ]
        return sum(store.write(batch, INSERT).inserted for batch in batches)


def test_many_writers_at_once_are_never_refused(sqlite_uri: str) -> None:
    """Eight processes that open one new database and write at once insert each key once."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(8, spawn) as processes:
        starts = [0, 500, 1000, 1500] * 2
        inserted = sum(processes.map(_insert_many, [sqlite_uri] * 8, starts))
    with closing(open_store(sqlite_uri)) as store:
        assert inserted == store.count("customers") == 2500


_BARRIERS: list[Barrier] = []


def _keep_barrier(barrier: Barrier) -> None:
    _BARRIERS.append(barrier)


def _open_at_once(uri: str) -> None:
    _BARRIERS[0].wait()
    open_store(uri, create=True).close()


def test_a_new_database_is_opened_by_several_at_once(tmp_path: Path) -> None:
    """Whoever comes while another process makes the database waits, and is not refused."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        4, spawn, initializer=_keep_barrier, initargs=(spawn.Barrier(4, timeout=30),)
    ) as processes:
        for number in range(25):
            list(processes.map(_open_at_once, [f"sqlite:///{tmp_path}/{number}.db"] * 4))


def test_a_log_that_has_grown_long_is_emptied(path: Path, store: SqliteStore) -> None:
    """Unless somebody reads an old state: then it may grow on a while before the next attempt."""
    store.connection.max_wal_bytes = 2**18
    store.connection.checkpoint_seconds = 0.01
    log, sizes = Path(f"{path}-wal"), []
    store.ensure(CUSTOMERS)

    def write(number: int) -> None:
        with store.transaction():
            put(store, CUSTOMERS, (f"C{number}", "x" * 2**14, 1))
        sizes.append(log.stat().st_size)

    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM customers").fetchall()
        for number in range(60):
            write(number)
        assert sizes == sorted(sizes) and sizes[-1] > 2**20
        reader.execute("COMMIT")
        for number in range(60, 120):
            write(number)
        assert min(sizes[60:]) == 0 and max(sizes[90:]) < 2**19
        assert reader.execute("SELECT count(*) FROM customers").fetchone() == (120,)


def test_a_table_that_is_made_again_may_have_another_key(store: SqliteStore) -> None:
    """Where the key is the rowid, a key above the new ones does not make these look stored."""
    of_texts = KINDS["text"].collection("thing")
    store.ensure(of_texts)
    texts = [(f"k{number}", None, None) for number in range(200)]
    assert len(store.write(batch_of(of_texts, *texts), INSERT).taken) == 0
    store.drop_collection("thing")
    of_numbers = KINDS["integer"].collection("thing")
    store.ensure(of_numbers)
    store.write(batch_of(of_numbers, (1000, None, None)), INSERT)
    numbers = [(number, None, None) for number in (1000, *range(100))]
    written = store.write(batch_of(of_numbers, *numbers), INSERT)
    assert list(written.taken) == [0]
