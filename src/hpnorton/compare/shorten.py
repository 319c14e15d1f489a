"""Files cut to fewer rows, so that what refers to each other stays together."""

import gzip
import json
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from hpnorton.importer.rejects import with_line_end
from hpnorton.importer.sources import Source
from hpnorton.schema.datapackage import PACKAGE_NAME
from hpnorton.schema.layout import Layout
from hpnorton.tabular.chunk import Chunk, read_blocks, read_raw_records
from hpnorton.tabular.location import is_gzipped, is_url
from hpnorton.tabular.reader import CsvFile
from hpnorton.tabular.rows import Row

_CHUNK_ROWS = 10_000

Opened = Sequence[tuple[CsvFile, Layout]]
Needed = dict[str, set[tuple[str, ...]]]


def shorten(opened: Opened, rows: Sequence[int], folder: Path) -> list[Source]:
    """Writes the first rows of files to `folder`, so many as `rows` says for each.

    Rows that others of the files refer to come first: of a rental's customer and product both are
    there. `opened` are read to their ends. Beside each file is a copy of the data packages that
    describe it. Raises FileError, and OSError if nothing can be written.
    """
    made: dict[int, Source] = {}
    needed: Needed = {}
    for number, (file, layout) in _children_first(opened):
        place = folder / str(number) / "rows"
        place.mkdir(parents=True)
        path = place / f"{file.collection}.csv{'.gz' if is_gzipped(file.path) else ''}"
        with gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb") as out:
            out.write(with_line_end(file.raw_header))
            for raw in _chosen(file, layout, rows[number], needed):
                out.write(with_line_end(raw))
        if not is_url(file.path):
            _copy_packages(Path(file.path).absolute().parent, place, layout)
        made[number] = Source(str(path), file.collection)
    return [made[number] for number in range(len(opened))]


def _children_first(opened: Opened) -> Iterator[tuple[int, tuple[CsvFile, Layout]]]:
    """The files with their places in the order given, none before one that refers to it."""
    needs = {
        layout.collection.name: {foreign.parent for foreign in layout.collection.foreign_keys}
        for _, layout in opened
    }
    try:
        order = [*TopologicalSorter(needs).static_order()]
    except CycleError:  # which no import takes: any order
        order = [*needs]
    places = {name: at for at, name in enumerate(order)}
    numbered = sorted(enumerate(opened), key=lambda each: -places[each[1][0].collection])
    yield from numbered


def _chosen(file: CsvFile, layout: Layout, rows: int, needed: Needed) -> Iterator[bytes]:
    """The rows that others need, and the first of the rest; notes what they need themselves."""
    wanted = needed.get(file.collection, set())
    free, missing = max(0, rows - len(wanted)), set(wanted)
    own = _places(layout, layout.collection.key)
    foreign = [
        (needed.setdefault(each.parent, set()), _places(layout, each.fields))
        for each in layout.collection.foreign_keys
        if set(each.fields) <= set(layout.columns)
    ]
    for chunk in file.chunks(_CHUNK_ROWS):
        for raw, row in _raw_and_parsed(chunk):
            key = _cells(row, own)
            if key not in wanted:
                if not free:
                    continue
                free -= 1
            missing.discard(key)
            for keys, places in foreign:
                if "" not in (parent := _cells(row, places)):
                    keys.add(parent)
            yield raw
        if not free and not missing:
            return


def _raw_and_parsed(chunk: Chunk) -> Iterator[tuple[bytes, Row]]:
    parsed = (row for rows in read_blocks(chunk) for row in rows.cells)
    return ((raw, row) for (raw, _), row in zip(read_raw_records(chunk), parsed))


def _places(layout: Layout, names: Sequence[str]) -> list[int]:
    """Where the cells of some fields stand in a row."""
    return [layout.positions[layout.columns.index(name)] for name in names]


def _cells(row: Row, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(row[place] if place < len(row) else "" for place in places)


def _copy_packages(folder: Path, place: Path, layout: Layout) -> None:
    """Copies the descriptions of a collection and its parents, as schema.describe finds them."""
    collection = layout.collection
    names = {collection.name, *(foreign.parent for foreign in collection.foreign_keys)}
    for source, target in ((folder, place), (folder.parent, place.parent)):
        path = source / PACKAGE_NAME
        if not path.is_file():
            continue
        package = json.loads(path.read_text(encoding="utf-8-sig"))
        kept = [each for each in package["resources"] if _name(each) in names]
        for resource in kept:
            if isinstance(resource.get("schema"), str):
                schema = (source / resource["schema"]).read_text(encoding="utf-8-sig")
                resource["schema"] = json.loads(schema)
        text = json.dumps(package | {"resources": kept})
        (target / PACKAGE_NAME).write_text(text, encoding="utf-8")


def _name(resource: object) -> object:
    return resource.get("name") if isinstance(resource, dict) else None
