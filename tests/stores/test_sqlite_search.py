"""Texts in SQLite tables: ranges of rows, looked at side by side."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton.stores import open_store
from hpnorton.stores.sqlite import search

NAMES = [f"name {number} {'Zoë' if number % 3 else '100% wool'}" for number in range(50)]


def make(path: Path, suffix: str = "") -> None:
    """A table of things, with gaps between its rows."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE thing (id TEXT PRIMARY KEY, name TEXT) {suffix}")
        records = ((f"{number:03}", name) for number, name in enumerate(NAMES))
        connection.executemany("INSERT INTO thing VALUES (?, ?)", records)
        connection.execute("DELETE FROM thing WHERE CAST(id AS INTEGER) BETWEEN 20 AND 29")
        connection.commit()


@pytest.mark.parametrize("cores", [1, 2, 7])
@pytest.mark.parametrize("suffix", ["", "WITHOUT ROWID"])
@pytest.mark.parametrize(("text", "rest"), [("zo", 1), ("100%", 0), ("ZOË", 1), ("%", 0)])
def test_every_row_is_looked_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    suffix: str,
    text: str,
    rest: int,
) -> None:
    """However many threads share the rows, each that holds the text is found, in order."""
    monkeypatch.setattr(search, "_MIN_ROWS_PER_THREAD", 5)
    monkeypatch.setattr(search, "cores", lambda: cores)
    make(tmp_path / "store.db", suffix)
    with closing(open_store(f"sqlite:///{tmp_path}/store.db")) as store:
        found = [str(r["id"]) for r in store.search("thing", ("id",), ("name", "id"), text)]
    kept = [number for number in range(50) if not 20 <= number <= 29]
    assert found == [f"{number:03}" for number in kept if min(number % 3, 1) == rest]


def test_an_empty_table_holds_nothing(tmp_path: Path) -> None:
    """There is no row to begin with."""
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("CREATE TABLE thing (id TEXT PRIMARY KEY)")
    with closing(open_store(f"sqlite:///{tmp_path}/store.db")) as store:
        assert not list(store.search("thing", ("id",), ("id",), "a"))
