"""The books: what happened to a record, and what --check finds."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hpnorton.errors import UnknownIdError
from hpnorton.rental import record_history
from hpnorton.rental.audit import Audit
from hpnorton.rental.counter import RentalCounter
from hpnorton.schema.stored import Value
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import Document, Mode
from hpnorton.stores.history import HISTORY, RecordKey
from tests.helpers.hand import Hand
from tests.helpers.shop import (
    faults,
    history_entries,
    import_files,
    import_shop,
    open_counter,
    run,
    stocks,
    write_csv,
    write_customers,
    write_products,
    write_rentals,
)
from tests.helpers.stores import batch_from_documents


@pytest.fixture(name="counter")
def open_the_shop(uri: str, tmp_path: Path) -> Iterator[RentalCounter]:
    """A counter of each kind; 5 of P1 and 3 of P2, of which one is rented by BEN."""
    import_shop(uri, tmp_path, ["ANN", "BEN"], {"P1": 5, "P2": 3}, ("BEN", "P2"))
    with open_counter(uri) as counter:
        yield counter


@pytest.fixture(name="hand")
def reach_around_the_till(uri: str) -> Hand:
    """Somebody who changes the counter's database by hand."""
    return Hand(uri)


def put_line(counter: RentalCounter, record: str, **values: Value) -> None:
    """Puts a first line into the history of a product, as it comes with another one's export."""
    line: Document = {
        **dict.fromkeys(HISTORY.columns),
        "record": record,
        "collection": "product",
        "number": 1,
        "at": journal.utc_now(),
        "changed": "product",
        **values,
    }
    counter.store.write(batch_from_documents(HISTORY, [line]), Mode.INSERT)


def told(counter: RentalCounter, identity: str) -> list[str]:
    """The history of a record, in the words of the table."""
    return [
        f"{event['kind']} {record_history.describe_event(event)}".strip()
        for event in record_history.history(counter.store, identity)
    ]


def test_a_history_has_everything_oldest_first(counter: RentalCounter, tmp_path: Path) -> None:
    """Imports, rentals, returns, counts and edits of a product; of a customer what he did."""
    counter.rent("ANN", "P1", datetime(9999, 1, 1, tzinfo=UTC).date())
    counter.adjust_stock("P1", -2, "stolen")
    counter.give_back("ANN", "P1")
    counter.edit(
        RecordKey(counter.shop.products, ("P1",)), {"description": "Tent", "product_type": "Tools"}
    )
    counter.edit(RecordKey(counter.shop.customers, ("ANN",)), {"Home_address": None})
    counter.edit(RecordKey(counter.shop.rentals, ("BEN", "P2")), {"due": "2030-01-01"})
    assert told(counter, "P1") == [
        f"import product from {tmp_path / 'product.csv'}",
        "rent due 9999-01-01",
        "adjust stolen",
        "return",
        "edit description: the thing P1 -> Tent",
    ]
    assert told(counter, "ANN") == [
        f"import customers from {tmp_path / 'customers.csv'}",
        "rent due 9999-01-01",
        "return",
        "edit Home_address: 1 Road -> empty",
    ]
    assert told(counter, "BEN") == [
        f"import customers from {tmp_path / 'customers.csv'}",
        "edit due: empty -> 2030-01-01",
    ]


def test_events_have_one_shape(counter: RentalCounter) -> None:
    """Whatever has happened: when, what, the stock afterwards, the record before and after."""
    rental = counter.rent("ANN", "P1")
    counter.give_back("ANN", "P1")
    imported, rented, returned = record_history.history(counter.store, "P1")
    assert imported.keys() == rented.keys() == returned.keys()
    assert (rented["delta"], rented["stock"], rented["user_id"]) == (-1, 4, "ANN")
    assert (rented["before"], rented["after"]) == (None, rental)
    assert returned["after"] is None
    assert returned["before"].pop("returned_at") == returned["at"][:19] + "+00:00"
    assert returned["before"] == rental
    for event in (imported, rented, returned):
        moment = datetime.fromisoformat(event["at"])
        assert moment.utcoffset() == timedelta(0)


