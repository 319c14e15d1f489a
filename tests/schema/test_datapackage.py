"""Data packages: which collections they describe, and which are errors before anything is read."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hpnorton.errors import SchemaError
from hpnorton.schema.collection import (
    Collection,
    ForeignKey,
    check_collection_name,
    undescribed_collection,
)
from hpnorton.schema.datapackage import find_collection, load_package
from hpnorton.schema.field import Field

ROOT = Path(__file__).parents[2]
WritePackage = Callable[..., Path]


def names(*fields: str) -> list[dict[str, str]]:
    """The descriptors of text fields."""
    return [{"name": name} for name in fields]


def resource(name: str, *fields: str, **more: Any) -> dict[str, Any]:
    """The descriptor of a resource; `more` goes into its schema."""
    return {"name": name, "schema": {"fields": names(*(fields or ("id", "x"))), **more}}


def refers(fields: Any, to: str, parent_fields: Any) -> dict[str, Any]:
    """The descriptor of a foreign key."""
    return {"fields": fields, "reference": {"resource": to, "fields": parent_fields}}


@pytest.fixture(name="package")
def writer(tmp_path: Path) -> WritePackage:
    """Writes a data package from the descriptors of its resources."""

    def write(*resources: Any, folder: Path = tmp_path, encoding: str = "utf-8") -> Path:
        path = folder / "datapackage.json"
        path.write_text(json.dumps({"resources": resources}), encoding=encoding)
        return path

    return write


def test_the_stores_own_package() -> None:
    """The project's data package describes customers, products and rentals, parents by key."""
    own = load_package(ROOT / "data" / "datapackage.json")
    assert {name: collection.key for name, collection in own.items()} == {
        "customers": ("user_id",),
        "product": ("product_id",),
        "rental": ("user_id", "product_id"),
    }
    assert own["rental"].foreign_keys == (
        ForeignKey(("user_id",), "customers", ("user_id",)),
        ForeignKey(("product_id",), "product", ("product_id",)),
    )
    limit = next(field for field in own["customers"].fields if field.name == "Credit_limit")
    assert (limit.type, limit.minimum, limit.required) == ("integer", 0, True)


@pytest.mark.parametrize(
    ("schema", "key"),
    [
        ({"primaryKey": "x"}, ("x",)),
        ({"primaryKey": ["x", "id"]}, ("x", "id")),
        ({}, ("id",)),
        ({"primaryKey": []}, ("id",)),
    ],
)
def test_primary_key(package: WritePackage, schema: dict[str, Any], key: tuple[str, ...]) -> None:
    """A primary key is one name or a list of them; without one it is the first field."""
    assert load_package(package(resource("things", **schema)))["things"].key == key


STOCK_FIELDS = [{"name": "id"}, {"name": "units", "type": "integer"}, {"name": "size"}]


def test_a_stock_is_declared(package: WritePackage) -> None:
    """A schema may say which of its integer fields counts a stock; no name of a field does."""
    schema = {"fields": STOCK_FIELDS, "stock": "units"}
    plain = {"fields": [{"name": "id"}, {"name": "quantity_available", "type": "integer"}]}
    path = package({"name": "things", "schema": schema}, {"name": "product", "schema": plain})
    described = load_package(path)
    assert {name: each.stock for name, each in described.items()} == {
        "things": "units",
        "product": None,
    }
    things = described["things"]
    assert Collection.from_plain(json.loads(json.dumps(asdict(things)))) == things


@pytest.mark.parametrize("stock", ["size", "id", "weight", 5, ["units"]])
def test_a_stock_that_cannot_be_counted_is_an_error(package: WritePackage, stock: Any) -> None:
    """It has to be an integer field outside the primary key."""
    path = package({"name": "things", "schema": {"fields": STOCK_FIELDS, "stock": stock}})
    with pytest.raises(SchemaError, match="resource things: stock names .* no integer field"):
        load_package(path)


def test_fields_and_missing_values(package: WritePackage) -> None:
    """A collection has the fields in order; the schema's missing values are its fields' too."""
    path = package(resource("things", "id", "x", missingValues=["", "NA"]))
    assert load_package(path)["things"] == Collection(
        "things",
        (Field("id", missing_values=("", "NA")), Field("x", missing_values=("", "NA"))),
        ("id",),
    )


