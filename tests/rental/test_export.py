"""The export: every record as it is, in files that can be imported again."""

import csv
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import FileError
from hpnorton.rental import export as exporting
from hpnorton.rental.catalog import Catalog
from hpnorton.rental.export import Exported, export
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import Batch, ChangeStore, Document, Mode
from hpnorton.stores.history import RecordKey
from hpnorton.tabular.keys import to_key
from hpnorton.tabular.marks import mark_of
from tests.helpers.properties import costly
from tests.helpers.shop import (
    PACKAGE,
    everything,
    faults,
    import_files,
    open_counter,
    run,
    write_customers,
    write_products,
    write_rentals,
)

Write = Callable[..., Path]
_TARGETS = count()


@pytest.fixture(name="other", params=["sqlite", "mongo"])
def database_to_restore_into(
    request: pytest.FixtureRequest, uri: str, nx_server: str, tmp_path: Path
) -> Iterator[str]:
    """The URI of a database of each kind, which `restore` empties; it may be the one exported."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/restored.db"
    elif uri.startswith("mongodb"):
        yield uri
    else:
        yield f"{nx_server}/restored"
        with closing(open_store(f"{nx_server}/restored")) as store:
            store.drop_database()


def export_from(uri: str, folder: Path, described: Path = PACKAGE.parent) -> list[Exported]:
    """Exports a database."""
    with closing(open_store(uri)) as store:
        return export(store, Catalog(store, [described]), folder)


def records_of(uri: str, described: Path = PACKAGE.parent) -> dict[str, list[Document]]:
    """All records of a database; fields that a record lacks are null."""
    with closing(open_store(uri)) as store:
        catalog = Catalog(store, [described])
        return {
            name: [dict.fromkeys(catalog.get(name).columns) | record for record in records]
            for name, records in everything(store, described).items()
        }


def restore(folder: Path, uri: str, **how: Any) -> None:
    """Imports what was exported; the database is emptied first."""
    with closing(open_store(uri, create=True)) as store:
        for name in (*store.collections(), *(notes.name for notes in journal.OWN_COLLECTIONS)):
            store.drop_collection(name)
    import_files(uri, *sorted(folder.glob("*.csv")), **how)


def work_in(uri: str, folder: Path) -> None:
    """A shop in which everything has happened that leaves a line in the history."""
    import_files(
        uri,
        write_customers(folder, ["ANN", "BEN"], inactive=["IDA"]),
        write_products(folder, {"P1": 5, "P2": 3}),
        write_rentals(folder, ("BEN", "P2"), ("IDA", "P1")),
    )
    with open_counter(uri) as counter:
        counter.rent("ANN", "P1")
        counter.rent("ANN", "P2")
        counter.give_back("BEN", "P2")
        counter.adjust_stock("P2", -1, '=stolen, "they" say\nby night')
        counter.edit(
            RecordKey(counter.shop.customers, ("IDA",)), {"Status": "Active", "Name": " Ída"}
        )


@pytest.mark.parametrize("how", [{}, {"rows": 2, "is_parallel": True, "workers": 2}])
def test_an_export_is_the_database(
    uri: str, other: str, tmp_path: Path, how: dict[str, Any]
) -> None:
    """All records, history included, into an empty database of any kind; and the books balance."""
    work_in(uri, tmp_path / "shop")
    written = export_from(uri, tmp_path / "out")
    assert [(each.collection, each.records) for each in written] == [
        ("customers", 3),
        ("history", 5),
        ("product", 2),
        ("rental", 3),
    ]
    before = records_of(uri)
    restore(tmp_path / "out", other, **how)
    assert records_of(other) == before
    with open_counter(other, tmp_path) as counter:
        assert faults(counter.store) == []
        counter.give_back("ANN", "P1")
        counter.rent("BEN", "P1")
        assert faults(counter.store) == []


def test_an_export_of_what_was_restored_is_the_same(sqlite_uri: str, tmp_path: Path) -> None:
    """Byte for byte."""
    work_in(sqlite_uri, tmp_path / "shop")
    export_from(sqlite_uri, tmp_path / "out")
    restored = f"sqlite:///{tmp_path}/restored.db"
    restore(tmp_path / "out", restored)
    export_from(restored, tmp_path / "again", tmp_path)
    files = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in files] == [
        "customers.csv",
        "datapackage.json",
        "history.csv",
        "product.csv",
        "rental.csv",
    ]
    for path in files:
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


NASTY = st.text(st.sampled_from("a\"',;\n\r\t =+-@|\\é字\u200b\U0001f600"), min_size=1, max_size=6)
KEYS = st.text(st.sampled_from("a\"',; =+-@|\\é字\U0001f600"), min_size=1, max_size=6).map(to_key)
KEYS = KEYS.filter(lambda text: mark_of(text) is None)
KEYS = KEYS.filter(
    lambda key: key != "" and mark_of(key) is None
)  # as imports and clerks make them
NASTY_FIELDS = (
    Field("id", required=True),
    Field("text"),
    Field("whole", "integer"),
    Field("number", "number"),
    Field("flag", "boolean"),
    Field("year", "year"),
    Field("day", "date", format="%d.%m.%Y"),
    Field("time", "time"),
    Field("moment", "datetime"),
)
NASTY_RECORDS = st.lists(
    st.tuples(
        KEYS | st.sampled_from(["=1+1", "id", "None", "'"]),
        st.none() | NASTY,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0),
        st.none() | st.booleans(),
        st.none() | st.integers(1, 9999),
        st.none() | st.dates().map(lambda day: day.isoformat()),
        st.none() | st.times().map(lambda time: time.isoformat("seconds")),
        st.none() | st.datetimes().map(lambda moment: moment.isoformat()),
    ),
    max_size=6,
    unique_by=lambda record: record[0],
)


@contextmanager
def nasty(uri: str, records: list[tuple[Value, ...]]) -> Iterator[ChangeStore]:
    """A database with a collection of all types, noted as an import notes it."""
    made = Collection("nasty", NASTY_FIELDS, ("id",))
    with closing(open_store(uri, create=True)) as store:
        store.drop_collection("nasty")
        store.ensure(made)
        journal.prepare(store)
        journal.save_collection(store, made)
        if records:
            store.write(Batch(made, made.columns, list(zip(*records))), Mode.INSERT)
        yield store


@costly(20)
@given(records=NASTY_RECORDS)
def test_any_value_comes_back(uri: str, tmp_path: Path, records: list[tuple[Value, ...]]) -> None:
    """Whatever signs a text has, and every value of every type."""
    folder = tmp_path / f"out{next(_TARGETS)}"
    with nasty(uri, records) as store:
        before = list(store.find("nasty", ("id",)))
        written = export(store, Catalog(store), folder)[0]
    assert written.records == len(records)
    back = f"sqlite:///{folder}/back.db"
    import_files(back, folder / "nasty.csv")
    with closing(open_store(back)) as store:
        found = list(store.find("nasty", ("id",)))
    assert sorted(found, key=lambda r: str(r["id"])) == sorted(before, key=lambda r: str(r["id"]))


def test_constraints_and_references_come_along(sqlite_uri: str, tmp_path: Path) -> None:
    """What the data package refused it refuses again, from its copy."""
    work_in(sqlite_uri, tmp_path / "shop")
    export_from(sqlite_uri, tmp_path / "out")
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text(encoding="utf-8"))
    schemas = {resource["name"]: resource["schema"] for resource in package["resources"]}
    original = json.loads(PACKAGE.read_text(encoding="utf-8"))["resources"]
    for resource in original:
        copy = schemas[resource["name"]]
        assert copy["primaryKey"] == resource["schema"]["primaryKey"]
        assert copy.get("foreignKeys") == resource["schema"].get("foreignKeys")
        constraints = {f["name"]: f.get("constraints") for f in copy["fields"]}
        for field in resource["schema"]["fields"]:
            assert constraints[field["name"]] == field.get("constraints")
    bad = tmp_path / "out" / "product.csv"
    bad.write_text(
        "product_id,description,product_type,quantity_available\nP1,x,y,-1\nP2,,y,1\n",
        encoding="utf-8",
    )
    (report,) = run(f"sqlite:///{tmp_path}/restored.db", bad)
    assert [(f.field, f.code) for f in report.faults] == [
        ("quantity_available", "constraint-error"),
        ("description", "constraint-error"),
    ]


def test_what_no_data_package_describes_is_exported(
    uri: str, other: str, tmp_path: Path, csv_file: Write
) -> None:
    """As the text that it was imported as."""
    path = csv_file("shelf.csv", "shelf,No,a b", "S1,007,", '"S,2",=1, x ')
    import_files(uri, path)
    before = records_of(uri, tmp_path)
    assert len(before["shelf"]) == 2
    export_from(uri, tmp_path / "out", tmp_path)
    restore(tmp_path / "out", other)
    assert records_of(other, tmp_path) == before


def test_dates_are_exported_as_they_are_stored(sqlite_uri: str, tmp_path: Path) -> None:
    """In ISO 8601, whatever format they came in; and numbers with a point."""
    fields = [
        {"name": "id"},
        {"name": "day", "type": "date", "format": "%d/%m/%y"},
        {
            "name": "price",
            "type": "number",
            "decimalChar": ",",
            "groupChar": ".",
            "bareNumber": False,
        },
        {"name": "is_new", "type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]},
        {"name": "born", "type": "year"},
        {"name": "note", "missingValues": ["", "-"]},
    ]
    (tmp_path / "datapackage.json").write_text(
        json.dumps({"resources": [{"name": "thing", "path": "x", "schema": {"fields": fields}}]}),
        encoding="utf-8",
    )
    path = tmp_path / "thing.csv"
    path.write_text(
        'id,day,price,is_new,born,note\na,01/12/26,"1.234,50 EUR",ja,0800,-\nb,,,nein,,x\n',
        encoding="utf-8",
    )
    import_files(sqlite_uri, path)
    export_from(sqlite_uri, tmp_path / "out")
    with (tmp_path / "out" / "thing.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ["a", "2026-12-01", "1234.5", "True", "0800", ""],
            ["b", "", "", "False", "", "x"],
        ]
    restored = f"sqlite:///{tmp_path}/restored.db"
    restore(tmp_path / "out", restored)
    assert records_of(restored) == records_of(sqlite_uri)


def test_formulas_are_named_and_left_as_they_are(uri: str, tmp_path: Path, csv_file: Write) -> None:
    """Row and field of the first ten, and how many there are; a number is none."""
    signs = ["=1+1", "+49 30", "-x", "@me", "\tx", " =1", "x=1", "'=1", "-5"]
    rows = [f"{at:02},{sign}" for at, sign in enumerate(signs)] + [f"{n},=x" for n in range(50, 58)]
    import_files(uri, csv_file("note.csv", "id,text", *rows))
    written = export_from(uri, tmp_path / "out", tmp_path)[0]
    formulas = [2, 3, 4, 5, 6, 10, *range(11, 19)]
    assert written.formula_count == len(formulas)
    assert written.formulas == [(row, "text") for row in formulas[:10]]
    text = written.file.read_text(encoding="utf-8")
    assert "00,=1+1\n" in text and "03,@me\n" in text


def test_numbers_are_no_formulas(sqlite_uri: str, tmp_path: Path) -> None:
    """Though they begin with a minus."""
    with nasty(sqlite_uri, [("a", None, -1, -1.5, None, None, None, None, None)]) as store:
        written = export(store, Catalog(store), tmp_path / "out")[0]
    assert written.formula_count == 0
    assert "a,,-1,-1.5" in written.file.read_text(encoding="utf-8")


def test_a_folder_is_made_and_files_in_it_are_replaced(sqlite_uri: str, tmp_path: Path) -> None:
    """Older exports are, other files are not, and nothing unfinished is left."""
    work_in(sqlite_uri, tmp_path / "shop")
    folder = tmp_path / "a" / "b"
    export_from(sqlite_uri, folder)
    (folder / "product.csv").write_text("old", encoding="utf-8")
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    export_from(sqlite_uri, folder)
    assert (folder / "product.csv").read_text(encoding="utf-8").startswith("product_id,")
    assert (folder / "mine.txt").read_text(encoding="utf-8") == "mine"
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("name", ["datapackage.json", "product.csv", "late.csv"])
@pytest.mark.parametrize("is_export", [False, True])
def test_a_file_that_no_export_has_written_stays(
    sqlite_uri: str, tmp_path: Path, name: str, is_export: bool
) -> None:
    """The data package of a shop, say; nothing at all is written then."""
    work_in(sqlite_uri, tmp_path / "shop")
    folder = tmp_path / "out"
    if is_export:
        export_from(sqlite_uri, folder)
    folder.mkdir(exist_ok=True)
    (tmp_path / "late.csv").write_text("id\n1\n", encoding="utf-8")
    import_files(sqlite_uri, tmp_path / "late.csv")
    text = '{"name": "shop", "resources": []}' if name.endswith("json") else "mine"
    (folder / name).write_text(text, encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    if is_export and name == "product.csv":  # it is the earlier export's
        export_from(sqlite_uri, folder)
        return
    with pytest.raises(FileError, match=f"{name} exists, and is not from an earlier export"):
        export_from(sqlite_uri, folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_file_that_cannot_be_finished_replaces_nothing(
    sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the disk is full half-way: the older export stays."""
    work_in(sqlite_uri, tmp_path / "shop")
    export_from(sqlite_uri, tmp_path / "out")
    before = (tmp_path / "out" / "product.csv").read_bytes()
    with open_counter(sqlite_uri) as counter:
        counter.adjust_stock("P1", 1, "found")

    def break_down(made: Exported, row: int, *_: object) -> None:
        if made.collection == "product" and row > 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "_look_for_formulas", break_down)
    with pytest.raises(FileError, match="cannot be written: No space left on device; name another"):
        export_from(sqlite_uri, tmp_path / "out")
    assert (tmp_path / "out" / "product.csv").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_an_error(sqlite_uri: str, tmp_path: Path) -> None:
    """As when its name is that of a file."""
    work_in(sqlite_uri, tmp_path / "shop")
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            FileError, match=f"{tmp_path}/file.* cannot be written: .*; name another"
        ):
            export_from(sqlite_uri, folder)