def test_only_imports_that_touched_a_record_are_listed(
    counter: RentalCounter, uri: str, tmp_path: Path
) -> None:
    """Those that inserted or replaced it; not those that kept it, refused it or had others."""
    other = write_products(tmp_path / "others", {"P10": 1, "P": 1, "P11": 1})
    again = write_products(tmp_path / "again", {"P1": 5, "P10": 1})
    newer = write_products(tmp_path / "newer", {"P1": 6, "P2": 3})
    refused = write_csv(tmp_path / "refused", "product", [("P1", "the thing", "Tools", "many")])
    import_files(uri, other, rows=1)
    import_files(uri, again)
    run(uri, refused, mode=Mode.UPSERT)
    run(uri, newer)
    import_files(uri, newer, mode=Mode.UPSERT)
    first = f"import product from {tmp_path / 'product.csv'}"
    assert told(counter, "P1") == [first, f"import product from {newer}"]
    assert told(counter, "P2") == [first]
    assert told(counter, "P10") == told(counter, "P") == [f"import product from {other}"]


def test_a_history_of_nobody_is_an_error(counter: RentalCounter, hand: Hand) -> None:
    """But who is known has one, though it is empty; and who was removed has kept his."""
    with pytest.raises(UnknownIdError, match="nothing is known of 'P0'; --all-products and"):
        record_history.history(counter.store, "P0")
    product = next(counter.store.find("product", ("product_id",)))
    hand.put("product", product | {"product_id": "PX"})
    assert record_history.history(counter.store, "PX") == []
    counter.adjust_stock("P1", 1, "found")
    hand.remove("product", product_id="P1")
    assert told(counter, "P1")[-1] == "adjust found"


def test_books_that_balance_have_no_faults(counter: RentalCounter) -> None:
    """After everything that the counter can do."""
    assert faults(counter.store) == []
    counter.rent("ANN", "P1")
    counter.rent("ANN", "P2")
    counter.give_back("ANN", "P2")
    counter.give_back("BEN", "P2")
    counter.adjust_stock("P1", -4, "stolen")
    counter.edit(RecordKey(counter.shop.rentals, ("ANN", "P1")), {"due": None})
    assert faults(counter.store) == []
    assert stocks(counter.store) == {"P1": 0, "P2": 4}


def test_a_stock_changed_by_hand_is_found(counter: RentalCounter, hand: Hand) -> None:
    """With what it should be, and how that comes about."""
    hand.set("product", {"product_id": "P2"}, quantity_available=7)
    counter.rent("ANN", "P1")
    counter.adjust_stock("P1", 3, "bought")
    counter.adjust_stock("P1", 3, "bought")
    counter.give_back("ANN", "P1")
    hand.set("product", {"product_id": "P1"}, quantity_available=10)
    assert list(Audit(counter.store).faults()) == [
        {
            "fault": "stock",
            "product_id": "P1",
            "user_id": None,
            "message": "10 in stock, but there should be 11: 5 at its import, -1 rented out, "
            "+6 adjusted, +1 taken back since",
        },
        {
            "fault": "stock",
            "product_id": "P2",
            "user_id": None,
            "message": "7 in stock, but there should be 3: 3 at its import, and nothing happened "
            "since",
        },
    ]


def test_a_negative_stock_is_found(counter: RentalCounter, hand: Hand) -> None:
    """As such, and because it is not what it should be; counting again mends neither."""
    hand.set("product", {"product_id": "P1"}, quantity_available=-2)
    assert faults(counter.store) == ["negative P1", "stock P1"]
    counter.adjust_stock("P1", 2, "counted")
    assert faults(counter.store) == ["stock P1"]


def test_a_rental_without_customer_or_product_is_found(counter: RentalCounter, hand: Hand) -> None:
    """Also one that was imported, and one that lacks both."""
    counter.rent("ANN", "P1")
    hand.remove("customers", user_id="BEN")
    assert faults(counter.store) == ["orphan P2 BEN"]
    hand.remove("product", product_id="P1")
    assert faults(counter.store) == ["orphan P1 ANN", "orphan P2 BEN"]
    hand.remove("customers", user_id="ANN")
    assert [f["message"] for f in Audit(counter.store).faults() if f["user_id"] == "ANN"] == [
        "the rental's customer does not exist",
        "the rental's product does not exist",
    ]


