"""Export a database as CSV files with a data package, from which it can be imported again."""

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, TextIO

from hpnorton.errors import FileError
from hpnorton.files import replace_atomically
from hpnorton.rental.catalog import Catalog
from hpnorton.rental.foreign_values import describe_text, find_texts
from hpnorton.schema.collection import Collection
from hpnorton.schema.datapackage import PACKAGE_NAME
from hpnorton.schema.descriptors import descriptor_from_field, exported_field
from hpnorton.schema.field import Field
from hpnorton.schema.lexical import written_year
from hpnorton.schema.stored import Value, whole_number
from hpnorton.stores.base import ChangeStore, Document
from hpnorton.tabular.writer import LineFeedWriter

# What a spreadsheet reads as a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_EXPORT_NAME = "hpnorton-export"  # of the data package, by which a later export recognizes it
_MAX_FORMULAS = 10
_NULL = "NULL"
_WHOLE = ("integer", "year")


@dataclass
class Exported:
    """The file of a collection, the number of its records, and what to warn of.

    `formulas` are the first cells that look like formulas, each as row (the header is row 1) and
    field, and `formula_count` is the number of all. `texts` are messages for texts in numeric
    fields, which cannot be imported again.
    """

    collection: str
    file: Path
    records: int = 0
    formula_count: int = 0
    texts: list[str] = field(default_factory=list)
    formulas: list[tuple[int, str]] = field(default_factory=list)


def export(store: ChangeStore, catalog: Catalog, folder: Path) -> list[Exported]:
    """Write every collection to `folder`, which is created if it does not exist.

    Only collections without a description (see Catalog.find) are left out. A file replaces that of
    an earlier export once it is complete. Raises FileError, also if a file would replace one that
    no export has written.
    """
    written: list[Exported] = []
    resources: list[dict[str, Any]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with store.snapshot():
            found = [catalog.find(name) for name in store.collections()]
            collections = {each.name: each for each in found if each is not None}
            _check_replaceable(folder, [PACKAGE_NAME, *(f"{name}.csv" for name in collections)])
            for name, collection in collections.items():
                exported, fields = _write(store, collection, folder / f"{name}.csv")
                exported.texts = [describe_text(*each) for each in find_texts(store, collection)]
                written.append(exported)
                resources.append(_resource(collection, fields, exported.file.name, collections))
        _write_package(folder / PACKAGE_NAME, resources)
    except OSError as error:
        raise FileError(
            f"{error.filename or folder} cannot be written: {error.strerror}; name another folder"
        ) from error
    return written


def _check_replaceable(folder: Path, names: Sequence[str]) -> None:
    """Raise FileError if one of the files exists, and is not from an earlier export."""
    earlier = _files_of_export(folder / PACKAGE_NAME)
    for name in names:
        if name not in earlier and os.path.lexists(folder / name):
            raise FileError(
                f"{folder / name} exists, and is not from an earlier export, so nothing was "
                "exported; name another folder, or remove that file"
            )


def _files_of_export(package: Path) -> Sequence[str]:
    """Return the files of the export that wrote a data package; none if no export did."""
    try:
        written = json.loads(package.read_bytes())
        if written["name"] != _EXPORT_NAME:
            return ()
        return [PACKAGE_NAME, *(resource["path"] for resource in written["resources"])]
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        return ()


class _NullTextTakenError(Exception):
    """A record has a value that is the text for null in its field."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _write(
    store: ChangeStore, collection: Collection, path: Path
) -> tuple[Exported, tuple[Field, ...]]:
    """Write the records, and return the fields as they are written.

    Null is written as a text that is none of the field's values. If a record has that text after
    all, the file is written again with another one.
    """
    fields = tuple(exported_field(field) for field in collection.fields)
    while True:
        exported = Exported(collection.name, path)
        try:
            empty = _write_records(exported, fields, store.find(collection.name, collection.key))
        except _NullTextTakenError as taken:
            fields = tuple(_with_other_null(f) if f.name == taken.name else f for f in fields)
        else:
            # A field may have become required after some of its records were stored.
            return exported, tuple(
                replace(f, required=f.required and f not in empty) for f in fields
            )


def _with_other_null(null_field: Field) -> Field:
    """Return the field with the next text for null: NULL, then NULL0, NULL00, ..."""
    (text,) = null_field.missing_values
    return replace(null_field, missing_values=(f"{text}0" if text.startswith(_NULL) else _NULL,))


def _write_records(
    exported: Exported, fields: Sequence[Field], records: Iterable[Document]
) -> set[Field]:
    """Write the records, and return the fields that are null in at least one of them."""
    names = [field.name for field in fields]
    nulls = [field.missing_values[0] for field in fields]
    texts = [(field.name, null) for field, null in zip(fields, nulls) if field.is_text]
    whole = [(field.name, field.type == "year") for field in fields if field.type in _WHOLE]
    empty: set[str] = set()
    with replace_atomically(exported.file) as data, _text(data) as out:
        writer = csv.writer(LineFeedWriter(out))
        writer.writerow(names)
        for row, record in enumerate(records, start=2):
            for name, is_year in whole:
                record[name] = _as_whole(record.get(name), is_year)
            for name, null in texts:
                if record.get(name) == null:
                    raise _NullTextTakenError(name)
            values = list(map(record.get, names))
            cells = [null if v is None else v for v, null in zip(values, nulls)]
            if None in values:
                empty.update(name for name, value in zip(names, values) if value is None)
            writer.writerow(cells)
            _look_for_formulas(exported, row, names, cells)
            exported.records += 1
    return {field for field in fields if field.name in empty}


def _as_whole(value: Value, is_year: bool) -> Value:
    """Return a value of an integer or year field as it is written."""
    number = whole_number(value)
    if number is None:
        return value
    return written_year(number) if is_year else number


def _look_for_formulas(
    exported: Exported, row: int, names: Iterable[str], cells: Iterable[Value]
) -> None:
    for name, cell in zip(names, cells):
        if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
            exported.formula_count += 1
            if len(exported.formulas) < _MAX_FORMULAS:
                exported.formulas.append((row, name))


def _write_package(path: Path, resources: list[dict[str, Any]]) -> None:
    package = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": _EXPORT_NAME,
        "resources": resources,
    }
    with replace_atomically(path) as data, _text(data) as out:
        json.dump(package, out, ensure_ascii=False, indent=2)
        out.write("\n")


def _resource(
    collection: Collection, fields: Iterable[Field], path: str, exported: Mapping[str, Collection]
) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "fields": [descriptor_from_field(field) for field in fields],
        "missingValues": [""],
        "primaryKey": list(collection.key),
    }
    if collection.stock:
        schema["stock"] = collection.stock
    parents = [
        foreign
        for foreign in collection.foreign_keys
        if foreign.parent in exported and exported[foreign.parent].key == foreign.parent_fields
    ]
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
    """Return a file for UTF-8 text that keeps line ends as they are."""
    return TextIOWrapper(data, "utf-8", newline="")
