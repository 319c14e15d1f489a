"""What looks like a query, a pattern or a command is a text like any other, on every database."""

import csv
import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton.stores import open_store
from hpnorton.stores.base import Document
from hpnorton.tabular.keys import to_key
from tests.helpers.commandline import CommandLine
from tests.helpers.shop import everything
from tests.hostile.conftest import Ask

Write = Callable[..., Path]

TEXTS = [
    '{"$ne": null}',
    "{'$gt': ''}",
    "'; DROP TABLE customers; --",
    '" OR 1=1 --',
    "$where",
    "this.sleep(9)",
    "__proto__",
    "constructor",
    "%",
    "_",
    "*",
    ".*",
    "^",
    "(",
    "\\",
    "`id`",
    "$(id)",
    "a.b",
    "a|b",
    "[]",
    "{}",
    "null",
    "NaN",
    "1e999",
    "9" * 5000,
    "-1",
    "\U0001f600",
    "\x1b[31m",
    "\u202eC000001",
    "x" * 60_000,
]
COLUMNS = [
    "a'b",
    'a"b',
    "a`b",
    "a;b",
    "'; DROP TABLE t; --",
    "__proto__",
    "constructor",
    "select",
    "rowid",
    "oid",
    "%s",
    "{0}",
    "{x}",
    "?1",
    ":a",
    "@a",
    "a\\b",
    "a]b",
    "#a",
    "\U0001f600",
    "a\u202eb",
    "a\x1b[31mb",
    "i",
    "v0",
    "ids",
    "a b",
]
REFUSED_COLUMNS = ["$where", "a.b", "a\0b", "_id", "hpnorton_stock", "x" * 256, "é" * 200]
REFUSED_NAMES = [
    "..",
    "../up",
    "a/b",
    "a\\b",
    "/",
    ".hidden",
    "system.users",
    "System.js",
    "$cmd",
    "a$b",
    "sqlite_master",
    "SQLITE_sequence",
    "hpnorton_imports",
    "HPNORTON_x",
    "a;b",
    "a'b",
    'a"b',
    "a`b",
    '{"$ne": null}',
    "a\nb",
    "a\x1b[31mb",
    "a\u202eb",
    "\U0001f600",
    "x" * 121,
    "é" * 61,
]


def _records(uri: str) -> dict[str, list[Document]]:
    with closing(open_store(uri)) as store:
        return everything(store)


@pytest.mark.parametrize("text", [text for text in TEXTS if to_key(text) == text], ids=ascii)
def test_an_id_is_looked_for_as_it_stands(ask: Ask, shop: str, text: str) -> None:
    """No id finds another one's record, and none changes anything."""
    before = _records(shop)
    for flag, lacks in (
        ("--rentals-for-customer", "customers has no user_id"),
        ("--customers-renting-product", "product has no product_id"),
        ("--history", "nothing is known of"),
    ):
        asked = ask(f"{flag}={text}", uri=shop)
        assert (asked.status, asked.out) == (1, "") and lacks in asked.err
    for arguments in (
        ("--rent", text, "P000002"),
        ("--rent", "C000001", text),
        ("--return", text, "P000002"),
        ("--adjust-stock", text, "1", "--reason", text),
        ("--edit", "customers", text, "Name=x"),
        ("--edit", "rental", f"C000001,{text}", "name=x"),
    ):
        assert ask(*arguments, uri=shop).status in (1, 2), arguments[0]
    assert _records(shop) == before


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_text_is_searched_as_it_stands(ask: Ask, shop: str, text: str) -> None:
    """Only records that hold it are found; one that nothing could hold is refused."""
    found = ask(f"--find={text}", uri=shop)
    if len(text) > 1000:
        assert found.status == 2 and "in at most 1,000 characters" in found.err
        return
    assert found.status == 0
    for record in found.data:
        held = " ".join(map(str, record.values())).casefold()
        assert all(word in held for word in to_key(text).casefold().split())


@pytest.mark.parametrize("name", TEXTS + REFUSED_NAMES, ids=ascii)
def test_a_collection_is_looked_for_as_it_stands(ask: Ask, shop: str, name: str) -> None:
    """None but those of the store are shown or changed."""
    for arguments in ((f"--fields={name}",), (f"--quality={name}",), ("--add", name, "a=b")):
        asked = ask(*arguments, uri=shop)
        assert (asked.status, asked.out) in ((1, ""), (2, ""))
        assert "there is no collection" in asked.err


