"""The export of any collection can be imported again: whatever its fields, keys and references."""

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hpnorton.rental.catalog import Catalog
from hpnorton.rental.export import export
from hpnorton.schema.collection import Collection, ForeignKey, undescribed_collection
from hpnorton.schema.datapackage import PACKAGE_NAME
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import Batch, ChangeStore, Document, Mode
from hpnorton.tabular.keys import to_key
from hpnorton.tabular.marks import mark_of
from tests.helpers.properties import costly
from tests.helpers.shop import import_files

_COUNT = count()
TEXT = st.text(st.sampled_from("a0\"',;\n\r\t =+-@|\\é字\u200b\U0001f600"), max_size=5)
SIGNS = ["", "-", "NULL", "NULL0", "None", "n/a", "0", "1"]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT | st.sampled_from(SIGNS),
    "any": TEXT | st.sampled_from(SIGNS),
    "integer": st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1]),
    "number": st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0),
    "boolean": st.booleans(),
    "year": st.integers(-10_001, 10_001).filter(bool),
    "date": st.dates().map(date.isoformat),
    "time": st.times().map(lambda time: time.isoformat("seconds")),
    "datetime": st.datetimes().map(lambda moment: moment.isoformat()),
}
# What an import makes of keys: nothing that nobody sees is at their ends or in them, and none is a
# mark of a spreadsheet.
KEY_TEXT = st.text(st.sampled_from("a0\"',; =+-@|\\é字\U0001f600"), max_size=5).map(to_key)
KEY_TEXT = (KEY_TEXT | st.sampled_from(SIGNS)).filter(lambda text: mark_of(text) is None)
NAMES = st.text(st.sampled_from("aBc_|-\"' ,;=é字\n"), min_size=1, max_size=6).filter(
    lambda name: name.strip() == name
)
# nx-27017 makes names of indexes of those of fields and collections, of which it takes no others.
PLAIN_NAMES = st.text(st.sampled_from("aBc_"), min_size=1, max_size=6)
Record = tuple[Value, ...]
_NO_KEYS = ("boolean", "number")


@dataclass
class Database:
    """Collections, and the records of each."""

    collections: list[Collection]
    records: list[list[Record]]


@st.composite
def databases(draw: st.DrawFn, names: st.SearchStrategy[str], child_name: str) -> Database:
    """A parent and a child that refers to it, or to what is not there."""
    parent = draw(collections("parent", names))
    records = draw(records_of(parent))
    child = draw(collections(child_name, names))
    child_records = draw(records_of(child))
    if draw(st.booleans()) and records:
        name = "refers"
        of = {field.name: field for field in parent.fields}
        fields = tuple(
            _named(of[part], f"{name}{at}", is_key=False) for at, part in enumerate(parent.key)
        )
        foreign = ForeignKey(tuple(field.name for field in fields), "parent", parent.key)
        child = Collection(child.name, (*child.fields, *fields), child.key, (foreign,))
        at = [parent.columns.index(part) for part in parent.key]
        chosen = [draw(st.sampled_from(records)) for _ in child_records]
        child_records = [(*mine, *(its[i] for i in at)) for mine, its in zip(child_records, chosen)]
    return Database([parent, child], [records, child_records])


def _named(field: Field, name: str, *, is_key: bool) -> Field:
    return Field(name, field.type, required=is_key, missing_values=field.missing_values)


@st.composite
def collections(draw: st.DrawFn, name: str, some: st.SearchStrategy[str]) -> Collection:
    """A definition of up to four fields, of which one or two are the key."""
    names = draw(st.lists(some, min_size=1, max_size=4, unique_by=str.casefold))
    fields = tuple(
        Field(
            each,
            draw(st.sampled_from(sorted(VALUES))),
            required=draw(st.booleans()),
            missing_values=tuple(draw(st.lists(st.sampled_from(SIGNS), max_size=2, unique=True))),
        )
        for each in names
    )
    key = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    # nx-27017 does not find every key that is a number with a point, or true or false.
    fields = tuple(
        replace(each, type="integer") if each.name in key and each.type in _NO_KEYS else each
        for each in fields
    )
    return Collection(name, fields, tuple(key))


