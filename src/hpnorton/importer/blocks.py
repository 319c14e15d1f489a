"""Blocks: the rows of a chunk, checked against the schema and the database, a few at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter, lt
from typing import Any

from hpnorton.importer.phases import Phase, phase, steps
from hpnorton.schema.collection import ForeignKey
from hpnorton.schema.layout import Layout
from hpnorton.schema.validate import RowError, ValidatedRows, reject_oversized, validate_rows
from hpnorton.stores.base import Batch, Key, Store
from hpnorton.stores.lookup import find_other_spellings
from hpnorton.tabular.chunk import Chunk, read_blocks

_SAMPLE_STEP = 50


@dataclass(frozen=True)
class Block:
    """Rows that were checked, and the valid ones as a batch.

    `is_scattered` says that the rows belong all over an index, because keys come in no order.
    """

    checked: ValidatedRows
    batch: Batch
    is_scattered: bool


def read_checked(
    layout: Layout, chunk: Chunk, store: Store, *, may_sort: bool = False
) -> Iterator[ValidatedRows]:
    """Return the rows of a chunk in blocks, checked against the schema and the database.

    With `may_sort` they may come sorted by their first cells: see chunk.read_blocks. The parents
    that rows refer to are looked up for all rows of the chunk at once and in order, since an index
    finds a key fast that is near the one before. Raises FileError if the file has changed since the
    chunk was cut, and StoreError.
    """
    blocks = _read_rows(layout, chunk, may_sort)
    foreign = [f for f in layout.collection.foreign_keys if set(f.fields) <= set(layout.columns)]
    if foreign:  # others are not in the file, so null in every record
        blocks = _check_references(layout, list(blocks), foreign, store)
    yield from blocks


def _read_rows(layout: Layout, chunk: Chunk, may_sort: bool) -> Iterator[ValidatedRows]:
    """Return the rows of a chunk in blocks, checked against the schema."""
    if chunk.is_oversized:
        yield reject_oversized(layout, chunk.offset, chunk.length)
        return
    for rows in steps(Phase.READ, read_blocks(chunk, may_sort=may_sort)):
        with phase(Phase.CHECK):
            checked = validate_rows(
                layout,
                rows.cells,
                rows.positions,
                is_suspicious=rows.is_suspicious,
                misquoted=rows.misquoted,
                has_marks=rows.has_marks,
                recomposed=rows.recomposed,
            )
        yield checked


def read_to_write(
    layout: Layout, chunk: Chunk, store: Store, *, has_indexes: bool, number: int | None
) -> Iterator[Block]:
    """Return the rows of a chunk in blocks that are ready to be written.

    If keys come in no order, the rows are sorted by key, since an index takes keys in their order
    in less time. Where lines cannot be sorted before they are parsed, the chunk becomes a single
    block. `has_indexes` says that the collection has other indexes than that of the key. `number`
    is the import's (see stores/provenance.py). Raises FileError if the file has changed since the
    chunk was cut, and StoreError.
    """
    blocks = read_checked(layout, chunk, store, may_sort=_is_key_first(layout))
    for checked in blocks:
        batch = batch_from_rows(layout, checked, number)
        was_sorted = not _ascends(checked.positions)
        is_scattered = was_sorted or _is_unsorted(batch, layout.collection.key)
        if is_scattered and not was_sorted:
            checked = _sort_by_key(layout, [checked, *blocks])
            batch = batch_from_rows(layout, checked, number)
        elif has_indexes and not is_scattered:
            is_scattered = any(_is_unsorted(batch, f) for f in layout.collection.indexes)
        yield Block(checked, batch, is_scattered)


def batch_from_rows(layout: Layout, checked: ValidatedRows, number: int | None = None) -> Batch:
    """Return the valid rows as records of the import with a number."""
    import_number = number if layout.collection.is_tracked else None
    return Batch(layout.collection, layout.columns, checked.values, import_number)


def _check_references(
    layout: Layout,
    several: Sequence[ValidatedRows],
    foreign_keys: Sequence[ForeignKey],
    store: Store,
) -> Iterator[ValidatedRows]:
    """Reject the rows that refer to a parent which is not in the database."""
    absent = [(each, _reasons(layout, each, several, store)) for each in foreign_keys]
    for checked in several:
        faults = [
            RowError(
                position,
                "foreign-key",
                lost[key],
                ", ".join(foreign.fields),
                ", ".join("" if value is None else str(value) for value in key),
            )
            for foreign, lost in absent
            for position, key in zip(
                checked.positions, _references(layout, foreign, checked) if lost else ()
            )
            if key in lost
        ]
        yield checked.reject(faults)


def _reasons(
    layout: Layout, foreign: ForeignKey, several: Sequence[ValidatedRows], store: Store
) -> dict[Key, str]:
    """Return the missing parents of valid rows by key, each with what to do about it."""
    parent, names = foreign.parent, foreign.parent_fields
    lost = _absent(layout, foreign, several, store)
    reasons = dict.fromkeys(lost, f"is not in {parent}; import it there first")
    if lost:
        for key, alike in find_other_spellings(store, parent, names, sorted(lost, key=str)).items():
            there = " and ".join(repr(",".join(map(str, each))) for each in alike)
            differs = "differs" if len(alike) == 1 else "differ"
            reasons[key] = (
                f"is not in {parent}: {parent} has {there}, which {differs} in case only; correct "
                "it in the file"
            )
    return reasons


def _references(layout: Layout, foreign: ForeignKey, checked: ValidatedRows) -> Iterator[Key]:
    """Return the key of the parent of each valid row."""
    return zip(*(checked.values[layout.columns.index(name)] for name in foreign.fields))


def _absent(
    layout: Layout, foreign: ForeignKey, several: Sequence[ValidatedRows], store: Store
) -> set[Key]:
    """Return the keys of parents that are not in the database."""
    wanted: list[Sequence[Any]]
    if len(foreign.fields) == 1:
        at = layout.columns.index(*foreign.fields)
        column = chain.from_iterable(checked.values[at] for checked in several)
        values: dict[Any, None] = dict.fromkeys(column)
        values.pop(None, None)
        wanted = [sorted(values)]
    else:  # keys of several parts take longer to sort than that saves
        keys = dict.fromkeys(
            chain.from_iterable(_references(layout, foreign, checked) for checked in several)
        )
        keys.pop((None,) * len(foreign.fields), None)
        wanted = list(zip(*keys))
    with phase(Phase.DATABASE):
        return store.absent_keys(foreign.parent, foreign.parent_fields, wanted)


def _is_key_first(layout: Layout) -> bool:
    """Return whether the first cell of a row is its key, unchanged."""
    first = layout.fields[layout.positions.index(0)] if 0 in layout.positions else None
    return first is not None and first.is_text and layout.collection.key == (first.name,)


def _ascends(positions: Sequence[int]) -> bool:
    return isinstance(positions, range) or all(map(lt, positions, islice(positions, 1, None)))


def _is_unsorted(batch: Batch, fields: Sequence[str]) -> bool:
    """Return whether values of fields, if the batch has these, do not ascend in a sample."""
    if not set(fields) <= set(batch.columns):
        return False
    columns = [batch.values[batch.columns.index(name)][::_SAMPLE_STEP] for name in fields]
    known = [key for key in zip(*columns) if None not in key]
    return known != sorted(known)


def _sort_by_key(layout: Layout, parts: Sequence[ValidatedRows]) -> ValidatedRows:
    """Return all parts as one, sorted by key; rows with equal keys keep their order."""
    values = [list(chain.from_iterable(column)) for column in zip(*(part.values for part in parts))]
    positions = list(chain.from_iterable(part.positions for part in parts))
    faults = list(chain.from_iterable(part.errors for part in parts))
    remarks = list(chain.from_iterable(part.remarks for part in parts))
    columns = [values[layout.columns.index(name)] for name in layout.collection.key]
    keys = columns[0] if len(columns) == 1 else list(zip(*columns))
    if len(keys) > 1:
        pick = itemgetter(*sorted(range(len(keys)), key=keys.__getitem__))
        values, positions = [pick(column) for column in values], pick(positions)
    blanks = list(chain.from_iterable(part.blanks for part in parts))
    return ValidatedRows(values, positions, faults, blanks, remarks)