@pytest.mark.parametrize("flag", ["--rentals-for-customer", "--find", "--history", "--fields"])
def test_bytes_that_are_no_text_are_refused(hpnorton: CommandLine, shop: str, flag: str) -> None:
    """Exit 2: nobody can have them as an id."""
    bad = os.fsdecode(b"C\xff")
    done = hpnorton(f"{flag}={bad}", "--disable-log", uri=shop)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Error: ") and "is not UTF-8 text" in done.err


@pytest.mark.parametrize(
    "flag", ["--rentals-for-customer", "--customers-renting-product", "--find"]
)
def test_two_dashes_are_no_id(ask: Ask, shop: str, flag: str) -> None:
    """argparse takes them away, wherever they stand: exit 2."""
    asked = ask(f"{flag}=--", uri=shop)
    assert asked.status == 2 and "expected one argument" in asked.err


def test_any_text_is_stored_as_it_is(ask: Ask, uri: str, csv_file: Write) -> None:
    """As a key, but for invisible characters around it, and as a value; in one file and typed in.

    A second import changes nothing.
    """
    path = csv_file("thing.csv", "id,a")
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([text, text] for text in TEXTS)
    assert ask("--linear", path, uri=uri).data[0]["thing"]["inserted"] == len(TEXTS)
    for mode in ("insert", "upsert"):
        again = ask("--linear", path, "--mode", mode, uri=uri)
        assert again.data[0]["thing"]["unchanged"] == len(TEXTS)
    with closing(open_store(uri)) as store:
        stored = {record["id"]: record["a"] for record in store.find("thing", ("id",))}
    assert stored == {to_key(text): text for text in TEXTS}
    for arguments in (["--fields"], ["--history"]):
        assert ask(*arguments, uri=uri).status == 0
    assert "nothing was checked" in ask("--quality", uri=uri).err


def test_columns_may_have_odd_names(ask: Ask, uri: str, csv_file: Write, tmp_path: Path) -> None:
    """They are names on every database, and what is exported from it is the same."""
    path = csv_file("odd.csv")
    rows = [["id", *COLUMNS], ["k1", *COLUMNS], ["k2", *reversed(COLUMNS)]]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    assert ask("--linear", path, uri=uri).data[0]["odd"]["inserted"] == 2
    assert ask("--linear", path, "--mode", "upsert", uri=uri).data[0]["odd"]["unchanged"] == 2
    (seen,) = ask("--fields", "odd", uri=uri).data
    assert {"id", *COLUMNS} <= {field["field"] for field in seen["fields"]}
    assert ask("--export", tmp_path / "out", uri=uri).status == 0
    with (tmp_path / "out" / "odd.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == rows


@pytest.mark.parametrize("column", REFUSED_COLUMNS, ids=ascii)
def test_names_that_a_database_takes_for_something_else(
    ask: Ask, sqlite_uri: str, csv_file: Write, column: str
) -> None:
    """They are refused, whether as the key or as another column."""
    for header in (f"{column},id", f"id,{column}"):
        done = ask("--linear", csv_file("thing.csv", header, "1,2"), uri=sqlite_uri)
        assert done.status == 1 and "rename the column" in done.err


@pytest.mark.parametrize("name", REFUSED_NAMES, ids=ascii)
def test_collections_that_must_not_be(
    ask: Ask, sqlite_uri: str, csv_file: Write, tmp_path: Path, name: str
) -> None:
    """No file goes to a database's own collections, or ours, however the name is given."""
    path = csv_file("x.csv", "id", "1")
    done = ask("--linear", f"{name}={path}", uri=sqlite_uri)
    assert done.status == 1 and "COLLECTION=FILE" in done.err
    described = {"name": name, "schema": {"fields": [{"name": "id"}]}}
    (tmp_path / "datapackage.json").write_text(json.dumps({"resources": [described]}))
    assert ask("--add", name, "id=1", uri=sqlite_uri).status in (1, 2)
    assert not (tmp_path / "store.db").exists()


def test_a_search_by_a_shell_is_one_by_us(hpnorton: CommandLine, uri: str) -> None:
    """From outside: the database is as it was, and the answer is empty."""
    assert hpnorton("--linear", uri=uri).status == 0
    before = hpnorton("--all-customers", uri=uri).data
    for text in TEXTS[:3]:
        assert hpnorton("--find", text, "--quiet", uri=uri).data == []
        assert hpnorton("--rent", text, text, uri=uri).status == 1
    assert hpnorton("--all-customers", uri=uri).data == before
