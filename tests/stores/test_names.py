"""Names that could be taken for one another: of tables, indexes and fields, and composite keys."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import pymongo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.rental import record_history
from hpnorton.schema.collection import Collection, ForeignKey
from hpnorton.schema.field import Field
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore, Document, Mode
from hpnorton.stores.history import HISTORY, Change, Kind, RecordKey, key_texts
from hpnorton.stores.mongo.documents import index_name
from tests.conftest import Run
from tests.helpers.commands import watched
from tests.helpers.shop import import_files, write_customers, write_products, write_rentals
from tests.helpers.stores import batch_from_documents


@pytest.fixture(name="store")
def open_a_store(uri: str) -> Iterator[ChangeStore]:
    """A store of each kind."""
    with closing(open_store(uri, create=True)) as store:
        yield store


def referring(name: str, *fields: str) -> Collection:
    """A collection whose `fields` refer to another one."""
    columns = tuple(map(Field, ("id", *fields)))
    return Collection(name, columns, ("id",), (ForeignKey(fields, "parent", fields),))


def indexed(uri: str, name: str) -> set[tuple[str, ...]]:
    """The fields of each index of a collection, but for that of its key."""
    if not uri.startswith("sqlite"):
        with pymongo.MongoClient[Document](uri) as client:
            found = client.get_default_database()[name].index_information()
            return {tuple(f for f, _ in index["key"]) for index in found.values()} - {("_id",)}
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as tool:
        made = tool.execute(
            "SELECT name FROM pragma_index_list(?) WHERE origin = 'c'", (name,)
        ).fetchall()
        return {
            tuple(f for (f,) in tool.execute("SELECT name FROM pragma_index_info(?)", index))
            for index in made
        }


@pytest.mark.parametrize("is_first", [False, True])
def test_a_collection_may_have_the_name_of_fields(uri: str, tmp_path: Path, is_first: bool) -> None:
    """rental_product_id.csv is imported before and after rentals, whose product_id has an index."""
    other = tmp_path / "rental_product_id.csv"
    other.write_text("id,x\n1,2\n", encoding="utf-8")
    files = [write_customers(tmp_path, ["C1"]), write_products(tmp_path, {"P1": 1})]
    rentals = write_rentals(tmp_path, ("C1", "P1"))
    import_files(uri, *files, *([other, rentals] if is_first else [rentals, other]))
    assert ("product_id",) in indexed(uri, "rental")
    with closing(open_store(uri)) as store:
        assert store.count("rental_product_id") == store.count("rental") == 1


def test_indexes_with_names_alike_are_all_made(sqlite_uri: str) -> None:
    """a(b_c) and a_b(c), a(b_1_c) and a(b, c), and names with quotes: each has its index."""
    with closing(open_store(sqlite_uri, create=True)) as store:
        for name, *fields in (
            ("a", "b_c"),
            ("a_b", "c"),
            ("a1", "b_1_c"),
            ("a1-2", "b", "c"),
            ("q", 'x"y', "z"),
            ("q2", "x", 'y", "z'),
        ):
            store.ensure(referring(name, *fields))
            store.ensure(referring(name, *fields))
            assert tuple(fields) in indexed(sqlite_uri, name)


def test_indexes_have_names_of_their_own_on_a_server(mongo_uri: str) -> None:
    """One collection may have an index of a_1_b, and one of a and b.

    Some servers name indexes themselves, so what they are asked for is looked at.
    """
    fields = (("a_1_b",), ("a", "b"))
    columns = tuple(map(Field, dict.fromkeys(("id", *chain(*fields)))))
    parents = tuple(ForeignKey(each, "p", each) for each in fields)
    with watched(mongo_uri) as (store, commands):
        store.ensure(Collection("thing", columns, ("id",), parents))
    asked = [index for sent in commands for index in sent.get("indexes", ())]
    assert [tuple(index["key"]) for index in asked] == list(fields)
    assert len({index["name"] for index in asked}) == len(fields)


def test_an_index_that_somebody_has_made_will_do(mongo_uri: str) -> None:
    """The same fields, under another name."""
    with pymongo.MongoClient[Document](mongo_uri) as client:
        client.get_default_database()["thing"].create_index([("x", 1)], name="by hand")
    with closing(open_store(mongo_uri)) as store:
        store.ensure(referring("thing", "x"))
    assert indexed(mongo_uri, "thing") == {("x",)}


FIELDS = st.lists(st.text('a_1%.- "é', min_size=1, max_size=60), min_size=1, max_size=3)


@given(FIELDS, FIELDS)
def test_no_two_indexes_have_one_name(fields: list[str], others: list[str]) -> None:
    """Nor one that has to be quoted in SQL, which FerretDB does not do, or that is too long."""
    names = [index_name(fields), index_name(others)]
    assert (names[0] == names[1]) == (fields == others)
    assert all(re.fullmatch("[0-9A-Za-z%_-]{1,120}", name) for name in names)


TEXTS = st.text("ab|\\", max_size=4)


@given(*[st.lists(TEXTS, min_size=2, max_size=3)] * 2)
def test_no_two_keys_have_one_text(key: list[str], other: list[str]) -> None:
    """However often the sign between the parts is in them."""
    if len(key) == len(other):
        texts = [key_texts([[part] for part in each])[0] for each in (key, other)]
        assert (texts[0] == texts[1]) == (key == other)


SHELF = Collection("shelf", (Field("room"), Field("row"), Field("what")), ("room", "row"))


def test_records_whose_keys_look_alike_have_histories_of_their_own(
    store: ChangeStore, uri: str, run: Run
) -> None:
    """('x|y', 'z') and ('x', 'y|z'): each is numbered by itself, and found by what is shown."""
    keys = [("x|y", "z"), ("x", "y|z")]
    store.ensure(SHELF)
    records = [{"room": room, "row": row, "what": "old"} for room, row in keys]
    store.write(batch_from_documents(SHELF, records), Mode.INSERT)
    for key, times in zip(keys, (2, 1)):
        place = RecordKey(SHELF, key)
        for number in range(1, times + 1):
            assert store.last_numbers([place]) == [number - 1]
            _edit(store, place, number)
    shown = [json.loads(run(f"--history '{RecordKey(SHELF, key).text}'", uri).out) for key in keys]
    assert [[event["after"] for event in events] for events in shown] == [
        [{"what": "new 1"}, {"what": "new 2"}],
        [{"what": "new 1"}],
    ]
    assert {event["record"] for events in shown for event in events} == {"x\\|y|z", "x|y\\|z"}
    assert record_history.history(store, "x|y\\|z")


def _edit(store: ChangeStore, place: RecordKey, number: int) -> None:
    store.ensure(HISTORY)
    change = Change(
        kind=Kind.EDIT,
        subject=place,
        number=number,
        target=place,
        before={"what": "old"},
        after={"what": f"new {number}"},
    )
    assert not store.post([change])
