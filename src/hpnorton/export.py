"""The whole database as CSV files with a data package, from which it can be imported again."""

import csv
import json
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, TextIO

from hpnorton.catalog import Catalog
from hpnorton.descriptors import descriptor_of, null_text
from hpnorton.errors import FileError
from hpnorton.fields import Value
from hpnorton.files import replacing
from hpnorton.output import UnixLines
from hpnorton.schema import PACKAGE_NAME, Collection
from hpnorton.stores.protocol import CounterStore, Document

# What a spreadsheet takes for a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_SHOWN_FORMULAS = 10


@dataclass
class Exported:
    """A collection's file, its records, and those of their cells that look like formulas.

    `formulas` has the first ones, as row (the header is row 1) and field; `formula_count` all.
    """

    collection: str
    file: Path
    records: int = 0
    formula_count: int = 0
    formulas: list[tuple[int, str]] = field(default_factory=list)


def export(store: CounterStore, catalog: Catalog, folder: Path) -> list[Exported]:
    """Writes every collection to `folder`, which is made if it is not there.

    Only collections of which nobody says what they are (see Catalog.find) are left out. A file
    takes the place of an older one when it is complete. Raises FileError.
    """
    written: list[Exported] = []
    resources: list[dict[str, Any]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with store.snapshot():
            known = {name: catalog.find(name) for name in store.collections()}
            for name, collection in known.items():
                if collection is None:
                    continue
                records = store.find(name, collection.key)
                made = Exported(name, folder / f"{name}.csv")
                _write(made, collection, records)
                written.append(made)
                resources.append(_resource(collection, made.file.name, known))
        _write_package(folder / PACKAGE_NAME, resources)
    except OSError as error:
        raise FileError(
            f"{error.filename or folder} cannot be written: {error.strerror}; name another folder"
        ) from error
    return written


def _write(made: Exported, collection: Collection, records: Iterable[Document]) -> None:
    names = collection.columns
    nulls = [null_text(field) for field in collection.fields]
    years = [f.name for f in collection.fields if f.type == "year"]
    with replacing(made.file) as data, _text(data) as out:
        writer = csv.writer(UnixLines(out))
        writer.writerow(names)
        for row, record in enumerate(records, start=2):
            for name in years:
                if record.get(name) is not None:
                    record[name] = f"{record[name]:04}"
            values = map(record.get, names)
            cells = [null if v is None else v for v, null in zip(values, nulls)]
            writer.writerow(cells)
            _look_for_formulas(made, row, names, cells)
            made.records += 1


def _look_for_formulas(
    made: Exported, row: int, names: Iterable[str], cells: Iterable[Value]
) -> None:
    for name, cell in zip(names, cells):
        if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
            made.formula_count += 1
            if len(made.formulas) < _SHOWN_FORMULAS:
                made.formulas.append((row, name))


def _write_package(path: Path, resources: list[dict[str, Any]]) -> None:
    package = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "hpnorton-export",
        "resources": resources,
    }
    with replacing(path) as data, _text(data) as out:
        json.dump(package, out, ensure_ascii=False, indent=2)
        out.write("\n")


def _resource(collection: Collection, path: str, known: Container[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "fields": [descriptor_of(f) for f in collection.fields],
        "missingValues": [""],
        "primaryKey": list(collection.key),
    }
    parents = [foreign for foreign in collection.foreign_keys if foreign.parent in known]
    if parents:
        schema["foreignKeys"] = [
            {
                "fields": list(foreign.fields),
                "reference": {
                    "resource": foreign.parent,
                    "fields": list(foreign.parent_fields),
                },
            }
            for foreign in parents
        ]
    return {
        "name": collection.name,
        "type": "table",
        "path": path,
        "encoding": "utf-8",
        "schema": schema,
    }


def _text(data: IO[bytes]) -> TextIO:
    """A file for UTF-8 text, whose line ends stay as they are."""
    return TextIOWrapper(data, "utf-8", newline="")
