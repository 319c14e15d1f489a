"""A small rental store for the tests of the counter, in a database of any kind."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hpnorton.importer.options import Options
from hpnorton.importer.report import FileReport
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import parse_source
from hpnorton.rental.audit import Audit
from hpnorton.rental.catalog import Catalog, add_shop_defaults
from hpnorton.rental.counter import RentalCounter
from hpnorton.rental.names import CUSTOMERS, PRODUCT_ID, PRODUCTS, QUANTITY, RENTALS, USER_ID
from hpnorton.rental.shop import open_shop
from hpnorton.schema.stored import Value
from hpnorton.stores import close_process_stores, open_store
from hpnorton.stores.base import ChangeStore, Document
from hpnorton.stores.history import HISTORY

PACKAGE = Path(__file__).parents[2] / "data" / "datapackage.json"
DATASET = [PACKAGE.parent / "test" / f"{name}.csv" for name in (CUSTOMERS, PRODUCTS, RENTALS)]
DAYS = 14
HEADERS = {
    CUSTOMERS: "user_id,Name,Last_name,Home_address,Phone_number,Email_address,Status,Credit_limit",
    PRODUCTS: "product_id,description,product_type,quantity_available",
    RENTALS: "user_id,name,address,phone_number,email,product_id",
}


def import_files(uri: str, *sources: str | Path, rows: int = 10_000, **how: Any) -> None:
    """Imports files, all of whose rows have to be good."""
    for report in run(uri, *sources, rows=rows, **how):
        counts = report.counts
        assert report.failure is None and counts.rejected == counts.conflicts == 0


def run(uri: str, *sources: str | Path, rows: int = 10_000, **how: Any) -> list[FileReport]:
    """Imports files in this process, and closes its stores."""
    options = Options(chunk_rows=rows, adapt=add_shop_defaults, **how)
    try:
        return run_import(uri, [parse_source(str(source)) for source in sources], options)
    finally:
        close_process_stores()


def write_csv(folder: Path, name: str, records: Iterable[Iterable[Value]]) -> Path:
    """A file of one of the shop's collections, with the project's data package beside it."""
    folder.mkdir(exist_ok=True)
    (folder / PACKAGE.name).write_bytes(PACKAGE.read_bytes())
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADERS[name] + "\n")
        csv.writer(file).writerows(records)
    return path


def write_products(folder: Path, numbers: Mapping[str, int]) -> Path:
    """product.csv, with so many of each product."""
    records = [(name, f"the thing {name}", "Tools", stock) for name, stock in numbers.items()]
    return write_csv(folder, PRODUCTS, records)


def write_customers(folder: Path, ids: Iterable[str], inactive: Iterable[str] = ()) -> Path:
    """customers.csv, with these ids."""
    idle = set(inactive)
    records = [
        (name, "Ann", name, "1 Road", "555", "", "Inactive" if name in idle else "Active", 10)
        for name in (*ids, *idle)
    ]
    return write_csv(folder, CUSTOMERS, records)


def write_rentals(folder: Path, *pairs: tuple[str, str]) -> Path:
    """rental.csv, of customers and products."""
    return write_csv(folder, RENTALS, [(u, "Ann", "", "", "", p) for u, p in pairs])


def import_shop(
    uri: str,
    folder: Path,
    people: Iterable[str],
    numbers: Mapping[str, int],
    *rented: tuple[str, str],
) -> None:
    """Imports customers with these ids, so many of each product, and rentals."""
    files = (
        write_customers(folder, people),
        write_products(folder, numbers),
        write_rentals(folder, *rented),
    )
    import_files(uri, *files)


def redescribe(folder: Path, name: str, *fields: Mapping[str, Any]) -> None:
    """Describes fields of a collection anew, or further ones, in the folder's data package."""
    path = folder / PACKAGE.name
    source = path if path.exists() else PACKAGE
    package = json.loads(source.read_text(encoding="utf-8"))
    (schema,) = (each["schema"] for each in package["resources"] if each["name"] == name)
    known = {field["name"]: field for field in (*schema["fields"], *fields)}
    schema["fields"] = list(known.values())
    path.write_text(json.dumps(package), encoding="utf-8")


@contextmanager
def open_counter(uri: str, folder: Path = PACKAGE.parent) -> Iterator[RentalCounter]:
    """A clerk's own connection."""
    with closing(open_store(uri)) as store:
        yield RentalCounter(open_shop(Catalog(store, [folder])), DAYS)


def first_and_now(
    store: ChangeStore, name: str = PRODUCTS, key: str = PRODUCT_ID
) -> list[tuple[Value, Value, Value]]:
    """The key, the first stock and the stock of each record."""
    return [(key, first, now) for key, first, now, _ in store.stocks(name, key, QUANTITY)]


def stocks(store: ChangeStore) -> dict[Value, Value]:
    """What is in stock of each product."""
    return {product_id: now for product_id, _, now in first_and_now(store)}


def rentals(store: ChangeStore) -> set[tuple[Value, Value]]:
    """Who rents what."""
    return {(r[USER_ID], r[PRODUCT_ID]) for r in store.find(RENTALS, (USER_ID, PRODUCT_ID))}


def history_entries(store: ChangeStore) -> list[Document]:
    """The whole history."""
    return list(store.find(HISTORY.name, HISTORY.key))


def everything(store: ChangeStore, folder: Path = PACKAGE.parent) -> dict[str, list[Document]]:
    """All records of all collections."""
    catalog = Catalog(store, [folder])
    return {name: list(store.find(name, catalog.get(name).key)) for name in store.collections()}


def faults(store: ChangeStore) -> list[str]:
    """What --check finds, without its messages."""
    return [
        f"{f['fault']} {f[PRODUCT_ID]} {f[USER_ID] or ''}".strip() for f in Audit(store).faults()
    ]