def test_a_rental_removed_by_hand_is_found(counter: RentalCounter, hand: Hand) -> None:
    """If it was rented out here: of an imported one nothing else tells."""
    counter.rent("ANN", "P1")
    counter.rent("ANN", "P2")
    counter.give_back("ANN", "P2")
    hand.remove("rental", user_id="ANN", product_id="P1")
    assert list(Audit(counter.store).faults()) == [
        {
            "fault": "rental",
            "product_id": "P1",
            "user_id": "ANN",
            "message": "it was rented out, but there is no rental",
        }
    ]


def test_a_rental_put_back_by_hand_is_found(counter: RentalCounter, hand: Hand) -> None:
    """A rental that was taken back is over; another one of the same product is not."""
    rental = counter.rent("ANN", "P1")
    counter.give_back("ANN", "P1")
    hand.put("rental", rental)
    assert faults(counter.store) == ["rental P1 ANN"]
    counter.give_back("ANN", "P1")
    assert faults(counter.store) == []
    counter.rent("ANN", "P1")
    assert faults(counter.store) == []


def test_lost_lines_of_the_history_are_found(counter: RentalCounter, hand: Hand) -> None:
    """A stock that changed without its line does not add up."""
    counter.adjust_stock("P1", 2, "bought")
    counter.adjust_stock("P1", 1, "bought")
    hand.remove("history", record="P1", number=1)
    assert faults(counter.store) == ["stock P1"]


def test_a_rental_whose_file_is_imported_again_is_found(
    counter: RentalCounter, uri: str, tmp_path: Path
) -> None:
    """It was taken back, and is there again; to take it back again mends that."""
    counter.give_back("BEN", "P2")
    import_files(uri, tmp_path / "rental.csv")
    assert list(Audit(counter.store).faults()) == [
        {
            "fault": "rental",
            "product_id": "P2",
            "user_id": "BEN",
            "message": "it was taken back, but there is a rental; was its file imported again?",
        }
    ]
    counter.give_back("BEN", "P2")
    assert faults(counter.store) == []


def test_stocks_that_are_no_numbers_cannot_be_checked(uri: str, tmp_path: Path) -> None:
    """As when no data package describes them: that is told, and rentals are checked."""
    path = tmp_path / "product.csv"
    path.write_text("product_id,quantity_available\nP1,2\nP2,\n", encoding="utf-8")
    import_files(uri, path)
    with closing(open_store(uri)) as store:
        assert faults(store) == ["unchecked None"]
    import_files(uri, write_customers(tmp_path, ["ANN"]), write_rentals(tmp_path, ("ANN", "P1")))
    with closing(open_store(uri)) as store:
        store.drop_collection("customers")
        assert faults(store) == ["unchecked None", "orphan P1 ANN"]


def test_what_others_have_noted_is_told_by_its_name(counter: RentalCounter) -> None:
    """As a line of a history that a newer version has written."""
    put_line(counter, "P1", kind="gift", delta=5)
    (found,) = Audit(counter.store).faults()
    assert found["message"] == "5 in stock, but there should be 10: 5 at its import, +5 gift since"


def test_an_id_in_small_letters_has_its_history(counter: RentalCounter) -> None:
    """Unless a record has just that id."""
    counter.adjust_stock("P1", 1, "found")
    assert record_history.history(counter.store, "p1") == record_history.history(
        counter.store, "P1"
    )
    product = next(counter.store.find("product", ("product_id",)))
    twin = batch_from_documents(counter.shop.products, [product | {"product_id": "p1"}])
    counter.store.write(twin, Mode.INSERT)
    assert record_history.history(counter.store, "p1") == []
    with pytest.raises(UnknownIdError, match="^nothing is known of 'p0'; "):
        record_history.history(counter.store, "p0")


@pytest.mark.parametrize("how", [{}, {"is_parallel": True, "workers": 2}])
def test_imports_that_replace_stocks_are_in_the_books(
    counter: RentalCounter, uri: str, tmp_path: Path, how: dict[str, object]
) -> None:
    """Chunk by chunk and in parallel; keys of several chunks get the last one's stock."""
    counter.rent("ANN", "P1")
    records: list[tuple[Value, ...]] = [("P1", "Hut", "Tools", 50 + at) for at in range(3)]
    records[1:1] = [("P2", "Drum", "Music", 9), ("P2", "Drum", "Music", 3)]
    path = write_csv(tmp_path / "newer", "product", records)
    run(uri, path, rows=2, mode=Mode.UPSERT, **how)
    assert stocks(counter.store) == {"P1": 52, "P2": 3}
    assert faults(counter.store) == []
    moves = [line for line in history_entries(counter.store) if line["kind"] == "import"]
    assert sum(int(str(line["delta"])) for line in moves if line["record"] == "P1") == 52 - 4
    counter.give_back("ANN", "P1")
    assert stocks(counter.store)["P1"] == 53
    assert faults(counter.store) == []
    (product,) = counter.store.find("product", ("product_id",), (("product_id", "=", "P1"),))
    assert product["description"] == "Hut"