def test_what_nobody_describes_is_left_out(sqlite_uri: str, tmp_path: Path) -> None:
    """As a table that somebody else has made; what is described is exported all the same."""
    work_in(sqlite_uri, tmp_path / "shop")
    with closing(sqlite3.connect(sqlite_uri.removeprefix("sqlite:///"))) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    written = export_from(sqlite_uri, tmp_path / "out")
    assert [each.collection for each in written] == ["customers", "history", "product", "rental"]
    assert not (tmp_path / "out" / "theirs.csv").exists()


def test_an_export_is_of_one_moment(
    sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clerks who go on meanwhile are not in it: what was restored balances."""
    work_in(sqlite_uri, tmp_path / "shop")
    with open_counter(sqlite_uri) as counter:

        def rent_meanwhile(made: Exported, row: int, *_: object) -> None:
            if (made.collection, row) == ("customers", 2):
                counter.rent("BEN", "P1")

        monkeypatch.setattr(exporting, "_look_for_formulas", rent_meanwhile)
        before = records_of(sqlite_uri)
        export_from(sqlite_uri, tmp_path / "out")
        monkeypatch.undo()
        assert records_of(sqlite_uri) != before
    restored = f"sqlite:///{tmp_path}/restored.db"
    restore(tmp_path / "out", restored)
    assert records_of(restored) == before


def test_other_texts_for_null_come_along(uri: str, other: str, tmp_path: Path) -> None:
    """Null stays null, and an empty text an empty text, whatever stands for null."""
    fields = [
        {"name": "id"},
        {"name": "n", "type": "integer", "missingValues": ["NA", "-"]},
        {"name": "text", "missingValues": ["NA"]},
    ]
    resource = {"name": "thing", "path": "thing.csv", "schema": {"fields": fields}}
    (tmp_path / "datapackage.json").write_text(
        json.dumps({"resources": [resource]}), encoding="utf-8"
    )
    (tmp_path / "thing.csv").write_text("id,n,text\na,-,NA\nb,4,\n", encoding="utf-8")
    import_files(uri, tmp_path / "thing.csv")
    before = records_of(uri, tmp_path)
    assert before["thing"] == [
        {"id": "a", "n": None, "text": None},
        {"id": "b", "n": 4, "text": ""},
    ]
    written = export_from(uri, tmp_path / "out", tmp_path)[0]
    assert written.file.read_text(encoding="utf-8") == "id,n,text\na,,NA\nb,4,\n"
    restore(tmp_path / "out", other)
    assert records_of(other, tmp_path) == before


def test_references_to_what_is_not_there_are_left_out(uri: str, other: str, tmp_path: Path) -> None:
    """What is exported can be imported again, though what it referred to is gone."""
    work_in(uri, tmp_path / "shop")
    with closing(open_store(uri)) as store:
        store.drop_collection("customers")
    before = records_of(uri)
    export_from(uri, tmp_path / "out")
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text(encoding="utf-8"))
    (rental,) = (each for each in package["resources"] if each["name"] == "rental")
    references = [key["reference"]["resource"] for key in rental["schema"]["foreignKeys"]]
    assert references == ["product"]
    restore(tmp_path / "out", other)
    assert records_of(other) == before
    assert len(before["rental"]) == 3
