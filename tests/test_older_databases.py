"""Databases that an older version of HPNorton has made: everything goes on with them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pymongo
import pytest

from hpnorton.stores import open_store
from hpnorton.stores.base import Document, Mode
from tests.conftest import Run
from tests.helpers.older_databases import forget_first_stocks
from tests.helpers.shop import (
    DATASET,
    faults,
    first_and_now,
    import_files,
    lines,
    stocks,
    write_products,
)


@pytest.fixture(name="older")
def database_of_an_older_version(uri: str) -> str:
    """The URI of the test dataset, without what the counter has brought into imports."""
    import_files(uri, *DATASET)
    forget_first_stocks(uri)
    if uri.startswith("sqlite"):
        with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
            connection.execute("DROP TABLE hpnorton_collections")
            connection.commit()
    else:
        with pymongo.MongoClient[Document](uri) as client:
            database = client.get_default_database()
            database.drop_collection("hpnorton_collections")
    return uri


def test_questions_are_answered(run: Run, older: str, tmp_path: Path) -> None:
    """Which imports have touched a product was not noted; a data package describes the rest."""
    for command, out in {
        "--history P000001": "[]\n",
        "--overdue --quiet": "[]\n",
    }.items():
        answer = run(command, older)
        assert (command, answer.status, answer.out, answer.err) == (command, 0, out, "")
    assert [record["product_id"] for record in run("--find p000001", older).data] == ["P000001"]
    assert len(run("--all-rentals", older).data) == 11
    assert [note["collection"] for note in run("--history", older).data] == [
        "customers",
        "product",
        "rental",
    ]
    exported = run(f"--export {tmp_path}/out", older)
    assert (exported.status, exported.err) == (0, "")
    assert [each["records"] for each in exported.data] == [10, 10, 11]


def test_the_counter_works(run: Run, older: str) -> None:
    """From its first command on."""
    for command in (
        "--rent C000001 P000001",
        "--return C000001 P000008",
        "--adjust-stock P000001 2 --reason found",
        "--edit customers C000001 Name=Zoe",
        "--add product product_id=P1 description=x product_type=y quantity_available=1",
    ):
        done = run(command, older)
        assert (command, done.status, done.err) == (command, 0, "")
    kinds = [event["kind"] for event in run("--history P000001", older).data]
    assert kinds == ["import", "rent", "adjust"]
    clean = run("--check", older)
    assert (clean.status, clean.err) == (
        0,
        "The books balance: 11 products and 11 rentals were checked.\n"
        "Of 10 products nothing proves the stock: HPNorton has not imported the first one\n",
    )


def test_imports_go_on(older: str, tmp_path: Path) -> None:
    """The same files are known; stocks that change are in the history, and new ones are checked."""
    import_files(older, *DATASET)
    path = write_products(tmp_path, {"P000001": 9, "P1": 3})
    import_files(older, path, mode=Mode.UPSERT)
    with closing(open_store(older)) as store:
        known = {key: first for key, first, _ in first_and_now(store)}  # fmt: skip
        assert (known["P000001"], known["P1"]) == (None, 3)
        assert (stocks(store)["P000001"], stocks(store)["P1"]) == (9, 3)
        assert [(line["record"], line["delta"]) for line in lines(store)] == [("P000001", 5)]
        assert faults(store) == []