def test_an_import_without_stocks_leaves_them(
    counter: RentalCounter, uri: str, tmp_path: Path
) -> None:
    """A file may have some columns only; nothing of it is in the history of the stock."""
    counter.rent("ANN", "P1")
    path = write_products(tmp_path / "newer", {})
    path.write_text("product_id,description,product_type\nP1,Hut,Tools\n", encoding="utf-8")
    package = path.with_name("datapackage.json")
    optional = package.read_text(encoding="utf-8").replace('"required": true, "minimum": 0', "")
    package.write_text(optional, encoding="utf-8")
    import_files(uri, path, mode=Mode.UPSERT)
    assert stocks(counter.store)["P1"] == 4
    assert [line["kind"] for line in history_entries(counter.store)] == ["rent"]
    assert faults(counter.store) == []


def test_a_dry_run_changes_no_stock(counter: RentalCounter, uri: str, tmp_path: Path) -> None:
    """Neither the product nor the history."""
    path = write_products(tmp_path / "newer", {"P1": 50, "P7": 2})
    (report,) = run(uri, path, mode=Mode.UPSERT, is_dry_run=True)
    assert (report.counts.updated, report.counts.inserted) == (1, 1)
    assert stocks(counter.store) == {"P1": 5, "P2": 3}
    assert not history_entries(counter.store)


@pytest.mark.parametrize("when", ["before all imports", "between two imports"])
def test_what_a_restored_product_went_through_before_does_not_count(
    counter: RentalCounter, uri: str, tmp_path: Path, when: str
) -> None:
    """The history of an earlier database comes along; its stock begins with its own import."""
    earlier = {"at": "2020-01-01T00:00:00+00:00"} if when == "before all imports" else {}
    put_line(counter, "P7", kind="adjust", delta=5, **earlier)
    import_files(uri, write_products(tmp_path / "restored", {"P7": 9}))
    assert faults(counter.store) == []
    counter.adjust_stock("P7", 1, "found")
    assert [line["number"] for line in history_entries(counter.store)] == [1, 2]
    assert faults(counter.store) == []


def test_a_return_of_what_was_never_rented_is_told(uri: str, tmp_path: Path) -> None:
    """As when the line of the rental is lost; rentals of files have no such lines."""
    import_shop(uri, tmp_path, ["ANN", "BEN"], {"P1": 5, "P2": 3})
    with closing(open_store(uri)) as store:
        store.drop_collection("rental")
        notes = list(journal.imports(store))
        store.drop_collection(journal.IMPORTS.name)
        for note in notes:
            if note.collection != "rental":
                journal.prepare(store)
                journal.save_import(store, note)
    with open_counter(uri) as counter:
        counter.rent("ANN", "P1")
        counter.give_back("ANN", "P1")
        counter.rent("ANN", "P1")
        assert faults(counter.store) == []
        counter.give_back("ANN", "P1")
    Hand(uri).remove("history", record="P1", number=1)
    with closing(open_store(uri)) as store:
        found = [fault["message"] for fault in Audit(store).faults()]
    assert "it was taken back, but had not been rented" in found


def test_a_stock_that_nobody_has_imported_is_not_said_to_be_right(uri: str, tmp_path: Path) -> None:
    """One of another program has no first stock, so nothing can be proven of it."""
    import_shop(uri, tmp_path, ["ANN"], {"P1": 5})
    record: Document = {"product_id": "P9", "description": "x", "product_type": "y"}
    Hand(uri).put("product", record | {"quantity_available": 4})
    with closing(open_store(uri)) as store:
        audit = Audit(store)
        assert (list(audit.faults()), audit.unproven) == ([], 1)
