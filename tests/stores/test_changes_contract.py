"""What every store has to do for the counter: lines of the history, each with its change."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import StoreError
from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore, Document, Mode
from hpnorton.stores.history import HISTORY, RecordKey
from tests.helpers.changes import (
    ANNA,
    CUSTOMERS,
    DRUM,
    PRODUCTS,
    RENTALS,
    TENT,
    add,
    adjust,
    edit,
    fill,
    give_back,
    product,
    put,
    record_of,
    rent,
    rental,
)
from tests.helpers.first_stocks import forget_first_stocks
from tests.helpers.properties import costly
from tests.helpers.shop import first_and_now, history_entries, rentals, stocks
from tests.helpers.stores import batch_from_documents


@pytest.fixture(name="store")
def open_shop(uri: str) -> Iterator[ChangeStore]:
    """A store of each kind, with two customers, 2 of P1 and 5 of P2."""
    with closing(open_store(uri, create=True)) as store:
        fill(store)
        yield store


def test_a_line_and_its_change_are_written(store: ChangeStore) -> None:
    """A rental is in the history, among the rentals, and gone from the stock."""
    change = rent(1)
    assert store.post([change]) == []
    assert rentals(store) == {("C1", "P1")}
    assert stocks(store) == {"P1": 1, "P2": 5}
    (line,) = history_entries(store)
    assert line == change.entry
    assert json.loads(str(line["after"])) == rental("C1")
    assert line["before"] is None


def test_a_change_may_remove_its_record(store: ChangeStore) -> None:
    """What is given back is no rental any more, and in stock again."""
    assert store.post([rent(1)]) == store.post([give_back(2)]) == []
    assert rentals(store) == set()
    assert stocks(store)["P1"] == 2
    assert [line["kind"] for line in history_entries(store)] == ["rent", "return"]


def test_a_line_whose_number_is_taken_is_not_written_and_changes_nothing(
    store: ChangeStore,
) -> None:
    """Of two clerks who have read the same, one has to read again."""
    store.post([rent(1, "C1")])
    before = (history_entries(store), rentals(store), stocks(store))
    for late in (rent(1, "C2"), adjust(1, 7), edit(1, TENT, {}, {"description": "Late"})):
        assert store.post([late]) == [0]
        assert (history_entries(store), rentals(store), stocks(store)) == before
    assert record_of(store, TENT) == product("P1", 1, "Tent")


def test_repeating_a_post_changes_nothing(store: ChangeStore) -> None:
    """A line is carried out once."""
    assert store.post([rent(1)]) == []
    assert store.post([rent(1)]) == [0]
    assert store.post([give_back(2)]) == []
    assert store.post([rent(1)]) == [0]
    assert (stocks(store)["P1"], rentals(store), len(history_entries(store))) == (2, set(), 2)


def test_of_several_lines_those_not_written_are_told(store: ChangeStore) -> None:
    """The positions of the lines whose numbers are taken, or of all where it is all or nothing."""
    store.post([adjust(1, 1)])
    lost = store.post([adjust(1, 10), adjust(1, 3, DRUM)])
    assert (lost, stocks(store)) in (
        ([0], {"P1": 3, "P2": 8}),
        ([0, 1], {"P1": 3, "P2": 5}),
    )


def test_several_lines_are_all_carried_out(store: ChangeStore) -> None:
    """One call may change many records, in more than one collection."""
    changes = [rent(1), rent(1, "C2", DRUM, 4), edit(1, ANNA, {"Name": "Anna"}, {"Name": "Anne"})]
    assert store.post(changes) == []
    assert stocks(store) == {"P1": 1, "P2": 4}
    assert rentals(store) == {("C1", "P1"), ("C2", "P2")}
    assert record_of(store, ANNA) == {"user_id": "C1", "Name": "Anne"}
    assert store.post([]) == []


def test_last_numbers_are_those_of_each_record(store: ChangeStore) -> None:
    """In the order asked for; a record without history has 0, and so has one that is not there."""
    twin, nobody = RecordKey(CUSTOMERS, ("P1",)), RecordKey(PRODUCTS, ("P9",))
    assert store.last_numbers([TENT, ANNA]) == [0, 0]
    store.post([rent(1)])
    store.post([rent(2, "C2", stock=0)])
    store.post([edit(1, ANNA, {"Name": "Anna"}, {"Name": "Anne"})])
    assert store.last_numbers([DRUM, TENT, nobody, ANNA, twin]) == [0, 2, 0, 1, 0]
    assert store.last_numbers([]) == []


def test_the_history_tells_the_number_where_the_record_does_not(store: ChangeStore) -> None:
    """As when records and history were imported from another database, or a record is gone."""
    imported = [adjust(number, 1).entry for number in (1, 2, 10)]
    put(store, HISTORY, *imported)
    assert store.last_numbers([TENT, DRUM]) == [10, 0]
    assert store.post([adjust(10, 1)]) == [0]
    assert store.post([adjust(11, 1)]) == []
    assert (store.last_numbers([TENT]), stocks(store)["P1"]) == ([11], 3)


def test_a_delta_is_added_to_what_is_there(store: ChangeStore) -> None:
    """Not what was read counts, but what is stored when the line is carried out."""
    store.write(batch_from_documents(PRODUCTS, [product("P1", 40)]), Mode.UPSERT)
    store.post([adjust(1, -1)])
    assert stocks(store)["P1"] == 39


def test_an_edit_replaces_the_fields_it_names(store: ChangeStore) -> None:
    """The others stay, and so does the stock, whatever stands in the change."""
    values: Document = {"description": None, "quantity_available": 99}
    store.post([edit(1, TENT, {"description": "Tent", "quantity_available": 1}, values)])
    assert record_of(store, TENT) == {
        "product_id": "P1",
        "description": None,
        "quantity_available": 2,
    }
    store.post([edit(2, TENT, {"description": None}, {"description": "Large tent"})])
    assert record_of(store, TENT) == product("P1", 2, "Large tent")


def test_the_first_stock_is_noted_once(store: ChangeStore) -> None:
    """When a product comes, by import or by hand; later writes and counts leave it as it is."""
    place = RecordKey(PRODUCTS, ("P3",))
    store.post([add(place, product("P3", 4, "Lamp"))])
    store.post([adjust(2, 3, place)])
    store.post([adjust(1, -1)])
    store.write(batch_from_documents(PRODUCTS, [product("P2", 50), product("P4", 6)]), Mode.UPSERT)
    store.write(batch_from_documents(PRODUCTS, [product("P1", 70)]), Mode.INSERT)
    assert first_and_now(store) == [
        ("P1", 2, 1),
        ("P2", 5, 50),
        ("P3", 4, 7),
        ("P4", 6, 6),
    ]


def test_stocks_of_what_is_not_there_are_none(store: ChangeStore) -> None:
    """An unknown collection has none; one without such a field has none, or only unknown ones."""
    assert not first_and_now(store, "nothing")
    known = first_and_now(store, "customers", "user_id")
    assert [(first, now) for _, first, now in known if (first, now) != (None, None)] == []


def test_records_are_deleted_by_a_condition(store: ChangeStore) -> None:
    """Only those that meet it; deleting what is not there is no error, nor is an absent field."""
    store.post([rent(1, "C1"), adjust(2, 7)])
    store.delete("product", ("product_id", "=", "P1"))
    assert stocks(store) == {"P2": 5}
    store.delete("product", ("product_id", "=", "P1"))
    store.delete("product", ("no_such_field", "=", "P2"))
    store.delete("no_such_collection", ("product_id", "=", "P2"))
    assert stocks(store) == {"P2": 5} and store.collections() == [
        "customers",
        "history",
        "product",
        "rental",
    ]
    store.delete("history", ("number", ">", 1))
    assert [line["number"] for line in history_entries(store)] == [1]


def test_own_notes_are_never_shown(store: ChangeStore) -> None:
    """Records that imports and clerks have changed show their fields, and nothing else."""
    store.post([rent(1), add(RecordKey(PRODUCTS, ("P3",)), product("P3", 4, "Lamp"))])
    store.post([edit(1, ANNA, {"Name": "Anna"}, {"Name": "Anne"})])
    found: list[tuple[Collection, Sequence[Document]]] = [
        (PRODUCTS, list(store.find("product", ("product_id",)))),
        (PRODUCTS, list(store.search("product", ("product_id",), ("description",), "n"))),
        (
            PRODUCTS,
            list(store.find_joined("rental", ("user_id", "=", "C1"), "product", "product_id")),
        ),
        (CUSTOMERS, list(store.find("customers", ("user_id",)))),
        (
            CUSTOMERS,
            list(store.find_joined("rental", ("product_id", "=", "P1"), "customers", "user_id")),
        ),
        (RENTALS, list(store.find("rental", ("user_id",)))),
        (HISTORY, history_entries(store)),
    ]
    for collection, records in found:
        assert records
        for record in records:
            assert list(record) == list(collection.columns)
    assert store.collections() == ["customers", "history", "product", "rental"]


def test_nothing_is_left_unfinished(store: ChangeStore) -> None:
    """What has been posted is carried out; there is nothing to wait for."""
    store.post([rent(1)])
    assert store.unfinished() == []
    store.finish([])
    store.finish(["P1|product|1"])
    assert stocks(store)["P1"] == 1


def test_products_without_a_first_stock_are_counted_as_well(store: ChangeStore, uri: str) -> None:
    """It stays unknown; products that are inserted later have one."""
    forget_first_stocks(uri)

    def found() -> list[tuple[Value, Value, Value]]:
        return first_and_now(store)

    assert found() == [("P1", None, 2), ("P2", None, 5)]
    store.ensure(PRODUCTS)
    store.post([rent(1)])
    store.write(batch_from_documents(PRODUCTS, [product("P2", 9), product("P3", 3)]), Mode.UPSERT)
    assert found() == [("P1", None, 1), ("P2", None, 9), ("P3", 3, 3)]
    assert record_of(store, TENT) == product("P1", 1, "Tent")


@pytest.mark.parametrize("text", ["tent", "TENT", "100%", "a_b", "c\\d", "x.y", "(z)", "*", "[q]"])
def test_search_takes_every_sign_for_itself(store: ChangeStore, text: str) -> None:
    """No sign means anything to SQL or regular expressions, and the case does not matter."""
    held = ["a Tent", "100%", "a_b", "c\\d", "x.y", "(z)", "*", "[q]", "1000", "aXb", "cd", "xYy"]
    records = [product(f"S{at:02}", 1, description) for at, description in enumerate(held)]
    put(store, PRODUCTS, *records)
    expected = [r for r in records if text.lower() in str(r["description"]).lower()]
    found = store.search("product", ("product_id",), ("description",), text)
    assert [record for record in found if record["product_id"] not in ("P1", "P2")] == expected


def test_search_looks_into_all_fields_and_sorts(store: ChangeStore) -> None:
    """A record is found once, whichever of its fields hold the text."""
    put(store, PRODUCTS, product("DRUM", 1, "drum"), product("P3", 1))
    found = store.search("product", ("product_id",), ("description", "product_id"), "drum")
    assert [record["product_id"] for record in found] == ["DRUM", "P2"]
    assert not list(store.search("nothing", ("id",), ("id",), "drum"))
    assert not list(store.search("product", ("product_id",), ("description",), "zither"))


@costly(30)
@given(
    held=st.lists(st.text("aAbsSßéÉ .%_", max_size=6), min_size=1, max_size=6),
    text=st.text("aAbsSßéÉ .%_", min_size=1, max_size=4),
)
def test_search_leaves_out_nothing_that_holds_the_text(
    store: ChangeStore, held: list[str], text: str
) -> None:
    """Whatever the letters: what a store cannot compare it gives, and the caller compares."""
    for old in store.find("customers", ("user_id",)):
        store.write(batch_from_documents(CUSTOMERS, [old | {"Name": None}]), Mode.UPSERT)
    records: list[Document] = [{"user_id": f"C{at}", "Name": name} for at, name in enumerate(held)]
    store.write(batch_from_documents(CUSTOMERS, records), Mode.UPSERT)
    found = {r["user_id"] for r in store.search("customers", ("user_id",), ("Name",), text)}
    wanted = text.casefold()
    assert found >= {r["user_id"] for r in records if wanted in str(r["Name"]).casefold()}
    if text.isascii() and "s" not in wanted:
        assert all(text.lower() in held[int(str(user_id)[1:])].lower() for user_id in found)


def test_sqlite_writes_line_and_change_or_neither(sqlite_uri: str) -> None:
    """A change that fails takes its line with it, and all the others of the call."""
    with closing(open_store(sqlite_uri, create=True)) as store:
        fill(store)
        nowhere = RecordKey(replace(CUSTOMERS, name="nowhere"), ("C1",))
        impossible = add(nowhere, {"user_id": "C1", "Name": "Anna"})
        with pytest.raises(StoreError, match="nowhere"):
            store.post([rent(1), impossible])
        assert (history_entries(store), rentals(store), stocks(store)["P1"]) == ([], set(), 2)


def test_sqlite_takes_back_what_its_transaction_does_not_end(sqlite_uri: str) -> None:
    """What a clerk reads and posts inside a transaction is undone if he dies before its end."""
    with closing(open_store(sqlite_uri, create=True)) as store:
        fill(store)
        with pytest.raises(RuntimeError), store.transaction():
            store.post([rent(1)])
            raise RuntimeError
        assert (history_entries(store), rentals(store), stocks(store)["P1"]) == ([], set(), 2)


def test_a_snapshot_of_sqlite_is_of_one_moment(sqlite_uri: str) -> None:
    """What others write meanwhile is seen afterwards."""
    with closing(open_store(sqlite_uri, create=True)) as store:
        fill(store)
        with closing(open_store(sqlite_uri)) as other:
            with store.snapshot():
                before = stocks(store)
                other.post([rent(1)])
                assert (stocks(store), rentals(store)) == (before, set())
            assert (stocks(store)["P1"], rentals(store)) == (1, {("C1", "P1")})
