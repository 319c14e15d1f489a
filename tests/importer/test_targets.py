"""Files whose name or columns are nearly those of a collection, and files that continue one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hpnorton.importer.targets import likely_target
from hpnorton.schema.collection import Collection, undescribed_collection
from hpnorton.schema.field import Field
from tests.conftest import Run

Write = Callable[..., Path]
PRODUCT = Collection(
    "product",
    (
        Field("product_id"),
        Field("description", required=True),
        Field("product_type"),
        Field("quantity_available", "integer", required=True),
    ),
    ("product_id",),
)
RENTAL = Collection(
    "rental",
    (Field("user_id"), Field("product_id"), Field("due", "date")),
    ("user_id", "product_id"),
)
PLAIN = undescribed_collection("sales-2025", ["day", "total"])
OTHER = ("number", "amount")


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("products", "product"),
        ("Products", "product"),
        ("product (1)", "product"),
        ("product-2026-11-27", "product"),
        ("20261127_products", "product"),
        ("prodúct", "product"),
        ("produkt", "product"),
        ("rentals", "rental"),
        ("rental_2", "rental"),
        ("orders", None),
        ("production_costs", None),
        ("product_orders", None),
        ("prices", None),
        ("sales-2026", None),
        ("sales_2025", "sales-2025"),
        ("2026", None),
        ("", None),
    ],
)
def test_names_that_are_nearly_those_of_a_collection(name: str, target: str | None) -> None:
    """Dates, numbers, punctuation, accents, capitals, a plural, or a slip of the pen."""
    found = likely_target(name, OTHER, [PRODUCT, RENTAL, PLAIN], [PLAIN.name])
    assert (found[0] if found else None) == target


@pytest.mark.parametrize(
    ("header", "target"),
    [
        (["product_id", "description", "quantity_available"], "product"),
        ([*PRODUCT.columns[::-1], "colour"], "product"),
        (["user_id", "product_id"], "rental"),
        (["user_id", "product_id", "amount"], None),
        (["user_id", "product_id", "due", "price"], "rental"),
        (["order_id", "user_id"], None),
        (["order_id", "user_id", "product_id", "price"], None),
        (["order_id", "product_id", "day", "price", "description"], None),
        (["product_id", "price"], None),
        (["product_id", "description", "product_type", "stock"], "product"),
        (["Product_ID", "Description", "Product_Type", "Stock"], "product"),
        (["product id", "description", "product-type", "stock"], "product"),
        (["ProductId", "Description", "stock"], "product"),
        (["product_id", "description"], "product"),
        (["day", "total"], None),
    ],
)
def test_columns_that_are_those_of_a_collection(header: list[str], target: str | None) -> None:
    """Its key and more, as half of the header at least; of what is not described none tell."""
    found = likely_target("anything", header, [PRODUCT, RENTAL, PLAIN], [PLAIN.name])
    assert (found[0] if found else None) == target


@pytest.mark.parametrize(
    "way", ["--linear", "--parallel --workers 2", "--stream", "--linear --dry-run"]
)
@pytest.mark.parametrize(
    "name", ["products.csv", "product-2026-11-27.csv", "product (1).csv", "x.csv"]
)
def test_it_is_not_silently_a_collection_of_its_own(
    run: Run, csv_file: Write, sqlite_uri: str, way: str, name: str
) -> None:
    """The message says how to import it where it belongs, and how as something else."""
    path = csv_file(name, "product_id,description,product_type,quantity_available", "P1,Tent,X,2")
    flag, *more = way.split()
    rest = "--every 0 0" if flag == "--stream" else " ".join(more)
    done = run(f"{flag} '{path}' {rest} --quiet", sqlite_uri)
    assert (done.status, done.out) == (1, "")
    assert f"product={path}" in done.err and "COLLECTION=" in done.err
    ours = run(f"{flag} 'product={path}' {rest} --quiet", sqlite_uri)
    assert ours.status == 0, ours.err
    own = run(f"{flag} 'wares={path}' {rest} --quiet", sqlite_uri)
    assert own.status == 0, own.err
    assert own.data[0]["wares"]["inserted"] == 1
    assert own.data[0]["wares"]["warnings"] == [
        "no datapackage.json describes wares: all columns are text, the key is product_id"
    ]


def test_something_else_is_imported(run: Run, csv_file: Write, uri: str) -> None:
    """A file of another name with other columns, with a warning that --quiet leaves; then none."""
    path = csv_file("orders.csv", "order_id,user_id,total", "1,C1,2.50")
    first = run(f"--linear {path} --quiet", uri)
    again = run(f"--linear {path} --quiet", uri)
    assert (first.status, again.status) == (0, 0)
    assert "orders: all columns are text, the key is order_id" in first.err
    assert again.err == ""


def test_the_database_describes_a_file_too(
    run: Run, csv_file: Write, uri: str, tmp_path: Path
) -> None:
    """Where no data package is at hand, a file is checked as the first one was, or refused."""
    fields = [{"name": "number"}, {"name": "size", "type": "integer"}]
    resource = {"name": "part", "path": "part.csv", "schema": {"fields": fields}}
    package = tmp_path / "datapackage.json"
    package.write_text(json.dumps({"resources": [resource]}), "utf-8")
    assert run(f"--linear {csv_file('part.csv', 'number,size', 'n1,1')}", uri).status == 0
    package.unlink()
    done = run(
        f"--linear {csv_file('part.csv', 'size,number', '2,n2', 'x,n3')} --rejects {tmp_path}", uri
    )
    assert (done.status, done.data[0]["part"]["inserted"]) == (3, 1)
    assert '"x" is not a whole number' in done.err
    near = run(f"--linear {csv_file('parts.csv', 'number,size', 'n4,4')}", uri)
    assert near.status == 1 and "say part=" in near.err


CONTINUED = [
    (["b,a", "2,k2"], 0, ""),  # in another order
    (["a", "k2"], 0, ""),  # fewer columns
    (["a,b,c", "k2,2,3"], 0, "c: new in thing, empty in the records there"),
    (["b,c", "2,3"], 1, "'c', which thing does not know"),
    (["b", "2"], 1, "lacks column 'a', which thing needs"),
    (["A,b", "k2,2"], 1, "did you mean column 'a'"),
]


@pytest.mark.parametrize(("lines", "status", "message"), CONTINUED)
@pytest.mark.parametrize("way", ["--linear", "--parallel --workers 2", "--stream"])
def test_a_second_file_continues_the_first(  # pylint: disable=too-many-positional-arguments # fixtures
    run: Run, csv_file: Write, uri: str, way: str, lines: list[str], status: int, message: str
) -> None:
    """It has the columns and the key of the collection that is there, or nothing is written."""
    assert run(f"--linear thing={csv_file('first.csv', 'a,b', 'k1,1')}", uri).status == 0
    path = csv_file("second.csv", *lines)
    rest = "--every 0 0" if way == "--stream" else ""
    flag, *more = way.split()
    done = run(f"{flag} thing={path} {' '.join(more)} {rest}", uri)
    assert done.status == status, done.err
    assert message in done.err
    if status == 0:
        assert done.data[0]["thing"]["total_records"] == 2


def test_files_of_one_import_continue_each_other(run: Run, csv_file: Write, uri: str) -> None:
    """The first one says what the collection is, also where none was there before."""
    first, second = csv_file("1.csv", "a,b", "k1,1"), csv_file("2.csv", "b,a", "2,k2")
    assert run(f"--linear thing={first} thing={second}", uri).status == 0
    third = csv_file("3.csv", "a,c", "k3,3")
    wide = run(f"--linear other={first} other={third}", uri)
    assert wide.status == 0 and f"{third}: c: new in other" in wide.err
    fourth = csv_file("4.csv", "b,c", "4,4")
    done = run(f"--linear more={first} more={fourth}", uri)
    assert (done.status, done.out) == (1, "") and "'c', which more does not know" in done.err


@pytest.mark.parametrize(
    ("fields", "key", "message"),
    [
        ([("id", "string"), ("n", "integer")], "n", "has the key id, the file's is n"),
        (
            [("id", "string"), ("n", "string")],
            "id",
            "n of the collection thing is of the type integer",
        ),
        (
            [("id", "string"), ("n", "number")],
            "id",
            "n of the collection thing is of the type integer",
        ),
        ([("id", "string"), ("N", "integer")], "id", "differs from the file's N only in capitals"),
        ([("id", "string"), ("n", "integer"), ("more", "date")], "id", ""),
        ([("id", "string")], "id", ""),
    ],
)
def test_a_description_that_has_changed(  # pylint: disable=too-many-positional-arguments # fixtures
    run: Run,
    csv_file: Write,
    uri: str,
    tmp_path: Path,
    fields: list[tuple[str, str]],
    key: str,
    message: str,
) -> None:
    """Another key or type is refused before a row is written, also where no value tells of it."""

    def describe(folder: str, some: list[tuple[str, str]], key: str) -> None:
        (tmp_path / folder).mkdir()
        described = [{"name": name, "type": kind} for name, kind in some]
        schema = {"fields": described, "primaryKey": key}
        resource = {"name": "thing", "path": "thing.csv", "schema": schema}
        package = tmp_path / folder / "datapackage.json"
        package.write_text(json.dumps({"resources": [resource]}), "utf-8")

    describe("first", [("id", "string"), ("n", "integer")], "id")
    assert run(f"--linear {csv_file('first/thing.csv', 'id,n', 'a,')}", uri).status == 0
    describe("second", fields, key)
    names = [name for name, _ in fields]
    cells = ["b" if name == "id" else "" for name in names]
    again = csv_file("second/thing.csv", ",".join(names), ",".join(cells))
    done = run(f"--linear {again} --rejects {tmp_path / 'rejects'}", uri)
    if message:
        assert (done.status, done.out) == (1, "") and message in done.err
    else:
        assert done.status == 0 and done.data[0]["thing"]["total_records"] == 2


@pytest.mark.parametrize("name", ["history", "History"])
def test_a_history_of_another_kind_is_not_imported(
    run: Run, sqlite_uri: str, tmp_path: Path, name: str
) -> None:
    """It would end the counter; under another name it is a collection like others."""
    path = tmp_path / f"{name}.csv"
    path.write_text("id,what\n1,founded\n", encoding="utf-8")
    for how in ("--linear", "--parallel", "--dry-run --linear"):
        refused = run(f"{how} {path}", sqlite_uri)
        assert (refused.status, f"another name: NAME={path}" in refused.err) == (1, True)
    assert run(f"--linear events={path}", sqlite_uri).status == 0


@pytest.mark.parametrize("way", ["--linear", "--parallel --workers 2", "--stream"])
@pytest.mark.parametrize("name", ["PRODUCT.CSV", "Product.csv"])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_name_that_differs_in_case_only(  # pylint: disable=too-many-positional-arguments # fixtures
    run: Run, csv_file: Write, sqlite_uri: str, way: str, name: str, is_there: bool
) -> None:
    """The message names the file, the collection, and what to say; on empty databases too."""
    lines = "product_id,description,product_type,quantity_available", "P1,Tent,X,2"
    if is_there:
        assert run(f"--linear {csv_file('product.csv', *lines)} --quiet", sqlite_uri).status == 0
    path = csv_file(f"from/{name}", *lines)
    rest = "--every 0 0" if way == "--stream" else ""
    flag, *more = way.split()
    done = run(f"{flag} {path} {' '.join(more)} {rest} --quiet", sqlite_uri)
    assert (done.status, done.out) == (1, "")
    assert f"{path}: the collection is called 'product' (small letters); say product=" in done.err


def test_the_columns_of_another_collection(run: Run, csv_file: Write, sqlite_uri: str) -> None:
    """The message says which, whether the collection was named or is called as the file is."""
    path = csv_file("rental.csv", "product_id,description,product_type,quantity_available", "P1,")
    for text in (path, f"customers={path}"):
        done = run(f"--linear {text} --quiet", sqlite_uri)
        assert (done.status, done.out) == (1, "")
        assert "its columns are those of product, not of " in done.err
        assert f"say product={path}" in done.err


@pytest.mark.parametrize("text", [".", "..", "/", "x=."])
def test_a_folder_is_named_as_one(run: Run, sqlite_uri: str, text: str) -> None:
    """Also where its name is none that a collection could have."""
    done = run(f"--linear {text}", sqlite_uri)
    assert done.status == 1
    assert f"{text.removeprefix('x=')} is a folder; name the CSV files in it" in done.err
