"""Customers and products with keys of other names: what refers to them says which key is meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.helpers.hand import Hand
from tests.helpers.shop import PACKAGE, import_files

FILES = {
    "customers": "{customer},Name,Last_name,Status\nC1,Ann,Ash,Active\nC2,Ben,Birk,Active\n",
    "product": "{product},description,quantity_available\nP1,Tent,2\nP2,Drum,0\n",
    "rental": "user_id,product_id\nC2,P2\n",
}


def write_shop(folder: Path, customer: str, product: str) -> list[Path]:
    """The files of a shop, described; customers and products have keys of these names."""
    types = {"quantity_available": "integer"}
    resources = []
    paths = []
    for name, text in FILES.items():
        path = folder / f"{name}.csv"
        path.write_text(text.format(customer=customer, product=product), encoding="utf-8")
        paths.append(path)
        header = path.read_text(encoding="utf-8").partition("\n")[0].split(",")
        schema: dict[str, Any] = {
            "fields": [{"name": each, "type": types.get(each, "string")} for each in header],
            "primaryKey": header[:2] if name == "rental" else header[:1],
        }
        if name == "rental":
            schema["foreignKeys"] = [
                {"fields": field, "reference": {"resource": parent, "fields": key}}
                for field, parent, key in (
                    ("user_id", "customers", customer),
                    ("product_id", "product", product),
                )
            ]
        resources.append({"name": name, "path": path.name, "schema": schema})
    (folder / PACKAGE.name).write_text(json.dumps({"resources": resources}), encoding="utf-8")
    return paths


def done(run: Run, command: str, uri: str) -> Any:
    """What a command gives that has to succeed."""
    outcome = run(command, uri)
    assert (command, outcome.status, outcome.err) == (command, 0, outcome.err)
    return outcome.data


@pytest.mark.parametrize(
    ("customer", "product"), [("id", "product_id"), ("user_id", "sku"), ("id", "sku"), ("id", "id")]
)
def test_every_command_follows_the_keys(
    run: Run, uri: str, tmp_path: Path, customer: str, product: str
) -> None:
    """Questions and counter do what they do with the usual names."""
    import_files(uri, *write_shop(tmp_path, customer, product))
    assert list(done(run, "--all-customers", uri)) == ["C1", "C2"]
    assert done(run, "--all-products", uri)["P2"] == {
        "description": "Drum",
        "quantity_available": 0,
    }
    assert list(done(run, "--available-products", uri)) == ["P1"]
    (rental,) = done(run, "--rent c1 p1", uri)
    assert (rental["user_id"], rental["product_id"]) == ("C1", "P1")
    assert len(done(run, "--all-rentals", uri)) == 2
    assert [p[product] for p in done(run, "--rentals-for-customer c1", uri)] == ["P1"]
    assert [c[customer] for c in done(run, "--customers-renting-product P2", uri)] == ["C2"]
    assert [c["collection"] for c in done(run, "--find C1", uri)] == ["customers"]
    assert [c[customer] for c in done(run, "--find 'ben birk'", uri)] == ["C2"]
    assert [c[product] for c in done(run, "--find tent", uri)] == ["P1"]
    assert done(run, "--overdue", uri) == []
    assert [e["kind"] for e in done(run, "--history C1", uri)] == ["import", "rent"]
    assert [e["kind"] for e in done(run, "--history p1", uri)] == ["import", "rent"]
    (edited,) = done(run, "--edit customers C1 Name=Anne", uri)
    assert (edited[customer], edited["Name"]) == ("C1", "Anne")
    done(run, f"--add customers {customer}=C3 Name=Cleo Status=Active", uri)
    done(run, "--rent C3 P1", uri)
    (counted,) = done(run, "--adjust-stock P2 4 --reason found", uri)
    assert (counted[product], counted["quantity_available"]) == ("P2", 4)
    assert done(run, "--check", uri) == []
    done(run, "--return C2 P2", uri)
    assert done(run, "--check", uri) == []
    restored = f"sqlite:///{tmp_path}/restored.db"
    done(run, f"--export {tmp_path}/out", uri)
    import_files(restored, *sorted((tmp_path / "out").glob("*.csv")))
    assert done(run, "--check", restored) == []
    assert len(done(run, "--all-rentals", restored)) == 2
    assert "orphan" not in run("--check", uri).out


def test_a_lost_customer_is_found_by_that_key(run: Run, uri: str, tmp_path: Path) -> None:
    """--check asks for the key that the rentals refer to."""
    import_files(uri, *write_shop(tmp_path, "id", "sku"))
    hand = Hand(uri)
    hand.remove("customers", id="C2")
    hand.remove("product", sku="P2")
    faults = [f["message"] for f in run("--check", uri).data]
    assert faults == ["the rental's customer does not exist", "the rental's product does not exist"]


PARTS = (
    "--rent C1 P1",
    "--return C1 P1",
    "--adjust-stock P1 1 --reason x",
    "--rentals-for-customer C1",
    "--customers-renting-product P1",
)


@pytest.mark.parametrize("name", ["customers", "product"])
def test_a_key_of_several_fields_is_told(run: Run, uri: str, tmp_path: Path, name: str) -> None:
    """What needs one id says so, and what to do; the other questions are answered."""
    paths = write_shop(tmp_path, "user_id", "product_id")
    package = json.loads((tmp_path / PACKAGE.name).read_text(encoding="utf-8"))
    for resource in package["resources"]:
        schema = resource["schema"]
        schema.pop("foreignKeys", None)
        if resource["name"] == name:
            schema["primaryKey"] = [field["name"] for field in schema["fields"][:2]]
    (tmp_path / PACKAGE.name).write_text(json.dumps(package), encoding="utf-8")
    import_files(uri, *paths)
    for command in PARTS:
        refused = run(command, uri)
        assert (command, refused.status, refused.out) == (command, 2, "")
        assert f"the key of {name} is " in refused.err and "datapackage.json" in refused.err
    for question in ("--all-products", "--available-products", "--all-customers", "--find P1"):
        assert done(run, question, uri)
    assert isinstance(done(run, "--all-customers", uri), list if name == "customers" else dict)
    assert run("--history C1", uri).status in (0, 1)
    checked = run("--check", uri)
    assert (checked.status, checked.data[0]["fault"]) == (1, "unchecked")
    assert f"the key of {name} has several fields" in checked.data[0]["message"]
    done(run, f"--export {tmp_path}/out", uri)