def test_schema_in_a_file_of_its_own(package: WritePackage, tmp_path: Path) -> None:
    """A schema may stand in another file of the package's folder."""
    (tmp_path / "schemas").mkdir()
    schema = {"fields": names("id", "y"), "primaryKey": "y"}
    (tmp_path / "schemas" / "s.json").write_text(json.dumps(schema), encoding="utf-8-sig")
    path = package({"name": "things", "schema": "schemas/s.json"})
    collection = load_package(path)["things"]
    assert (collection.columns, collection.key) == (("id", "y"), ("y",))


@pytest.mark.parametrize("is_absolute", [False, True])
def test_schema_outside_the_folder(
    package: WritePackage, tmp_path: Path, is_absolute: bool
) -> None:
    """A schema outside the package's folder is an error, as the standard demands."""
    (tmp_path / "s.json").write_text(json.dumps({"fields": names("id")}), encoding="utf-8")
    folder = tmp_path / "package"
    folder.mkdir()
    name = str(tmp_path / "s.json") if is_absolute else "../s.json"
    with pytest.raises(SchemaError, match="is outside the data package's folder"):
        load_package(package({"name": "things", "schema": name}, folder=folder))


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_schema_that_cannot_be_read(package: WritePackage, name: str) -> None:
    """A schema in a file of its own has to be there."""
    with pytest.raises(SchemaError, match="cannot be read: "):
        load_package(package({"name": "things", "schema": name}))


def test_bom(package: WritePackage) -> None:
    """A datapackage.json that an editor has given a BOM is read like others."""
    assert list(load_package(package(resource("things"), encoding="utf-8-sig"))) == ["things"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b"{'resources': []}", "is not JSON"),
        (b'{"resources": "\xff"}', "is not JSON"),
        (b"[]", "is not a data package"),
        (b"{}", "is not a data package"),
        (b'{"resources": {"name": "things"}}', "is not a data package"),
        (b'"resources"', "is not a data package"),
    ],
)
def test_files_that_are_no_package(tmp_path: Path, content: bytes, reason: str) -> None:
    """A file that is no data package is an error with its name."""
    path = tmp_path / "datapackage.json"
    path.write_bytes(content)
    with pytest.raises(SchemaError, match=reason) as caught:
        load_package(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        "things",
        {},
        {"name": "things"},
        {"name": "things", "schema": {}},
        {"name": "things", "schema": {"fields": []}},
        {"name": "things", "schema": {"fields": "abc"}},
        {"name": "things", "schema": {"fields": ["id"]}},
        {"name": "things", "schema": {"fields": [{"type": "string"}]}},
        {"name": "things", "schema": {"fields": [{"name": 5}]}},
        {"name": "things", "schema": {"fields": [{"name": "id", "type": "geopoint"}]}},
        {"name": "things", "schema": {"fields": [{"name": "id", "type": []}]}},
        {"name": "things", "schema": {"fields": [{"name": "id", "missingValues": 5}]}},
        {"name": "things", "schema": {"fields": [{"name": "id", "constraints": ["required"]}]}},
        {"name": 5, "schema": {"fields": names("id")}},
        resource("things", "x", "x"),
        resource("things", "name", "name"),
        resource("things", primaryKey="nobody"),
        resource("things", primaryKey=5),
        resource("things", primaryKey=["id", "nobody"]),
        resource("things", foreignKeys=5),
        resource("things", foreignKeys=[{"fields": "id"}]),
        resource("things", foreignKeys=[refers("nobody", "parent", "id")]),
        resource("things", foreignKeys=[refers("x", "nobody", "id")]),
        resource("things", foreignKeys=[refers("x", "things", "id")]),
        resource("things", foreignKeys=[refers("x", "", "id")]),
        resource("things", foreignKeys=[refers("x", "parent", "x")]),
        resource("things", foreignKeys=[refers(["id", "x"], "parent", ["id"])]),
        resource("parent"),
        resource("Parent"),
    ],
    ids=str,
)
def test_malformed_resources(package: WritePackage, wrong: Any) -> None:
    """A malformed resource is an error with the package's name, whatever is wrong."""
    path = package(resource("parent"), wrong)
    with pytest.raises(SchemaError, match="datapackage.json"):
        load_package(path)


