"""What the collections of a database are: as they were imported, or as a data package says."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpnorton.errors import UsageError
from hpnorton.rental.catalog import Catalog, add_shop_defaults
from hpnorton.rental.shop import open_shop
from hpnorton.schema.datapackage import find_collection
from hpnorton.stores import journal, open_store
from hpnorton.stores.history import HISTORY
from tests.helpers.shop import (
    PACKAGE,
    everything,
    faults,
    first_and_now,
    import_files,
    open_counter,
    redescribe,
    write_customers,
    write_products,
    write_rentals,
)


def test_a_collection_is_what_it_was_when_it_was_imported(uri: str, tmp_path: Path) -> None:
    """Whatever data packages say elsewhere, or later."""
    import_files(uri, write_products(tmp_path, {"P1": 1}))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    product = {"name": "product", "path": "x", "schema": {"fields": [{"name": "other"}]}}
    stock = {"name": "stock", "path": "x", "schema": {"fields": [{"name": "other"}]}}
    (elsewhere / "datapackage.json").write_text(
        json.dumps({"resources": [product, stock]}), encoding="utf-8"
    )
    with closing(open_store(uri)) as store:
        catalog = Catalog(store, [elsewhere])
        imported = find_collection("product", [tmp_path])
        assert imported and catalog.find("product") == add_shop_defaults(imported)
        described = catalog.find("stock")
        assert described and described.columns == ("other",)
        assert catalog.find("history") is HISTORY
        assert catalog.find("nothing") is None


def test_what_nobody_describes_was_imported_as_text(uri: str, tmp_path: Path) -> None:
    """Its columns are those of all its files."""
    path = tmp_path / "shelf.csv"
    path.write_text("shelf,place\nS1,left\n", encoding="utf-8")
    import_files(uri, path)
    path.write_text("shelf,size\nS2,3\n", encoding="utf-8")
    import_files(uri, path)
    with closing(open_store(uri)) as store:
        shelf = Catalog(store).get("shelf")
        assert set(shelf.columns) == {"shelf", "place", "size"}
        assert shelf.key == ("shelf",)
        assert {field.type for field in shelf.fields} == {"string"}


def test_a_dry_run_describes_nothing(sqlite_uri: str, tmp_path: Path) -> None:
    """The database does not remember what it has not imported."""
    import_files(sqlite_uri, write_products(tmp_path, {"P1": 1}))
    path = tmp_path / "shelf.csv"
    path.write_text("shelf\nS1\n", encoding="utf-8")
    import_files(sqlite_uri, path, is_dry_run=True)
    with closing(open_store(sqlite_uri)) as store:
        assert Catalog(store).find("shelf") is None


def test_an_unknown_collection_is_named_with_those_that_are_there(uri: str, tmp_path: Path) -> None:
    """Also where there are none at all."""
    with closing(open_store(uri, create=True)) as store:
        with pytest.raises(
            UsageError, match="^there is no collection 'x'; the database has: none$"
        ):
            Catalog(store).get("x")
    import_files(uri, write_products(tmp_path, {}), write_customers(tmp_path, []))
    with closing(open_store(uri)) as store:
        with pytest.raises(UsageError, match="'x'; the database has: customers, product$"):
            Catalog(store).get("x")


def test_rentals_get_what_the_counter_needs(uri: str, tmp_path: Path) -> None:
    """rented_at and due, once, and noted: later imports and exports know them."""
    import_files(
        uri,
        write_customers(tmp_path, ["ANN"]),
        write_products(tmp_path, {"P1": 1}),
        write_rentals(tmp_path, ("ANN", "P1")),
    )
    with closing(open_store(uri)) as store:
        before = Catalog(store).get("rental")
        assert not {"rented_at", "due"} & set(before.columns)
        shop = open_shop(Catalog(store))
        assert shop.rentals.columns == (*before.columns, "rented_at", "due")
        assert (shop.get_collection("rental"), shop.get_collection("product")) == (
            shop.rentals,
            shop.products,
        )
        assert Catalog(store).get("rental") == shop.rentals
        assert "history" in store.collections()
    import_files(uri, tmp_path / "rental.csv")
    with closing(open_store(uri)) as store:
        assert {"rented_at", "due"} <= set(Catalog(store).get("rental").columns)


def test_products_need_not_declare_their_stock(uri: str, tmp_path: Path) -> None:
    """A description without `stock`, as there were before: quantity_available is the stock."""
    files = [
        write_customers(tmp_path, ["ANN"]),
        write_products(tmp_path, {"P1": 2}),
        write_rentals(tmp_path),
    ]
    package = json.loads(PACKAGE.read_text(encoding="utf-8"))
    for resource in package["resources"]:
        resource["schema"].pop("stock", None)
    (tmp_path / PACKAGE.name).write_text(json.dumps(package), encoding="utf-8")
    import_files(uri, *files)
    with open_counter(uri, tmp_path) as counter:
        counter.rent("ANN", "P1")
        assert first_and_now(counter.store) == [("P1", 2, 1)]
        assert faults(counter.store) == []


def test_a_new_collection_is_made_when_it_is_used(uri: str, tmp_path: Path) -> None:
    """As far as a data package describes it."""
    import_files(uri, write_products(tmp_path, {"P1": 1}))
    with closing(open_store(uri)) as store:
        shop = open_shop(Catalog(store, [PACKAGE.parent]))
        assert store.collections() == ["customers", "history", "product", "rental"]
        with pytest.raises(UsageError, match="no collection 'hpnorton_imports'"):
            shop.get_collection("hpnorton_imports")
        with pytest.raises(UsageError, match="no collection 'Product2'"):
            shop.get_collection("Product2")
        assert journal.known_collection(store, "customers") == shop.customers


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "required": (
        {"name": "shelf", "constraints": {"required": True}},
        "the counter does not know what to write into shelf, which rental requires; take "
        "'required' out of its description, and import it again",
    ),
    "text": (
        {"name": "due"},
        "the field due of rental is a string; the counter writes a day or a time there: rename it "
        "in the file and in datapackage.json",
    ),
    "a time": (
        {"name": "due", "type": "datetime"},
        "the field due of rental is a datetime; the counter writes a day or a time there: rename "
        "it in the file and in datapackage.json",
    ),
    "a day": (
        {"name": "rented_at", "type": "date"},
        "the field rented_at of rental is a date; the counter writes a day or a time there: rename "
        "it in the file and in datapackage.json",
    ),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_rentals_that_the_counter_cannot_write_are_refused(
    sqlite_uri: str, tmp_path: Path, unfit: str
) -> None:
    """Before anything is changed: it can fill neither a field of others nor one of another type."""
    field, message = UNFIT[unfit]
    files = [write_customers(tmp_path, ["ANN"]), write_products(tmp_path, {"P1": 1})]
    redescribe(tmp_path, "rental", field)
    path = tmp_path / "rental.csv"
    path.write_text(f"user_id,product_id,{field['name']}\n", encoding="utf-8")
    import_files(sqlite_uri, *files, path)
    with closing(open_store(sqlite_uri)) as store:
        before = everything(store)
        with pytest.raises(UsageError) as raised:
            open_shop(Catalog(store))
        assert str(raised.value) == message
        assert everything(store) == before


def test_days_of_ones_own_are_taken_for_the_counters(uri: str, tmp_path: Path) -> None:
    """If they have the same type: what was due before the import is known."""
    files = [write_customers(tmp_path, ["ANN"]), write_products(tmp_path, {"P1": 1})]
    redescribe(tmp_path, "rental", {"name": "due", "type": "date"})
    path = tmp_path / "rental.csv"
    path.write_text("user_id,product_id,due\nANN,P1,2020-01-01\n", encoding="utf-8")
    import_files(uri, *files, path)
    with closing(open_store(uri)) as store:
        shop = open_shop(Catalog(store))
        assert shop.rentals.columns.count("due") == shop.rentals.columns.count("rented_at") == 1
        (rental,) = store.find("rental", ("user_id",))
        assert rental["due"] == "2020-01-01"
