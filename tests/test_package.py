"""What pip installs: a wheel that runs anywhere, and knows what a rental store's files are."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hpnorton import __version__, cli
from tests.helpers.commandline import ROOT

STORE = ROOT / "src" / "hpnorton" / "rental" / "datapackage.json"
# All that `make wheel` needs of the repository.
SOURCES = (
    "LICENSE",
    "Makefile",
    "README.md",
    "constraints.txt",
    "pyproject.toml",
    "scripts",
    "src",
)
CUSTOMERS = "user_id,Name,Last_name,Status,Credit_limit\nC1,Ida,Holm,Active,300\n"
PRODUCTS = "product_id,description,product_type,quantity_available\nP1,Tent,camping,2\n"
RENTALS = "user_id,product_id\nC1,P1\nC9,P1\n"


@pytest.fixture(name="shop")
def write_the_files_of_a_shop(tmp_path: Path) -> Path:
    """Write a folder with three CSV files, no settings.ini and no datapackage.json."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in (("customers", CUSTOMERS), ("product", PRODUCTS), ("rental", RENTALS)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def imported(output: str) -> dict[str, tuple[int, int]]:
    """Return how many rows of each file are in and how many are not, from an import's JSON."""
    reports = {name: report for each in json.loads(output) for name, report in each.items()}
    return {name: (each["success"], each["fail"]) for name, each in reports.items()}


def resources_of(path: Path) -> list[dict[str, Any]]:
    """Return the resources of a data package without their paths."""
    package = json.loads(path.read_text(encoding="utf-8"))
    return [{**resource, "path": ""} for resource in package["resources"]]


def test_the_built_in_description_is_that_of_the_datasets() -> None:
    """A customer is the same in a shop without a datapackage.json as in data/."""
    assert resources_of(STORE) == resources_of(ROOT / "data" / "datapackage.json")
    assert resources_of(STORE) == resources_of(ROOT / "data" / "production" / "datapackage.json")


def test_a_shop_needs_no_datapackage_of_its_own(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rentals are checked against customers and products, and the counter works."""
    monkeypatch.chdir(shop)
    monkeypatch.setenv("HPNORTON_URI", "sqlite:///shop.db")
    monkeypatch.delenv("HPNORTON_SETTINGS", raising=False)
    files = ["customers.csv", "product.csv", "rental.csv"]
    assert cli.main(["--linear", *files, "--format", "json"]) == 3
    assert imported(capsys.readouterr().out) == {
        "customers": (1, 0),
        "product": (1, 0),
        "rental": (1, 1),
    }
    assert cli.main(["--return", "C1", "P1"]) == 0
    assert cli.main(["--check"]) == 0


def test_a_datapackage_beside_the_files_comes_first(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The built-in description of customers does not count where another one is."""
    monkeypatch.chdir(shop)
    monkeypatch.delenv("HPNORTON_SETTINGS", raising=False)
    schema = {"fields": [{"name": "id", "type": "integer"}]}
    package = {"resources": [{"name": "customers", "path": "customers.csv", "schema": schema}]}
    (shop / "datapackage.json").write_text(json.dumps(package), encoding="utf-8")
    (shop / "customers.csv").write_text("id\n7\n", encoding="utf-8")
    uri = ["--uri", "sqlite:///shop.db", "--format", "json"]
    assert cli.main(["--linear", "customers.csv", *uri]) == 0
    assert imported(capsys.readouterr().out) == {"customers": (1, 0)}


def copy_sources(folder: Path) -> None:
    """Copy what `make wheel` needs of the repository to a folder, without what was built there."""
    folder.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder)


def run(command: Sequence[str | Path], folder: Path, status: int = 0) -> str:
    """Run a command in a folder, without what this environment adds; return its stdout."""
    ours = ("HPNORTON_", "COV", "MAKE", "PYTHON")
    done = subprocess.run(
        command,
        cwd=folder,
        env={name: text for name, text in os.environ.items() if not name.startswith(ours)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout


@pytest.mark.long
def test_the_wheel_runs_where_pip_installs_it(shop: Path, tmp_path: Path) -> None:
    """`make wheel` needs no set-up; its wheel has all that an import and the counter need."""
    copy, wheels, environment = tmp_path / "copy", tmp_path / "wheels", tmp_path / "venv"
    copy_sources(copy)
    make = ["make", "wheel", f"PYTHON={sys.executable}", f"VENV={environment}", f"WHEELS={wheels}"]
    run(make, copy)
    (wheel,) = wheels.iterdir()
    assert wheel.name == f"hpnorton-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"hpnorton/py.typed", "hpnorton/rental/datapackage.json"} <= names
    folders = {name.partition("/")[0] for name in names}
    assert folders == {"hpnorton", f"hpnorton-{__version__}.dist-info"}

    pip = environment / "bin" / "pip"
    run([pip, "install", "--quiet", "--constraint", copy / "constraints.txt", wheel], shop)
    hpnorton = environment / "bin" / "hpnorton"
    assert run([hpnorton, "--version"], shop) == f"HPNorton {__version__}\n"
    assert run([hpnorton, "--help"], shop).startswith("usage: hpnorton ")
    python = environment / "bin" / "python"
    assert run([python, "-m", "hpnorton", "--version"], shop) == f"HPNorton {__version__}\n"
    database = ["--uri", "sqlite:///shop.db"]
    files = ["--parallel", "customers.csv", "product.csv", "rental.csv", "--workers", "2"]
    output = run([hpnorton, *files, *database], shop, status=3)
    assert imported(output) == {"customers": (1, 0), "product": (1, 0), "rental": (1, 1)}
    run([hpnorton, "--return", "C1", "P1", *database], shop)
    run([hpnorton, "--check", *database], shop)