@pytest.mark.parametrize("column", ["$x", "a.b", "", "  ", "a\0b", "_id", ".", "$"], ids=repr)
def test_column_names_no_database_holds(package: WritePackage, column: str) -> None:
    """Column names that a database cannot hold are errors, described or not."""
    advice = "rename the column" if column.strip() else "column 2 has no name"
    with pytest.raises(SchemaError, match=advice):
        load_package(package(resource("things", "id", column)))
    with pytest.raises(SchemaError, match=advice):
        undescribed_collection("things", ["id", column])


def test_only_what_is_used_has_to_be_usable(package: WritePackage) -> None:
    """A resource that is no table, or of an unsupported type, does not affect the others."""
    odd = resource("odd") | {"schema": {"fields": [{"name": "at", "type": "geopoint"}]}}
    path = package({"name": "readme", "path": "README.pdf"}, odd, resource("things"))
    assert list(load_package(path, "things")) == ["things"]
    assert find_collection("things", [path.parent]) == load_package(path, "things")["things"]
    with pytest.raises(SchemaError, match="geopoint"):
        find_collection("odd", [path.parent])


def test_a_name_in_other_capitals_is_not_guessed(package: WritePackage) -> None:
    """Things is neither things nor an undescribed collection, but an error."""
    path = package(resource("things"))
    with pytest.raises(SchemaError, match="say things=FILE"):
        find_collection("Things", [path.parent])


@pytest.mark.parametrize(
    "twins", [("name", "NAME"), ("straße", "STRASSE"), ("a", "A"), ("é", "É")], ids=str
)
def test_column_names_that_differ_by_case(package: WritePackage, twins: tuple[str, str]) -> None:
    """Column names that differ only in case are one name for a database, so an error."""
    with pytest.raises(SchemaError, match="have the same name for a database"):
        load_package(package(resource("things", "id", *twins)))
    with pytest.raises(SchemaError, match="have the same name for a database"):
        undescribed_collection("things", ["id", *twins])


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "../x", "a/b", "a\\b", "-x", ".x", "x.", "a..b", "a$b", "a\0", "a\n"]
    + ["system.x", "System.users", "sqlite_x", "SQLITE_master", 'a"b', "a;b"],
    ids=repr,
)
def test_collection_names_no_database_holds(package: WritePackage, name: str) -> None:
    """The error for a collection's name that a database cannot hold says what to do."""
    with pytest.raises(SchemaError, match="Name the collection yourself: COLLECTION=FILE"):
        check_collection_name(name)
    with pytest.raises(SchemaError):
        load_package(package(resource(name)))


def test_packages_are_sought_beside_above_and_elsewhere(
    package: WritePackage, tmp_path: Path
) -> None:
    """A collection is that of the nearest package: beside the file, above, in the next folder."""
    above, beside, other = tmp_path / "a", tmp_path / "a" / "b", tmp_path / "c" / "d"
    beside.mkdir(parents=True)
    other.mkdir(parents=True)
    package(resource("both", "beside"), folder=beside)
    package(resource("both", "above"), resource("upper", "above"), folder=above)
    package(resource("upper", "other"), resource("far", "other"), folder=other)

    def found(name: str) -> str | None:
        collection = find_collection(name, [beside, other])
        return None if collection is None else collection.columns[0]

    wanted = {"both": "beside", "upper": "above", "far": "other", "nowhere": None}
    assert {name: found(name) for name in wanted} == wanted


def test_packages_above_a_relative_folder(
    package: WritePackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder above the current one counts too, though its name is a dot."""
    package(resource("things", "above"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    collection = find_collection("things", [Path(".")])
    assert collection is not None
    assert collection.columns == ("above",)


def test_a_broken_package_is_an_error(tmp_path: Path) -> None:
    """A broken data package is an error; the next one is not used in its place."""
    (tmp_path / "datapackage.json").write_text("{", encoding="utf-8")
    with pytest.raises(SchemaError, match="is not JSON"):
        find_collection("things", [tmp_path])
