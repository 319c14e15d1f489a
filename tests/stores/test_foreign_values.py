"""What other programs have made: values of other types, collections and tables of their own."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import Int64, ObjectId

from hpnorton.rental.names import PRODUCTS, QUANTITY
from hpnorton.stores.base import Document, Mode
from tests.conftest import Run
from tests.helpers.hand import Hand
from tests.helpers.shop import import_files, import_shop, write_products, write_rentals

NOT_WHOLE: dict[str, Any] = {
    "a text": "12",
    "a fraction": 6.5,
    "no number": float("nan"),
    "a list": [6],
    "nothing": None,
    "true": True,
}
QUESTIONS = (
    "--all-products",
    "--available-products",
    "--find P",
    "--rentals-for-customer BEN",
    "--customers-renting-product P2",
    "--all-rentals",
    "--history P1",
    "--fields",
    "--quality",
)


@pytest.fixture(name="shop")
def a_shop(mongo_uri: str, tmp_path: Path) -> str:
    """Three products, the first of which BEN may have; ANN has nothing."""
    import_shop(mongo_uri, tmp_path, ["ANN", "BEN"], {"P1": 5, "P2": 3, "P3": 1}, ("BEN", "P2"))
    return mongo_uri


def set_stock(uri: str, product_id: str, value: Any) -> None:
    """Sets a stock as another program would."""
    Hand(uri).set(PRODUCTS, {"product_id": product_id}, **{QUANTITY: value})


def stock(uri: str, product_id: str) -> Any:
    """A stock as it is stored."""
    with pymongo.MongoClient[Document](uri) as client:
        found = client.get_default_database()[PRODUCTS].find_one({"_id": product_id})
        return found and found.get(QUANTITY)


def done(run: Run, command: str, uri: str) -> Any:
    """What a command gives that has to succeed."""
    outcome = run(command, uri)
    assert (command, outcome.status, outcome.err) == (command, 0, outcome.err)
    return outcome.data


@pytest.mark.parametrize("value", [5.0, Int64(5)])
@pytest.mark.parametrize("product_id", ["P1", "P3"])
def test_a_whole_number_is_the_integer_it_is(
    run: Run, shop: str, tmp_path: Path, value: object, product_id: str
) -> None:
    """Whatever its type: for questions, the counter, --check, exports and imports."""
    given = {"P1": 5, "P2": 3, "P3": 1} | {product_id: 5}
    import_files(shop, write_products(tmp_path, given), mode=Mode.UPSERT)
    set_stock(shop, product_id, value)
    assert '"quantity_available": 5}' in run("--all-products", shop).out
    assert "5.0" not in run("--find P", shop).out + run("--available-products", shop).out
    assert done(run, "--check", shop) == []
    done(run, f"--rent ANN {product_id}", shop)
    (product,) = done(run, f"--adjust-stock {product_id} 3 --reason found", shop)
    assert json.dumps(product[QUANTITY]) == "7"
    done(run, f"--return ANN {product_id}", shop)
    assert done(run, "--check", shop) == []
    done(run, f"--export {tmp_path}/out", shop)
    assert "8.0" not in (tmp_path / "out" / "product.csv").read_text(encoding="utf-8")
    # An insert leaves it as it is, and an upsert mends it, the stock as it is or not.
    import_files(shop, write_products(tmp_path, given | {product_id: 8}))
    set_stock(shop, product_id, 8.0)
    import_files(shop, write_products(tmp_path, given | {product_id: 8}), mode=Mode.UPSERT)
    assert isinstance(stock(shop, product_id), int)
    set_stock(shop, product_id, 8.0)
    import_files(shop, write_products(tmp_path, given | {product_id: 9}), mode=Mode.UPSERT)
    assert (type(stock(shop, product_id)), stock(shop, product_id)) == (int, 9)
    assert done(run, "--check", shop) == []


@pytest.mark.parametrize("value", [4.0, 4])
def test_a_whole_double_is_no_type_error(run: Run, shop: str, value: object) -> None:
    """--quality sees it as --check does; a fraction among whole doubles is one."""
    for product_id in ("P1", "P2", "P3"):
        set_stock(shop, product_id, value)
    assert type_errors(run, shop, PRODUCTS)[QUANTITY] == 0
    for product_id, stored in (("P1", 4.0), ("P2", 5.5), ("P3", 6.0)):
        set_stock(shop, product_id, stored)
    assert type_errors(run, shop, PRODUCTS)[QUANTITY] == 1


def type_errors(run: Run, uri: str, collection: str) -> dict[str, int]:
    """The type errors that --quality counts, by field."""
    (found,) = done(run, f"--quality {collection}", uri)
    return {each["field"]: each["type_errors"] for each in found["fields"]}


@pytest.mark.parametrize("text", ["five", ""])
def test_a_text_in_a_number_field_is_named_by_record_and_field(
    run: Run, shop: str, tmp_path: Path, text: str
) -> None:
    """Of any collection that is described: --check lists it, and --export warns of it."""
    set_and_check(run, shop, tmp_path, text)


def test_a_text_in_a_number_field_of_a_table_is_named_too(
    run: Run, sqlite_uri: str, tmp_path: Path
) -> None:
    """SQLite keeps any text in a column of numbers."""
    import_shop(sqlite_uri, tmp_path, ["ANN", "BEN"], {"P1": 5, "P2": 3}, ("BEN", "P2"))
    set_and_check(run, sqlite_uri, tmp_path, "five")


def set_and_check(run: Run, shop: str, tmp_path: Path, text: str) -> None:
    """Stores a text where a number should be, and expects to be told of it."""
    Hand(shop).set("customers", {"user_id": "BEN"}, Credit_limit=text)
    checked = run("--check", shop)
    assert checked.status == 1
    (fault,) = checked.data
    assert (fault["fault"], fault["user_id"], fault["product_id"]) == ("value", "BEN", None)
    told = f'the Credit_limit of customers BEN is "{text}", not a'
    assert told in fault["message"]
    exported = run(f"--export {tmp_path}/out", shop)
    assert (exported.status, told in exported.err) == (0, True)
    assert "cannot be imported again" in exported.err


@pytest.mark.parametrize("kind", NOT_WHOLE)
@pytest.mark.parametrize("product_id", ["P1", "P3"])
def test_a_stock_that_is_no_whole_number_is_named(
    run: Run, shop: str, tmp_path: Path, kind: str, product_id: str
) -> None:
    """By record and field, with what helps; everything else goes on; an upsert mends it."""
    set_stock(shop, product_id, NOT_WHOLE[kind])
    stored = stock(shop, product_id)
    if isinstance(stored, int) and not isinstance(stored, bool):
        pytest.skip("the server makes a number of it")
    for command in (f"--rent ANN {product_id}", f"--adjust-stock {product_id} 1 --reason x"):
        refused = run(command, shop)
        assert (refused.status, refused.out) == (1, "")
        named = f"the {QUANTITY} of {PRODUCTS} {product_id} is "
        assert named in refused.err and "--mode upsert" in refused.err
        assert "drop" not in refused.err and "unexpected" not in refused.err
    for question in QUESTIONS:
        assert (question, run(question, shop).status) == (question, 0)
    done(run, "--rent ANN P2", shop)
    done(run, "--return BEN P2", shop)
    done(run, "--edit customers ANN Name=Anne", shop)
    checked = run("--check", shop)
    assert [(f["fault"], f["product_id"]) for f in checked.data] == [("value", product_id)]
    assert checked.status == 1 and "1 fault in" in checked.err
    given = {"P1": 5, "P2": 3, "P3": 1} | {product_id: 7}
    import_files(shop, write_products(tmp_path, given), mode=Mode.UPSERT)
    assert (type(stock(shop, product_id)), stock(shop, product_id)) == (int, 7)
    assert done(run, "--check", shop) == []
    done(run, f"--rent ANN {product_id}", shop)
    assert done(run, "--check", shop) == []


def test_a_text_comes_to_be_a_stock_while_something_is_out(
    run: Run, shop: str, tmp_path: Path
) -> None:
    """What was rented is still out when the import has put a number in its place."""
    done(run, "--rent ANN P1", shop)
    set_stock(shop, "P1", "many")
    given = {"P1": 4, "P2": 3, "P3": 1}
    import_files(shop, write_products(tmp_path, given), mode=Mode.UPSERT)
    assert done(run, "--check", shop) == []
    done(run, "--return ANN P1", shop)
    assert (stock(shop, "P1"), done(run, "--check", shop)) == (5, [])


def test_other_whole_numbers_are_mended_as_well(run: Run, shop: str, tmp_path: Path) -> None:
    """As a credit limit that a GUI has written."""
    Hand(shop).set("customers", {"user_id": "ANN"}, Credit_limit=10.0)
    assert "10.0" not in run("--all-customers", shop).out
    import_files(shop, tmp_path / "customers.csv", mode=Mode.UPSERT)
    with pymongo.MongoClient[Document](shop) as client:
        found = client.get_default_database()["customers"].find_one({"_id": "ANN"})
    assert found and isinstance(found["Credit_limit"], int)


@pytest.mark.parametrize("value", ["many", 6.5])
def test_loose_types_of_sqlite_are_named_too(
    run: Run, sqlite_uri: str, tmp_path: Path, value: object
) -> None:
    """A column of whole numbers may hold anything there."""
    import_shop(sqlite_uri, tmp_path, ["ANN"], {"P1": 5, "P2": 3})
    with closing(sqlite3.connect(sqlite_uri.removeprefix("sqlite:///"))) as tool:
        tool.execute(f"UPDATE product SET {QUANTITY} = ? WHERE product_id = 'P1'", (value,))
        tool.commit()
    refused = run("--rent ANN P1", sqlite_uri)
    assert f"the {QUANTITY} of product P1 is '{value}'" in refused.err
    if value == "many":
        assert list(done(run, "--available-products", sqlite_uri)) == ["P2"]
    checked = run("--check", sqlite_uri)
    assert [(f["fault"], f["product_id"]) for f in checked.data] == [("value", "P1")]
    given = write_products(tmp_path, {"P1": 7, "P2": 3})
    import_files(sqlite_uri, given, mode=Mode.UPSERT)
    assert done(run, "--check", sqlite_uri) == []
    done(run, "--rent ANN P1", sqlite_uri)


@pytest.fixture(name="foreign")
def collections_of_others(uri: str) -> Iterator[str]:
    """A shop as mongoimport makes one, and as SQL makes one without keys."""
    records: dict[str, dict[str, Any]] = {
        "customers": {"user_id": "C1", "Name": "Ann", "Status": "Active"},
        "product": {"product_id": "P1", "description": "Tent", QUANTITY: 2},
        "rental": {"user_id": "C1", "product_id": "P1"},
    }
    if uri.startswith("sqlite"):
        with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as tool:
            for name, record in records.items():
                tool.execute(f"CREATE TABLE {name} ({', '.join(record)})")
                signs = ", ".join("?" * len(record))
                tool.execute(f"INSERT INTO {name} VALUES ({signs})", tuple(record.values()))
            tool.commit()
    else:
        with pymongo.MongoClient[dict[str, Any]](uri) as client:
            for name, record in records.items():
                client.get_default_database()[name].insert_one({"_id": ObjectId(), **record})
    yield uri


def test_collections_of_others_are_named_for_what_they_are(
    run: Run, foreign: str, tmp_path: Path
) -> None:
    """The counter, imports and --check say so, and what to do; nothing tells to drop them."""
    for command in (
        "--rent C1 P1",
        "--return C1 P1",
        "--adjust-stock P1 1 --reason x",
        "--edit customers C1 Name=X",
        "--add customers user_id=C2",
        f"--linear {write_products(tmp_path, {'P2': 1})} --quiet",
        f"--linear {write_rentals(tmp_path, ('C1', 'P1'))} --mode upsert --quiet",
    ):
        refused = run(command, foreign)
        assert (command, refused.status) == (command, 1)
        assert "HPNorton has not made the " in refused.err and "(--uri)" in refused.err
        assert "CSV" in refused.err and "drop" not in refused.err
    checked = run("--check", foreign)
    assert checked.status == 1 and "balance:" not in checked.err.replace("not balance:", "")
    assert [fault["fault"] for fault in checked.data] == ["unchecked"] * 3
    assert "HPNorton has not imported product" in checked.data[1]["message"]


def test_questions_show_the_records_of_others(run: Run, foreign: str) -> None:
    """As far as they need no ids that HPNorton has given."""
    assert done(run, "--all-products", foreign)["P1"]["description"] == "Tent"
    assert done(run, "--available-products", foreign)["P1"][QUANTITY] == 2
    assert list(done(run, "--all-customers", foreign)) == ["C1"]
    assert len(done(run, "--all-rentals", foreign)) == 1
    assert done(run, "--overdue", foreign) == []
    if not foreign.startswith("sqlite"):
        for question in ("--rentals-for-customer C1", "--customers-renting-product P1"):
            refused = run(question, foreign)
            assert refused.status == 1 and "HPNorton has not imported" in refused.err


def test_a_database_without_a_shop_cannot_be_checked(run: Run, uri: str, tmp_path: Path) -> None:
    """It is said what there is."""
    path = tmp_path / "thing.csv"
    path.write_text("id,n\na,1\n", encoding="utf-8")
    import_files(uri, path)
    refused = run("--check", uri)
    assert (refused.status, refused.out) == (1, "")
    assert "there is nothing to check" in refused.err and "it has: thing" in refused.err
