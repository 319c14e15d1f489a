"""Imports of products whose stock is counted: what a file says of it, and what clerks do."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton.rental.counter import RentalCounter
from hpnorton.schema.stored import Value
from hpnorton.stores import open_store
from hpnorton.stores.base import Mode
from hpnorton.stores.counts import Counts
from tests.helpers.any_order import in_any_order
from tests.helpers.shop import (
    faults,
    first_and_now,
    history_entries,
    import_files,
    import_shop,
    open_counter,
    redescribe,
    rentals,
    run,
    stocks,
    write_csv,
)


@pytest.fixture(name="counter")
def open_the_shop(uri: str, tmp_path: Path) -> Iterator[RentalCounter]:
    """A counter of each kind, with one customer and 5 of P1."""
    import_shop(uri, tmp_path, ["ANN"], {"P1": 5})
    with open_counter(uri) as counter:
        yield counter


def products(folder: Path, *stock: tuple[str, Value], description: str = "Kite") -> Path:
    """product.csv with repeated keys, and stocks that may be empty."""
    path = write_csv(folder, "product", [(name, description, "Toys", n) for name, n in stock])
    redescribe(folder, "product", {"name": "quantity_available", "type": "integer"})
    return path


def test_a_collection_without_a_stock_keeps_nothing_of_it(sqlite_uri: str, tmp_path: Path) -> None:
    """Neither a first stock nor the import that inserted a record: only the shop asks for these."""
    path = tmp_path / "people.csv"
    path.write_text("id,quantity_available\nP1,5\n", encoding="utf-8")
    import_files(sqlite_uri, path)
    with closing(sqlite3.connect(sqlite_uri.removeprefix("sqlite:///"))) as connection:
        columns = connection.execute("SELECT name FROM pragma_table_info('people')").fetchall()
    assert columns == [("id",), ("quantity_available",)]


def test_a_stock_needs_no_name_of_the_shop(sqlite_uri: str, tmp_path: Path) -> None:
    """Whatever collection and field it is in: an import that changes it is in the history."""
    path = tmp_path / "shelf.csv"
    fields = [{"name": "id"}, {"name": "units", "type": "integer"}]
    schema = {"fields": fields, "primaryKey": "id", "stock": "units"}
    package = {"resources": [{"name": "shelf", "path": path.name, "schema": schema}]}
    (tmp_path / "datapackage.json").write_text(json.dumps(package), encoding="utf-8")
    for units in (5, 8):
        path.write_text(f"id,units\nS1,{units}\n", encoding="utf-8")
        import_files(sqlite_uri, path, mode=Mode.UPSERT)
    with closing(open_store(sqlite_uri)) as store:
        assert list(store.stocks("shelf", "id", "units")) == [("S1", 5, 8, None)]
        assert [(line["collection"], line["delta"]) for line in history_entries(store)] == [
            ("shelf", 3)
        ]


def test_a_new_product_may_come_twice(counter: RentalCounter, uri: str, tmp_path: Path) -> None:
    """In one chunk of an upsert: the last row counts, as it does of a product that is there."""
    path = products(tmp_path / "newer", ("P9", 5), ("P1", 6), ("P9", 7), ("P1", 8), ("P9", 7))
    (report,) = run(uri, path, mode=Mode.UPSERT)
    assert report.counts == Counts(5, inserted=1, updated=3, unchanged=1)
    assert stocks(counter.store) == {"P1": 8, "P9": 7}
    told = {str(line["record"]): line["delta"] for line in history_entries(counter.store)}
    assert told == {"P1": 3, "P9": 2}
    assert faults(counter.store) == []


def test_a_stock_may_become_empty_and_be_counted_again(uri: str, tmp_path: Path) -> None:
    """Nothing can be added to no number, or to become one: the history tells of numbers only."""
    import_files(uri, products(tmp_path / "first", ("P7", 1), ("P8", 4), ("P9", "")))
    newer = products(tmp_path / "newer", ("P7", 2), ("P8", ""), ("P9", 3), description="Drum")
    import_files(uri, newer, mode=Mode.UPSERT)
    with closing(open_store(uri)) as store:
        assert stocks(store) == {"P7": 2, "P8": None, "P9": 3}
        assert [(line["record"], line["delta"]) for line in history_entries(store)] == [("P7", 1)]
        found = store.find("product", ("product_id",))
        assert [record["description"] for record in found] == ["Drum"] * 3
        assert faults(store) == []


def import_last_row_first(
    counter: RentalCounter, uri: str, path: Path, rents: Sequence[str] = ()
) -> Counts:
    """Inserts a file whose chunks, one for each row, are done from its end to its beginning.

    Before the last one is done Ann rents some of the products.
    """
    waiting = list(rents)

    def choose(size: int) -> int:
        while size == 1 and waiting:
            counter.rent("ANN", waiting.pop())
        return size - 1

    with in_any_order(choose):
        (report,) = run(uri, path, rows=1, is_parallel=True, workers=4)
    assert report.failure is None
    assert not waiting
    return report.counts


def test_the_first_row_of_a_new_product_counts(
    counter: RentalCounter, uri: str, tmp_path: Path
) -> None:
    """Though a later one came first: that was never in stock, so the history has nothing of it."""
    path = products(tmp_path / "newer", ("P9", 2), ("P9", 9), ("P8", 1))
    counts = import_last_row_first(counter, uri, path)
    assert counts == Counts(3, inserted=2, conflicts=1)
    assert first_and_now(counter.store)[1:] == [
        ("P8", 1, 1),
        ("P9", 2, 2),
    ]
    assert not history_entries(counter.store)
    assert faults(counter.store) == []


def test_what_was_rented_meanwhile_is_missing_from_the_first_row(
    counter: RentalCounter, uri: str, tmp_path: Path
) -> None:
    """A clerk saw the later row's stock; what he took is gone from the first row's."""
    path = products(tmp_path / "newer", ("P9", 2), ("P9", 9))
    counts = import_last_row_first(counter, uri, path, rents=["P9"])
    assert counts == Counts(2, inserted=1, conflicts=1)
    assert first_and_now(counter.store)[1:] == [("P9", 2, 1)]
    assert rentals(counter.store) == {("ANN", "P9")}
    assert [line["kind"] for line in history_entries(counter.store)] == ["rent"]
    assert faults(counter.store) == []
    counter.give_back("ANN", "P9")
    assert stocks(counter.store)["P9"] == 2
    assert faults(counter.store) == []


@pytest.mark.parametrize("first", [3, None])
def test_the_first_row_counts_where_one_has_no_stock(
    uri: str, tmp_path: Path, first: int | None
) -> None:
    """What has no number cannot become more or less: the first row's stock is taken as it is."""
    rows: list[tuple[str, Value]] = [("P9", value) for value in (first, 3 if first is None else "")]
    path = products(tmp_path, *rows)
    with in_any_order(lambda size: size - 1):
        run(uri, path, rows=1, is_parallel=True, workers=4)
    with closing(open_store(uri)) as store:
        stored = first_and_now(store)
        assert stored == [("P9", first, first)]


def test_other_fields_are_the_first_rows_as_well(
    counter: RentalCounter, uri: str, tmp_path: Path
) -> None:
    """Where the stock is the same, it stays as it is, with what clerks did to it."""
    path = products(tmp_path / "newer", ("P9", 3))
    path.write_text(path.read_text(encoding="utf-8") + "P9,Drum,Music,3\n", encoding="utf-8")
    import_last_row_first(counter, uri, path, rents=["P9"])
    assert counter.store.get("product", ("product_id",), ("P9",)) == {
        "product_id": "P9",
        "description": "Kite",
        "product_type": "Toys",
        "quantity_available": 2,
    }
    assert faults(counter.store) == []
