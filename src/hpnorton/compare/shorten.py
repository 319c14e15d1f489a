"""Copies of files with fewer rows, in which references stay valid."""

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
    """Write the first rows of files to `folder`, for each as many as `rows` says.

    Rows to which the rows of another file refer are preferred, such as the customers of rentals.
    The files in `opened` are read to their ends. Data packages are copied too. Raises FileError,
    and OSError if nothing can be written.
    """
    sources: dict[int, Source] = {}
    needed: Needed = {}
    for number, (file, layout) in _children_first(opened):
        parent = folder / str(number) / "rows"
        parent.mkdir(parents=True)
        path = parent / f"{file.collection}.csv{'.gz' if is_gzipped(file.path) else ''}"
        with gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb") as out:
            out.write(with_line_end(file.raw_header))
            for raw in _choose_rows(file, layout, rows[number], needed):
                out.write(with_line_end(raw))
        if not is_url(file.path):
            _copy_packages(Path(file.path).absolute().parent, parent, layout)
        sources[number] = Source(str(path), file.collection)
    return [sources[number] for number in range(len(opened))]


def _children_first(opened: Opened) -> Iterator[tuple[int, tuple[CsvFile, Layout]]]:
    """Yield the files with their indexes; a file comes after those that refer to it."""
    needs = {
        layout.collection.name: {foreign.parent for foreign in layout.collection.foreign_keys}
        for _, layout in opened
    }
    try:
        order = [*TopologicalSorter(needs).static_order()]
    except CycleError:  # an import would reject these; any order will do
        order = [*needs]
    positions = {name: at for at, name in enumerate(order)}
    numbered = sorted(enumerate(opened), key=lambda each: -positions[each[1][0].collection])
    yield from numbered


def _choose_rows(file: CsvFile, layout: Layout, rows: int, needed: Needed) -> Iterator[bytes]:
    """Yield the rows that others need and the first other ones; add what these need to `needed`."""
    wanted = needed.get(file.collection, set())
    free, missing = max(0, rows - len(wanted)), set(wanted)
    own = _columns(layout, layout.collection.key)
    foreign = [
        (needed.setdefault(each.parent, set()), _columns(layout, each.fields))
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
            for keys, columns in foreign:
                if "" not in (parent := _cells(row, columns)):
                    keys.add(parent)
            yield raw
        if not free and not missing:
            return


def _raw_and_parsed(chunk: Chunk) -> Iterator[tuple[bytes, Row]]:
    parsed = (row for rows in read_blocks(chunk) for row in rows.cells)
    return ((raw, row) for (raw, _), row in zip(read_raw_records(chunk), parsed))


def _columns(layout: Layout, names: Sequence[str]) -> list[int]:
    """Return the indexes of the columns of fields."""
    return [layout.positions[layout.columns.index(name)] for name in names]


def _cells(row: Row, columns: Sequence[int]) -> tuple[str, ...]:
    return tuple(row[column] if column < len(row) else "" for column in columns)


def _copy_packages(folder: Path, new_folder: Path, layout: Layout) -> None:
    """Copy the descriptions of a collection and its parents to new folders."""
    collection = layout.collection
    names = {collection.name, *(foreign.parent for foreign in collection.foreign_keys)}
    for source, target in ((folder, new_folder), (folder.parent, new_folder.parent)):
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
