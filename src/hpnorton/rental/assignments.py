"""Records typed by a clerk: FIELD=VALUE texts become values, validated as an import does."""

import csv
import re
import shlex
from collections.abc import Mapping, Sequence

from hpnorton.errors import RefusedError, UsageError, did_you_mean
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import CellError, Field
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import find_text_error
from hpnorton.stores import lookup
from hpnorton.stores.base import ChangeStore, Document
from hpnorton.tabular.keys import to_nfc


def read_values(collection: Collection, texts: Sequence[str]) -> Document:
    """Return the values of FIELD=VALUE texts, by field; an empty VALUE is null.

    ["Name=Ann", "Credit_limit=5"] becomes {"Name": "Ann", "Credit_limit": 5}. Raises UsageError for
    a text that is no FIELD=VALUE, or a field that does not exist or is given twice; RefusedError,
    with one line per value, for values that the fields do not allow.
    """
    cells = _read_cells(collection, texts)
    values: Document = {}
    errors: list[str] = []
    for field in collection.fields:
        if field.name in cells:
            try:
                values[field.name] = _value(field, cells[field.name], collection)
            except CellError as error:
                errors.append(f"{field.name}: {cells[field.name]!r} {error.message}")
    if errors:
        raise RefusedError("\n".join(errors))
    return values


def _read_cells(collection: Collection, texts: Sequence[str]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for text in texts:
        name, sign, cell = to_nfc(text).partition("=")
        if not sign:
            raise UsageError(f"{text!r} is not FIELD=VALUE; quote a VALUE that has blanks in it")
        if name not in collection.columns:
            known = ", ".join(collection.columns)
            hint = did_you_mean(name, collection.columns)
            raise UsageError(f"{collection.name} has no field {name!r}; it has: {known}{hint}")
        if name in cells:
            raise UsageError(f"{name} is given twice; leave one out")
        _check_single(collection, name, cell)
        cells[name] = cell
    return cells


def _check_single(collection: Collection, name: str, cell: str) -> None:
    """Raise UsageError for a value that has another FIELD=VALUE behind a comma."""
    fields = "|".join(map(re.escape, collection.columns))
    first, *others = re.split(rf",\s*(?=(?:{fields})\s*=)", cell)
    if others:
        pieces = " ".join(map(shlex.quote, [f"{name}={first}", *others]))
        raise UsageError(
            f"the value of {name} goes on with another FIELD=VALUE; separate them by blanks, not "
            f"by commas: {pieces}"
        )


def complete(collection: Collection, values: Document) -> Document:
    """Return a record with all fields, null where there is no value.

    Raises UsageError if a field that needs a value has none.
    """
    needed = [f.name for f in collection.fields if f.required or f.name in collection.key]
    if absent := [name for name in needed if name not in values]:
        raise UsageError(f"{collection.name} needs {', '.join(absent)} as well: FIELD=VALUE")
    return {name: values.get(name) for name in collection.columns}


def read_key(collection: Collection, text: str) -> tuple[Value, ...]:
    """Return the key that a text stands for; several fields are separated by commas.

    Raises UsageError if the text is no key of the collection.
    """
    names = collection.key
    try:
        parts = [text] if len(names) == 1 else next(csv.reader([text]), [])
    except csv.Error:
        parts = []
    if len(parts) != len(names):
        quote = "; put a part that holds a comma in double quotes, as in '\"A,B\",C'"
        raise UsageError(
            f"the key of {collection.name} is {','.join(names)}; {text!r} is not that"
            f"{quote if len(parts) > len(names) else ''}"
        )
    fields = {field.name: field for field in collection.fields}
    try:
        return tuple(fields[name].parse_typed(part) for name, part in zip(names, parts))
    except CellError as error:
        raise UsageError(f"the key {text!r} {error.message}") from error


def check_references(
    store: ChangeStore, collection: Collection, record: Mapping[str, Value]
) -> None:
    """Raise RefusedError if a record refers to one that does not exist."""
    for foreign in collection.foreign_keys:
        key = tuple(record.get(name) for name in foreign.fields)
        if any(value is not None for value in key) and store.absent_keys(
            foreign.parent, foreign.parent_fields, [[value] for value in key]
        ):
            fields, values = ", ".join(foreign.fields), ", ".join(map(str, key))
            alike = lookup.find_same_but_case(store, foreign.parent, foreign.parent_fields, key)
            other = f", but {', '.join(map(str, alike[0]))!r} is" if alike else ""
            raise RefusedError(
                f"{fields}: {values!r} is not in {foreign.parent}{other}; add it there first"
            )


def _value(field: Field, cell: str, collection: Collection) -> Value:
    if fault := find_text_error(cell):
        raise CellError("encoding-error", fault)
    value = field.parse(cell)
    if value is None and field.name in collection.key:
        raise CellError("primary-key", "is empty, but is part of the key")
    return value
