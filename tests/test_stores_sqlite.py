"""What is particular to the embedded store."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from hpnorton.errors import StoreAccessError, StoreBusyError, StoreError, StoreMissingError
from hpnorton.fields import Field
from hpnorton.schema import Collection
from hpnorton.stores import open_store, sqlite
from hpnorton.stores.protocol import Store
from tests.test_stores import ANNA, CUSTOMERS, EVERY_TYPE, PRODUCTS, RENTALS, put


@pytest.fixture(name="path")
def path_of(sqlite_uri: str) -> Path:
    """Where the database file is going to be."""
    return Path(sqlite_uri.removeprefix("sqlite:///"))


@pytest.fixture(name="store")
def open_empty_store(sqlite_uri: str) -> Iterator[Store]:
    """An empty store."""
    with closing(open_store(sqlite_uri, create=True)) as store:
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
        file.seek(4096)
        file.write(b"\xa5" * 40_000)
    with closing(open_store(sqlite_uri)) as store:
        with pytest.raises(StoreError, match="damaged"):
            list(store.find("product", ("product_id",)))


def test_a_lock_that_stays_is_told(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When another program keeps the lock for too long, the message says so, in plain words."""
    store.ensure(CUSTOMERS)
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(open_store(f"sqlite:///{path}")) as second:
            with pytest.raises(StoreBusyError, match="another program has kept"):
                second.insert(CUSTOMERS, CUSTOMERS.columns, [ANNA])


def test_a_table_that_needs_more_than_the_file_has_is_refused(store: Store) -> None:
    """A required column that the file's description has lost is told before any row is read."""
    first, *others = CUSTOMERS.fields
    required = Field("name", required=True)
    store.ensure(Collection("customers", (first, required), ("user_id",)))
    with pytest.raises(StoreError, match="cannot do without name"):
        store.ensure(Collection("customers", (first, others[1]), ("user_id",)))


def test_a_failed_insert_leaves_nothing(store: Store) -> None:
    """A chunk is in the database as a whole or not at all."""
    store.ensure(CUSTOMERS)
    records = [(f"C{n:03}", "x", 1) for n in range(500)] + [("C999", object(), 1)]
    with pytest.raises(StoreError):
        store.insert(CUSTOMERS, CUSTOMERS.columns, records)  # type: ignore[arg-type] # on purpose
    assert store.count("customers") == 0
    put(store, CUSTOMERS, ANNA)


def _insert_many(uri: str, start: int) -> int:
    with closing(open_store(uri, create=True)) as store:
        store.ensure(CUSTOMERS)
        return sum(
            store.insert(
                CUSTOMERS, CUSTOMERS.columns, [(f"C{n}", "x", n) for n in range(at, at + 20)]
            ).inserted
            for at in range(start, start + 1000, 20)
        )


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