@st.composite
def records_of(draw: st.DrawFn, collection: Collection) -> list[Record]:
    """Records of a collection, each with a key of its own."""
    values = [
        (KEY_TEXT if field.is_text else VALUES[field.type])
        if field.name in collection.key
        else (VALUES[field.type] if field.required else st.none() | VALUES[field.type])
        for field in collection.fields
    ]
    at = [collection.columns.index(name) for name in collection.key]
    return draw(
        st.lists(
            # A row like the header is taken for the header of another file.
            st.tuples(*values).filter(lambda record: record != collection.columns),
            max_size=4,
            unique_by=lambda record: tuple(record[i] for i in at),
        )
    )


some_settings = settings(costly(30), suppress_health_check=list(HealthCheck))


@some_settings
@given(database=databases(NAMES, "a child-1.b"))
def test_any_database_comes_back(tmp_path: Path, database: Database) -> None:
    """Every type, text for null, key, reference and name, with any records."""
    folder = tmp_path / str(next(_COUNT))
    folder.mkdir()
    export_and_import(database, folder, [f"sqlite:///{folder}/{name}.db" for name in "ab"])


@some_settings
@given(database=databases(PLAIN_NAMES, "child"))
def test_any_database_of_a_server_comes_back(
    nx_server: str, tmp_path: Path, database: Database
) -> None:
    """The same on MongoDB."""
    assume(not any(map(_has_a_date_in_a_composite_key, database.collections, database.records)))
    folder = tmp_path / str(next(_COUNT))
    export_and_import(database, folder, [f"{nx_server}/anything_{name}" for name in "ab"])


def _has_a_date_in_a_composite_key(collection: Collection, records: list[Record]) -> bool:
    """Such a key makes an _id like `2000-01-01|x`, which nx-27017 stores but does not find."""
    at = [collection.columns.index(part) for part in collection.key]
    values = [record[index] for record in records for index in at] if len(at) > 1 else []
    return any(re.match(r"\d{4}-\d\d-\d\d", str(value)) for value in values)


def export_and_import(database: Database, folder: Path, uris: list[str]) -> None:
    """The records of the second database are then those of the first."""
    with emptied(uris[0]) as store:
        journal.prepare(store)
        for collection, records in zip(database.collections, database.records):
            store.ensure(collection)
            journal.save_collection(store, collection)
            if records:
                columns = list(zip(*records))
                store.write(Batch(collection, collection.columns, columns), Mode.INSERT)
        before = everything(store, database)
        export(store, Catalog(store), folder / "out")
    with emptied(uris[1]):
        pass
    import_files(uris[1], *sorted((folder / "out").glob("*.csv")))
    with closing(open_store(uris[1])) as store:
        assert everything(store, database) == before


@contextmanager
def emptied(uri: str) -> Iterator[ChangeStore]:
    """A store without a record."""
    with closing(open_store(uri, create=True)) as store:
        for name in (*store.collections(), *(notes.name for notes in journal.OWN_COLLECTIONS)):
            store.drop_collection(name)
        yield store


def everything(store: ChangeStore, database: Database) -> list[list[Document]]:
    """All records."""
    return [list(store.find(each.name, each.key)) for each in database.collections]


def test_a_reference_to_what_is_left_out_is_left_out(sqlite_uri: str, tmp_path: Path) -> None:
    """A table that nobody describes is not exported, so nothing can refer to it."""
    parent = undescribed_collection("p", ["id"])
    fields = (Field("id"), Field("p"), Field("n", "integer", missing_values=()))
    child = Collection("c", fields, ("id",), (ForeignKey(("p",), "p", ("id",)),))
    with closing(open_store(sqlite_uri, create=True)) as store:
        journal.prepare(store)
        for each in (parent, child):
            store.ensure(each)
        journal.save_collection(store, child)
        store.write(Batch(child, child.columns, [["1"], ["x"], [None]]), Mode.INSERT)
        export(store, Catalog(store), tmp_path / "out")
    (resource,) = json.loads((tmp_path / "out" / PACKAGE_NAME).read_text())["resources"]
    assert "foreignKeys" not in resource["schema"]
    restored = f"sqlite:///{tmp_path}/restored.db"
    import_files(restored, tmp_path / "out" / "c.csv")
    with closing(open_store(restored)) as store:
        assert list(store.find("c", ("id",))) == [{"id": "1", "p": "x", "n": None}]
