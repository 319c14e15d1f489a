"""What fuzzing calls with any bytes: only HPNortonError may come of them, and sums are right.

hypothesis calls these in the test suite, scripts/fuzz.py for as long as somebody likes.
"""

import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from hpnorton.errors import HPNortonError
from hpnorton.profile.analysis import analyze
from hpnorton.profile.questions import make_questions
from hpnorton.schema.collection import Collection, undescribed_collection
from hpnorton.schema.datapackage import load_package
from hpnorton.schema.layout import make_layout
from hpnorton.schema.validate import validate_rows
from hpnorton.settings import Settings, read_settings
from hpnorton.stores.sqlite import sql
from hpnorton.tabular.chunk import read_blocks, read_raw_records
from hpnorton.tabular.reader import CsvFile
from tests.helpers.shop import PACKAGE

Target = Callable[[Path, bytes], None]

# A field of each type, and of each constraint: what a cell may meet.
EVERY_FIELD: list[dict[str, Any]] = [
    {"name": "id"},
    {"name": "integer", "type": "integer", "bareNumber": False, "constraints": {"minimum": -5}},
    {"name": "number", "type": "number", "groupChar": "'", "decimalChar": ","},
    {"name": "boolean", "type": "boolean"},
    {"name": "year", "type": "year", "constraints": {"enum": [1999, 2026]}},
    {"name": "date", "type": "date", "format": "%d/%m/%y"},
    {"name": "time", "type": "time", "constraints": {"maximum": "17:30:00"}},
    {"name": "moment", "type": "datetime", "constraints": {"minimum": "2000-01-01T00:00:00Z"}},
    {"name": "text", "constraints": {"minLength": 1, "maxLength": 9, "pattern": "[a-z]+[0-9]*"}},
    {"name": "rest", "missingValues": ["", "-"], "constraints": {"required": True}},
]
EVERY_PACKAGE = {
    "resources": [{"name": "every", "schema": {"fields": EVERY_FIELD, "primaryKey": ["id"]}}]
}
_NUMBERS = itertools.count()
HEADER = ",".join(str(field["name"]) for field in EVERY_FIELD).encode() + b"\n"


def read_csv(folder: Path, data: bytes) -> None:
    """Reads a file of any bytes as one that nobody has described, and says what is in it."""
    path = folder / "any.csv"
    path.write_bytes(data)
    try:
        with closing(CsvFile(str(path), "any")) as file:
            rows = _check_chunks(file, lambda header: undescribed_collection("any", header), data)
        with closing(CsvFile(str(path), "any")) as file:
            statistics = analyze(file, make_questions(file, None, ()), 1, None)
    except HPNortonError:
        return
    assert statistics.rows + sum(vars(statistics.ignored).values()) == rows


def read_typed_csv(folder: Path, data: bytes) -> None:
    """Reads any bytes as rows below a good header, whose fields have every type there is."""
    path = folder / "every.csv"
    path.write_bytes(HEADER + data)
    with closing(CsvFile(str(path), "every")) as file:
        try:
            _check_chunks(file, lambda header: _every(folder), HEADER + data)
        except HPNortonError as error:
            # The only fault of a file whose header is good.
            assert "does not end within" in str(error), error


def read_description(folder: Path, data: bytes) -> None:
    """Reads a datapackage.json of any bytes; what is in one that is taken suits a database."""
    path = folder / f"{next(_NUMBERS)}.json"  # what is read of a path is kept
    path.write_bytes(data)
    try:
        package = load_package(path)
    except HPNortonError:
        return
    finally:
        path.unlink()
    for collection in package.values():
        _use(collection)


def read_mutated_description(folder: Path, data: bytes) -> None:
    """The same of a good one, of which some bytes replace a part."""
    at = int.from_bytes(data[:2], "big")
    try:
        value = json.loads(data[2:])
    except (ValueError, RecursionError):
        value = data[2:].decode(errors="replace")
    good = json.loads(PACKAGE.read_bytes()) if at % 2 else EVERY_PACKAGE
    read_description(folder, json.dumps(mutated(good, at // 2, value)).encode())


def read_settings_file(folder: Path, data: bytes) -> None:
    """Reads a settings.ini of any bytes."""
    (folder / "settings.ini").write_bytes(data)
    try:
        settings = read_settings(folder, {})
    except HPNortonError:
        return
    assert isinstance(settings, Settings) and settings.chunk_rows > 0 and settings.rental_days > 0


TARGETS: dict[str, Target] = {
    each.__name__: each
    for each in (
        read_csv,
        read_typed_csv,
        read_description,
        read_mutated_description,
        read_settings_file,
    )
}


def mutated(document: Any, at: int, value: Any) -> Any:
    """A copy of a JSON document whose node number `at` (of its nodes, again and again) is `value`.

    Without the node where the value is the text "delete".
    """
    made = {"document": deepcopy(document)}
    places = list(_places(made))
    holder, key = places[at % len(places)]
    if value == "delete" and holder is not made:
        del holder[key]
    else:
        holder[key] = value
    return made["document"]


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from _places(node[key])


@cache
def _every(folder: Path) -> Collection:
    path = folder / "every.json"
    path.write_text(json.dumps(EVERY_PACKAGE), encoding="utf-8")
    return load_package(path)["every"]


def _check_chunks(file: CsvFile, describe: Callable[[list[str]], Collection], data: bytes) -> int:
    """Checks all rows; of each is said what becomes of it, and every byte is in one of them."""
    layout = make_layout(describe(file.header), file.header, file.path)
    count = 0
    seen = file.raw_header
    for chunk in file.chunks(3):
        records = read_raw_records(chunk)
        seen += b"".join(raw for raw, _ in records)
        at = 0
        for rows in read_blocks(chunk, may_sort=True):
            checked = validate_rows(
                layout, rows.cells, rows.positions, is_suspicious=rows.is_suspicious
            )
            bad = {fault.position for fault in checked.errors}
            assert sorted([*bad, *checked.blanks, *checked.positions]) == sorted(rows.positions)
            assert all(len(column) == len(checked.positions) for column in checked.values)
            at += len(rows.cells)
        assert at == chunk.rows == len(records)
        count += at
    assert seen == data
    return count


def _use(collection: Collection) -> None:
    """A table is made as it is described, and each field takes texts or refuses them."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(sql.create_table(collection))
        for fields in collection.indexes:
            database.execute(sql.create_index(collection, fields))
    layout = make_layout(collection, collection.columns, "a file")
    for cell in ("", "1", "x", "2026-12-01", "\ud800", "9" * 5000):
        row = [cell] * layout.width
        checked = validate_rows(layout, [row, row[1:]], is_suspicious=True)
        rejected = {fault.position for fault in checked.errors}
        assert len(checked.positions) + len(checked.blanks) + len(rejected) == 2
